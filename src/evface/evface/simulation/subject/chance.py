"""Chance without a generator's state: a number that follows from a key and a place.

What a virtual person does by itself has no beginning that every process could start counting from; whoever
asks for a moment gets the same numbers for it, in any order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@njit(cache=True, inline="always")
def _mixed(value: np.uint64) -> np.uint64:
    """SplitMix64's output function (Steele et al. 2014)."""
    value = (value ^ (value >> _S30)) * _MIX_1
    value = (value ^ (value >> _S27)) * _MIX_2
    return value ^ (value >> _S31)


@njit(cache=True)
def uniform(key: int, stream: int, place: int, number: int) -> float:
    """A number from 0 up to but not including 1.

    Args:
        key: of the subject, int64.
        stream: what it is for; streams are independent of each other.
        place: a block of time.
        number: which of the numbers at that place.
    """
    value = _mixed(np.uint64(key) + _STEP)
    value = _mixed((value ^ np.uint64(stream)) + _STEP)
    value = _mixed((value ^ np.uint64(place)) + _STEP)
    value = _mixed((value ^ np.uint64(number)) + _STEP)
    return float(value >> _S11) * _UNIT


@njit(cache=True)
def about_normal(key: int, stream: int, place: int, number: int) -> float:
    """A number of mean 0 and standard deviation 1 that is never beyond 3; uses three numbers of the place."""
    total = 0.0
    for k in range(3):
        total += uniform(key, stream, place, 3 * number + k)
    return 2.0 * total - 3.0
