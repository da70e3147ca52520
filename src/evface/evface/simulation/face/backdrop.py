"""What is behind a head: shoulders that only shift, before a wall that stands still."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath=True)
def _paint(kind, wall, colour, cover, right, down, gain, image):  # type: ignore[no-untyped-def]
    """See `Shoulders.paint`: row by row, so that what is painted over is still at hand."""
    height, width = wall.shape[:2]
    whole_x, whole_y = int(np.floor(right)), int(np.floor(down))
    fx, fy = np.float32(right - whole_x), np.float32(down - whole_y)
    one = np.float32(1.0)
    # Shifted right, a pixel shows what lay to its left.
    w11, w10, w01 = fx * fy, fy - fx * fy, fx - fx * fy
    w00 = one - fx - w10
    begin, end = max(0, whole_x + 1), min(width, whole_x + colour.shape[1])
    for row in range(height):
        bare, line = wall[row], image[row]
        for i in range(width):
            for channel in range(len(kind)):
                line[np.uintp(i), channel] = gain * bare[np.uintp(i), channel]
        if not 0 < row - whole_y < colour.shape[0]:
            continue
        here, above = colour[row - whole_y], colour[row - whole_y - 1]
        hides, hides_above = cover[row - whole_y], cover[row - whole_y - 1]
        for i in range(end - begin):
            pixel = np.uintp(begin + i)
            at, before = np.uintp(begin - whole_x + i), np.uintp(begin - whole_x + i - 1)
            hidden = w00 * hides[at] + w01 * hides[before]
            hidden += w10 * hides_above[at] + w11 * hides_above[before]
            for channel in range(len(kind)):
                value = w00 * here[at, channel] + w01 * here[before, channel]
                value += w10 * above[at, channel] + w11 * above[before, channel]
                line[pixel, channel] = gain * value + (one - hidden) * line[pixel, channel]


class Shoulders:
    """A drawn surface that only shifts: drawn once, painted where it is wanted.

    Args:
        colour: light times opacity, float32 ``[h, w, C]``.
        cover: opacity, ``[h, w]``.
        margin: px of it around a picture.
    """

    def __init__(self, colour: NDArray[np.float32], cover: NDArray[np.float32], margin: int) -> None:
        rows = np.flatnonzero(cover.any(1))
        # From the first row that shows anything; a spare one above it.
        self._top = max(0, int(rows[0]) - 1) if len(rows) else 0
        self._colour = np.ascontiguousarray(colour[self._top :])
        self._cover = np.ascontiguousarray(cover[self._top :])
        self._margin = margin

    def paint(self, wall: NDArray[np.float32], right: float, down: float, gain: float) -> NDArray[np.float32]:
        """The wall with the shoulders before it, ``[H, W, C]``.

        Args:
            wall: ``[H, W, C]``, C being 1 or 3.
            right: px that the shoulders are shifted.
            down: likewise.
            gain: of the light on both.
        """
        image = np.empty_like(wall)
        # Its length is known when the kernel is compiled.
        kind = (0,) * wall.shape[2]
        _paint(
            kind, wall, self._colour, self._cover, right - self._margin, down + self._top - self._margin,
            np.float32(gain), image,
        )  # fmt: skip
        return image
