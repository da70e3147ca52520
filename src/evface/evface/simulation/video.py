"""A video in front of a virtual camera, its frames blended so that the picture changes all the time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import DeviceError, FormatError
from evface.simulation.motion import SECOND
from evface.simulation.scene import to_linear

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".mjpeg"})
"""Endings of files that are taken for videos."""


class VideoFrames:
    """Frames of a video by index, cheap when read forward.

    Args:
        path: of a video.

    Attributes:
        rate: Hz.
        count: frames in the video; a file that promises more than it holds is found out while reading.

    Raises:
        DeviceError: there is no such file.
        FormatError: the file is not a video that OpenCV opens, or tells no frame rate.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DeviceError(f"no video {path}")
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise FormatError(f"{path}: not a video that OpenCV opens")
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if self.rate <= 0 or self.count <= 0:
            raise FormatError(f"{path}: expected frames at a known rate, found {self.count} at {self.rate:g} Hz")
        self._next = 0
        self._last: NDArray[np.uint8] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """A frame, uint8 ``[H, W, 3]``, bgr; the last one when the video turns out to be shorter.

        Raises:
            FormatError: not even the first frame can be read.
        """
        if index < self._next - 1 or self._last is None:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self._next = 0
        while self._next < index and self._capture.grab():
            self._next += 1
        if self._next == index:
            found, frame = self._capture.read()
            if found:
                self._last, self._next = np.asarray(frame, np.uint8), index + 1
        if self._last is None:
            raise FormatError(f"{self.path}: no frame can be read")
        return self._last

    def close(self) -> None:
        """Give the file back."""
        self._capture.release()


class VideoScene:
    """A video that is looped by the host's clock, or begins anew at a cue; cut to the camera's shape.

    Args:
        path: of a video.
        phase: begin anew whenever this phase begins ("perform" for a person who acts on cue); before the first
            time the first frame is held, afterwards the last. None loops, at the same place in every process.

    Raises:
        DeviceError: there is no such file.
        FormatError: the file is not a video that OpenCV opens.
    """

    def __init__(self, path: Path, phase: str | None = None) -> None:
        self._frames = VideoFrames(path)
        self._phase = phase
        self._begin: int | None = None
        self._pair: tuple[int, int, int] | None = None
        self._lights: list[NDArray[np.float32]] = []
        self._light = np.empty(0, np.float32)

    @property
    def duration(self) -> int:
        """ns from the first frame to the last."""
        return round((self._frames.count - 1) / self._frames.rate * SECOND)

    def cue(self, cue: Cue) -> None:
        """Begin anew if this is the phase to do so."""
        if cue.phase == self._phase:
            self._begin = cue.start

    def begin(self, time_ns: int) -> None:
        """Begin anew at a time of the host's clock."""
        self._begin = time_ns

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene.render`."""
        place = self._place(time_ns)
        index = min(int(place), self._frames.count - 2) if self._frames.count > 1 else 0
        if self._pair != (index, width, height):
            self._lights = [
                to_linear(cv2.cvtColor(_fit(self._frames[i], width, height), cv2.COLOR_BGR2GRAY))
                for i in (index, min(index + 1, self._frames.count - 1))
            ]
            self._pair = (index, width, height)
        share = min(place - index, 1.0)
        if self._light.shape != (height, width):
            self._light = np.empty((height, width), np.float32)
        cv2.addWeighted(self._lights[0], 1.0 - share, self._lights[1], share, 0.0, dst=self._light)
        return self._light

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene.picture`; the frame that is nearest in time."""
        return _fit(self._frames[round(self._place(time_ns))], width, height)

    def _place(self, time_ns: int) -> float:
        """Index of the frame shown at a time, with the share of the way to the next one."""
        if self._phase is None and self._begin is None:
            # There and back again, so that the loop does not jump.
            since = time_ns % (2 * self.duration) if self.duration else 0
            since = min(since, 2 * self.duration - since)
        else:
            since = 0 if self._begin is None else min(max(time_ns - self._begin, 0), self.duration)
        return min(since / SECOND * self._frames.rate, self._frames.count - 1.0)

    def close(self) -> None:
        """Give the file back."""
        self._frames.close()


def _fit(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The middle of a frame that has the shape wanted, at the size wanted."""
    rows, columns = frame.shape[:2]
    scale = min(columns / width, rows / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (columns - w) // 2, (rows - h) // 2
    part = frame[top : top + h, left : left + w]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=interpolation), np.uint8)
