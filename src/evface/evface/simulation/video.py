"""A video as a scene: played from each take's cue to perform, or over and over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import FormatError
from evface.simulation.scene import ROOM_LUX, to_light

SECOND = 1_000_000_000
"""ns."""

FADE_MOTION = 125.0
"""px/s that a video is taken to move: at half a pixel a step, ten steps between two frames at 25 Hz."""


class VideoFrames:
    """The frames of a video at their times, read forwards; going back begins anew.

    Args:
        path: any video that OpenCV opens.

    Raises:
        FormatError: it is not there, or no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = cv2.VideoCapture()
        self._open()
        self.frame_rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.width, self.height = self._next.shape[1], self._next.shape[0]
        self.duration = max(1, round(max(1.0, count) / self.frame_rate * SECOND))

    def _open(self) -> None:
        if not self.path.is_file():
            raise FormatError(f"{self.path}: no such file")
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self.path))
        ok, image = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok:
            raise FormatError(f"{self.path}: neither an image nor a video that OpenCV can read")
        self._first = self._time_of_last()
        self._index = 0
        self._current = self._next = np.asarray(image, np.uint8)
        self._current_time = self._next_time = 0
        self._ended = False

    def _time_of_last(self) -> int:
        return round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)

    def at(self, time: int) -> tuple[int, NDArray[np.uint8], NDArray[np.uint8], float]:
        """The frames on both sides of a time.

        Args:
            time: ns from the video's beginning.

        Returns:
            Number of the earlier frame, that frame, the one after it (uint8 ``[H, W, 3]``, BGR), and how far
            the time lies between them, 0 to 1.
        """
        if time < self._current_time:
            self._open()
        while time >= self._next_time and not self._ended:
            self._forward()
        span = self._next_time - self._current_time
        share = 0.0 if span <= 0 else min(1.0, max(0.0, (time - self._current_time) / span))
        # At the end the earlier frame is the last one read itself.
        index = self._index if self._current is self._next else self._index - 1
        return index, self._current, self._next, share

    def _forward(self) -> None:
        ok, image = self._capture.read()
        self._current, self._current_time = self._next, self._next_time
        if not ok:
            self._ended = True
            return
        self._index += 1
        self._next = np.asarray(image, np.uint8)
        # Some containers tell no times: then frames are evenly spaced.
        stated = self._time_of_last() - self._first
        even = round(self._index / self.frame_rate * SECOND)
        self._next_time = stated if stated > self._current_time else max(even, self._current_time + 1)

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Each frame with its time, ns from the beginning."""
        self._open()
        yield 0, self._next
        while True:
            self._forward()
            if self._ended:
                return
            yield self._next_time, self._next

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class VideoScene:
    """A video before the camera; between two frames the one fades into the other.

    Without ``loop`` it stands at its first frame until a take's ``perform``, plays, stands at its last frame,
    and is back at the first when the next trial is shown or counted down.

    Args:
        path: any video that OpenCV opens.
        loop: played over and over, in step in all processes, whatever the session does.

    Raises:
        FormatError: it is not there, or no video.
    """

    lux = ROOM_LUX

    def __init__(self, path: Path, loop: bool = False) -> None:
        self.frames = VideoFrames(path)
        self._loop = loop
        self._begin: int | None = None
        self._light: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    def cue(self, cue: Cue) -> None:
        """See `Scene`."""
        if cue.phase == "perform":
            self._begin = cue.start
        elif cue.phase in ("demonstration", "countdown"):
            self._begin = None

    def _position(self, time_ns: int) -> int:
        if self._loop:
            return time_ns % self.frames.duration
        return 0 if self._begin is None else max(0, time_ns - self._begin)

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene`."""
        return self.render_at(self._position(time_ns), width, height)

    def render_at(self, position: int, width: int, height: int) -> NDArray[np.float32]:
        """As `render`, at a place of the video, ns from its beginning."""
        index, before, after, share = self.frames.at(position)
        first = self._light_of(index, before, width, height)
        if share == 0.0:
            return first.copy()
        second = self._light_of(index + 1, after, width, height)
        return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), np.float32)

    def _light_of(self, index: int, frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
        key = (index, width, height)
        light = self._light.get(key)
        if light is None:
            if len(self._light) > 3:
                self._light.clear()
            grey = cv2.cvtColor(_fill(frame, width, height), cv2.COLOR_BGR2GRAY)
            light = self._light[key] = to_light(np.asarray(grey, np.uint8))
        return light

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """See `Scene`: unknown; as if it moved, so that the light between two frames is followed."""
        return FADE_MOTION * (end_ns - begin_ns) / SECOND

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene`."""
        _, before, after, share = self.frames.at(self._position(time_ns))
        nearest = before if share < 0.5 else after
        return _fill(nearest, width, height)


def _fill(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The largest middle part of the frame with the camera's aspect, at its size."""
    rows, columns = frame.shape[:2]
    scale = max(width / columns, height / rows)
    part_width, part_height = min(columns, round(width / scale)), min(rows, round(height / scale))
    left, top = (columns - part_width) // 2, (rows - part_height) // 2
    part = frame[top : top + part_height, left : left + part_width]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=way), np.uint8)
