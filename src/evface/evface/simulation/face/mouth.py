"""The inside of the mouth: a curtain between the lips, folded away while they are closed.

The upper lip carries it. The farther the lips part, the more of it is let down: first the upper teeth, then
the dark with the tongue in it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.fields import Field
from evface.simulation.face.mesh import Part, grid_triangles
from evface.simulation.face.shape import MOUTH_HALF, HeadShape

LENGTH = 24.0
"""mm of the curtain; lips that part farther stretch it."""


@njit(cache=True, nogil=True)
def _hang(points, v, upper, lower, start, top, length, texel):  # type: ignore[no-untyped-def]
    """See `Mouth.follow`."""
    count = len(upper)
    for k in range(count):
        above, below = start + k, start + count + k
        for axis in range(3):
            points[axis, above] = points[axis, upper[k]]
            points[axis, below] = points[axis, lower[k]]
        apart = min(length, max(np.float32(0.0), points[1, above] - points[1, below]))
        v[above], v[below] = top, top + apart / texel


class Mouth:
    """The curtain of one head.

    Args:
        head: its shape.
        points: of the head with its hair, ``[R, C, 3]``.
        texel: mm.
    """

    def __init__(self, head: HeadShape, points: Field, texel: float) -> None:
        self._texel = texel
        front = head.base[head.cut]
        inside = np.flatnonzero((np.abs(front[:, 0]) < MOUTH_HALF + 4.0) & (front[:, 2] > 20.0))
        columns = head.points.shape[1]
        self._upper = head.cut * columns + inside
        self._lower = (head.cut + 1) * columns + inside
        texture = _paint(texel)
        flat = points.reshape(-1, 3)
        place = np.concatenate([flat[self._upper], flat[self._lower]])
        across = (front[inside, 0] + MOUTH_HALF + 5.0) / texel
        normals = np.tile([0.0, 0.0, 1.0], (len(place), 1))
        triangles = grid_triangles(2, len(inside))
        edges = np.arange(len(inside), dtype=np.int32)
        ends = np.array([[edges[0], edges[0] + len(inside)], [edges[-1], edges[-1] + len(inside)]], np.int32)
        seams = np.concatenate(
            [np.stack([row[:-1], row[1:]], -1) for row in (edges, edges + len(inside))] + [ends]
        ).astype(np.int32)
        self.part = Part(
            place, normals, triangles, np.tile(across, 2), np.zeros(len(place)), texture, seams, lift=-12.0
        )

    def fix(self, start: int, top: int) -> None:
        """Where the part lies in a mesh: its first point, and the first row of its texture."""
        self._start, self._top = start, top

    def follow(self, points: NDArray[np.float32], v: NDArray[np.float32]) -> None:
        """Hang the curtain between the lips of a moved mesh, as far down as they are apart.

        Args:
            points: of the mesh, axis by axis, mm, ``[3 or more, V]``.
            v: rows of the texture, ``[V]``.
        """
        _hang(
            points, v, self._upper, self._lower, self._start, np.float32(self._top),
            np.float32(LENGTH - 2.0 * self._texel), np.float32(self._texel),
        )  # fmt: skip


def _paint(texel: float) -> NDArray[np.float32]:
    """The curtain: the lips' shadow, upper teeth, the dark with the tongue."""
    rows, columns = round(LENGTH / texel) + 1, round((2 * MOUTH_HALF + 10.0) / texel) + 2
    down = np.arange(rows)[:, None] * texel
    side = np.abs(np.arange(columns)[None, :] * texel - MOUTH_HALF - 5.0)
    tooth = 0.5 + 0.5 * np.cos(2 * np.pi * side / 8.2)
    arch = np.clip(1.0 - (side / 25.0) ** 2, 0.0, 1.0)
    # Teeth end in a soft wave; what lies at the lip is in its shadow.
    teeth = np.clip((1.5 + (6.3 + 0.8 * tooth) * arch**0.35 - down) / max(1.2, texel) + 0.5, 0.0, 1.0)
    teeth *= np.clip((23.0 - side) / 2.0, 0.0, 1.0)
    shadow = np.clip(down / 2.5, 0.0, 1.0) ** 1.5
    white = np.array([0.40, 0.48, 0.52]) * (0.72 + 0.28 * tooth[..., None]) * arch[..., None]
    tongue = np.clip((down - 8.5) / 5.0, 0.0, 1.0) * np.clip((21.0 - side) / 8.0, 0.0, 1.0)
    ground = np.array([0.014, 0.011, 0.026]) + tongue[..., None] * np.array([0.05, 0.05, 0.15])
    lip = np.array([0.03, 0.03, 0.06])
    colour = ground + teeth[..., None] * (white - ground)
    colour = lip + shadow[..., None] * (colour - lip)
    return np.concatenate([colour, np.ones((rows, columns, 1))], -1).astype(np.float32)
