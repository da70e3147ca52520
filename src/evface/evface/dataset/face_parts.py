"""Where on a face and how an Action Unit moves: what a search for it may know before it has seen anything.

Only anatomy stands here: which part of the face moves, and how quick the lids, eyes, muscles and necks of
people are. The lengths are wide on purpose; nothing is fitted to what a subject, virtual or not, did.
"""

from __future__ import annotations

from dataclasses import dataclass

from evface.dataset.activity import CELLS
from evface.protocol.action_units import action_unit

UNLIMITED = 1e9
"""ms: held as long as one likes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the face and its manner of moving.

    Attributes:
        area: top, bottom, left, right in shares of the face box, as `evface.dataset.boxes` draws it.
        lengths: ms, of the way out and of the way back: shortest and longest that are looked for.
        hold: ms at the height: shortest and longest.
        whole: the whole head moves: seen in how much happens, not in which pattern.
        blinks: a blink crosses the area, and is to be left out of it.
    """

    area: tuple[float, float, float, float]
    lengths: tuple[float, float]
    hold: tuple[float, float]
    whole: bool = False
    blinks: bool = False

    @property
    def cells(self) -> tuple[slice, slice]:
        """Rows and columns of the activity's cells."""
        top, bottom, left, right = (round(share * CELLS) for share in self.area)
        return slice(top, bottom), slice(left, right)


MUSCLE = (90.0, 700.0)
HELD = (60.0, UNLIMITED)
EYES = (0.33, 0.50, 0.22, 0.78)
CHEEKS = (0.40, 0.66, 0.25, 0.75)

BLINK = Part(EYES, (50.0, 300.0), (0.0, 150.0))
"""Both ways of a lid, hardly held."""

PARTS = {
    "brow": Part((0.14, 0.36, 0.20, 0.80), MUSCLE, HELD),
    "eye": Part(EYES, MUSCLE, HELD, blinks=True),
    "mouth": Part((0.55, 0.98, 0.20, 0.80), MUSCLE, HELD),
    "head": Part((0.0, 1.0, 0.0, 1.0), (200.0, 1100.0), (50.0, UNLIMITED), whole=True),
    "gaze": Part(EYES, (30.0, 130.0), (200.0, UNLIMITED)),
}
"""By the group that the list of Action Units names."""

_OWN = {
    6: Part(CHEEKS, MUSCLE, HELD, blinks=True),
    9: Part(CHEEKS, MUSCLE, HELD, blinks=True),
    43: Part(EYES, (50.0, 400.0), (150.0, UNLIMITED)),
    45: BLINK,
}


def part_of(au: int) -> Part:
    """What moves when this Action Unit is shown.

    Args:
        au: FACS number.

    Raises:
        ConfigError: it is not one of the 21.
    """
    return _OWN.get(au) or PARTS[action_unit(au).group]
