"""Triangles with a texture into a picture, with soft edges.

Edges of a picture that jump from pixel to pixel would make events that no camera sees. Here every edge is
soft: textures are sampled bilinearly, and beyond its outline, where a surface ends or turns away from the
camera, it fades over the width of a pixel. Triangles are drawn from the farthest to the nearest.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.mesh import BORDER, SOLID, UNSEEN, Mesh

_BINS = 1024
"""Depths that triangles are told apart by."""

SLACK = np.float32(2e-3)
"""px that a triangle reaches over its edge, so that rounding leaves no hole beside its neighbour."""

_ONE, _ZERO, _TINY = np.float32(1.0), np.float32(0.0), np.float32(1e-9)

_LOOSE = {"nnan", "ninf", "nsz", "arcp", "contract", "afn"}
"""Freedoms of arithmetic. Not that of another order: with it runs of a few pixels become vectors, which take
longer to prepare than they save."""

_X, _Y, _Z, _SHADE, _U, _V = range(6)
_POINT = 8
"""Numbers of a point, beside each other: with two spare ones, half a line of the cache."""


@njit(cache=True, nogil=True, fastmath=True)
def _gather(x, y, z, shade, u, v, points):  # type: ignore[no-untyped-def]
    """What belongs to a point, beside each other."""
    for i in range(len(points)):
        at = np.uintp(i)
        points[at, _X], points[at, _Y], points[at, _Z] = x[at], y[at], z[at]
        points[at, _SHADE], points[at, _U], points[at, _V] = shade[at], u[at], v[at]


@njit(cache=True, nogil=True, fastmath=True)
def _order(triangles, sight, lift, z, points, keys, counts, order):  # type: ignore[no-untyped-def]
    """Triangles that face the camera and show something, the farthest first; how many."""
    low, high = np.float32(1e30), np.float32(-1e30)
    for i in range(len(z)):
        low, high = min(low, z[np.uintp(i)]), max(high, z[np.uintp(i)])
    least, most = _ZERO, _ZERO
    for k in range(len(lift)):
        least, most = min(least, lift[k]), max(most, lift[k])
    low, high = low + least, high + most
    scale = np.float32(_BINS - 1) / max(np.float32(1e-6), np.float32(3.0) * (high - low))
    counts[:] = 0
    for k in range(len(triangles)):
        a, b, c = np.uintp(triangles[k, 0]), np.uintp(triangles[k, 1]), np.uintp(triangles[k, 2])
        xa, ya = points[a, _X], points[a, _Y]
        area = (points[b, _X] - xa) * (points[c, _Y] - ya) - (points[c, _X] - xa) * (points[b, _Y] - ya)
        keys[k] = -1
        if area > np.float32(1e-5):
            nearness = points[a, _Z] + points[b, _Z] + points[c, _Z] + np.float32(3.0) * (lift[k] - low)
            keys[k] = np.int32(nearness * scale)
            if sight[k] != UNSEEN:
                counts[keys[k] + 1] += 1
    for k in range(1, _BINS + 1):
        counts[k] += counts[k - 1]
    n = counts[_BINS]
    for k in range(len(triangles)):
        if keys[k] >= 0 and sight[k] != UNSEEN:
            order[counts[keys[k]]] = k
            counts[keys[k]] += 1
    return n


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _texel(u, v, columns, limit):  # type: ignore[no-untyped-def]
    """The first of the four texels around a place of the texture, and how far beyond it the place lies."""
    # Signed integers: their conversion is an instruction.
    whole_u, whole_v = np.int32(u), np.int32(v)
    # Rounding may step over the texture's edge by nothing; what is below 0 becomes the largest of all.
    at = min(limit, np.uint32(np.int32(whole_v * columns + whole_u)))
    return np.uintp(at), u - np.float32(whole_u), v - np.float32(whole_v)


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _between(texture, at, step, down, du, dv):  # type: ignore[no-untyped-def]
    """What lies between four texels: the first, the one ``step`` further, and those ``down`` further."""
    above, below = texture[at], texture[at + down]
    above += du * (texture[at + step] - above)
    below += du * (texture[at + down + step] - below)
    return above + dv * (below - above)


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _blend(kind, flat, opacity, columns, veiled, limit, u, v, light, share, picture, pixel):  # type: ignore[no-untyped-def]
    """A share of a place of the texture over what a pixel shows; less of it where one sees through."""
    at, du, dv = _texel(u, v, columns, limit)
    step, down = np.uintp(len(kind)), np.uintp(columns)
    if veiled:
        share *= _between(opacity, at, np.uintp(1), down, du, dv)
    for channel in range(len(kind)):
        part = np.uintp(channel)
        value = light * _between(flat, at * step + part, step, down * step, du, dv)
        under = picture[pixel * step + part]
        picture[pixel * step + part] = under + share * (value - under)


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _reach(low, high, first, last):  # type: ignore[no-untyped-def]
    """Whole pixels from one place to another, within a picture."""
    return max(np.int64(first), np.int64(np.ceil(low))), min(np.int64(last), np.int64(np.floor(high)))


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _zero(start, across, down):  # type: ignore[no-untyped-def]
    """Where a weight is zero: the column in row 0, columns more a row, and whether it grows to the right."""
    # None is so even that it is zero nowhere.
    per_weight = -_ONE / across if abs(across) > _TINY else _ONE / _TINY
    return start * per_weight, down * per_weight, per_weight < _ZERO


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _cover(kind, flat, opacity, columns, veiled, box, corner, weights, carried, picture, width):  # type: ignore[no-untyped-def]
    """The pixels inside: those of a row are one run."""
    left, right, top, bottom = box
    limit, step = np.uint32(len(flat) // len(kind) - columns - 2), np.uintp(len(kind))
    xa, ya = corner
    bx, by, cx, cy = weights
    ua, ub, uc, va, vb, vc, sa, sb, sc = carried
    du, dv, ds = bx * ub + cx * uc, bx * vb + cx * vc, bx * sb + cx * sc
    down_u, down_v, down_s = by * ub + cy * uc, by * vb + cy * vc, by * sb + cy * sc
    # Columns from the corner a on.
    pa, ka, la = _zero(_ONE, -bx - cx, -by - cy)
    pb, kb, lb = _zero(_ZERO, bx, by)
    pc, kc, lc = _zero(_ZERO, cx, cy)
    # One or two edges are to the left of the runs, the others to their right: the first and the last of each.
    left_1, left_1_by = (pa, ka) if la else ((pb, kb) if lb else (pc, kc))
    left_2, left_2_by = (pc, kc) if lc else ((pb, kb) if lb else (pa, ka))
    right_1, right_1_by = (pa, ka) if not la else ((pb, kb) if not lb else (pc, kc))
    right_2, right_2_by = (pc, kc) if not lc else ((pb, kb) if not lb else (pa, ka))
    # A pixel on the edge of two triangles must not fall between them.
    left_1, left_2, right_1, right_2 = (
        left_1 + xa - SLACK, left_2 + xa - SLACK, right_1 + xa + SLACK, right_2 + xa + SLACK
    )  # fmt: skip
    least, most = np.float32(left), np.float32(right)
    for line in range(top, bottom + 1):
        y = np.float32(line) - ya
        first = max(least, max(left_1 + y * left_1_by, left_2 + y * left_2_by))
        last = min(most, min(right_1 + y * right_1_by, right_2 + y * right_2_by))
        begin, end = np.int64(np.ceil(first)), np.int64(np.floor(last))
        x = np.float32(begin) - xa
        u, v, light = ua + y * down_u + x * du, va + y * down_v + x * dv, sa + y * down_s + x * ds
        for pixel in range(line * width + begin, line * width + end + 1):
            if veiled:
                place = np.uintp(pixel)
                _blend(kind, flat, opacity, columns, True, limit, u, v, light, _ONE, picture, place)
            else:
                at, fu, fv = _texel(u, v, columns, limit)
                for channel in range(len(kind)):
                    part = np.uintp(channel)
                    value = _between(flat, at * step + part, step, np.uintp(columns) * step, fu, fv)
                    picture[np.uintp(pixel) * step + part] = light * value
            u += du
            v += dv
            light += ds


@njit(cache=True, nogil=True, fastmath=_LOOSE, inline="always")
def _fade(kind, flat, opacity, columns, veiled, rows, corners, carried, side, picture, width):  # type: ignore[no-untyped-def]
    """A pixel's width beyond its outline the surface fades with the distance from the outline."""
    limit = np.uint32(len(flat) // len(kind) - columns - 2)
    xa, ya, xb, yb, xc, yc = corners
    ua, ub, uc, va, vb, vc, sa, sb, sc = carried
    if side == 0:
        x0, y0, x1, y1 = xb, yb, xc, yc
    elif side == 1:
        x0, y0, x1, y1 = xc, yc, xa, ya
    else:
        x0, y0, x1, y1 = xa, ya, xb, yb
    dx, dy = x1 - x0, y1 - y0
    squared = dx * dx + dy * dy
    length, inverse = np.sqrt(squared), _ONE / max(_TINY, squared)
    per_dy = _ONE / dy if abs(dy) > _TINY else _ONE / _TINY
    top, bottom = _reach(min(y0, y1) - _ONE, max(y0, y1) + _ONE, rows[0], rows[1])
    left, right = max(_ZERO, min(x0, x1) - _ONE), min(np.float32(width - 1), max(x0, x1) + _ONE)
    for line in range(top, bottom + 1):
        down = np.float32(line) - y0
        # Of the row what lies outside, at most a pixel from the line through the edge.
        one, other = x0 + dx * down * per_dy, x0 + (dx * down + length) * per_dy
        begin = np.int64(np.ceil(max(left, min(one, other) + SLACK)))
        end = np.int64(np.floor(min(right, max(one, other) - SLACK)))
        for at in range(begin, end + 1):
            aside = np.float32(at) - x0
            along = min(_ONE, max(_ZERO, (aside * dx + down * dy) * inverse))
            nx, ny = aside - along * dx, down - along * dy
            away = nx * nx + ny * ny
            if away >= _ONE:
                continue
            pb = _ZERO if side == 1 else (_ONE - along if side == 0 else along)
            pc = _ZERO if side == 2 else (along if side == 0 else _ONE - along)
            u, v, light = ua + pb * ub + pc * uc, va + pb * vb + pc * vc, sa + pb * sb + pc * sc
            share, pixel = _ONE - np.sqrt(away), np.uintp(line * width + at)
            _blend(kind, flat, opacity, columns, veiled, limit, u, v, light, share, picture, pixel)


# Without counting references (numba does not announce the option): what is put in here would count its
# arrays' anew for every pixel, which took nearly as long as the drawing.
@njit(cache=True, nogil=True, fastmath=_LOOSE, error_model="numpy", _nrt=False)  # type: ignore[call-overload]
def _draw(kind, mesh, points, flat, opacity, columns, picture, width, order, count, rows):  # type: ignore[no-untyped-def]
    """Triangles in their order into the rows of the picture from the first to the last of ``rows``."""
    triangles, neighbours, sight, keys = mesh
    for place in range(count):
        k = order[place]
        a, b, c = np.uintp(triangles[k, 0]), np.uintp(triangles[k, 1]), np.uintp(triangles[k, 2])
        xa, ya, xb, yb, xc, yc = (
            points[a, _X], points[a, _Y], points[b, _X], points[b, _Y], points[c, _X], points[c, _Y],
        )  # fmt: skip
        top, bottom = _reach(min(ya, yb, yc), max(ya, yb, yc), rows[0], rows[1])
        left, right = _reach(min(xa, xb, xc), max(xa, xb, xc), 0, width - 1)
        # Does the surface end at the edge opposite to a, b, c?
        na, nb, nc = neighbours[k, 0], neighbours[k, 1], neighbours[k, 2]
        ea = na == BORDER or (na >= 0 and keys[na] < 0)
        eb = nb == BORDER or (nb >= 0 and keys[nb] < 0)
        ec = nc == BORDER or (nc >= 0 and keys[nc] < 0)
        outlined = ea or eb or ec
        if (left > right or top > bottom) and not outlined:
            continue
        ua, va, sa = points[a, _U], points[a, _V], points[a, _SHADE]
        carried = (
            ua, points[b, _U] - ua, points[c, _U] - ua, va, points[b, _V] - va, points[c, _V] - va,
            sa, points[b, _SHADE] - sa, points[c, _SHADE] - sa,
        )  # fmt: skip
        veiled = sight[k] != SOLID
        if left <= right:
            inverse = _ONE / ((xb - xa) * (yc - ya) - (xc - xa) * (yb - ya))
            # Weights of b and c are linear in the pixel: so is everything that vertices carry.
            weights = (
                (yc - ya) * inverse, -(xc - xa) * inverse, -(yb - ya) * inverse, (xb - xa) * inverse
            )  # fmt: skip
            box, corner = (left, right, top, bottom), (xa, ya)
            _cover(kind, flat, opacity, columns, veiled, box, corner, weights, carried, picture, width)
        if outlined:
            corners = (xa, ya, xb, yb, xc, yc)
            for side in range(3):
                if (side == 0 and ea) or (side == 1 and eb) or (side == 2 and ec):
                    _fade(kind, flat, opacity, columns, veiled, rows, corners, carried, side, picture, width)


class Rasterizer:
    """Draws one mesh; keeps its room from one picture to the next.

    Args:
        mesh: its coordinates in the texture may change from one picture to the next.
        threads: that share the rows of a picture; it does not depend on their number.
    """

    def __init__(self, mesh: Mesh, threads: int = 1) -> None:
        self._triangles, self._neighbours = mesh.triangles, mesh.neighbours
        self._u, self._v = mesh.u, mesh.v
        self._points = np.zeros((len(mesh.u), _POINT), np.float32)
        self._sight, self._lift = mesh.sight, mesh.lift
        self._keys = np.empty(len(mesh.triangles), np.int32)
        self._sorted = np.empty(len(mesh.triangles), np.int32)
        self._counts = np.empty(_BINS + 1, np.int64)
        self._threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self._threads - 1, "rows") if self._threads > 1 else None

    def draw(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        z: NDArray[np.float32],
        shade: NDArray[np.float32],
        texture: NDArray[np.float32],
        opacity: NDArray[np.float32],
        image: NDArray[np.float32],
    ) -> None:
        """Draw the mesh over a picture.

        Args:
            x: column of each vertex, px; the centre of the first pixel is 0; ``[V]``.
            y: row of each vertex, px.
            z: nearness to the camera of each vertex.
            shade: light on each vertex.
            texture: reflectance, ``[h, w, C]``.
            opacity: of the texture, ``[h, w]``.
            image: ``[H, W, C]``, C being 1 or 3; drawn over.
        """
        points = self._points
        _gather(x, y, z, shade, self._u, self._v, points)
        count = _order(
            self._triangles, self._sight, self._lift, z, points, self._keys, self._counts, self._sorted
        )
        height, width, channels = image.shape
        # Its length is known when the kernel is compiled: no loop over one channel is left of it.
        kind = (0,) * channels
        mesh = (self._triangles, self._neighbours, self._sight, self._keys)
        flat, through, picture = texture.reshape(-1), opacity.reshape(-1), image.reshape(-1)

        def draw(rows: tuple[int, int]) -> None:
            _draw(
                kind, mesh, points, flat, through, np.int32(texture.shape[1]), picture, width, self._sorted,
                count, rows,
            )  # fmt: skip

        bands = self._bands(y, height)
        others = [self._pool.submit(draw, rows) for rows in bands[1:]] if self._pool else []
        draw(bands[0])
        for other in others:
            other.result()

    def _bands(self, y: NDArray[np.float32], height: int) -> list[tuple[int, int]]:
        """First and last row of each thread: as many points of the mesh in each."""
        if self._threads == 1:
            return [(0, height - 1)]
        shares = np.quantile(y, np.linspace(0.0, 1.0, self._threads + 1)[1:-1])
        edges = [0, *np.clip(shares.astype(int), 0, height), height]
        return [(int(first), int(end) - 1) for first, end in itertools.pairwise(edges)]
