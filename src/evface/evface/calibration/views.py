"""Views of the board: where which camera saw its corners, kept on disk as they come."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.calibration.board import Board
from evface.errors import ConfigError, FormatError
from evface.validation import validated


@dataclass(frozen=True, slots=True)
class View:
    """The board held still at one place.

    Attributes:
        time: ns, host clock.
        corners: of each camera that saw the whole board, its corners in px, float64 ``[N, 2]``.
    """

    time: int
    corners: dict[str, NDArray[np.float64]]


class ViewFile:
    """The views of a calibration, a line each, so that an interrupted one goes on where it was.

    The first line says the board and the cameras' sizes: views of another board are not taken for these.

    Args:
        path: of the file; made if it is not there.
        board: that is shown.
        sizes: width and height of each camera, px.

    Raises:
        FormatError: the file holds something else, or views of another board or of cameras of other sizes.
    """

    def __init__(self, path: Path, board: Board, sizes: dict[str, tuple[int, int]]) -> None:
        self._path = path
        head = {"board": board.model_dump(), "cameras": {name: list(size) for name, size in sizes.items()}}
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append(head)
        _cut_what_broke_off(path)
        found, self.views = read_views(path)
        if found != head:
            raise FormatError(
                f"{path}: views of another board or of other cameras ({json.dumps(found)}, now "
                f"{json.dumps(head)}): choose another folder, or begin anew"
            )

    def add(self, view: View) -> None:
        """Write a view; it is on the disk when this returns."""
        self.views.append(view)
        corners = {name: np.round(places, 4).tolist() for name, places in view.corners.items()}
        self._append({"time": view.time, "corners": corners})

    def _append(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def head_of(head: dict[str, Any]) -> tuple[Board, dict[str, tuple[int, int]]]:
    """Board and sizes of the cameras, from a file's first line.

    Raises:
        FormatError: it says something else.
    """
    try:
        sizes = {str(name): (int(width), int(height)) for name, (width, height) in head["cameras"].items()}
        return validated(Board, head["board"], "views"), sizes
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise FormatError(f"views: not the first line of a file of views: {error}") from error


def read_views(path: Path) -> tuple[dict[str, Any], list[View]]:
    """The first line of a file of views, and the views.

    Raises:
        FormatError: the file cannot be read or holds something else.
    """
    try:
        first, *rest = path.read_text(encoding="utf-8").splitlines()
        head = json.loads(first)
        board, _ = head_of(head)
        return head, [_view(line, board) for line in rest]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: not a file of views: {error}") from error


def _view(text: str, board: Board) -> View:
    line = json.loads(text)
    corners = {name: np.array(places, np.float64) for name, places in line["corners"].items()}
    for name, places in corners.items():
        if places.shape != (board.count, 2):
            raise ValueError(f"{name}: expected {board.count} corners, found {places.shape}")
    return View(int(line["time"]), corners)


def _cut_what_broke_off(path: Path) -> None:
    """Whoever was killed may have left half a line."""
    try:
        text = path.read_bytes()
        if not text.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(text.rfind(b"\n") + 1)
    except OSError as error:
        raise FormatError(f"{path}: not a file of views: {error}") from error
