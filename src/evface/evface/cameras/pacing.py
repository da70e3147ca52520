"""Time kept for sources: when the next step is due, and which host time a sensor time was."""

from __future__ import annotations

import time

SECOND = 1_000_000_000
"""ns."""


MAX_LAG = 50_000_000
"""ns behind its deadlines up to which a source catches up; further behind it leaves steps out."""


class Pace:
    """Deadlines at a fixed rate on the host's clock: absolute, so that waiting adds no drift.

    Args:
        rate: Hz.
        together: steps that are waited for at once, which saves waking up for each of them.

    Attributes:
        period: ns between two deadlines.
        late: deadlines skipped so far.
    """

    def __init__(self, rate: float, together: int = 1) -> None:
        self.period = round(SECOND / rate)
        self._together = max(1, together)
        self._ready = 0
        self.late = 0
        self._next = 0

    def start(self) -> int:
        """Begin now; the first deadline, ns, host clock."""
        self._next = time.time_ns()
        self._ready = self._next
        return self._next

    def wait(self, timeout: float) -> int | None:
        """Sleep until the next deadline.

        Args:
            timeout: s; no longer than this.

        Returns:
            The deadline, ns, host clock, or None if it is still to come.
        """
        if self._next <= self._ready:
            return self._step()
        last = self._next + (self._together - 1) * self.period
        now = time.time_ns()
        if last - now > SECOND + self._together * self.period:
            # The host's clock was set back.
            self._next = last = now
        delay = (last - now) / SECOND
        if delay > 0:
            time.sleep(max(0.0, min(delay, timeout)))
            now = time.time_ns()
            if now < last:
                return None
        if now - last > MAX_LAG:
            skipped = (now - self._next) // self.period
            self.late += skipped
            self._next += skipped * self.period
        self._ready = max(last, self._next)
        return self._step()

    def _step(self) -> int:
        deadline = self._next
        self._next += self.period
        return deadline


class ArrivalClock:
    """The host time of a sensor time, learned from arrivals: nothing arrives before it happens.

    The smallest delay of the last seconds is taken for the true one; it is forgotten in two halves, so that
    the sensor's drift is followed.

    Args:
        window: ns of arrivals that count.
    """

    def __init__(self, window: int = 20 * SECOND) -> None:
        self._half = window // 2
        self._older: int | None = None
        self._newer: int | None = None
        self._turn = 0

    def arrived(self, sensor_time: int, host_time: int) -> None:
        """Learn from something that has just come; both in ns."""
        offset = host_time - sensor_time
        if host_time >= self._turn:
            self._older, self._newer = self._newer, None
            self._turn = host_time + self._half
        self._newer = offset if self._newer is None else min(self._newer, offset)

    def host_time(self, sensor_time: int) -> int:
        """ns, host clock; 0 before anything has arrived."""
        offsets = [offset for offset in (self._older, self._newer) if offset is not None]
        return sensor_time + min(offsets) if offsets else 0


class Every:
    """Tells when something is due that is done from time to time.

    Args:
        seconds: between two times; the first one is at once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = -float("inf")

    def due(self) -> bool:
        """Whether it is time; then the next time is counted from now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
