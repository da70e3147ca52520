"""What is in front of a virtual camera: the seam behind which virtual subjects live."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import DeviceError, FormatError
from evface.simulation.motion import Performance, Sway, perform
from evface.simulation.warp import affine, bulge

GAMMA = 2.2
"""Exponent that leads from a picture's values to linear light."""

_LINEAR = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
_CODES = np.append(np.round(255.0 * (np.arange(1 << 12) / (1 << 12)) ** (1.0 / GAMMA)), 255.0).astype(np.uint8)


def to_linear(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light in [0, 1] of a grey picture."""
    return _LINEAR[gray]


def to_gray(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey picture of linear light in [0, 1], exact to one grey level where the picture is not nearly black."""
    return _CODES[np.clip(light * np.float32(1 << 12), 0, 1 << 12).astype(np.int16)]


class Scene(Protocol):
    """What a camera sees, the same in every process that gets the same seed and cues."""

    def cue(self, cue: Cue) -> None:
        """Tell the subject what the session asks now."""
        ...

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """Linear light in [0, 1], float32 ``[height, width]``, at a time of the host's clock.

        The array is overwritten by the next call with the same size.
        """
        ...

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """The same in colour, uint8 ``[height, width, 3]``, bgr; overwritten by the next call with the same size."""
        ...


class PhotographScene:
    """A photograph of a face that sways, and moves when asked to perform; see `evface.simulation.motion`.

    Args:
        path: of an image; None is scikit-image's picture of the astronaut Eileen Collins (public domain).
        seed: of sway and reactions.

    Raises:
        DeviceError: there is no such file.
        FormatError: the file is not an image.
    """

    def __init__(self, path: Path | None = None, seed: int = 0) -> None:
        if path is None:
            from skimage.data import astronaut

            self._colour = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
            # Where her face is in the picture, and how much around it is shown.
            self._face, self._face_height, self._view_height = (223.0, 118.0), 120.0, 200.0
        else:
            self._colour = _read_image(path)
            height, width = self._colour.shape[:2]
            # A portrait: the face is taken to be in the middle.
            self._face, self._face_height, self._view_height = (width / 2, height / 2), 0.5 * height, 0.85 * height
        self._light = to_linear(cv2.cvtColor(self._colour, cv2.COLOR_BGR2GRAY))
        self._seed = seed
        self._sway = Sway(seed)
        self._performance: Performance | None = None
        self._outputs: dict[tuple[int, ...], NDArray[Any]] = {}

    def cue(self, cue: Cue) -> None:
        """Begin to move at the right moment if this asks to perform."""
        performance = perform(cue, self._seed)
        if performance is not None:
            self._performance = performance

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene.render`."""
        return self._draw(self._light, time_ns, (height, width))

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene.picture`."""
        return self._draw(self._colour, time_ns, (height, width, 3))

    def _draw(self, source: NDArray[Any], time_ns: int, shape: tuple[int, ...]) -> NDArray[Any]:
        output = self._outputs.get(shape)
        if output is None:
            output = self._outputs[shape] = np.empty(shape, source.dtype)
        performance = self._performance
        strength = 0.0 if performance is None else performance.strength(time_ns)
        x, y, angle = self._sway.at(time_ns)
        if performance is not None and performance.gesture.radius == 0.0:
            x += strength * performance.gesture.shift[0]
            y += strength * performance.gesture.shift[1]
        matrix = self._matrix(x * self._face_height, y * self._face_height, angle, shape[1], shape[0])
        affine(source, matrix, output)
        if performance is not None and performance.gesture.radius and strength:
            gesture = performance.gesture
            unit = self._face_height
            bulge(
                source,
                matrix,
                output,
                centre=(self._face[0] + unit * gesture.centre[0], self._face[1] + unit * gesture.centre[1]),
                radius=unit * gesture.radius,
                shift=(unit * strength * gesture.shift[0], unit * strength * gesture.shift[1]),
                stretch=(unit * strength * gesture.stretch[0], unit * strength * gesture.stretch[1]),
            )
        return output

    def _matrix(self, x: float, y: float, angle: float, width: int, height: int) -> NDArray[np.float64]:
        """From a camera's pixels to the photograph's, with the face moved by (x, y) px and turned by ``angle``."""
        scale = self._view_height / height
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        # The middle of the camera's picture looks at the middle of the face, when that does not move.
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        offset = np.array(self._face) - turn @ (scale * middle + np.array([x, y]))
        return np.column_stack([scale * turn, offset])


def _read_image(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise DeviceError(f"no image {path}: name a file, or leave scene_path empty for the built-in photograph")
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
    if image is None:
        raise FormatError(f"{path}: not an image that OpenCV reads")
    return np.ascontiguousarray(image, np.uint8)
