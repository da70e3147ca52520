"""Where the face is: detections by MTCNN, made square with a margin, one box per clip.

A box may reach beyond the sensor. There it stays empty, and the face keeps its place and size in the event
frame, whereas a box that is pushed inside would show a face near the border larger or out of the middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError

MARGIN = 0.15
"""Share of the detected side that is added on each side: brows and chin move beyond MTCNN's tight box."""

LEAST_PROBABILITY = 0.9
"""Detections below are taken for something else."""

LARGEST_SIDE = 480
"""px: larger pictures are shrunk before they are searched; a face to record fills much of the picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """A face in a sensor's pixels; (x, y) is the upper left corner.

    Attributes:
        x: px.
        y: px.
        width: px.
        height: px.
        probability: of the detector; 0 for a default box where no face was seen.
    """

    x: float
    y: float
    width: float
    height: float
    probability: float = 0.0

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) for the slicer."""
        return self.x, self.y, self.width, self.height

    def squared(self, margin: float = MARGIN) -> Box:
        """The square around the same centre, ``margin`` of the longer side added on each side."""
        side = max(self.width, self.height) * (1 + 2 * margin)
        x, y = self.x + self.width / 2 - side / 2, self.y + self.height / 2 - side / 2
        return Box(x, y, side, side, self.probability)

    def scaled(self, horizontal: float, vertical: float) -> Box:
        """The same box in pixels of another size."""
        return Box(
            self.x * horizontal,
            self.y * vertical,
            self.width * horizontal,
            self.height * vertical,
            self.probability,
        )


def default_box(width: int, height: int) -> Box:
    """The largest centred square of a sensor, for clips in which no face was seen."""
    side = float(min(width, height))
    return Box((width - side) / 2, (height - side) / 2, side, side)


def median_box(boxes: Sequence[Box]) -> Box:
    """One box of many detections: the median of centre and size, and of the probability.

    Raises:
        GeometryError: no boxes.
    """
    if not boxes:
        raise GeometryError("no box to take the median of")
    rows = np.array(
        [[b.x + b.width / 2, b.y + b.height / 2, b.width, b.height, b.probability] for b in boxes]
    )
    x, y, width, height, probability = (float(value) for value in np.median(rows, axis=0))
    # Eighths of a pixel are exact in a FaceBox's float32 and in a table: live and offline cut alike.
    left, top, width, height = (round(v * 8) / 8 for v in (x - width / 2, y - height / 2, width, height))
    return Box(left, top, width, height, probability)


class FaceDetector:
    """Finds the largest face of a picture with MTCNN on the CPU (weights come with facenet-pytorch).

    Args:
        margin: see `Box.squared`.
        threads: of torch while it searches; the rest of the process keeps its own number.

    Raises:
        ConfigError: facenet-pytorch is not installed.
    """

    def __init__(self, margin: float = MARGIN, threads: int = 1) -> None:
        # Imported here: whoever only handles boxes does not wait for torchvision.
        try:
            from facenet_pytorch import MTCNN
        except ImportError as error:
            raise ConfigError(f"faces cannot be searched for without facenet-pytorch: {error}") from error

        self._margin = margin
        self._threads = threads
        self._network = MTCNN(keep_all=False, select_largest=True, device="cpu", min_face_size=40)

    def detect(self, image: NDArray[np.uint8]) -> Box | None:
        """The face as a square with margin, which may reach beyond the picture; None where there is none.

        Args:
            image: uint8 ``[H, W]`` gray, or ``[H, W, 3]`` bgr.

        Raises:
            GeometryError: the picture has another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise GeometryError(
                f"picture is {image.dtype}{list(image.shape)}, expected uint8[H, W] or [H, W, 3]"
            )
        scale = min(1.0, LARGEST_SIDE / max(image.shape[:2]))
        if scale < 1.0:
            image = np.asarray(
                cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
            )
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        with _torch_threads(self._threads):
            corners, probabilities = self._network.detect(cv2.cvtColor(image, code))
        # Sorted by area: the first one that is surely a face is the largest.
        for corner, probability in zip(corners if corners is not None else (), probabilities, strict=False):
            if probability >= LEAST_PROBABILITY:
                x0, y0, x1, y1 = (float(value) / scale for value in corner)
                return Box(x0, y0, x1 - x0, y1 - y0, float(probability)).squared(self._margin)
        return None


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
