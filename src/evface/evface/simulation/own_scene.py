"""Anything that can be rendered as a scene: a function of one's own, or pictures in an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import ConfigError, GeometryError
from evface.simulation.scene import LIGHT_OF_VALUE, ROOM_LUX, to_grey

Render = Callable[[float, int, int], NDArray[Any]]
"""Linear light at a time (s), for a width and a height (px): ``[H, W]``, or ``[H, W, 3]`` (BGR), 0 to 1."""

FADE_STEPS = 10
"""Looks from one picture of an array to the next."""

_SECOND = 1_000_000_000


class FunctionScene:
    """A scene that somebody else renders.

    Args:
        render: see `Render`; called with times that grow, mostly.
        lux: light of what is rendered as 1.
        speed: px/s of the fastest thing in the picture: a camera looks at every half pixel of its way, every
            0.5 ms at most and every 10 ms at least. With too small a number edges jump from pixel to pixel.

    Raises:
        ConfigError: light or speed is not above 0.
    """

    def __init__(self, render: Render, lux: float = ROOM_LUX, speed: float = 500.0) -> None:
        if not (lux > 0.0 and speed > 0.0):
            raise ConfigError(f"scene: expected lux and speed above 0, found {lux:g} and {speed:g}")
        self.lux = lux
        self._render = render
        self._speed = speed

    @classmethod
    def of_pictures(cls, pictures: NDArray[Any], rate: float, lux: float = ROOM_LUX) -> FunctionScene:
        """Pictures one after the other; the one fades into the next, the last one stays.

        Args:
            pictures: uint8 as a screen shows them, or float linear light from 0 to 1: ``[N, H, W]`` or
                ``[N, H, W, 3]`` (BGR), of the sensor's size.
            rate: of the pictures, Hz.
            lux: light of what is white.

        Raises:
            GeometryError: the array is of another shape.
            ConfigError: rate or light is not above 0.
        """
        pictures = np.asarray(pictures)
        if pictures.ndim not in (3, 4) or pictures.shape[3:] not in ((), (3,)) or not pictures.size:
            raise GeometryError(
                f"pictures are {list(pictures.shape)}, expected [N, height, width] or [N, height, width, 3]"
            )

        def light(index: int) -> NDArray[np.float32]:
            picture = pictures[index]
            return LIGHT_OF_VALUE[picture] if picture.dtype == np.uint8 else picture.astype(np.float32)

        def render(seconds: float, _width: int, _height: int) -> NDArray[np.float32]:
            place = min(max(seconds * rate, 0.0), len(pictures) - 1.0)
            index, share = int(place), np.float32(place % 1.0)
            first = light(index)
            return first if not share else (1.0 - share) * first + share * light(index + 1)

        return cls(render, lux, speed=0.5 * FADE_STEPS * rate)

    def cue(self, cue: Cue) -> None:
        """See `Scene`: nobody listens."""

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene`.

        Raises:
            GeometryError: the function returned a picture of another size.
        """
        light = self._look(time_ns, width, height)
        return np.asarray(cv2.cvtColor(light, cv2.COLOR_BGR2GRAY) if light.ndim == 3 else light, np.float32)

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """See `Scene`: as fast as its author says, always."""
        return self._speed * (end_ns - begin_ns) / _SECOND

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene`; raises as `render`."""
        light = self._look(time_ns, width, height)
        return to_grey(light if light.ndim == 3 else np.repeat(light[..., None], 3, axis=2))

    def _look(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        # A copy, as the caller may write into it and the function may return what it keeps.
        light = np.array(self._render(time_ns / _SECOND, width, height), np.float32, order="C")
        if light.shape not in ((height, width), (height, width, 3)):
            raise GeometryError(
                f"scene: rendered {list(light.shape)}, expected [{height}, {width}] or [{height}, {width}, 3]"
            )
        return np.clip(light, 0.0, 1.0, out=light)
