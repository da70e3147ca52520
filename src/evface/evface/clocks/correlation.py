"""The offset between two sensors that see the same movement: where their activities agree best.

What moves makes events in one sensor and events, or differences between frames, in the other. The square
roots of both, their slow parts taken away, are correlated at every lag. How far the peak can be trusted is
told by leaving out one stretch of time after the other (a delete-one jackknife): where a single movement, or
noise, makes the peak, it jumps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import stdtrit

from evface.clocks.activity import Activity, Intervals

MILLISECOND = 1_000_000
"""ns."""

FARTHEST = 500
"""ms: lags that are looked at, to either side. Two cameras that are 200 ms off may be 400 ms apart."""

STEP = 2
"""ms between two lags."""

SLOW = 400
"""ms of the moving average that is taken away from events: what is slower tells little of when."""

STRETCH = 1000
"""ms that the jackknife leaves out at a time."""

LEAST_STRETCHES = 6
"""Below that nothing is told."""

LEAST_PEAK = 0.3
"""Correlation below which two sensors do not see the same."""

MOST_AMBIGUOUS = 0.8
"""Second peak over the first from which on it may as well be the other one."""

WORST = 50 * MILLISECOND
"""ns of uncertainty from which on an offset is no better than none."""

_NEAR = 60 // STEP  # steps about the peak in which a leave-one-out peak is looked for


class Peak(NamedTuple):
    """The best lag.

    Attributes:
        offset: ns to add to the times of the intervals so that they agree with the reference's.
        uncertainty: ns, half width of the 95 % interval by the jackknife alone.
        correlation: at the peak, -1 to 1.
        width: ns, of the peak at half its height.
        ambiguity: second highest peak over the highest, 0 to 1.
    """

    offset: float
    uncertainty: float
    correlation: float
    width: float
    ambiguity: float


@njit(cache=True, nogil=True)
def _at(count, place):  # type: ignore[no-untyped-def]
    """Of a cumulative count by ms, at a place between two of them."""
    if place <= 0.0:
        return count[0]
    last = len(count) - 1
    if place >= last:
        return count[last]
    i = int(place)
    return count[i] + (place - i) * (count[i + 1] - count[i])


@njit(cache=True, nogil=True)
def _without_slow(values, out, half):  # type: ignore[no-untyped-def]
    """Less the moving average of ``half`` neighbours to either side, as far as there are."""
    n = len(values)
    total, first, last = 0.0, 0, 0
    for k in range(n):
        while last < min(n, k + half + 1):
            total += values[last]
            last += 1
        while first < k - half:
            total -= values[first]
            first += 1
        out[k] = values[k] - total / (last - first)


@njit(cache=True, nogil=True)
def _sums(x, begin, end, stretch, count, lags, half, out):  # type: ignore[no-untyped-def]
    """For each stretch and lag: number, sums of x, y, xx, yy and xy."""
    n = len(x)
    y, raw = np.empty(n), np.empty(n)
    for j in range(len(lags)):
        for k in range(n):
            raw[k] = math.sqrt(max(0.0, _at(count, end[k] + lags[j]) - _at(count, begin[k] + lags[j])))
        _without_slow(raw, y, half)
        for k in range(n):
            at = out[stretch[k], j]
            at[0] += 1.0
            at[1] += x[k]
            at[2] += y[k]
            at[3] += x[k] * x[k]
            at[4] += y[k] * y[k]
            at[5] += x[k] * y[k]


def _correlations(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of sums ``[..., lags, 6]``."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.sqrt(np.maximum(xx - x * x / n, 0.0) * np.maximum(yy - y * y / n, 0.0))
    return np.asarray(np.where(spread > 1e-12, (xy - x * y / n) / np.maximum(spread, 1e-12), 0.0))


def _top(curve: NDArray[np.float64], at: int) -> float:
    """Where a curve is highest near an index, by a parabola; in indices."""
    low, high = max(1, at - _NEAR), min(len(curve) - 1, at + _NEAR + 1)
    i = low + int(np.argmax(curve[low:high]))
    before, here, after = curve[i - 1], curve[i], curve[i + 1]
    bend = before - 2.0 * here + after
    return i + (0.5 * (before - after) / bend if bend < 0.0 else 0.0)


def find_peak(intervals: Intervals, reference: Activity, centre: int = 0, slow_ms: int = SLOW) -> Peak | None:
    """Correlate intervals with a reference at all lags.

    Args:
        intervals: of one sensor, in order of time.
        reference: of the other one, on the same clock but for what is to be found.
        centre: ns, the lag in the middle of those that are looked at.
        slow_ms: of the moving average that is taken away from both.

    Returns:
        The peak, whatever it is worth; None where the two share too little time, or one of them is silent.
    """
    lags = np.arange(-FARTHEST, FARTHEST + 1, STEP, dtype=np.float64) + centre / MILLISECOND
    reach = (FARTHEST * MILLISECOND - centre, FARTHEST * MILLISECOND + centre)
    inside = (intervals.begin >= reference.begin + reach[0]) & (intervals.end <= reference.end - reach[1])
    if inside.sum() < LEAST_STRETCHES:
        return None
    begin = (intervals.begin[inside] - reference.begin) / MILLISECOND
    end = (intervals.end[inside] - reference.begin) / MILLISECOND
    stretches = int((end[-1] - begin[0]) // STRETCH)
    if stretches < LEAST_STRETCHES:
        return None
    middle = (begin + end) / 2
    stretch = np.minimum((middle - middle[0]) / (middle[-1] - middle[0]) * stretches, stretches - 1)
    half = max(1, round(slow_ms / 2 / float(np.median(np.diff(middle)))))
    x = np.empty(len(begin))
    _without_slow(np.sqrt(np.maximum(intervals.amount[inside], 0.0)), x, half)
    sums = np.zeros((stretches, len(lags), 6))
    _sums(x, begin, end, stretch.astype(np.int64), reference.cumulative, lags, half, sums)
    return _peak(sums, lags)


def _peak(sums: NDArray[np.float64], lags: NDArray[np.float64]) -> Peak | None:
    whole = sums.sum(axis=0)
    curve = _correlations(whole)
    at = int(np.argmax(curve))
    height = float(curve[at])
    if height <= 0.0:
        return None
    left = right = at
    while left > 0 and curve[left] > height / 2:
        left -= 1
    while right < len(curve) - 1 and curve[right] > height / 2:
        right += 1
    top = _top(curve, at)
    others = np.array([_top(part, at) for part in _correlations(whole - sums)])
    n = len(others)
    error = math.sqrt((n - 1) / n * float(((others - others.mean()) ** 2).sum()))
    return Peak(
        offset=float(lags[0] + top * STEP) * MILLISECOND,
        uncertainty=float(stdtrit(n - 1, 0.975)) * error * STEP * MILLISECOND,
        correlation=height,
        width=float(right - left) * STEP * MILLISECOND,
        ambiguity=_second(curve, left, right) / height,
    )


def _second(curve: NDArray[np.float64], left: int, right: int) -> float:
    """The highest local maximum outside the peak."""
    tops = [
        i
        for i in range(1, len(curve) - 1)
        if not left < i < right and curve[i] >= curve[i - 1] and curve[i] >= curve[i + 1]
    ]
    return max((float(curve[i]) for i in tops), default=0.0)
