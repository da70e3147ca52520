"""Events of one step into the order of their times.

While a step is made, an event is one word of 64 bits: its time within the step, us, from `TIME_BIT` on; then
its pixel (row * width + column); bit 0 is its polarity.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.container import Events

TIME_BIT = 24
"""Where the time begins in an event's word."""

LARGEST = 1 << (TIME_BIT - 1)
"""Pixels that a word can tell apart."""

LONGEST_STEP = 1 << (62 - TIME_BIT)
"""us, three days, that a word can count."""

_LONGEST_COUNT = 1 << 20  # us of a step up to which events are sorted by counting


@njit(cache=True, nogil=True)
def _sort(words, span, time, width, place, x, y, p, t):  # type: ignore[no-untyped-def]
    """Counting sort by the microsecond; events of one us stay in the order they have."""
    place[: span + 2] = 0
    for i in range(len(words)):
        place[(words[i] >> TIME_BIT) + 1] += 1
    for k in range(1, span + 2):
        place[k] += place[k - 1]
    columns = np.uint32(width)
    for i in range(len(words)):
        word = words[i]
        since = word >> TIME_BIT
        at = place[since]
        place[since] = at + 1
        pixel = np.uint32((word & (2 * LARGEST - 1)) >> 1)
        row = pixel // columns
        x[at] = pixel - row * columns
        y[at] = row
        p[at] = word & 1
        t[at] = time + since


class TimeSorter:
    """Sorts the events of a step; keeps its counters for the next one.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._place = np.empty(0, np.int64)

    def sort(self, words: NDArray[np.int64], span: int, time: int) -> Events:
        """Events as words into a container of their own.

        Args:
            words: ``[N]``, their times 0 to ``span``.
            span: length of the step, us.
            time: its begin, us.
        """
        if span > _LONGEST_COUNT:
            words = words[np.argsort(words >> TIME_BIT, kind="stable")]
            rows, columns = np.divmod((words & (2 * LARGEST - 1)) >> 1, self._width)
            return Events(
                columns.astype(np.uint16), rows.astype(np.uint16), (words & 1).astype(np.uint8),
                time + (words >> TIME_BIT), self._width, self._height,
            )  # fmt: skip
        if len(self._place) < span + 2:
            self._place = np.empty(span + 2, np.int64)
        n = len(words)
        x, y = np.empty(n, np.uint16), np.empty(n, np.uint16)
        p, t = np.empty(n, np.uint8), np.empty(n, np.int64)
        _sort(words, span, time, self._width, self._place, x, y, p, t)
        return Events(x, y, p, t, self._width, self._height)
