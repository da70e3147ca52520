"""The simplest event sensor: an event whenever a pixel's log intensity has changed by a threshold.

Between two pictures the log intensity is taken to change evenly, and each event gets the time at which it
crossed its threshold. Noise, bandwidth, refractory time and mismatch between pixels are not modelled here.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events.container import Events

DARK = 0.01
"""Light that is added before the logarithm: below it a sensor's response becomes linear."""


class EventSensor(Protocol):
    """Turns pictures of a scene into events.

    Attributes:
        width: px.
        height: px.
    """

    width: int
    height: int

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """Events since the last picture, in the order of their times, in arrays of their own.

        Args:
            image: linear light in [0, 1], float32 ``[height, width]``.
            time_us: of the picture, us, sensor clock; later than the last one's.

        Raises:
            GeometryError: the picture is not of the sensor's size, or time does not go on.
        """
        ...


@njit(cache=True, nogil=True)
def _cross(new, last, level, on, off, span, start, pixels, signs, times):  # type: ignore[no-untyped-def]
    """Note threshold crossings from pixel ``start`` on; events noted, and the pixel where the room ran out."""
    n = 0
    for i in range(start, len(new)):
        value = new[i]
        change = value - level[i]
        if change >= on or change <= -off:
            slope = value - last[i]
            up = change >= on
            step = on if up else -off
            while value - level[i] >= on if up else value - level[i] <= -off:
                if n == len(pixels):
                    return n, i
                level[i] += step
                share = (level[i] - last[i]) / slope if slope != 0 else np.float32(1.0)
                # Time 0 is the picture before, whose crossings are reported already.
                times[n] = min(max(int(share * span) + 1, 1), span)
                pixels[n] = i
                signs[n] = up
                n += 1
        last[i] = value
    return n, len(new)


@njit(cache=True, nogil=True)
def _sort(pixels, signs, times, n, width, begin, slots, x, y, p, t):  # type: ignore[no-untyped-def]
    """Counting sort by microsecond; events of one microsecond stay in the order of their pixels."""
    slots[:] = 0
    for i in range(n):
        slots[times[i]] += 1
    place = 0
    for k in range(len(slots)):
        count = slots[k]
        slots[k] = place
        place += count
    for i in range(n):
        at = slots[times[i]]
        slots[times[i]] = at + 1
        row = pixels[i] // width
        y[at] = row
        x[at] = pixels[i] - row * width
        p[at] = signs[i]
        t[at] = begin + times[i]


class ThresholdSensor:
    """An `EventSensor` with one pair of thresholds for all pixels.

    Args:
        width: px.
        height: px.
        on: rise of log intensity that makes an on event.
        off: fall of log intensity that makes an off event, positive.
    """

    def __init__(self, width: int, height: int, on: float = 0.2, off: float = 0.2) -> None:
        self.width = width
        self.height = height
        self._on, self._off = np.float32(on), np.float32(off)
        self._time: int | None = None
        self._new = np.empty((height, width), np.float32)
        self._last = np.empty(width * height, np.float32)
        self._level = np.empty(width * height, np.float32)
        self._slots = np.empty(0, np.int32)
        self._reserve(1 << 16)

    def _reserve(self, capacity: int) -> None:
        self._pixels = np.empty(capacity, np.int32)
        self._signs = np.empty(capacity, np.uint8)
        self._times = np.empty(capacity, np.int32)

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """See `EventSensor.step`; the first picture gives no events."""
        if image.shape != (self.height, self.width):
            raise GeometryError(
                f"a picture of {image.shape[1]}x{image.shape[0]} px for a sensor of {self.width}x{self.height} px"
            )
        np.add(image, np.float32(DARK), out=self._new)
        np.log(self._new, out=self._new)
        new = self._new.ravel()
        begin, self._time = self._time, time_us
        if begin is None:
            self._last[:] = new
            self._level[:] = new
            return Events.empty(self.width, self.height)
        span = time_us - begin
        if span <= 0:
            self._time = begin
            raise GeometryError(f"a picture at {time_us} us after one at {begin} us: time has to go on")
        parts = []
        start = 0
        while start < len(new):
            n, start = _cross(
                new, self._last, self._level, self._on, self._off, span, start, self._pixels, self._signs, self._times
            )
            parts.append((n, self._pixels, self._signs, self._times))
            if start < len(new):
                self._reserve(2 * len(self._pixels))
        return self._sorted(parts, begin, span)

    def _sorted(
        self,
        parts: list[tuple[int, NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]],
        begin: int,
        span: int,
    ) -> Events:
        if len(parts) == 1:
            n, pixels, signs, times = parts[0]
        else:
            n = sum(part[0] for part in parts)
            pixels, signs, times = (
                np.concatenate([part[k][: part[0]] for part in parts]) for k in (1, 2, 3)
            )  # type: ignore[assignment]
        if len(self._slots) != span + 1:
            self._slots = np.empty(span + 1, np.int32)
        x, y, p, t = np.empty(n, np.uint16), np.empty(n, np.uint16), np.empty(n, np.uint8), np.empty(n, np.int64)
        _sort(pixels, signs, times, n, self.width, begin, self._slots, x, y, p, t)
        return Events(x, y, p, t, self.width, self.height)
