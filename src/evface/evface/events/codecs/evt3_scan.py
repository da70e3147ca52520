"""Looking at EVT3 words without decoding the events."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.codecs.evt3 import _next_high

_RESERVED = (0x1, 0xB, 0xC, 0xD)


@njit(cache=True)
def _cuts(words, high, at, times):  # type: ignore[no-untyped-def]
    n = 0
    for i in range(len(words)):
        word = np.int64(words[i])
        if word >> 12 == 8:
            after = _next_high(high, word & 0xFFF)
            if after != high:
                high = after
                at[n], times[n] = i, high << 12
                n += 1
    return n, high


@njit(cache=True)
def _follow(words, high, time):  # type: ignore[no-untyped-def]
    first = np.int64(-1)
    for i in range(len(words)):
        word = np.int64(words[i])
        code, value = word >> 12, word & 0xFFF
        if code == 8:
            high = _next_high(high, value)
            time = max(time, high << 12)
        elif code == 6 and high >= 0:
            time = max(time, high << 12 | value)
        if first < 0 and (code == 6 or code == 2 or code == 4 or code == 5):
            first = time
    return (time if first < 0 else first), high, time


@njit(cache=True)
def _extent(words):  # type: ignore[no-untyped-def]
    right, bottom, base = 0, 0, 0
    for i in range(len(words)):
        word = np.int64(words[i])
        code, value = word >> 12, word & 0xFFF
        if code == 0:
            bottom = max(bottom, value & 0x7FF)
        elif code == 2:
            right = max(right, value & 0x7FF)
        elif code == 3:
            base = value & 0x7FF
        elif code == 4 or code == 5:
            mask = value if code == 4 else value & 0xFF
            last = -1
            while mask:
                mask >>= 1
                last += 1
            if last >= 0:
                right = max(right, base + last)
            base += 12 if code == 4 else 8
    return right, bottom


def extent(words: NDArray[np.uint16]) -> tuple[int, int]:
    """Highest column and row that occur, px."""
    right, bottom = _extent(words)
    return int(right), int(bottom)


def unknown_share(words: NDArray[np.uint16]) -> float:
    """Share of words with a code that EVT3 reserves; 0 without words."""
    if not len(words):
        return 0.0
    codes = np.bincount(words >> 12, minlength=16)
    return float(codes[list(_RESERVED)].sum() / len(words))


class Evt3Scanner:
    """Follows the time of a stream through its TIME_HIGH words, across blocks.

    Args:
        time: us at the stream's beginning, where that is known.
    """

    def __init__(self, time: int = 0) -> None:
        self._high = time >> 12 if time else -1
        self._time = time if time else -1

    def cuts(self, words: NDArray[np.uint16]) -> list[tuple[int, int]]:
        """Where the upper time bits change: index of the TIME_HIGH word and its time, us, epoch included."""
        at, times = np.empty(len(words), np.int64), np.empty(len(words), np.int64)
        n, self._high = _cuts(words, self._high, at, times)
        return list(zip(at[:n].tolist(), times[:n].tolist(), strict=True))

    def follow(self, words: NDArray[np.uint16]) -> int:
        """Time, us, of the first event or time word of a packet; 0 before the stream's time is known."""
        first, self._high, self._time = _follow(words, self._high, self._time)
        return max(0, int(first))
