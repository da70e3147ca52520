"""What the muscles do to a head's surface: a field of displacements for each action and each half.

The millimetres are those of strong intensity (strength 1): the face's landmarks move by what is drawn here
from the ranges that anatomy gives; how the skin around them follows is a smooth mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.fields import Field, bump, rise
from evface.simulation.face.identity import Identity
from evface.simulation.face.shape import MOUTH_HALF, HeadShape
from evface.simulation.face.skin import lip_edges
from evface.simulation.subject.face_state import ACTIONS


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an action goes, mm at strength 1.

    Attributes:
        landmark: where on the average face (x of the left half, y) it is measured.
        low: least of all people.
        high: most of all people.
    """

    landmark: tuple[float, float]
    low: float
    high: float


REACH: dict[int, Reach] = {
    1: Reach((12.0, 22.0), 3.5, 6.5),
    2: Reach((43.0, 24.0), 4.5, 7.5),
    4: Reach((15.0, 21.0), 4.2, 6.0),
    5: Reach((31.0, 11.0), 1.2, 2.6),
    6: Reach((42.0, -24.0), 3.2, 4.8),
    7: Reach((31.0, -5.0), 0.8, 1.8),
    9: Reach((13.0, -41.0), 2.2, 3.8),
    10: Reach((12.0, -62.0), 2.0, 3.6),
    12: Reach((MOUTH_HALF, -70.0), 6.8, 11.0),
    15: Reach((MOUTH_HALF, -70.0), 3.3, 5.6),
    17: Reach((4.0, -98.0), 3.3, 5.6),
    23: Reach((MOUTH_HALF, -70.0), 1.4, 2.3),
    25: Reach((4.0, -73.0), 2.2, 4.2),
    26: Reach((4.0, -98.0), 9.0, 18.0),
}
"""Of the actions that a landmark tells: 24 rolls the lips in, 43 closes a share of the aperture. After FACS
and the literature on posed faces."""

THINNER = {23: (0.33, 0.43), 24: (0.15, 0.25)}
"""Share of the red of the lips that an action rolls in, least and most of all people."""


def reach_of(identity: Identity, action: int) -> float:
    """How far an action goes on this person, mm at strength 1."""
    rng = np.random.default_rng([identity.seed, action, 0x3EAC4])
    reach = REACH[action]
    return float(rng.uniform(reach.low, reach.high)) * identity.size


@dataclass(frozen=True, slots=True)
class _Place:
    """The surface as the fields see it: the left half's x, height, and which lip a point belongs to."""

    x: Field
    y: Field
    lower: NDArray[np.bool_]

    @property
    def jaw(self) -> Field:
        """How far a point goes along with the jaw's bone."""
        edge = -70.0 + 22.0 * rise(self.x, 26.0, 70.0)
        below = rise(edge - self.y, -7.0, 16.0)
        beside = np.where(self.lower, 1.0, 0.0)
        # Inside the mouth the cut decides; beyond its corners the cheek goes along bit by bit.
        inside = 1.0 - rise(self.x, 0.82 * MOUTH_HALF, MOUTH_HALF + 5.0)
        share = (
            inside * beside * rise(self.x * 0 + MOUTH_HALF + 3 - self.x, 0.0, 14.0)
            + (1.0 - inside * rise(MOUTH_HALF + 3 - self.x, 0.0, 14.0)) * below
        )
        return np.asarray(share * (1.0 - 0.75 * rise(self.x, 35.0, 72.0)))

    @property
    def upper_lip(self) -> Field:
        return np.where(self.lower, 0.0, bump(self.x, self.y, 0, -66, 19, 7))

    @property
    def lower_lip(self) -> Field:
        return np.where(self.lower, bump(self.x, self.y, 0, -74, 19, 7), 0.0)

    @property
    def corner(self) -> Field:
        return bump(self.x, self.y, MOUTH_HALF, -70, 10, 10)


def _brow_inner(p: _Place) -> tuple[Field, Field, Field]:
    up = bump(p.x, p.y, 10, 26, 13, 15)
    return -0.05 * up, up, 0.1 * up


def _brow_outer(p: _Place) -> tuple[Field, Field, Field]:
    up = bump(p.x, p.y, 45, 26, 15, 15)
    return 0.1 * up, up, 0 * up


def _brow_lowerer(p: _Place) -> tuple[Field, Field, Field]:
    near = bump(p.x, p.y, 15, 21, 15, 11) + 0.35 * bump(p.x, p.y, 40, 22, 12, 10)
    return -0.55 * near, -0.83 * near, 0.25 * bump(p.x, p.y, 8, 16, 8, 8)


def _upper_lid(p: _Place) -> tuple[Field, Field, Field]:
    up = bump(p.x, p.y, 31, 12, 16, 5)
    return 0 * up, 0.55 * up, 0 * up


def _cheek(p: _Place) -> tuple[Field, Field, Field]:
    up = bump(p.x, p.y, 43, -22, 17, 13)
    return -0.1 * up, up, 0.55 * bump(p.x, p.y, 42, -17, 13, 9)


def _lids(p: _Place) -> tuple[Field, Field, Field]:
    up = bump(p.x, p.y, 31, -9, 14, 4.5)
    return 0 * up, 0.6 * up, 0.2 * up


def _nose_wrinkler(p: _Place) -> tuple[Field, Field, Field]:
    wing = bump(p.x, p.y, 13, -40, 9, 10)
    lip = np.where(p.lower, 0.0, bump(p.x, p.y, 13, -60, 12, 8))
    brow = bump(p.x, p.y, 10, 18, 13, 10)
    return 0.12 * wing - 0.25 * brow, wing + 0.9 * lip - 0.65 * brow, 0.35 * bump(p.x, p.y, 9, -8, 7, 12)


def _upper_lip_raiser(p: _Place) -> tuple[Field, Field, Field]:
    up = np.where(p.lower, 0.0, bump(p.x, p.y, 12, -63, 13, 9)) + 0.3 * bump(p.x, p.y, 18, -45, 8, 8)
    return 0.1 * up, up, 0.1 * up


def _corner_puller(p: _Place) -> tuple[Field, Field, Field]:
    corner = bump(p.x, p.y, MOUTH_HALF, -70, 13, 12)
    cheek = bump(p.x, p.y, 36, -48, 14, 15)
    # The lips are drawn along, the middle stays.
    lips = rise(p.x, 0.0, MOUTH_HALF) * bump(p.x, p.y, 14, -70, 12, 9)
    pull = np.maximum(corner, 0.75 * lips)
    # Drawn wide, the lips grow thinner.
    thin = np.where(p.lower, 0.12 * bump(p.x, p.y, 4, -80, 15, 5), -0.06 * bump(p.x, p.y, 4, -62, 15, 4))
    back = -0.45 * corner - 0.12 * lips + 0.55 * bump(p.x, p.y, 38, -40, 12, 12)
    return 0.72 * pull + 0.22 * cheek, 0.70 * corner + 0.15 * lips + 0.4 * cheek + thin, back


def _corner_depressor(p: _Place) -> tuple[Field, Field, Field]:
    down = bump(p.x, p.y, MOUTH_HALF + 1, -71, 10, 11)
    chin = bump(p.x, p.y, 20, -86, 10, 9)
    return 0.22 * down, -0.97 * down - 0.3 * chin, 0.1 * chin


def _chin_raiser(p: _Place) -> tuple[Field, Field, Field]:
    boss = bump(p.x, p.y, 0, -97, 15, 12)
    lip = 0.72 * np.where(p.lower, bump(p.x, p.y, 0, -76, 20, 8), 0.0)
    pushed = 0.35 * p.upper_lip
    return 0 * boss, np.maximum(boss, lip) + pushed, 0.28 * boss + 0.6 * lip + 0.2 * pushed


def _lip_tightener(p: _Place) -> tuple[Field, Field, Field]:
    corner = bump(p.x, p.y, MOUTH_HALF, -70, 11, 8)
    along = rise(p.x, 2.0, MOUTH_HALF) * bump(p.x, p.y, 14, -70, 13, 7)
    inward = np.maximum(corner, along)
    return -inward, 0 * inward, 0 * inward


def _roll(p: _Place, identity: Identity, action: int) -> Field:
    """The red rolls in: its outer edges come to the line between the lips; mm at strength 1, ``[V, 3]``."""
    rng = np.random.default_rng([identity.seed, action, 0x2011])
    share = float(rng.uniform(*THINNER[action])) * identity.size
    upper_edge, lower_edge = (float(edge) for edge in lip_edges(np.array(4.0), identity))
    along = 1.0 - rise(p.x, 14.0, 27.0)
    upper = along * np.exp(-0.5 * ((p.y - upper_edge) / 3.6) ** 2) * (upper_edge + 70.0)
    lower = along * np.exp(-0.5 * ((p.y - lower_edge) / 4.6) ** 2) * (-70.0 - lower_edge)
    down = share * np.where(p.lower, 0.0, upper)
    up = share * np.where(p.lower, lower, 0.0)
    return np.stack([0 * up, up - down, -0.9 * (up + down)], -1)


def _lips_part(p: _Place) -> tuple[Field, Field, Field]:
    along = 1.0 - rise(p.x, 10.0, 25.0)
    down = along * np.where(p.lower, bump(0 * p.x, p.y, 0, -73, 1, 8), 0.0)
    up = 0.35 * along * np.where(p.lower, 0.0, bump(0 * p.x, p.y, 0, -67, 1, 6))
    return 0 * down, up - down, 0 * down


def _jaw_drop(p: _Place) -> tuple[Field, Field, Field]:
    jaw = p.jaw
    narrow = bump(p.x, p.y, MOUTH_HALF, -72, 14, 16)
    return -0.16 * narrow, -jaw - 0.28 * narrow * (1 - jaw), -0.28 * jaw


_FIELDS: dict[int, Callable[[_Place], tuple[Field, Field, Field]]] = {
    1: _brow_inner, 2: _brow_outer, 4: _brow_lowerer, 5: _upper_lid, 6: _cheek, 7: _lids, 9: _nose_wrinkler,
    10: _upper_lip_raiser, 12: _corner_puller, 15: _corner_depressor, 17: _chin_raiser, 23: _lip_tightener,
    25: _lips_part, 26: _jaw_drop,
}  # fmt: skip


_PARTS = (9, 10, 25, 26)
"""Actions that part the lips."""


def action_fields(head: HeadShape, identity: Identity) -> NDArray[np.float32]:
    """How every point of a head moves.

    Returns:
        mm at strength 1, float32 ``[16, 2, V, 3]``: of each of `ACTIONS`, left and right half, each point.
    """
    x, y, z = (head.base[..., k].ravel() for k in range(3))
    rows, columns = head.base.shape[:2]
    lower = np.repeat(np.arange(rows) > head.cut, columns)
    place = _Place(np.abs(x), y, lower)
    front = rise(z, -5.0, 35.0)
    # Both halves share the middle: their masks add up to one.
    left = rise(x, -7.0, 7.0)
    fields = np.zeros((len(ACTIONS), 2, x.size, 3), np.float32)
    for index, action in enumerate(ACTIONS):
        moved = np.zeros((x.size, 3))
        if action in _FIELDS:
            moved = np.stack(_FIELDS[action](place), -1) * front[:, None]
            moved[:, 0] *= np.sign(x)
            # The middle of the face has no side to go to.
            moved[:, 0] *= rise(np.abs(x), 0.0, 6.0)
            moved *= reach_of(identity, action) / _length_at_landmark(action)
        if action in THINNER:
            moved += _roll(place, identity, action) * front[:, None]
        _close_lips(
            moved.reshape(rows, columns, 3), np.abs(head.base[head.cut, :, 0]), head.cut, action in _PARTS
        )
        for side, mask in enumerate((left, 1.0 - left)):
            fields[index, side] = moved * mask[:, None]
    return fields


def _length_at_landmark(action: int) -> float:
    """How far a field moves its own landmark: the same whatever the grid."""
    x, y = REACH[action].landmark
    place = _Place(np.array([x]), np.array([y]), np.array([action in (17, 25, 26)]))
    return float(np.linalg.norm(np.stack(_FIELDS[action](place))))


def _close_lips(moved: Field, side: Field, cut: int, parts: bool) -> None:
    """Both lips' edges go together where the action does not part them, and always beside the mouth."""
    share = (1.0 - rise(side, 18.0, MOUTH_HALF))[:, None] if parts else 0.0
    together = 0.5 * (moved[cut] + moved[cut + 1])
    moved[cut] = together + share * (moved[cut] - together)
    moved[cut + 1] = together + share * (moved[cut + 1] - together)


def landmark_vertex(head: HeadShape, place: tuple[float, float], *, lower: bool = False) -> int:
    """The point of the grid nearest to a place (x, y) of the average face's front, mm; of which lip."""
    rows = np.arange(head.base.shape[0])
    usable = (rows > head.cut) if lower else (rows <= head.cut) | (head.base[:, 0, 1] < -71.0)
    distance = np.hypot(head.base[..., 0] - place[0], head.base[..., 1] - place[1])
    distance = np.where((head.base[..., 2] > 0) & usable[:, None], distance, np.inf)
    return int(np.argmin(distance))
