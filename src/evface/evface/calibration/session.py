"""A calibration from its first view to its files: what was seen, what is missing, what came out."""

from __future__ import annotations

from pathlib import Path

from evface.calibration.board import Board
from evface.calibration.collecting import Stretch
from evface.calibration.coverage import is_new, missing
from evface.calibration.picture import draw, lines_of
from evface.calibration.solving import calibration_of, solve
from evface.calibration.views import View, ViewFile, head_of, read_views
from evface.errors import ConfigError

VIEWS = "views.jsonl"
"""The views, a line each."""

REPORT = "report.png"
"""Coverage and errors."""

SAID = 2
"""Things that are missing which are said at once."""


class CalibrationSession:
    """Takes views until they are enough; all of it is on the disk at any time.

    Args:
        folder: of the calibration; views of an interrupted one in it are gone on with.
        board: that is shown.
        sizes: width and height of each camera, px; the first one's coordinates become the rig's.
        wanted: views of each camera.

    Raises:
        FormatError: the folder holds views of another board or of other cameras.
    """

    def __init__(
        self, folder: Path, board: Board, sizes: dict[str, tuple[int, int]], wanted: int = 12
    ) -> None:
        self._folder, self._board, self._sizes, self._wanted = folder, board, sizes, wanted
        self._file = ViewFile(folder / VIEWS, board, sizes)
        self._said = ""

    @classmethod
    def found_in(cls, folder: Path) -> CalibrationSession:
        """The session whose views are in a folder.

        Raises:
            ConfigError: there are none.
            FormatError: the file of views is broken.
        """
        path = folder / VIEWS
        if not path.exists():
            raise ConfigError(f"{path}: no views of a board there: show it to the cameras first")
        head, _ = read_views(path)
        board, sizes = head_of(head)
        return cls(folder, board, sizes)

    @property
    def views(self) -> list[View]:
        """So far."""
        return self._file.views

    def lacks(self) -> dict[str, list[str]]:
        """What each camera's views still lack; cameras with enough of them are left out."""
        others = len(self._sizes) > 1
        found = {
            camera: missing(self.views, camera, size, self._board, self._wanted, others)
            for camera, size in self._sizes.items()
        }
        return {camera: lacks for camera, lacks in found.items() if lacks}

    def offer(self, stretch: Stretch) -> str:
        """Take a stretch's view if it shows something new.

        Returns:
            A line for the person who moves the board, "" when there is nothing to say.
        """
        view = stretch.view
        if view is not None and is_new(view, self.views, self._sizes):
            self._file.add(view)
            self._said = ""
            return f"view {len(self.views)} ({', '.join(view.corners)}); {self._wishes()}"
        if view is not None:
            line = "seen here already: move the board on"
        elif silent := [camera for camera, sight in stretch.sights.items() if sight == "silent"]:
            line = f"nothing comes from {', '.join(silent)}"
        elif "moved" in stretch.sights.values():
            line = "hold the board still"
        else:
            line = "the whole board is in nobody's picture"
        repeated, self._said = line == self._said, line
        return "" if repeated else line

    def _wishes(self) -> str:
        lacks = [f"{camera} lacks {', '.join(what[:SAID])}" for camera, what in self.lacks().items()]
        return "; ".join(lacks) or "that is enough"

    def finish(self) -> list[str]:
        """Compute lenses and places and write the files.

        Returns:
            Lines that say what came out.

        Raises:
            DatasetError: the views are too few, or cameras have none in common.
        """
        fits = solve(self.views, self._board, self._sizes)
        calibration_of(fits).write(self._folder)
        draw(fits, self.views, self._folder / REPORT)
        return lines_of(fits)
