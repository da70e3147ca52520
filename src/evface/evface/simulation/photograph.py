"""A photograph that sways, and is moved when the session asks for an Action Unit.

It moves a picture and shows no facial action: it is there to try the rig, from the cue to the recording and
on to a network that tells 21 different movements apart. Nothing learned from it says anything about faces.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import FormatError
from evface.simulation.motion import Pose, Subject
from evface.simulation.scene import ROOM_LUX, to_light

_ASTRONAUT = (224.0, 122.0, 215.0)
"""Where the face lies in scikit-image's astronaut: column and row of the centre, height of the view; px."""

_MARGIN = 0.3
"""Heights of the view that lie ready on each side, for the picture to be moved."""


class PhotographScene:
    """A photograph as a subject; see the module for what it is not.

    Args:
        path: of an image; None: scikit-image's astronaut (public domain), close up to the face.
        seed: of place, sway, reaction times and size of the movements.

    Raises:
        FormatError: the file is no image.
    """

    lux = ROOM_LUX

    def __init__(self, path: Path | None = None, seed: int = 0) -> None:
        if path is None:
            from skimage.data import astronaut

            self._image: NDArray[np.uint8] = np.ascontiguousarray(astronaut()[..., ::-1])
            self._column, self._row, self._view = _ASTRONAUT
        else:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise FormatError(f"{path}: cannot be read as an image")
            self._image = np.asarray(image, np.uint8)
            rows, columns = self._image.shape[:2]
            self._column, self._row, self._view = columns / 2, rows / 2, 0.9 * rows
        self._subject = Subject(seed)
        self._plates: dict[tuple[int, int, bool], NDArray[np.uint8] | NDArray[np.float32]] = {}

    def cue(self, cue: Cue) -> None:
        """See `Scene`."""
        self._subject.cue(cue)

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene`."""
        return np.asarray(self._look(time_ns, width, height, colour=False), np.float32)

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """See `Scene`."""
        before, after = self._subject.pose(begin_ns), self._subject.pose(end_ns)
        shift = math.hypot(after.right - before.right, after.down - before.down) * height
        corner = math.hypot(width, height) / 2
        return shift + corner * (abs(after.turn - before.turn) + abs(after.growth - before.growth))

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene`."""
        return np.asarray(self._look(time_ns, width, height, colour=True), np.uint8)

    def _look(self, time_ns: int, width: int, height: int, colour: bool) -> NDArray[np.generic]:
        plate = self._plates.get((width, height, colour))
        if plate is None:
            plate = self._plates[width, height, colour] = self._plate(width, height, colour)
        matrix = _to_plate(self._subject.pose(time_ns), width, height, plate.shape[1], plate.shape[0])
        return cv2.warpAffine(
            plate,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _plate(self, width: int, height: int, colour: bool) -> NDArray[np.uint8] | NDArray[np.float32]:
        """The part of the image that this camera may see, at its resolution."""
        scale = height / self._view
        around = _MARGIN * self._view
        columns, rows = (round(extent / scale + 2 * around) for extent in (width, height))
        part = cv2.getRectSubPix(self._image, (columns, rows), (self._column, self._row))
        if not colour:
            part = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        size = (round(columns * scale), round(rows * scale))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        return np.asarray(part, np.uint8) if colour else to_light(np.asarray(part, np.uint8))


def _to_plate(
    pose: Pose, width: int, height: int, plate_width: int, plate_height: int
) -> NDArray[np.float64]:
    """The affine map from a camera's pixels to the plate's."""
    scale = 1.0 / (1.0 + pose.growth)
    cos, sin = scale * math.cos(pose.turn), scale * math.sin(pose.turn)
    column = (width - 1) / 2 + pose.right * height
    row = (height - 1) / 2 + pose.down * height
    return np.array(
        [
            [cos, sin, (plate_width - 1) / 2 - cos * column - sin * row],
            [-sin, cos, (plate_height - 1) / 2 + sin * column - cos * row],
        ]
    )
