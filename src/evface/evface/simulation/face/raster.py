"""Triangles with a texture into a picture, with soft edges.

Edges of a picture that jump from pixel to pixel would make events that no camera sees. Here every edge is
soft: textures are sampled bilinearly, and where a surface ends or turns away from the camera, its last pixels
are covered as far as the surface reaches into them. Triangles are drawn from the farthest to the nearest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.mesh import BORDER, Mesh

_BINS = 1024
"""Depths that triangles are told apart by."""


@njit(cache=True, nogil=True, fastmath=True)
def _order(triangles, x, y, z, keys, counts, order):  # type: ignore[no-untyped-def]
    """Triangles that face the camera, the farthest first; how many."""
    low, high = np.float32(1e30), np.float32(-1e30)
    for i in range(len(z)):
        low, high = min(low, z[i]), max(high, z[i])
    scale = np.float32(_BINS - 1) / max(np.float32(1e-6), np.float32(3.0) * (high - low))
    counts[:] = 0
    for k in range(len(triangles)):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        keys[k] = -1
        if area > np.float32(1e-5):
            keys[k] = np.int32((z[a] + z[b] + z[c] - np.float32(3.0) * low) * scale)
            counts[keys[k] + 1] += 1
    for k in range(1, _BINS + 1):
        counts[k] += counts[k - 1]
    n = counts[_BINS]
    for k in range(len(triangles)):
        if keys[k] >= 0:
            order[counts[keys[k]]] = k
            counts[keys[k]] += 1
    return n


def _drawing(channels: int) -> Callable[..., None]:
    """The kernel for pictures of so many channels: with the number known it is compiled without a loop."""

    @njit(cache=True, nogil=True, fastmath=True, inline="always")
    def sample(texture, opacity, tu, tv, light, share, see_through, row, column, image):  # type: ignore[no-untyped-def]
        """Lay one pixel of the texture over the picture."""
        one = np.float32(1.0)
        # Whole texels, from signed integers: their conversion is an instruction.
        whole_u, whole_v = np.int32(tu), np.int32(tv)
        iu, iv = np.uintp(whole_u), np.uintp(whole_v)
        ju, jv = np.uintp(whole_u + 1), np.uintp(whole_v + 1)
        du, dv = tu - np.float32(whole_u), tv - np.float32(whole_v)
        w11 = du * dv
        w10, w01 = dv - w11, du - w11
        w00 = one - du - w10
        if see_through:
            share *= (
                w00 * opacity[iv, iu] + w01 * opacity[iv, ju] + w10 * opacity[jv, iu] + w11 * opacity[jv, ju]
            )
        for channel in range(channels):
            value = light * (
                w00 * texture[iv, iu, channel] + w01 * texture[iv, ju, channel]
                + w10 * texture[jv, iu, channel] + w11 * texture[jv, ju, channel]
            )  # fmt: skip
            if share < one:
                under = image[row, column, channel]
                value = under + share * (value - under)
            image[row, column, channel] = value

    @njit(cache=True, nogil=True, fastmath=True)
    def draw(triangles, neighbours, clear, keys, x, y, shade, u, v, texture, opacity, image, order, count):  # type: ignore[no-untyped-def]
        height, width, _ = image.shape
        one, zero, half = np.float32(1.0), np.float32(0.0), np.float32(0.5)
        for place in range(count):
            k = order[place]
            a, b, c = (
                np.uintp(triangles[k, 0]),
                np.uintp(triangles[k, 1]),
                np.uintp(triangles[k, 2]),
            )
            xa, ya, xb, yb, xc, yc = x[a], y[a], x[b], y[b], x[c], y[c]
            # Does the surface end at the edge opposite to a, b, c?
            na, nb, nc = neighbours[k, 0], neighbours[k, 1], neighbours[k, 2]
            ea = na == BORDER or (na >= 0 and keys[na] < 0)
            eb = nb == BORDER or (nb >= 0 and keys[nb] < 0)
            ec = nc == BORDER or (nc >= 0 and keys[nc] < 0)
            edged = ea or eb or ec
            wider = half if edged else zero
            left = max(np.int64(0), np.int64(np.ceil(min(xa, xb, xc) - wider)))
            right = min(np.int64(width - 1), np.int64(np.floor(max(xa, xb, xc) + wider)))
            top = max(np.int64(0), np.int64(np.ceil(min(ya, yb, yc) - wider)))
            bottom = min(np.int64(height - 1), np.int64(np.floor(max(ya, yb, yc) + wider)))
            if left > right or top > bottom:
                continue
            inverse = one / ((xb - xa) * (yc - ya) - (xc - xa) * (yb - ya))
            # Weights of b and c are linear in the pixel: so is everything that vertices carry.
            bx, by = (yc - ya) * inverse, -(xc - xa) * inverse
            cx, cy = -(yb - ya) * inverse, (xb - xa) * inverse
            sa, sb, sc = shade[a], shade[b] - shade[a], shade[c] - shade[a]
            ua, ub, uc = u[a], u[b] - u[a], u[c] - u[a]
            va, vb, vc = v[a], v[b] - v[a], v[c] - v[a]
            see_through = clear[k]
            if not edged:
                for line in range(top, bottom + 1):
                    row = np.uintp(line)
                    wb = (np.float32(left) - xa) * bx + (np.float32(line) - ya) * by
                    wc = (np.float32(left) - xa) * cx + (np.float32(line) - ya) * cy
                    for at in range(left, right + 1):
                        if wb >= zero and wc >= zero and wb + wc <= one:
                            sample(
                                texture, opacity, ua + wb * ub + wc * uc, va + wb * vb + wc * vc,
                                sa + wb * sb + wc * sc, one, see_through, row, np.uintp(at), image,
                            )  # fmt: skip
                        wb += bx
                        wc += cx
                continue
            # px from an edge per unit of weight.
            da = one / np.sqrt((bx + cx) * (bx + cx) + (by + cy) * (by + cy))
            db = one / np.sqrt(bx * bx + by * by)
            dc = one / np.sqrt(cx * cx + cy * cy)
            least_a = -half / da if ea else zero
            least_b = -half / db if eb else zero
            least_c = -half / dc if ec else zero
            for line in range(top, bottom + 1):
                row = np.uintp(line)
                wb = (np.float32(left) - xa) * bx + (np.float32(line) - ya) * by
                wc = (np.float32(left) - xa) * cx + (np.float32(line) - ya) * cy
                for at in range(left, right + 1):
                    wa = one - wb - wc
                    if wa >= least_a and wb >= least_b and wc >= least_c:
                        share = one
                        if ea:
                            share = min(share, wa * da + half)
                        if eb:
                            share = min(share, wb * db + half)
                        if ec:
                            share = min(share, wc * dc + half)
                        # Beyond the edge the texture is that of the edge.
                        pb, pc = max(zero, wb), max(zero, wc)
                        whole = one / max(one, pb + pc)
                        pb, pc = pb * whole, pc * whole
                        sample(
                            texture, opacity, ua + pb * ub + pc * uc, va + pb * vb + pc * vc,
                            sa + pb * sb + pc * sc, share, see_through, row, np.uintp(at), image,
                        )  # fmt: skip
                    wb += bx
                    wc += cx

    return draw


_DRAW = {1: _drawing(1), 3: _drawing(3)}
"""Kernels: triangles onto a picture ``[H, W, C]``, by C."""


class Rasterizer:
    """Draws one mesh; keeps its room from one picture to the next.

    Args:
        mesh: with the texture's coordinates.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._triangles, self._u, self._v = mesh.triangles, mesh.u, mesh.v
        self._neighbours, self._clear = mesh.neighbours, mesh.clear
        self._keys = np.empty(len(mesh.triangles), np.int32)
        self._sorted = np.empty(len(mesh.triangles), np.int32)
        self._counts = np.empty(_BINS + 1, np.int64)

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
        count = _order(self._triangles, x, y, z, self._keys, self._counts, self._sorted)
        _DRAW[image.shape[2]](
            self._triangles, self._neighbours, self._clear, self._keys, x, y, shade, self._u, self._v,
            texture, opacity, image, self._sorted, count,
        )  # fmt: skip
