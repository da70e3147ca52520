"""Between ROS times and integers of nanoseconds."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Duration, Time

SECOND = 1_000_000_000


def to_time(nanoseconds: int) -> Time:
    """ns since 1970 as a ROS time."""
    return Time(sec=nanoseconds // SECOND, nanosec=nanoseconds % SECOND)


def to_duration(nanoseconds: int) -> Duration:
    """ns as a ROS duration."""
    return Duration(sec=nanoseconds // SECOND, nanosec=nanoseconds % SECOND)


def to_ns(stamp: Time | Duration) -> int:
    """A ROS time or duration in ns."""
    return int(stamp.sec) * SECOND + int(stamp.nanosec)


def host_now() -> int:
    """ns since 1970 on the host's clock; stamps of hardware never follow a simulated clock."""
    return time.time_ns()
