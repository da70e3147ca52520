"""Parts of a person put together: one mesh, one texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.fields import Field

BORDER, SEAM = -1, -2
"""In place of a triangle's neighbour: the surface ends here, or it goes on elsewhere and shows no edge."""

SOLID, VEIL, UNSEEN = 0, 1, 2
"""Whether one sees through a triangle: nowhere, here or there, or everywhere: it shows nothing."""


@dataclass(frozen=True)
class Part:
    """A piece of surface with a texture of its own.

    Attributes:
        points: mm, ``[V, 3]``.
        normals: outwards, ``[V, 3]``.
        triangles: clockwise seen from outside, int32 ``[T, 3]``.
        u: column of each point in the texture.
        v: row of each point.
        texture: reflectance (blue, green, red) and opacity, float32 ``[h, w, 4]``.
        seams: pairs of points whose edge never shows as one, ``[N, 2]``.
        lift: mm that it counts as nearer to the camera than it is, where surfaces lie close together.
    """

    points: Field
    normals: Field
    triangles: NDArray[np.int32]
    u: Field
    v: Field
    texture: NDArray[np.float32]
    seams: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))
    lift: float = 0.0


@dataclass(frozen=True)
class Mesh:
    """Parts in one.

    Attributes:
        points: mm, float32 ``[V, 3]``.
        normals: ``[V, 3]``.
        triangles: int32 ``[T, 3]``.
        u: float32 ``[V]``.
        v: float32 ``[V]``.
        texture: float32 ``[h, w, 4]``.
        neighbours: of each triangle beyond the edge opposite to its points, int32 ``[T, 3]``: a triangle,
            `BORDER` where the surface ends, or `SEAM` where it goes on elsewhere.
        sight: `SOLID`, `VEIL` or `UNSEEN` of each triangle, int8 ``[T]``.
        lift: mm that each triangle counts as nearer than it is, float32 ``[T]``.
        starts: first point of each part.
        tops: first row of each part's texture.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.int32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    texture: NDArray[np.float32]
    neighbours: NDArray[np.int32]
    sight: NDArray[np.int8]
    lift: NDArray[np.float32]
    starts: tuple[int, ...]
    tops: tuple[int, ...]


def join(parts: Sequence[Part]) -> Mesh:
    """Parts into one mesh, their textures below each other."""
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    # A spare row and column each: sampling reads one texel further.
    tops = np.cumsum([0, *(part.texture.shape[0] + 1 for part in parts)])
    width = max(part.texture.shape[1] for part in parts) + 1
    texture = np.zeros((tops[-1] + 1, width, 4), np.float32)
    for part, top in zip(parts, tops[:-1], strict=True):
        rows, columns = part.texture.shape[:2]
        texture[top : top + rows, :columns] = part.texture
        texture[top + rows, :columns] = part.texture[-1]
        texture[top : top + rows + 1, columns] = texture[top : top + rows + 1, columns - 1]
    triangles = np.concatenate(
        [part.triangles + start for part, start in zip(parts, starts[:-1], strict=True)]
    ).astype(np.int32)
    seams = np.concatenate([part.seams + start for part, start in zip(parts, starts[:-1], strict=True)])
    columns = np.concatenate([np.minimum(part.u, part.texture.shape[1] - 1) for part in parts])
    rows_below = np.concatenate(
        [
            np.minimum(part.v, part.texture.shape[0] - 1) + top
            for part, top in zip(parts, tops[:-1], strict=True)
        ]
    )
    return Mesh(
        points=np.concatenate([part.points for part in parts]).astype(np.float32),
        normals=np.concatenate([part.normals for part in parts]).astype(np.float32),
        triangles=triangles,
        u=columns.astype(np.float32),
        v=rows_below.astype(np.float32),
        texture=texture,
        neighbours=_neighbours(triangles, seams),
        sight=np.concatenate([_sight(part) for part in parts]),
        lift=np.concatenate([np.full(len(part.triangles), part.lift, np.float32) for part in parts]),
        starts=tuple(int(start) for start in starts[:-1]),
        tops=tuple(int(top) for top in tops[:-1]),
    )  # fmt: skip


def _sight(part: Part) -> NDArray[np.int8]:
    """See `Mesh.sight`."""
    opacity = part.texture[..., 3]
    if (opacity == 1.0).all():
        return np.full(len(part.triangles), SOLID, np.int8)
    # Each triangle's rectangle of the texture, with the texels that sampling reads beside it.
    u, v = part.u[part.triangles], part.v[part.triangles]
    edges = (v.min(1) - 1, v.max(1) + 3, u.min(1) - 1, u.max(1) + 3)
    lasts = np.repeat(opacity.shape, 2)
    rectangles = np.stack([edge.clip(0, last) for edge, last in zip(edges, lasts, strict=True)], 1)
    sight = []
    for top, bottom, left, right in rectangles.astype(int).tolist():
        seen = opacity[top:bottom, left:right]
        sight.append(SOLID if seen.min() == 1.0 else UNSEEN if seen.max() == 0.0 else VEIL)
    return np.array(sight, np.int8)


def _neighbours(triangles: NDArray[np.int32], seams: NDArray[np.int32]) -> NDArray[np.int32]:
    """See `Mesh.neighbours`."""
    beside: dict[tuple[int, int], list[tuple[int, int]]] = {}
    corners = triangles.tolist()
    for index, (a, b, c) in enumerate(corners):
        for place, (one, other) in enumerate(((b, c), (c, a), (a, b))):
            beside.setdefault((min(one, other), max(one, other)), []).append((index, place))
    hidden = {(min(one, other), max(one, other)) for one, other in seams.tolist()}
    found = np.full(triangles.shape, BORDER, np.int32)
    for edge, sides in beside.items():
        for index, place in sides:
            if edge in hidden:
                found[index, place] = SEAM
            elif len(sides) == 2:
                found[index, place] = sides[0][0] if sides[1][0] == index else sides[1][0]
    return found


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a grid whose rows go down and whose columns go to the subject's left."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], 2).reshape(-1, 3)


def grid_normals(points: Field) -> Field:
    """Unit normals outwards of a grid ``[R, C, 3]``."""
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9))


def grid_part(points: Field, texture: NDArray[np.float32], lift: float = 0.0) -> Part:
    """A grid ``[R, C, 3]`` over which a texture is spread evenly."""
    rows, columns = points.shape[:2]
    v, u = np.meshgrid(
        np.linspace(0, texture.shape[0] - 1, rows),
        np.linspace(0, texture.shape[1] - 1, columns),
        indexing="ij",
    )
    return Part(
        points.reshape(-1, 3), grid_normals(points).reshape(-1, 3), grid_triangles(rows, columns),
        u.ravel(), v.ravel(), texture, lift=lift,
    )  # fmt: skip
