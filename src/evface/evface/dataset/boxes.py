"""Where the face is: detections by MTCNN, made square with a margin, one box per clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.errors import GeometryError

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

    def inside(self, width: int, height: int) -> Box:
        """Moved, and shrunk where it must be, so that it lies on a sensor of this size."""
        box_width, box_height = min(self.width, width), min(self.height, height)
        if self.width == self.height:
            box_width = box_height = min(box_width, box_height)
        x = min(max(self.x + (self.width - box_width) / 2, 0.0), width - box_width)
        y = min(max(self.y + (self.height - box_height) / 2, 0.0), height - box_height)
        return Box(x, y, box_width, box_height, self.probability)


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
    rows = np.array([[b.x + b.width / 2, b.y + b.height / 2, b.width, b.height, b.probability] for b in boxes])
    x, y, width, height, probability = (float(value) for value in np.median(rows, axis=0))
    # Eighths of a pixel are exact in a FaceBox's float32 and in a table: live and offline cut alike.
    corners = (round(value * 8) / 8 for value in (x - width / 2, y - height / 2, width, height))
    return Box(*corners, probability)


class FaceDetector:
    """Finds the largest face of a picture with MTCNN (weights come with facenet-pytorch).

    Args:
        margin: see `Box.squared`.
    """

    def __init__(self, margin: float = MARGIN) -> None:
        # Imported here: whoever only handles boxes does not wait for torchvision.
        from facenet_pytorch import MTCNN

        self._margin = margin
        self._network = MTCNN(keep_all=True, device="cpu", min_face_size=40)

    def detect(self, image: NDArray[np.uint8]) -> Box | None:
        """The face as a square with margin inside the picture, or None.

        Args:
            image: uint8 ``[H, W]`` gray, or ``[H, W, 3]`` bgr.

        Raises:
            GeometryError: the picture has another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise GeometryError(f"picture is {image.dtype}{list(image.shape)}, expected uint8[H, W] or [H, W, 3]")
        height, width = image.shape[:2]
        scale = min(1.0, LARGEST_SIDE / max(height, width))
        if scale < 1.0:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        corners, probabilities = self._network.detect(cv2.cvtColor(image, code))
        if corners is None:
            return None
        faces = [
            Box(*(float(v) / scale for v in (x0, y0, x1 - x0, y1 - y0)), float(probability))
            for (x0, y0, x1, y1), probability in zip(corners, probabilities)
            if probability is not None and probability >= LEAST_PROBABILITY
        ]
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.width * face.height)
        return largest.squared(self._margin).inside(width, height)
