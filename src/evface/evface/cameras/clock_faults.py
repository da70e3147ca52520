"""What can be wrong with a camera's clock and stamps, put onto virtual cameras on purpose."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evface.cameras.options import CameraOptions

MILLISECOND = 1_000_000
"""ns."""


@dataclass(frozen=True, slots=True)
class ClockFaults:
    """How a camera's times differ from true ones.

    A clock that is fast runs from a beginning on, where it was right. The stamps of a webcam are made from
    its own clock, those of an event camera's packets by the host when they come.

    Attributes:
        offset: ns that every stamp on the host's clock is late by: of the way, or of a clock that is wrong.
        drift: ppm that the camera's own clock is fast.
        jitter: ns that a stamp is later than that on average, never earlier; exponentially distributed.
    """

    offset: int = 0
    drift: float = 0.0
    jitter: int = 0

    @classmethod
    def of(cls, options: CameraOptions) -> ClockFaults:
        """Those that a virtual camera is asked for."""
        return cls(
            round(options.clock_offset * MILLISECOND),
            options.clock_drift,
            round(options.stamp_jitter * MILLISECOND),
        )

    def shown(self, elapsed: int) -> int:
        """ns on the camera's own clock when so many have passed."""
        return elapsed + round(elapsed * self.drift * 1e-6)

    def passed(self, shown: int) -> int:
        """ns that have passed when the camera's own clock shows so many."""
        return round(shown / (1.0 + self.drift * 1e-6))

    def stamp(self, time: int, chance: random.Random) -> int:
        """The stamp of what happened, or arrived, at a moment of the host's clock; both ns."""
        late = chance.expovariate(1.0 / self.jitter) if self.jitter else 0.0
        return time + self.offset + round(late)

    def facts(self) -> dict[str, float]:
        """The truth, as a camera's diagnostics tell it; nothing where nothing is wrong."""
        if self == ClockFaults():
            return {}
        return {
            "true_clock_offset_ms": self.offset / MILLISECOND,
            "true_clock_drift_ppm": self.drift,
            "true_stamp_jitter_ms": self.jitter / MILLISECOND,
        }
