"""Events of one step into the order of their times."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.container import Events

_LONGEST_COUNT = 1 << 20  # us of a step up to which events are sorted by counting


@njit(cache=True, nogil=True)
def _sort(pixels, signs, times, span, time, width, place, x, y, p, t):  # type: ignore[no-untyped-def]
    """Counting sort by the microsecond; events of one us stay in the order they have."""
    place[: span + 2] = 0
    for i in range(len(times)):
        place[times[i] + 1] += 1
    for k in range(1, span + 2):
        place[k] += place[k - 1]
    for i in range(len(times)):
        at = place[times[i]]
        place[times[i]] = at + 1
        x[at] = pixels[i] % width
        y[at] = pixels[i] // width
        p[at] = signs[i]
        t[at] = time + times[i]


class TimeSorter:
    """Sorts the events of a step; keeps its counters for the next one.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._place = np.empty(0, np.int64)

    def sort(
        self,
        pixels: NDArray[np.int64],
        signs: NDArray[np.uint8],
        times: NDArray[np.int64],
        span: int,
        time: int,
    ) -> Events:
        """Events by pixel and time within the step into a container of their own.

        Args:
            pixels: row * width + column, ``[N]``.
            signs: polarity, ``[N]``.
            times: us since the step's begin, 0 to ``span``, ``[N]``.
            span: length of the step, us.
            time: its begin, us.
        """
        if span > _LONGEST_COUNT:
            order = np.argsort(times, kind="stable")
            rows, columns = np.divmod(pixels[order], self._width)
            return Events(
                columns.astype(np.uint16), rows.astype(np.uint16), signs[order].astype(np.uint8),
                time + times[order], self._width, self._height,
            )  # fmt: skip
        if len(self._place) < span + 2:
            self._place = np.empty(span + 2, np.int64)
        n = len(times)
        x, y = np.empty(n, np.uint16), np.empty(n, np.uint16)
        p, t = np.empty(n, np.uint8), np.empty(n, np.int64)
        _sort(pixels, signs, times, span, time, self._width, self._place, x, y, p, t)
        return Events(x, y, p, t, self._width, self._height)
