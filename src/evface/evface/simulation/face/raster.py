"""Triangles with a texture into a picture, with soft edges.

Edges of a picture that jump from pixel to pixel would make events that no camera sees. Here every edge is
soft: textures are sampled bilinearly, and beyond its outline, where a surface ends or turns away from the
camera, it fades over the width of a pixel. Triangles are drawn from the farthest to the nearest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.mesh import BORDER, Mesh

_BINS = 1024
"""Depths that triangles are told apart by."""

SLACK = np.float32(2e-3)
"""px that a triangle reaches over its edge, so that rounding leaves no hole beside its neighbour."""


@njit(cache=True, nogil=True, fastmath=True)
def _order(triangles, lift, x, y, z, keys, counts, order):  # type: ignore[no-untyped-def]
    """Triangles that face the camera, the farthest first; how many."""
    low, high = np.float32(1e30), np.float32(-1e30)
    for i in range(len(z)):
        low, high = min(low, z[i]), max(high, z[i])
    least, most = np.float32(0.0), np.float32(0.0)
    for k in range(len(lift)):
        least, most = min(least, lift[k]), max(most, lift[k])
    low, high = low + least, high + most
    scale = np.float32(_BINS - 1) / max(np.float32(1e-6), np.float32(3.0) * (high - low))
    counts[:] = 0
    for k in range(len(triangles)):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        keys[k] = -1
        if area > np.float32(1e-5):
            nearness = z[a] + z[b] + z[c] + np.float32(3.0) * (lift[k] - low)
            keys[k] = np.int32(nearness * scale)
            counts[keys[k] + 1] += 1
    for k in range(1, _BINS + 1):
        counts[k] += counts[k - 1]
    n = counts[_BINS]
    for k in range(len(triangles)):
        if keys[k] >= 0:
            order[counts[keys[k]]] = k
            counts[keys[k]] += 1
    return n


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _texel(u, v, columns, limit):  # type: ignore[no-untyped-def]
    """Where a place of the texture lies, and the weights of its four texels."""
    # Whole texels, from signed integers: their conversion is an instruction.
    whole_u, whole_v = np.int32(u), np.int32(v)
    # Rounding may step over the texture's edge by nothing.
    at = min(limit, max(np.int32(0), whole_v * columns + whole_u))
    du, dv = u - np.float32(whole_u), v - np.float32(whole_v)
    w11 = du * dv
    w10, w01 = dv - w11, du - w11
    return at, np.float32(1.0) - du - w10, w01, w10, w11


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _span(start, per_weight, first, last):  # type: ignore[no-untyped-def]
    """The part of a run of columns where a weight is not negative.

    ``per_weight`` are columns for the weight to fall by one; none is so even that it is infinite.
    """
    zero_at = start * per_weight
    if per_weight < np.float32(0.0):
        return max(first, zero_at), last
    return first, min(last, zero_at)


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _per_weight(slope):  # type: ignore[no-untyped-def]
    """See `_span`."""
    tiny = np.float32(1e-9)
    return -np.float32(1.0) / slope if abs(slope) > tiny else np.float32(1.0) / tiny


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _reach(low, high, first, last):  # type: ignore[no-untyped-def]
    """Whole pixels from one place to another, within a picture."""
    return max(np.int64(first), np.int64(np.ceil(low))), min(np.int64(last), np.int64(np.floor(high)))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _fill(kind, flat, columns, at, count, picture, u0, du, v0, dv, s0, ds, begin):  # type: ignore[no-untyped-def]
    """A run of pixels: texture ``[h * w, C]`` times light, onto the picture ``[H * W, C]``."""
    limit = np.int32(len(flat)) - columns - np.int32(2)
    for i in range(count):
        column = begin + np.float32(i)
        texel, w00, w01, w10, w11 = _texel(u0 + column * du, v0 + column * dv, columns, limit)
        light = s0 + column * ds
        pixel = at + np.uintp(i)
        for channel in range(len(kind)):
            picture[pixel, channel] = light * (
                w00 * flat[np.uintp(texel), channel] + w01 * flat[np.uintp(texel + 1), channel]
                + w10 * flat[np.uintp(texel + columns), channel]
                + w11 * flat[np.uintp(texel + columns + 1), channel]
            )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _veil(kind, flat, opacity, columns, at, count, picture, u0, du, v0, dv, s0, ds, begin):  # type: ignore[no-untyped-def]
    """As `_fill`, of a texture that one can see through."""
    limit = np.int32(len(flat)) - columns - np.int32(2)
    for i in range(count):
        column = begin + np.float32(i)
        texel, w00, w01, w10, w11 = _texel(u0 + column * du, v0 + column * dv, columns, limit)
        light = s0 + column * ds
        t00, t01 = np.uintp(texel), np.uintp(texel + 1)
        t10, t11 = np.uintp(texel + columns), np.uintp(texel + columns + 1)
        share = w00 * opacity[t00] + w01 * opacity[t01] + w10 * opacity[t10] + w11 * opacity[t11]
        pixel = at + np.uintp(i)
        for channel in range(len(kind)):
            value = light * (
                w00 * flat[t00, channel] + w01 * flat[t01, channel]
                + w10 * flat[t10, channel] + w11 * flat[t11, channel]
            )  # fmt: skip
            under = picture[pixel, channel]
            picture[pixel, channel] = under + share * (value - under)


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _cover(kind, flat, opacity, columns, see_through, picture, width, box, corners, weights, carried):  # type: ignore[no-untyped-def]
    """The pixels inside: those of a row are one run, drawn without a question, in vectors."""
    one = np.float32(1.0)
    left, right, top, bottom = box
    xa, ya = corners[0], corners[1]
    bx, by, cx, cy = weights
    ua, ub, uc, va, vb, vc, sa, sb, sc = carried
    fall_a, fall_b, fall_c = _per_weight(-bx - cx), _per_weight(bx), _per_weight(cx)
    du, dv, ds = bx * ub + cx * uc, bx * vb + cx * vc, bx * sb + cx * sc
    for line in range(top, bottom + 1):
        down = np.float32(line) - ya
        wb, wc = down * by - xa * bx, down * cy - xa * cx
        first, last = _span(one - wb - wc, fall_a, np.float32(left), np.float32(right))
        first, last = _span(wb, fall_b, first, last)
        first, last = _span(wc, fall_c, first, last)
        # A pixel on the edge of two triangles must not fall between them.
        begin, end = np.int64(np.ceil(first - SLACK)), np.int64(np.floor(last + SLACK))
        begin, end = max(begin, left), min(end, right)
        if begin > end:
            continue
        at, many, start = np.uintp(line * width + begin), end - begin + 1, np.float32(begin)
        u0, v0, s0 = ua + wb * ub + wc * uc, va + wb * vb + wc * vc, sa + wb * sb + wc * sc
        if see_through:
            _veil(kind, flat, opacity, columns, at, many, picture, u0, du, v0, dv, s0, ds, start)
        else:
            _fill(kind, flat, columns, at, many, picture, u0, du, v0, dv, s0, ds, start)


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _fade(kind, flat, opacity, columns, see_through, picture, width, rows, corners, weights, carried, side):  # type: ignore[no-untyped-def]
    """A pixel's width beyond its outline the surface fades with the distance from the outline."""
    one, zero, tiny = np.float32(1.0), np.float32(0.0), np.float32(1e-9)
    limit = np.int32(len(flat)) - columns - np.int32(2)
    xa, ya, xb, yb, xc, yc = corners
    bx, by, cx, cy = weights
    ua, ub, uc, va, vb, vc, sa, sb, sc = carried
    if side == 0:
        x0, y0, x1, y1 = xb, yb, xc, yc
    elif side == 1:
        x0, y0, x1, y1 = xc, yc, xa, ya
    else:
        x0, y0, x1, y1 = xa, ya, xb, yb
    dx, dy = x1 - x0, y1 - y0
    squared = one / max(tiny, dx * dx + dy * dy)
    top, bottom = _reach(min(y0, y1) - one, max(y0, y1) + one, rows[0], rows[1])
    left, right = _reach(min(x0, x1) - one, max(x0, x1) + one, 0, width - 1)
    for line in range(top, bottom + 1):
        for at in range(left, right + 1):
            px, py = np.float32(at), np.float32(line)
            along = min(one, max(zero, ((px - x0) * dx + (py - y0) * dy) * squared))
            nx, ny = x0 + along * dx, y0 + along * dy
            away = (px - nx) * (px - nx) + (py - ny) * (py - ny)
            wb = (px - xa) * bx + (py - ya) * by
            wc = (px - xa) * cx + (py - ya) * cy
            if away >= one or (wb >= zero and wc >= zero and wb + wc <= one):
                continue
            pb = zero if side == 1 else (one - along if side == 0 else along)
            pc = zero if side == 2 else (along if side == 0 else one - along)
            texel, w00, w01, w10, w11 = _texel(ua + pb * ub + pc * uc, va + pb * vb + pc * vc, columns, limit)
            light = sa + pb * sb + pc * sc
            t00, t01 = np.uintp(texel), np.uintp(texel + 1)
            t10, t11 = np.uintp(texel + columns), np.uintp(texel + columns + 1)
            share = one - np.sqrt(away)
            if see_through:
                share *= w00 * opacity[t00] + w01 * opacity[t01] + w10 * opacity[t10] + w11 * opacity[t11]
            pixel = np.uintp(line * width + at)
            for channel in range(len(kind)):
                value = light * (
                    w00 * flat[t00, channel] + w01 * flat[t01, channel]
                    + w10 * flat[t10, channel] + w11 * flat[t11, channel]
                )  # fmt: skip
                under = picture[pixel, channel]
                picture[pixel, channel] = under + share * (value - under)


@njit(cache=True, nogil=True, fastmath=True)
def _draw(kind, mesh, points, texture, opacity, image, order, count, rows):  # type: ignore[no-untyped-def]
    """Triangles in their order into the rows of the picture from the first to the last of ``rows``."""
    triangles, neighbours, clear, keys, u, v = mesh
    x, y, shade = points
    width = image.shape[1]
    columns = np.int32(texture.shape[1])
    flat = texture.reshape(-1, len(kind))
    through = opacity.reshape(-1)
    picture = image.reshape(-1, len(kind))
    one = np.float32(1.0)
    for place in range(count):
        k = order[place]
        a, b, c = np.uintp(triangles[k, 0]), np.uintp(triangles[k, 1]), np.uintp(triangles[k, 2])
        xa, ya, xb, yb, xc, yc = x[a], y[a], x[b], y[b], x[c], y[c]
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
        inverse = one / ((xb - xa) * (yc - ya) - (xc - xa) * (yb - ya))
        # Weights of b and c are linear in the pixel: so is everything that vertices carry.
        bx, by = (yc - ya) * inverse, -(xc - xa) * inverse
        cx, cy = -(yb - ya) * inverse, (xb - xa) * inverse
        sa, sb, sc = shade[a], shade[b] - shade[a], shade[c] - shade[a]
        ua, ub, uc = u[a], u[b] - u[a], u[c] - u[a]
        va, vb, vc = v[a], v[b] - v[a], v[c] - v[a]
        corners, weights = (xa, ya, xb, yb, xc, yc), (bx, by, cx, cy)
        carried = (ua, ub, uc, va, vb, vc, sa, sb, sc)
        box = (left, right, top, bottom)
        if clear[k]:
            _cover(kind, flat, through, columns, True, picture, width, box, corners, weights, carried)
        else:
            _cover(kind, flat, through, columns, False, picture, width, box, corners, weights, carried)
        if outlined:
            for side in range(3):
                if (side == 0 and ea) or (side == 1 and eb) or (side == 2 and ec):
                    _fade(
                        kind, flat, through, columns, clear[k], picture, width, rows,
                        corners, weights, carried, side,
                    )  # fmt: skip


class Rasterizer:
    """Draws one mesh; keeps its room from one picture to the next.

    Args:
        mesh: with the texture's coordinates.
        threads: that share the rows of a picture; it does not depend on their number.
    """

    def __init__(self, mesh: Mesh, threads: int = 1) -> None:
        self._triangles, self._u, self._v = mesh.triangles, mesh.u, mesh.v
        self._neighbours, self._clear, self._lift = mesh.neighbours, mesh.clear, mesh.lift
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
        count = _order(self._triangles, self._lift, x, y, z, self._keys, self._counts, self._sorted)
        # Its length is known when the kernel is compiled: no loop over one channel is left of it.
        kind = (0,) * image.shape[2]

        def draw(rows: tuple[int, int]) -> None:
            _draw(
                kind, (self._triangles, self._neighbours, self._clear, self._keys, self._u, self._v),
                (x, y, shade), texture, opacity, image, self._sorted, count, rows,
            )  # fmt: skip

        bands = self._bands(y, image.shape[0])
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


def _laying(channels: int) -> Callable[..., None]:
    """The kernel for pictures of so many channels."""

    @njit(cache=True, nogil=True, fastmath=True)
    def lay(layer, cover, image, right, down, gain):  # type: ignore[no-untyped-def]
        height, width, _ = image.shape
        whole_x, whole_y = int(np.floor(right)), int(np.floor(down))
        fx, fy = np.float32(right - whole_x), np.float32(down - whole_y)
        one = np.float32(1.0)
        # Shifted right, a pixel shows what lay to its left.
        w11, w10, w01 = fx * fy, fy * (one - fx), fx * (one - fy)
        w00 = one - fx - w10
        first, last = max(0, whole_x + 1), min(width, whole_x + layer.shape[1])
        for row in range(max(0, whole_y + 1), min(height, whole_y + layer.shape[0])):
            here, above = layer[row - whole_y], layer[row - whole_y - 1]
            hides, hides_above = cover[row - whole_y], cover[row - whole_y - 1]
            line = image[row]
            for i in range(last - first):
                at = np.uintp(first - whole_x + i)
                before = np.uintp(first - whole_x + i - 1)
                hidden = w00 * hides[at] + w01 * hides[before]
                hidden += w10 * hides_above[at] + w11 * hides_above[before]
                pixel = np.uintp(first + i)
                for channel in range(channels):
                    value = w00 * here[at, channel] + w01 * here[before, channel]
                    value += w10 * above[at, channel] + w11 * above[before, channel]
                    line[pixel, channel] = gain * value + (one - hidden) * line[pixel, channel]

    return lay


_LAY = {1: _laying(1), 3: _laying(3)}
"""Kernels: a picture ``[h, w, C]`` over another, shifted by parts of a pixel; by C."""


class Layer:
    """A drawn surface that only shifts: shoulders. Drawn once, laid over a picture where it is wanted.

    Args:
        colour: light times opacity, float32 ``[h, w, C]``.
        cover: opacity, ``[h, w]``.
    """

    def __init__(self, colour: NDArray[np.float32], cover: NDArray[np.float32]) -> None:
        rows = np.flatnonzero(cover.any(1))
        # From the first row that shows anything; a spare one above it.
        self._top = max(0, int(rows[0]) - 1) if len(rows) else 0
        self._colour = np.ascontiguousarray(colour[self._top :])
        self._cover = np.ascontiguousarray(cover[self._top :])

    def lay(self, image: NDArray[np.float32], right: float, down: float, gain: float) -> None:
        """Lay it over a picture ``[H, W, C]``, so many px from its corner, its light times a gain."""
        _LAY[image.shape[2]](self._colour, self._cover, image, right, down + self._top, np.float32(gain))
