"""From streams of frames and events to views: stretches in which the board was held still."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evface.calibration.blinking import board_picture
from evface.calibration.board import Board
from evface.calibration.corners import find_corners
from evface.calibration.views import View
from evface.events import Events

Picture = Callable[[], NDArray[np.uint8]]
"""Gives a grey picture, uint8 ``[H, W]``; decoding a JPEG waits until it is wanted."""

Sight = Literal["seen", "moved", "no board", "silent"]

PERIODS = 3
"""Of the blinking that a stretch is long."""

STILL = 1.0 / 700.0
"""Widths of the picture that the board may move in a stretch, on average over its corners."""

LEAST_STILL = 0.5
"""px that it may always move: as exact as corners of a small sensor are."""

DIFFERENT = 12
"""Grey levels between a board and none."""

BOARD_SHARE = 0.003
"""Of a picture that dark squares cover at least."""

KEPT = 3
"""Stretches of data that are kept when nobody looks."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was seen in a stretch.

    Attributes:
        sights: of each camera.
        view: the corners, None when nobody saw the board or it was moved.
    """

    sights: dict[str, Sight]
    view: View | None


class Collector:
    """Keeps the last seconds of every camera and looks for the board in them.

    Args:
        board: that is shown, blinking.
        sizes: width and height of each camera that is waited for, px.
    """

    def __init__(self, board: Board, sizes: dict[str, tuple[int, int]]) -> None:
        self._board = board
        self._sizes = sizes
        self._length = PERIODS * board.period * 1000
        self._frames: dict[str, deque[tuple[int, Picture]]] = {camera: deque() for camera in sizes}
        self._events: dict[str, deque[tuple[int, Events]]] = {camera: deque() for camera in sizes}
        self._latest: dict[str, int] = {}
        self._begin: int | None = None

    def add_frame(self, camera: str, time: int, picture: Picture) -> None:
        """A frame of a camera.

        Args:
            camera: its name.
            time: ns, host clock, of the exposure.
            picture: it.
        """
        self._frames[camera].append((time, picture))
        self._added(camera, time, self._frames[camera])

    def add_events(self, camera: str, time: int, events: Events) -> None:
        """A packet of a camera's events, the collector's own.

        Args:
            camera: its name.
            time: ns, host clock, when it was there.
            events: of it, on the sensor's clock.
        """
        self._events[camera].append((time, events))
        self._added(camera, time, self._events[camera])

    def _added(
        self, camera: str, time: int, kept: deque[tuple[int, Picture]] | deque[tuple[int, Events]]
    ) -> None:
        self._latest[camera] = max(time, self._latest.get(camera, 0))
        while kept[0][0] < time - KEPT * self._length:
            kept.popleft()

    def look(self) -> Stretch | None:
        """Look at the next stretch, if all cameras have delivered it; None when there is none yet."""
        if len(self._latest) < len(self._sizes):
            return None
        newest = min(self._latest.values())
        begin = newest - self._length if self._begin is None else self._begin
        # Whoever is late goes on with what is kept.
        begin = max(begin, newest - (KEPT - 1) * self._length)
        if begin + self._length > newest:
            return None
        self._begin = begin + self._board.period * 1000
        return self._look(begin, begin + self._length)

    def _look(self, begin: int, end: int) -> Stretch:
        sights: dict[str, Sight] = {}
        corners: dict[str, NDArray[np.float64]] = {}
        for camera in self._sizes:
            sights[camera], found = self._sight(camera, begin, end)
            if found is not None:
                corners[camera] = found
        view = View((begin + end) // 2, corners) if corners and "moved" not in sights.values() else None
        return Stretch(sights, view)

    def _sight(self, camera: str, begin: int, end: int) -> tuple[Sight, NDArray[np.float64] | None]:
        frames = [(time, picture) for time, picture in self._frames[camera] if begin <= time < end]
        packets = [(time, events) for time, events in self._events[camera] if begin <= time < end]
        if not frames and not packets:
            return "silent", None
        early, late = (
            self._in_frames(frames, begin, end) if frames else self._in_events(packets, (begin + end) // 2)
        )
        if early is None or late is None:
            return "no board", None
        moved = float(np.linalg.norm(late - early, axis=1).mean())
        if moved > max(LEAST_STILL, STILL * self._sizes[camera][0]):
            return "moved", None
        if frames:
            return "seen", (early + late) / 2
        together = self._in_picture([events for _, events in packets])
        return ("seen", together) if together is not None else ("no board", None)

    def _in_frames(
        self, frames: list[tuple[int, Picture]], begin: int, end: int
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """The corners early and late in a stretch."""
        half, quarter = self._board.period * 500, self._board.period * 250
        # Of two moments a quarter of a period apart one at least is not within a change of the screen.
        early = self._in_pairs(frames, (begin, begin + quarter))
        if early is None:
            return None, None
        return early, self._in_pairs(frames, (end - half, end - half - quarter))

    def _in_pairs(
        self, frames: list[tuple[int, Picture]], moments: Iterable[int]
    ) -> NDArray[np.float64] | None:
        """The corners in one of two frames half a period apart: one of them shows the board."""
        times = np.array([time for time, _ in frames])
        for moment in moments:
            pair = [
                frames[int(np.abs(times - at).argmin())][1]()
                for at in (moment, moment + self._board.period * 500)
            ]
            darker = _darker(*pair)
            corners = None if darker is None else find_corners(darker, self._board)
            if corners is not None:
                return corners
        return None

    def _in_events(
        self, packets: list[tuple[int, Events]], middle: int
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        early = self._in_picture([events for time, events in packets if time < middle])
        if early is None:
            return None, None
        return early, self._in_picture([events for time, events in packets if time >= middle])

    def _in_picture(self, parts: Iterable[Events]) -> NDArray[np.float64] | None:
        parts = list(parts)
        picture = board_picture(Events.concatenate(parts), self._board) if parts else None
        return None if picture is None else find_corners(picture, self._board)


def _darker(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """That of two pictures which is darker where they differ; None where they hardly do."""
    change = one[::2, ::2].astype(np.int16) - other[::2, ::2]
    differs = np.abs(change) > DIFFERENT
    if differs.mean() < BOARD_SHARE:
        return None
    return one if change[differs].mean() < 0.0 else other
