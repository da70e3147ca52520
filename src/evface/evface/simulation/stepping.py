"""When to look at a scene: often while it moves, seldom while it stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evface.simulation.scene import Scene

MILLISECOND = 1_000_000
"""ns."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The bounds of a step.

    Attributes:
        pixels: that anything may move in one step.
        shortest: ns; what moves faster than that moves further.
        longest: ns; light that changes in place is looked at so often at least.
    """

    pixels: float = 0.5
    shortest: int = MILLISECOND // 2
    longest: int = 10 * MILLISECOND

    def next(self, scene: Scene, time_ns: int, width: int, height: int, last: int) -> int:
        """Length of the step from a time on: the one that keeps to the bounds, tried from the last one's.

        Args:
            scene: looked at.
            time_ns: host clock.
            width: of the picture, px.
            height: of the picture, px.
            last: ns, length of the step before.

        Returns:
            ns, from `shortest` to `longest`.
        """
        span = min(self.longest, max(self.shortest, 2 * last))
        while span > self.shortest:
            moved = scene.motion(time_ns, time_ns + span, width, height)
            if moved <= self.pixels:
                break
            # A tenth less than what would be just right if it moved evenly.
            span = max(self.shortest, min(span // 2 + span // 4, int(0.9 * span * self.pixels / moved)))
        return span

    def times(self, scene: Scene, begin: int, end: int, width: int, height: int) -> Iterator[int]:
        """The moments to look at, ns, from ``begin`` to ``end`` and both of them.

        The scene must have been told its cues up to a moment before that is asked for.
        """
        yield begin
        time, span = begin, self.shortest
        while time < end:
            span = self.next(scene, time, width, height, span)
            time = min(end, time + span)
            yield time
