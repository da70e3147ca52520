"""Keeping real time: the clock that sources are paced by."""

from __future__ import annotations

import time
from typing import Protocol

SECOND = 1_000_000_000
"""ns."""


class Clock(Protocol):
    """The host's clocks; the module `time` is one."""

    def time_ns(self) -> int:
        """Unix time, ns."""
        ...

    def monotonic_ns(self) -> int:
        """Time that never steps, ns."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


SYSTEM_CLOCK: Clock = time  # type: ignore[assignment]
"""The real one."""


def wait_until(clock: Clock, due: int, deadline: int) -> bool:
    """Sleep until ``due`` or ``deadline``, whichever is first (ns, monotonic); whether ``due`` has come."""
    now = clock.monotonic_ns()
    if now < min(due, deadline):
        clock.sleep((min(due, deadline) - now) / SECOND)
    return due <= deadline or clock.monotonic_ns() >= due


def unix_time(clock: Clock, monotonic: int) -> int:
    """Unix time of a moment on the monotonic clock, ns, as the host's clock has it now."""
    return clock.time_ns() - (clock.monotonic_ns() - monotonic)
