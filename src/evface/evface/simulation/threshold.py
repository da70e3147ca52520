"""An ideal event sensor: pixels that report each step of their log intensity.

No noise, no bandwidth, equal thresholds: what a pixel reports follows from the light alone. Between two pictures
the log intensity is taken to change evenly, which gives each crossing a time of its own.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events.container import Events

DARK = 0.02
"""Light that a pixel sees without any, in units of the brightest: bounds the log intensity of black."""

_LONGEST_COUNT = 1 << 20  # us of a step up to which events are sorted by counting


_BLOCK = 64
"""Pixels that are looked at together: few of them have an event in one step, and a block without is passed quickly."""


@njit(cache=True, nogil=True)
def _stirred(new, level, on, off, begin, end):  # type: ignore[no-untyped-def]
    """How many pixels of a block have crossed a threshold; without a branch, so that it runs in vectors."""
    count = 0
    for i in range(begin, end):
        change = new[np.uintp(i)] - level[np.uintp(i)]
        count += (change >= on) | (change <= -off)
    return count


@njit(cache=True, nogil=True)
def _cross(new, last, level, on, off, span, start, pixels, signs, times):  # type: ignore[no-untyped-def]
    """Note threshold crossings from pixel ``start`` on; events noted, and the pixel where the room ran out."""
    n = 0
    for begin in range(start, len(new), _BLOCK):
        end = min(begin + _BLOCK, len(new))
        if _stirred(new, level, on, off, begin, end) == 0:
            continue
        for i in range(begin, end):
            slope = new[i] - last[i]
            change = new[i] - level[i]
            up = change >= on
            while change >= on or change <= -off:
                if n == len(pixels):
                    return n, i
                level[i] += on if up else -off
                share = (level[i] - last[i]) / slope if slope != 0 else np.float32(1.0)
                # Time 0 is the picture before, whose crossings are reported already.
                times[n] = min(max(int(share * span) + 1, 1), span)
                pixels[n] = i
                signs[n] = up
                n += 1
                change = new[i] - level[i]
                if (change >= on) != up:
                    break
    return n, len(new)


@njit(cache=True, nogil=True)
def _sort(x, y, p, dt, n, span, time, place, to_x, to_y, to_p, to_t):  # type: ignore[no-untyped-def]
    """Bring events into the order of their times, those of one us in the order of the pixels."""
    place[: span + 2] = 0
    for i in range(n):
        place[dt[i] + 1] += 1
    for k in range(1, span + 2):
        place[k] += place[k - 1]
    for i in range(n):
        at = place[dt[i]]
        place[dt[i]] = at + 1
        to_x[at] = x[i]
        to_y[at] = y[i]
        to_p[at] = p[i]
        to_t[at] = time + dt[i]


class ThresholdSensor:
    """Makes events of pictures.

    Args:
        width: px.
        height: px.
        on: rise of the log intensity that makes an on event.
        off: fall of the log intensity that makes an off event.
    """

    def __init__(self, width: int, height: int, on: float = 0.2, off: float = 0.2) -> None:
        self.width = width
        self.height = height
        self._on, self._off = on, off
        self._before: NDArray[np.float32] | None = None
        self._time = 0
        self._level = np.empty((height, width), np.float64)
        self._up = np.empty((height, width), np.float32)
        self._down = np.empty((height, width), np.float32)
        self._place = np.empty(0, np.int64)
        self._reserve(1 << 16)

    def _reserve(self, capacity: int) -> None:
        self._x, self._y = np.empty(capacity, np.uint16), np.empty(capacity, np.uint16)
        self._p, self._dt = np.empty(capacity, np.uint8), np.empty(capacity, np.int32)

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """Go on to the next picture.

        Args:
            image: linear light, float32 ``[H, W]``, 0 to 1; kept until the next step, not to be changed.
            time_us: sensor clock, later than the step before.

        Returns:
            The events since the step before, after its time and up to ``time_us``, in the order of their times;
            none at the first step.

        Raises:
            GeometryError: the picture has another size or type, or the time does not go on.
        """
        if image.shape != (self.height, self.width) or image.dtype != np.float32:
            raise GeometryError(
                f"picture is {image.dtype}{list(image.shape)}, expected float32[{self.height}, {self.width}]"
            )
        before, self._before = self._before, image
        span, self._time = time_us - self._time, time_us
        if before is None:
            self._level[:] = np.log(image.astype(np.float64) + DARK)
            self._up[:] = np.exp(self._level + self._on) - DARK
            self._down[:] = np.exp(self._level - self._off) - DARK
            return Events.empty(self.width, self.height)
        if span <= 0:
            raise GeometryError(f"a picture at {time_us} us after one at {time_us - span} us")
        parts = []
        begin = 0
        while begin < self.width * self.height:
            n, begin = _cross(
                image, before, self._up, self._down, self._level, begin, self._on, self._off, span,
                self._x, self._y, self._p, self._dt,
            )  # fmt: skip
            if begin < self.width * self.height:
                parts.append((self._x[:n], self._y[:n], self._p[:n], self._dt[:n]))
                self._reserve(4 * len(self._dt))
        if parts:
            parts.append((self._x[:n], self._y[:n], self._p[:n], self._dt[:n]))
            x, y, p, dt = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            return self._sorted(x, y, p, dt, len(dt), span, time_us - span)
        return self._sorted(self._x, self._y, self._p, self._dt, n, span, time_us - span)

    def _sorted(
        self,
        x: NDArray[np.uint16], y: NDArray[np.uint16], p: NDArray[np.uint8], dt: NDArray[np.int32],
        n: int, span: int, time: int,
    ) -> Events:  # fmt: skip
        if span > _LONGEST_COUNT:
            order = np.argsort(dt[:n], kind="stable")
            return Events(x[order], y[order], p[order], time + dt[order].astype(np.int64), self.width, self.height)
        if len(self._place) < span + 2:
            self._place = np.empty(2 * span + 2, np.int64)
        found = np.empty(n, np.uint16), np.empty(n, np.uint16), np.empty(n, np.uint8), np.empty(n, np.int64)
        _sort(x, y, p, dt, n, span, time, self._place, *found)
        return Events(*found, self.width, self.height)
