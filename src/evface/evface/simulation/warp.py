"""Moving a picture: an affine map of the whole, and a smooth bulge of a part."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath=True)
def _bulge(source, output, matrix, centre_x, centre_y, radius, shift_x, shift_y, stretch_x, stretch_y, half):  # type: ignore[no-untyped-def]
    """Draw the part of ``output`` within ``radius`` of the centre anew, displaced; coordinates of the source."""
    height, width, channels = source.shape
    rows, columns, _ = output.shape
    a, b, c = matrix[0]
    d, e, f = matrix[1]
    scale = np.sqrt(abs(a * e - b * d))
    # Where the centre comes to lie in the output.
    determinant = a * e - b * d
    middle_x = (e * (centre_x - c) - b * (centre_y - f)) / determinant
    middle_y = (a * (centre_y - f) - d * (centre_x - c)) / determinant
    reach = radius / scale + 1.0
    top, bottom = max(0, int(middle_y - reach)), min(rows, int(middle_y + reach) + 2)
    left, right = max(0, int(middle_x - reach)), min(columns, int(middle_x + reach) + 2)
    limit_x, limit_y = np.float32(width - 1.001), np.float32(height - 1.001)
    zero, one = np.float32(0.0), np.float32(1.0)
    for row in range(top, bottom):
        for column in range(left, right):
            x = np.float32(a * column + b * row + c)
            y = np.float32(d * column + e * row + f)
            u, v = (x - centre_x) / radius, (y - centre_y) / radius
            weight = one - u * u - v * v
            if weight <= zero:
                continue
            weight *= weight
            x -= weight * (shift_x + stretch_x * u)
            y -= weight * (shift_y + stretch_y * v)
            x, y = min(max(x, zero), limit_x), min(max(y, zero), limit_y)
            i, j = int(x), int(y)
            p, q = x - np.float32(i), y - np.float32(j)
            for k in range(channels):
                above = source[j, i, k] + p * (np.float32(source[j, i + 1, k]) - source[j, i, k])
                below = source[j + 1, i, k] + p * (np.float32(source[j + 1, i + 1, k]) - source[j + 1, i, k])
                output[row, column, k] = above + q * (below - above) + half


def affine(source: NDArray[Any], matrix: NDArray[np.float64], output: NDArray[Any]) -> None:
    """Fill ``output`` from ``source``; ``matrix`` [2, 3] leads from pixels of the output to those of the source."""
    height, width = output.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(source, matrix, (width, height), dst=output, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def bulge(
    source: NDArray[Any],
    matrix: NDArray[np.float64],
    output: NDArray[Any],
    *,
    centre: tuple[float, float],
    radius: float,
    shift: tuple[float, float],
    stretch: tuple[float, float],
) -> None:
    """Displace a round part of what `affine` has drawn, most in the middle and not at all at its rim.

    Args:
        source: ``[H, W]`` float32 or ``[H, W, C]`` uint8.
        matrix: as given to `affine`.
        output: what `affine` has filled, changed in place.
        centre: of the part, px of the source.
        radius: of the part, px of the source.
        shift: displacement of the middle, px of the source.
        stretch: outward displacement at the rim's distance before the fall-off, px of the source.
    """
    if source.ndim == 2:
        source, output = source[:, :, None], output[:, :, None]
    half = np.float32(0.5 if output.dtype == np.uint8 else 0.0)
    numbers = (np.float32(n) for n in (*centre, radius, *shift, *stretch))
    _bulge(source, output, matrix, *numbers, half)
