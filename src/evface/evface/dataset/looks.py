"""Searches the pictures of a clip for the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box, FaceDetector
from evface.dataset.recordings import Picture
from evface.dataset.trimming import ClipWindow
from evface.dataset.video import decode_jpeg

LOOKS = 8
"""Pictures of a clip that are searched for the face."""


class Looks:
    """Searches a few pictures of a clip for the face, evenly spaced in time.

    Args:
        window: of the clip; None: the first pictures are searched.
        detector: of faces; None: nothing is searched.

    Attributes:
        count: pictures searched.
        found: the faces.
    """

    def __init__(self, window: ClipWindow | None, detector: FaceDetector | None) -> None:
        self.count = 0
        self.found: list[Box] = []
        self._window, self._detector = window, detector
        self._next = 0

    def look(self, picture: Picture) -> None:
        """Search this picture if it is its turn.

        Raises:
            FormatError: it is a JPEG that cannot be read.
        """
        if self._detector is None or not self._due(picture.host_time):
            return
        image: NDArray[np.uint8] | bytes = picture.image
        pixels = decode_jpeg(image) if isinstance(image, bytes) else np.ascontiguousarray(image)
        self.count += 1
        box = self._detector.detect(pixels)
        if box is not None:
            self.found.append(box)

    def _due(self, time: int) -> bool:
        if self._window is None:
            return self.count < LOOKS
        if not self._window.start <= time < self._window.end or time < self._next:
            return False
        self._next = time + (self._window.end - self._window.start) // LOOKS
        return True
