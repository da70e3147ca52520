"""The shape of a head at rest: a grid of points over its surface, laid out for one texture.

Millimetres; x to the subject's left, y up, z towards the camera; the origin lies between the eyes' height and
the head's axis. Sections at each height are superellipses; features are bumps on their front. Proportions
after the anthropometry of Farkas (1994), average of both sexes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from evface.simulation.face.fields import Field, bump, rise
from evface.simulation.face.identity import Identity
from evface.simulation.face.mesh import grid_triangles

MOUTH_Y, MOUTH_HALF = -70.0, 25.5
"""Height of the line between the lips, and half its length, mm, of the average face."""

LIP_GAP = 3.0
"""mm of the texture's height between the lips' edges: neither is blended with the other."""

# y, front z, back z, half width of the sections, from the crown to under the chin.
_SECTIONS = np.array(
    [
        (113.0, -7.9, -8.1, 0.1), (111.0, 22.0, -38.0, 23.0), (105.0, 46.0, -62.0, 40.0),
        (95.0, 64.0, -80.0, 53.0), (75.0, 80.5, -93.0, 66.5), (50.0, 90.5, -98.0, 74.5),
        (25.0, 94.5, -98.0, 75.0), (5.0, 90.0, -95.0, 73.5), (-15.0, 89.5, -90.0, 71.5),
        (-35.0, 89.5, -82.0, 69.5), (-50.0, 90.5, -73.0, 66.5), (-70.0, 91.5, -62.0, 61.5),
        (-85.0, 87.0, -54.0, 56.0), (-100.0, 89.5, -46.0, 47.0), (-110.0, 87.0, -36.0, 37.0),
        (-116.0, 78.0, -20.0, 27.0), (-118.0, 66.0, -8.0, 17.0), (-119.0, 30.0, 28.0, 0.1),
    ]
)  # fmt: skip

# Exponent of the front half of a section by height: 2 is an ellipse, more is flatter and squarer.
_SQUARENESS = PchipInterpolator([-119.0, -85.0, -45.0, 0.0, 40.0, 113.0], [2.0, 2.0, 2.15, 2.35, 2.3, 2.0])


def _pair(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float) -> Field:
    return bump(np.abs(x), y, cx, cy, sx, sy)


def _rows(step: float) -> tuple[Field, int]:
    """Heights of the grid's rows from the crown down, and the row above the cut between the lips."""
    parts = [
        [113.0, 112.0, 110.0, 106.0, 100.0], np.arange(92.0, 44.0, -8.0 * step),
        np.arange(44.0, 14.0, -4.0 * step), np.arange(14.0, -32.0, -3.6 * step),
        np.arange(-32.0, -58.0, -2.6 * step),
        np.arange(-58.0, -70.0 + step, -2.0 * step), [-70.0, -70.0],
        np.arange(-70.0 - 2.0 * step, -84.0, -2.0 * step), np.arange(-84.0, -112.0, -3.5 * step),
        [-113.5, -116.0, -118.0, -119.0],
    ]  # fmt: skip
    rows = np.concatenate([np.asarray(part, np.float64) for part in parts])
    return rows, int(np.flatnonzero(rows == MOUTH_Y)[0])


def _columns(step: float) -> Field:
    """Angles of the grid's columns, rad, 0 to the front; the first and the last meet at the back."""
    half = np.concatenate([
        np.arange(0.0, 18.0, 2.0 * step), np.arange(18.0, 48.0, 3.0 * step),
        np.arange(48.0, 90.0, 6.0 * step), np.linspace(90.0, 180.0, 7 if step < 1.5 else 5),
    ])  # fmt: skip
    return np.radians(np.concatenate([-half[:0:-1], half]))


@dataclass(frozen=True)
class HeadShape:
    """A head's surface as a grid.

    Attributes:
        points: mm, ``[R, C, 3]``, from the crown down, from the subject's right over the front to the left.
        base: the same with the average face's proportions: the place on the face that a point is; where
            brows, lips and wrinkles are is said in these.
        cut: last row above the line between the lips; ``cut + 1`` is the first below it, at the same place.
        across: mm of the texture at each column.
        down: mm of the texture at each row.
    """

    points: Field
    base: Field
    cut: int
    across: Field
    down: Field

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """Indices of points, ``[T, 3]``; there are none between the lips."""
        rows, columns = self.points.shape[:2]
        return np.concatenate(
            [
                grid_triangles(self.cut + 1, columns),
                grid_triangles(rows - self.cut - 1, columns) + (self.cut + 1) * columns,
            ]
        )

    def normals(self, points: Field) -> Field:
        """Unit normals outwards of such a grid, ``[R, C, 3]``."""
        along = np.gradient(points, axis=1)
        # The back's two ends are one line.
        along[:, 0] = along[:, -1] = points[:, 1] - points[:, -2]
        down = np.gradient(points, axis=0)
        # Not across the cut: the upper lip's edge looks as the upper lip does.
        down[self.cut] = points[self.cut] - points[self.cut - 1]
        down[self.cut + 1] = points[self.cut + 2] - points[self.cut + 1]
        normal = np.cross(down, along)
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal = normal / np.maximum(length, 1e-9)
        normal[0], normal[-1] = (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)
        return np.asarray(normal)


def make_head(identity: Identity, coarseness: float = 1.0) -> HeadShape:
    """The head of a person.

    Args:
        identity: of the person.
        coarseness: width of the grid's meshes, in 2 to 4 mm on the face.
    """
    rows, cut = _rows(coarseness)
    angles = _columns(coarseness)
    front, back, half = (
        PchipInterpolator(_SECTIONS[::-1, 0], _SECTIONS[::-1, k])(rows)[:, None] for k in (1, 2, 3)
    )
    half = half * (1.0 + (identity.jaw - 1.0) * rise(-rows, 40.0, 90.0))[:, None]
    centre = np.where(rows > -60, 0.0, 0.28 * (-60 - rows))[:, None]
    front, back = np.maximum(front, centre + 1.0), np.minimum(back, centre - 1.0)
    sin, cos = np.sin(angles)[None], np.cos(angles)[None]
    power = np.where(cos > 0, 2.0 / _SQUARENESS(rows)[:, None], 1.0)
    x = half * np.sign(sin) * np.abs(sin) ** power
    z = centre + np.where(cos > 0, front - centre, centre - back) * np.sign(cos) * np.abs(cos) ** power
    y = np.broadcast_to(rows[:, None], x.shape).copy()
    ahead = np.clip(cos * 1.4, 0.0, 1.0)
    z = z + ahead * _features(x, y, identity, cut)
    x = x + np.sign(x) * ahead * 0.35 * identity.cheekbones * _pair(x, y, 48, -20, 16, 12)
    base = np.stack([x, y, z], -1)
    return HeadShape(_proportions(base, identity), base, cut, 82.0 * angles, _texture_rows(base, cut))


def _features(x: Field, y: Field, who: Identity, cut: int) -> Field:
    """What stands out of the front, mm."""
    upper = np.zeros(x.shape, bool)
    upper[: cut + 1] = True
    out = who.brow_ridge * _pair(x, y, 24, 21, 17, 6) + 2.2 * _pair(x, y, 24, 21, 17, 6)
    out -= 9.5 * _pair(x, y, 30, 3.0, 13.5, 8.5)  # the eyes' sockets
    out += 5.0 * _pair(x, y, 31, 1.0, 9.5, 6.5)  # and their balls
    out -= 1.6 * _pair(x, y, 30, -13, 12, 3.5)
    out += (3.6 + who.cheekbones) * _pair(x, y, 44, -22, 15, 12)
    out -= 2.4 * _pair(x, y, 40, -62, 12, 16)
    out -= 3.0 * _pair(x, y, 68, 34, 12, 20)
    out += 4.2 * bump(x, y, 0, -68, 21, 13)
    # Lips: two rolls with a groove between them.
    reach = np.clip(1.0 - (np.abs(x) / (MOUTH_HALF + 1.5)) ** 2, 0.0, 1.0) ** 0.6
    full = 0.55 + 0.45 * who.lip_fullness
    roll_up, roll_low = np.exp(-0.5 * ((y + 65.6) / 2.7) ** 2), np.exp(-0.5 * ((y + 75.2) / 3.2) ** 2)
    out += full * reach * np.where(upper, 3.6 * roll_up, 4.4 * roll_low)
    out -= 1.8 * reach * np.exp(-0.5 * ((y + 70) / 1.8) ** 2)
    out -= 1.3 * bump(x, y, 0, -56, 2.6, 4.5) - 0.7 * _pair(x, y, 5, -57, 2.4, 4.5)  # philtrum
    out -= 2.2 * bump(x, y, 0, -85.5, 16, 4.5)
    out += (3.2 + who.chin) * bump(x, y, 0, -101, 13, 9)
    fold_x = 17.0 + 0.42 * np.clip(-36.0 - y, 0, 40)
    fold = np.exp(-0.5 * ((np.abs(x) - fold_x) / 3.5) ** 2) * rise(-y, 34, 44) * (1 - rise(-y, 62, 74))
    out -= (0.7 + 0.8 * who.wrinkles) * fold
    return out + _nose(x, y, who)


def _nose(x: Field, y: Field, who: Identity) -> Field:
    tip = -38.0
    along = np.clip((10.0 - y) / (10.0 - tip), 0.0, 1.0)
    height = 5.0 + 18.5 * along**1.25 + who.nose_hook * np.sin(np.pi * along**0.8) * 1.6
    height *= rise(-y, -22, -2) * (1.0 - rise(-y, 38.5, 50.0))
    wide = (3.7 + 5.2 * along**1.5) * (0.45 + 0.55 * who.nose_width)
    ridge = height * np.exp(-0.5 * (np.abs(x) / wide) ** 1.8)
    wing_x = 12.5 * who.nose_width
    wings = 8.0 * _pair(x, y, wing_x, -40.5, 4.2, 4.6)
    ball = 2.6 * bump(x, y, 0, -38.5, 6.5, 5.5)
    return who.nose_height * (ridge + ball) + wings


def _proportions(base: Field, who: Identity) -> Field:
    """The average face stretched to a person's proportions; smooth, so that texture and movement go along."""
    x, y, z = (base[..., k] for k in range(3))
    # Heights: the piece between brow and chin grows with the face's length, the nose within it.
    nose_end = -46 * (0.5 * who.length + 0.5 * who.nose_length)
    heights = PchipInterpolator(
        [-130, -119, -70, -46, 8, 60, 120],
        [-130 * who.length, -119 * who.length, -70 * who.length, nose_end, 8, 60, 120],
    )
    front = rise(z, 10.0, 40.0)
    new_y = heights(y) + (who.brow_height - 22.0) * bump(0 * x, y, 0, 24, 1, 10) * front
    new_x = x * who.width
    # Eyes apart and mouth wide are local widenings.
    spread = (who.eye_distance / (who.width * who.size) - 63.0) / 2.0
    new_x = new_x + np.sign(x) * spread * _pair(x, y, 31.5, 2, 11, 16) * front
    new_x = new_x + x * (who.mouth_width - 1.0) * bump(x, y, 0, -70, 26, 10) * front
    return who.size * np.stack([new_x, new_y, z], -1)


def _texture_rows(base: Field, cut: int) -> Field:
    """Length of the way down the middle of the head, with a gap between the lips."""
    middle = base[:, base.shape[1] // 2]
    # The nose's flight would take texture from the rest.
    steps = np.minimum(
        np.linalg.norm(np.diff(middle, axis=0), axis=1), 2.0 * np.abs(np.diff(middle[:, 1])) + 2.0
    )
    steps[cut] = LIP_GAP
    return np.concatenate([[0.0], np.cumsum(steps)])
