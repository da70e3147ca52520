"""The board's corners in a picture, to a fraction of a pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.calibration.board import Board

SEARCHED = 640
"""px of width to which a larger picture is shrunk to find the board; corners are refined in the large one."""

WINDOW = 0.35
"""Half the side of the part in which a corner is refined, in squares."""

STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-3)


def find_corners(picture: NDArray[np.uint8], board: Board) -> NDArray[np.float64] | None:
    """All inner corners of the board, from its own upper left one on, row by row.

    Args:
        picture: uint8 ``[H, W]``, dark squares dark.
        board: looked for.

    Returns:
        float64 ``[N, 2]``, px, or None where the board is not seen whole.
    """
    scale = min(1.0, SEARCHED / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, corners = cv2.findChessboardCornersSB(small, (board.columns, board.rows), flags=0)
    if not found:
        return None
    # Pixels' middles: the first one's is half a pixel from the picture's border in either size.
    places = (np.asarray(corners, np.float64).reshape(board.rows, board.columns, 2) + 0.5) / scale - 0.5
    return _refined(picture, _upright(picture, places))


def _refined(picture: NDArray[np.uint8], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each corner where the edges around it meet."""
    sides = [np.linalg.norm(np.diff(grid, axis=axis), axis=2).min() for axis in (0, 1)]
    half = max(2, int(WINDOW * min(sides)))
    places = grid.reshape(-1, 1, 2).astype(np.float32)
    cv2.cornerSubPix(picture, places, (half, half), (-1, -1), STOP)
    return np.asarray(places, np.float64).reshape(-1, 2)


def _upright(picture: NDArray[np.uint8], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners from the board's upper left one on: the square right below it is dark."""
    middles = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4.0
    columns, rows = np.rint(middles).astype(int).transpose(2, 0, 1)
    height, width = picture.shape
    light = picture[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(float)
    index = np.add.outer(np.arange(light.shape[0]), np.arange(light.shape[1]))
    darker_even = light[index % 2 == 0].mean() < light[index % 2 == 1].mean()
    return grid if darker_even else grid[::-1, ::-1]
