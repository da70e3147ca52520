"""What stands before a virtual camera."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.cameras.source import Cue

ROOM_LUX = 500.0
"""Light of a scene that does not know its own."""

GAMMA = 2.2
"""Exponent between a picture's values and light."""

LIGHT_OF_VALUE: NDArray[np.float32] = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
"""Linear light, 0 to 1, of an 8-bit value of a picture."""

_LEVELS = 4096
_VALUE_OF_LIGHT = np.round(255.0 * (np.arange(_LEVELS) / (_LEVELS - 1)) ** (1.0 / GAMMA)).astype(np.uint8)


class Scene(Protocol):
    """Something to see: it follows from seed, cues and time, the same for every camera that looks.

    Attributes:
        lux: light of what is rendered as 1, as far as the scene knows it.
    """

    lux: float

    def cue(self, cue: Cue) -> None:
        """What the session asks now; may come from another thread than the pictures are asked for."""
        ...

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """The scene as a sensor of this size sees it.

        Args:
            time_ns: host clock.
            width: px.
            height: px.

        Returns:
            Linear light, float32 ``[H, W]``, 0 to 1; the caller's own.
        """
        ...

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """How far anything in the picture moves between two moments, px; arguments else as `render`."""
        ...

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """The scene as a colour camera shows it, uint8 ``[H, W, 3]`` (BGR); arguments as `render`."""
        ...


def to_light(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light of a grey picture, float32 ``[H, W]``."""
    return np.asarray(cv2.LUT(grey, LIGHT_OF_VALUE), np.float32)


@njit(cache=True, nogil=True)
def _show(light, value_of_light, out):  # type: ignore[no-untyped-def]
    top, half, zero = np.float32(len(value_of_light) - 1), np.float32(0.5), np.float32(0.0)
    for i in range(light.size):
        at = np.uintp(i)
        level = np.int32(min(top, max(zero, light[at] * top) + half))
        out[at] = value_of_light[np.uintp(level)]


def to_grey(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture that a frame camera makes of linear light 0 to 1, uint8 of the same shape."""
    out = np.empty(light.shape, np.uint8)
    _show(np.ascontiguousarray(light).reshape(-1), _VALUE_OF_LIGHT, out.reshape(-1))
    return out


def open_scene(
    name: str,
    seed: int = 0,
    loop: bool = False,
    camera: str = "davis346",
    style: Literal["posed", "micro"] = "posed",
) -> Scene:
    """A scene by name or file.

    Args:
        name: "face", "board" (to calibrate with), "photograph", or the path of an image or a video.
        seed: of the subject, or of the board's way.
        loop: a video is played over and over instead of once per take.
        camera: that looks: "davis346", "evk4" or "webcam"; a face has its place before each lens.
        style: of a face: "posed", or "micro" for expressions of half a second.

    Raises:
        FormatError: there is no such file, or it is neither an image nor a video.
    """
    from evface.simulation.board import BoardScene
    from evface.simulation.face import FaceScene
    from evface.simulation.photograph import PhotographScene
    from evface.simulation.video import VideoScene

    if name == "face":
        return FaceScene(seed, camera, style)
    if name == "board":
        return BoardScene.before(camera, seed)
    if name == "photograph":
        return PhotographScene(seed=seed)
    path = Path(name).expanduser()
    if path.is_file() and cv2.haveImageReader(str(path)):
        return PhotographScene(path, seed=seed)
    return VideoScene(path, loop=loop)
