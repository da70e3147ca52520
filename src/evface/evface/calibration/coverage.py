"""What a set of views still lacks: places in the picture, tilts, views that two cameras share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evface.calibration.board import Board
from evface.calibration.views import View

CELLS = (4, 3)
"""Columns and rows that a picture is divided into."""

COVERED = 9
"""Cells of a picture, of its twelve, that corners must have been seen in."""

SHARED = 4
"""Views that each camera has in common with the others, at least."""

TILTED = 1.03
"""Ratio of opposite sides of the board from which on it counts as tilted."""

TILTS = {"left": "its left side nearer", "right": "its right side nearer",
         "top": "its upper side nearer", "bottom": "its lower side nearer"}  # fmt: skip

_ROWS = ("top", "middle", "bottom")
_COLUMNS = ("far left", "left", "right", "far right")


def covered(views: Sequence[View], camera: str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells of a camera's picture in which corners were seen, bool ``[rows, columns]``."""
    columns, rows = CELLS
    cells = np.zeros((rows, columns), bool)
    for view in views:
        if camera in view.corners:
            at = (view.corners[camera] / size * CELLS).astype(int).clip(0, (columns - 1, rows - 1))
            cells[at[:, 1], at[:, 0]] = True
    return cells


def tilts(corners: NDArray[np.float64], board: Board) -> set[str]:
    """Sides of the board that are nearer than the opposite ones: keys of `TILTS`."""
    grid = corners.reshape(board.rows, board.columns, 2)
    length = {
        "left": np.linalg.norm(grid[-1, 0] - grid[0, 0]),
        "right": np.linalg.norm(grid[-1, -1] - grid[0, -1]),
        "top": np.linalg.norm(grid[0, -1] - grid[0, 0]),
        "bottom": np.linalg.norm(grid[-1, -1] - grid[-1, 0]),
    }
    pairs = (("left", "right"), ("right", "left"), ("top", "bottom"), ("bottom", "top"))
    return {side for side, other in pairs if length[side] > TILTED * length[other]}


def missing(
    views: Sequence[View], camera: str, size: tuple[int, int], board: Board, wanted: int, others: bool
) -> list[str]:
    """What a camera's views still lack, a phrase each; [] when they are enough.

    Args:
        views: so far.
        camera: its name.
        size: of its pictures, px.
        board: that is shown.
        wanted: views.
        others: whether there are other cameras, whose places are wanted.
    """
    mine = [view for view in views if camera in view.corners]
    lacks = [f"{wanted - len(mine)} more views"] if len(mine) < wanted else []
    shared = sum(len(view.corners) > 1 for view in mine)
    if others and shared < SHARED:
        lacks.append(f"{SHARED - shared} more together with another camera")
    cells = covered(mine, camera, size)
    if cells.sum() < COVERED:
        row, column = (int(value) for value in np.argwhere(~cells)[0])
        lacks.append(f"the board at the {_ROWS[row]} {_COLUMNS[column]} of its picture")
    seen: set[str] = set().union(*(tilts(view.corners[camera], board) for view in mine))
    lacks += [text for side, text in TILTS.items() if side not in seen]
    return lacks


def is_new(view: View, views: Sequence[View], sizes: dict[str, tuple[int, int]], least: float = 0.04) -> bool:
    """Whether a view shows the board where it was not yet, for any camera.

    Args:
        view: to be added.
        views: so far.
        sizes: of the cameras, px.
        least: mean way of the corners from any earlier view, in widths of the picture.
    """
    return any(
        all(
            np.linalg.norm(corners - old.corners[camera], axis=1).mean() > least * sizes[camera][0]
            for old in views
            if camera in old.corners
        )
        for camera, corners in view.corners.items()
    )
