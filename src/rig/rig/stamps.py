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


class SteadyClock:
    """The host's clock as it stood when this was made: it goes on evenly when the host's own is set anew."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def at(self, monotonic: int) -> int:
        """ns since 1970 of an instant on the monotonic clock, ns."""
        return monotonic + self._offset

    @property
    def step(self) -> int:
        """ns by which the host's clock has been set forward since."""
        return time.time_ns() - time.monotonic_ns() - self._offset
