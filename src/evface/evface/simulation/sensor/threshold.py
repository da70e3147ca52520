"""An ideal event sensor: pixels that report each step of their log intensity.

No noise, no bandwidth, equal thresholds: what a pixel reports follows from the light alone. Between two
pictures the log intensity is taken to change evenly, which gives each crossing a time of its own.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events.container import Events
from evface.simulation.sensor.ordering import LARGEST, LONGEST_STEP, TIME_BIT, TimeSorter

DARK = 0.02
"""Light that a pixel sees without any, in units of the brightest: bounds the log intensity of black."""

_BLOCK = 64
"""Pixels compared together: in one step few have an event, and a block without any is passed in vectors."""


@njit(cache=True, nogil=True)
def _stirred(image, up, down, begin, end):  # type: ignore[no-untyped-def]
    """How many pixels of a block are past their bounds; has no branch, so that it is compiled to vectors."""
    count = 0
    for i in range(begin, end):
        at = np.uintp(i)
        count += (image[at] >= up[at]) | (image[at] <= down[at])
    return count


@njit(cache=True, nogil=True)
def _cross(image, before, up, down, level, start, on, off, span, words):  # type: ignore[no-untyped-def]
    """Events of the pixels from ``start`` on, in the order of the pixels; how many, and the first left out.

    Logarithms are taken of pixels that have crossed only: the others are compared with their bounds of light.
    """
    n = 0
    for begin in range(start, len(image), _BLOCK):
        end = min(begin + _BLOCK, len(image))
        if _stirred(image, up, down, begin, end) == 0:
            continue
        for i in range(begin, end):
            if down[i] < image[i] < up[i]:
                continue
            old = math.log(before[i] + DARK)
            new = math.log(image[i] + DARK)
            reached = level[i]
            rising = image[i] >= up[i]
            step = on if rising else -off
            crossings = max(0, int((new - reached) / step))
            if n + crossings > len(words):
                return n, i
            for _ in range(crossings):
                reached += step
                share = (reached - old) / (new - old) if new != old else 1.0
                when = min(span, max(1, math.ceil(share * span)))
                words[n] = (np.int64(when) << TIME_BIT) | (i << 1) | rising
                n += 1
            level[i] = reached
            up[i] = math.exp(reached + on) - DARK
            down[i] = math.exp(reached - off) - DARK
    return n, len(image)


class EventSensor(Protocol):
    """A model of an event sensor: what a virtual camera makes its events with.

    Attributes:
        width: px.
        height: px.
    """

    width: int
    height: int

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """Go on to the next picture; see `ThresholdSensor.step`."""
        ...


class ThresholdSensor:
    """Makes events of pictures.

    Args:
        width: px.
        height: px.
        on: rise of the log intensity that makes an on event.
        off: fall of the log intensity that makes an off event.
    """

    def __init__(self, width: int, height: int, on: float = 0.2, off: float = 0.2) -> None:
        if width * height > LARGEST:
            raise GeometryError(f"a sensor of {width}x{height} px has more than {LARGEST} pixels")
        self.width = width
        self.height = height
        self._on, self._off = on, off
        self._before: NDArray[np.float32] | None = None
        self._time = 0
        self._level = np.empty(height * width, np.float64)
        self._up = np.empty(height * width, np.float32)
        self._down = np.empty(height * width, np.float32)
        self._sorter = TimeSorter(width, height)
        self._words = np.empty(1 << 16, np.int64)

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """Go on to the next picture.

        Args:
            image: linear light, float32 ``[H, W]``, 0 to 1; kept until the next step, not to be changed.
            time_us: sensor clock, later than the step before.

        Returns:
            The events since the step before, after its time and up to ``time_us``, in the order of their
            times; none at the first step.

        Raises:
            GeometryError: the picture has another size or type, or the time does not go on.
        """
        if image.shape != (self.height, self.width) or image.dtype != np.float32:
            raise GeometryError(
                f"picture is {image.dtype}{list(image.shape)}, expected float32[{self.height}, {self.width}]"
            )
        before, span = self._before, time_us - self._time
        if before is not None and not 0 < span <= LONGEST_STEP:
            raise GeometryError(f"a picture at {time_us} us after one at {self._time} us")
        self._before, self._time = image, time_us
        if before is None:
            self._level[:] = np.log(image.ravel().astype(np.float64) + DARK)
            self._up[:] = np.exp(self._level + self._on) - DARK
            self._down[:] = np.exp(self._level - self._off) - DARK
            return Events.empty(self.width, self.height)
        parts, start = [], 0
        while start < self.width * self.height:
            n, start = _cross(
                image.ravel(), before.ravel(), self._up, self._down, self._level, start,
                self._on, self._off, span, self._words,
            )  # fmt: skip
            parts.append(self._words[:n])
            if start < self.width * self.height:
                self._words = np.empty(4 * len(self._words), np.int64)
        words = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._sorter.sort(words, span, time_us - span)
