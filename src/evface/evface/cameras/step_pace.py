"""When a virtual event camera looks at its scene: as often as the motion asks for and the machine manages."""

from __future__ import annotations

import time

from evface.cameras.pacing import SECOND
from evface.simulation.scene import Scene
from evface.simulation.stepping import MILLISECOND, Steps

SLACK = 50 * MILLISECOND
"""ns behind its time up to which a camera catches up with all its steps: a fast movement is soon over."""

LONGEST = Steps().longest
"""ns of a step while nothing moves."""

STRETCH = 50 * MILLISECOND
"""ns further behind at which its rate is halved; at twice that it is a third, and so on."""

LEAST = 20.0
"""Hz that a camera keeps to even then: longer steps save little, as the events they give are not fewer."""

STOPPED = SECOND // 2
"""ns behind its time from which on it goes on to the present in one step."""

WORSE = 0.5
"""Share of the rate said last at which it is said again."""


class StepPace:
    """Moments of the host's clock, each as far behind the last one as half a pixel of motion takes.

    What it cannot keep up with it makes up for by longer steps: they are counted as late, and said.

    Args:
        rate: Hz, the most steps a second.
        together: ns of steps that are waited for at once, which saves waking up for each of them.

    Attributes:
        steps: taken so far.
        late: steps that should have been shorter, or were left out, because the machine did not keep up.
        rate: Hz, the most that the machine allows now.
        lowest: Hz, the least that this has been.
    """

    def __init__(self, rate: float, together: int = 0) -> None:
        self.asked = self.rate = self.lowest = self._said = rate
        self.steps = self.late = 0
        self._together = together
        self._time = self._span = self._until = self._wake = 0

    def start(self) -> int:
        """Begin now; the moment of the first step, ns, host clock."""
        self._time = self._until = self._wake = time.time_ns()
        self._span = 0
        return self._time

    def wait(self, timeout: float) -> bool:
        """Sleep until steps are due, s at most; whether they are."""
        now = time.time_ns()
        if self._wake - now > SECOND + self._together + self._span:
            # The host's clock was set back.
            self._time, self._span, self._wake = now, 0, now
        delay = self._wake - now
        if delay > 0:
            time.sleep(max(0.0, min(delay / SECOND, timeout)))
            now = time.time_ns()
        self._until = now
        return now >= self._wake

    def step(self, scene: Scene, width: int, height: int) -> int | None:
        """The next step's moment, ns, host clock; None when it is still to come.

        Args:
            scene: that is looked at.
            width: of its picture, px.
            height: of its picture, px.
        """
        due = self._time + self._span
        if due > self._until:
            self._wake = max(due, self._time + self._together)
            return None
        self._time = due
        self.steps += 1
        self._span = self._next_span(scene, due, width, height)
        return due

    def _next_span(self, scene: Scene, due: int, width: int, height: int) -> int:
        lag = time.time_ns() - due
        if lag > STOPPED:
            # As many as there would have been if all had been as long as the last one.
            self.late += max(1, lag // max(self._span, round(SECOND / self.asked)))
            return lag
        behind = max(0, lag - SLACK - self._together)
        self.rate = max(min(LEAST, self.asked), self.asked / (1.0 + behind / STRETCH))
        self.lowest = min(self.lowest, self.rate)
        shortest = round(SECOND / self.rate)
        steps = Steps(shortest=shortest, longest=max(LONGEST, shortest))
        span = steps.next(scene, due, width, height, self._span)
        if behind and span == shortest:
            self.late += 1
        return span

    def news(self) -> str:
        """What the operator should hear of by now, "" when there is nothing new."""
        if self.lowest > WORSE * self._said:
            return ""
        self._said = self.lowest
        return (
            f"the machine does not keep up: for a while events came from {self.lowest:.0f} pictures/s, "
            f"not {self.asked:g}; their times stay true"
        )
