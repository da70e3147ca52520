"""Videos: recordings without events, so that `evface info` says what is in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from evface.errors import FormatError
from evface.events.container import Events
from evface.events.files.recording import Picture, Recording

ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm")
"""Of the videos that OpenCV usually opens."""


class VideoRecording(Recording):
    """A video that OpenCV opens; its times count from its beginning.

    Args:
        path: of the file.

    Raises:
        FormatError: not there, or no video.
    """

    format = "video"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        capture = self._open()
        self.width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        capture.release()

    def _open(self) -> cv2.VideoCapture:
        if not self.path.is_file():
            raise FormatError(f"{self.path}: no such file")
        # FFmpeg would print its own opinion of a damaged file beside ours.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened() or not capture.get(cv2.CAP_PROP_FRAME_WIDTH):
            raise FormatError(f"{self.path}: not a video that OpenCV can read")
        return capture

    def chunks(self) -> Iterator[Events]:
        """None: a video has no events."""
        return iter(())

    @property
    def frame_count(self) -> int:
        """Number of pictures, counted: what a container announces is often an estimate."""
        capture = self._open()
        count = 0
        while capture.grab():
            count += 1
        capture.release()
        return count

    def frames(self) -> Iterator[Picture]:
        """The pictures in the order of time."""
        capture = self._open()
        try:
            while True:
                time = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1000)
                found, image = capture.read()
                if not found:
                    return
                yield Picture(np.asarray(image, np.uint8), time, 0)
        finally:
            capture.release()
