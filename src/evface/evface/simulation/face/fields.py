"""Shapes over a surface that its parts are made of: hills, ramps, and grids read between their points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
"""A value at each of many places."""


def bump(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float) -> Field:
    """A hill of height 1 around (cx, cy), gaussian with widths sx and sy."""
    return np.asarray(np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)))


def rise(value: Field, low: float, high: float) -> Field:
    """From 0 at ``low`` to 1 at ``high``, smooth."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def step(distance: Field, soft: float) -> Field:
    """From 0 to 1 where the distance passes 0, over a width."""
    return rise(distance, -soft / 2, soft / 2)


def sample_grid(grid: Field, row: Field, column: Field) -> Field:
    """Values of a grid ``[R, C]`` or ``[R, C, K]`` at rows ``[h]`` and columns ``[w]``, bilinear."""
    i = np.minimum(row.astype(int), grid.shape[0] - 2)
    j = np.minimum(column.astype(int), grid.shape[1] - 2)
    values = grid.reshape(*grid.shape[:2], -1)
    di, dj = (row - i)[:, None, None], (column - j)[None, :, None]
    upper = values[i][:, j] * (1 - dj) + values[i][:, j + 1] * dj
    lower = values[i + 1][:, j] * (1 - dj) + values[i + 1][:, j + 1] * dj
    found = upper * (1 - di) + lower * di
    return np.asarray(found.reshape(len(row), len(column), *grid.shape[2:]))
