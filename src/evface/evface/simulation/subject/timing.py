"""How long the parts of a performance last, and how far heads, eyes and lids go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Style = Literal["posed", "micro"]
"""How an Action Unit is shown: on request, or as a flash that the subject would rather hide."""

MILLISECOND = 1_000_000
"""ns."""

WEAKEST, STRONGEST = 0.4, 1.2
"""Strengths of a performance that succeeds; `EXTENTS` belong to them."""

EXTENTS: dict[int, tuple[float, float]] = {
    41: (0.2, 0.5), 43: (0.95, 1.0), 45: (0.92, 1.0),
    51: (20.0, 60.0), 52: (20.0, 60.0), 53: (15.0, 30.0), 54: (15.0, 30.0),
    61: (15.0, 35.0), 62: (15.0, 35.0), 63: (15.0, 25.0), 64: (20.0, 35.0),
}  # fmt: skip
"""Share of the aperture closed (41, 43, 45) or degrees at the weakest and the strongest performance."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Between what lengths the parts of a performance lie, ms.

    Attributes:
        onset: from rest to the height.
        apex: held there.
        offset: back to rest.
    """

    onset: tuple[float, float] = (150.0, 400.0)
    apex: tuple[float, float] = (200.0, 800.0)
    offset: tuple[float, float] = (250.0, 700.0)


MUSCLE = Ranges()
"""A posed movement of a muscle."""

POSED: dict[int, Ranges] = {
    41: Ranges(onset=(350.0, 700.0), offset=(250.0, 600.0)),
    43: Ranges(onset=(110.0, 220.0), apex=(550.0, 1300.0), offset=(160.0, 350.0)),
    45: Ranges(onset=(70.0, 88.0), apex=(15.0, 60.0), offset=(150.0, 260.0)),
    **dict.fromkeys((51, 52, 53, 54), Ranges((400.0, 800.0), (250.0, 900.0), (400.0, 800.0))),
    # What goes slowly here is the head that creeps along; the eyes jump.
    **dict.fromkeys((61, 62, 63, 64), Ranges((60.0, 100.0), (450.0, 1300.0), (250.0, 500.0))),
}
"""The posed movements that have times of their own; the rest are `MUSCLE`."""

MICRO_TOTAL = (170.0, 500.0)
"""ms that a micro-expression lasts in all."""

_MICRO_SHARES = (0.3, 0.25, 0.45)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one performance, ns.

    Attributes:
        onset: from rest to the height.
        apex: held there.
        offset: back to rest.
    """

    onset: int
    apex: int
    offset: int

    @property
    def total(self) -> int:
        """From rest to rest, ns."""
        return self.onset + self.apex + self.offset


def extent(au: int, strength: float) -> float:
    """How far a performance of this strength goes, in the unit of `EXTENTS`; 0 for strength 0."""
    low, high = EXTENTS[au]
    if strength <= WEAKEST:
        return low * strength / WEAKEST
    return low + (high - low) * (strength - WEAKEST) / (STRONGEST - WEAKEST)


def saccade(degrees: float) -> int:
    """How long the eyes take for a jump, ns (main sequence)."""
    return round((2.2 * abs(degrees) + 21.0) * MILLISECOND)


def draw_parts(au: int, style: Style, tempo: float, rng: np.random.Generator) -> Parts:
    """The parts of one take.

    Args:
        au: FACS number.
        style: posed or micro.
        tempo: of the subject, 0 quick to 1 slow.
        rng: of the take.
    """
    slow = np.clip(tempo + rng.normal(0.0, 0.15, 3), 0.0, 1.0)
    if style == "micro":
        low, high = MICRO_TOTAL
        total = low + (high - low) * slow[0]
        return Parts(*(round(total * share * MILLISECOND) for share in _MICRO_SHARES))
    ranges = POSED.get(au, MUSCLE)
    return Parts(
        *(
            round((low + (high - low) * share) * MILLISECOND)
            for (low, high), share in zip((ranges.onset, ranges.apex, ranges.offset), slow, strict=True)
        )
    )


def fitted(parts: Parts, au: int, room: int) -> Parts:
    """The parts shortened to fit into some room, ns: what is held first, then the ways, none below its range.

    A room that is shorter than all of that is overrun: a face is not faster than it can be.
    """
    ranges = POSED.get(au, MUSCLE)
    for name in ("apex", "offset", "onset"):
        over = parts.total - room
        if over > 0:
            length = getattr(parts, name)
            least = round(getattr(ranges, name)[0] * MILLISECOND)
            parts = replace(parts, **{name: max(min(length, least), length - over)})
    return parts
