"""Event rates over time, and the events of each pixel at rest."""

from __future__ import annotations

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from evface.events import Events
from evface.quality.flicker import BIN

BURST = 10_000
"""us over which the highest event rate is taken."""

STRETCH = 100_000
"""us of one look at a resting pixel; eight in turn."""

ALONE = 4.0
"""Times the median of its neighbourhood of 3x3 px that a hot pixel fires."""

MOST_BINS = 1 << 22
"""Counts that are kept of one stretch, 35 min; a clock that jumps ahead begins another one."""


class RateSeries:
    """On and off events in bins of `BIN`, of one unbroken stretch of a stream."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, 1 << 12), np.int64)
        self._start: int | None = None
        self._end = 0

    def add(self, events: Events) -> None:
        """Count events; us, sensor clock. Those from before the first one, or too far ahead, are left out."""
        if not len(events):
            return
        if self._start is None:
            self._start = int(events.t[0]) // BIN * BIN
        length = min((int(events.t[-1]) - self._start) // BIN + 1, MOST_BINS)
        if length > self._counts.shape[1]:
            larger = np.zeros((2, max(length, 2 * self._counts.shape[1])), np.int64)
            larger[:, : self._counts.shape[1]] = self._counts
            self._counts = larger
        self._end = max(self._end, length)
        _count(events.t, events.p, self._start, self._counts)

    @property
    def on(self) -> NDArray[np.int64]:
        """On events in each bin, int64 ``[N]``."""
        return self._counts[1, : self._end]

    @property
    def off(self) -> NDArray[np.int64]:
        """Off events in each bin, int64 ``[N]``."""
        return self._counts[0, : self._end]

    @property
    def seconds(self) -> float:
        """s from the first bin to the last."""
        return self._end * BIN * 1e-6

    @property
    def mean(self) -> float:
        """events/s; NaN where there are none."""
        return float(self._counts.sum() / self.seconds) if self._end else float("nan")

    @property
    def highest(self) -> float:
        """events/s over the fullest `BURST`; NaN where the stretch is shorter."""
        width = BURST // BIN
        if self._end < width:
            return float("nan")
        sums = np.cumsum(np.concatenate([[0], self.on + self.off]))
        return float((sums[width:] - sums[:-width]).max() / (BURST * 1e-6))


class RestingPixels:
    """Counts the events of each pixel while nothing moves.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
    """

    def __init__(self, width: int, height: int) -> None:
        self._counts = np.zeros((height, width), np.int32)
        self._seen = np.zeros((height, width), np.uint8)
        self._used = 0
        self.seconds = 0.0

    def add(self, events: Events, seconds: float) -> None:
        """Count the events of a packet at rest.

        Args:
            events: us, sensor clock.
            seconds: s that the packet is long.
        """
        self.seconds += seconds
        if len(events):
            self._used |= 1 << (int(events.t[0]) // STRETCH % 8)
            _count_pixels(events.x, events.y, events.t, self._counts, self._seen)

    def hot(self, factor: float) -> list[tuple[int, int, float]]:
        """Pixels that fire all the time and far more than others, hottest first.

        Args:
            factor: times the median rate of the pixels that fired at all.

        Returns:
            x and y in px and events/s of each.
        """
        active = self._counts[self._counts > 0]
        if not len(active) or self.seconds < STRETCH * 1e-6:
            return []
        # A blink passes in a few looks; a hot pixel is there in nearly all of them.
        steady = np.bitwise_count(self._seen) >= max(1, int(0.75 * self._used.bit_count()))
        # Its neighbours are quiet; those of a pixel at an edge that trembles are not.
        alone = self._counts > ALONE * cv2.medianBlur(self._counts.astype(np.float32), 3)
        y, x = np.nonzero((self._counts > factor * np.median(active)) & steady & alone)
        rates = self._counts[y, x] / self.seconds
        order = np.argsort(-rates, kind="stable")
        return [(int(x[i]), int(y[i]), round(float(rates[i]), 1)) for i in order]


@numba.njit(cache=True)
def _count(t: NDArray[np.int64], p: NDArray[np.uint8], start: int, counts: NDArray[np.int64]) -> None:
    for i in range(len(t)):
        at = (t[i] - start) // BIN
        if 0 <= at < counts.shape[1]:
            counts[p[i], at] += 1


@numba.njit(cache=True)
def _count_pixels(
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    t: NDArray[np.int64],
    counts: NDArray[np.int32],
    seen: NDArray[np.uint8],
) -> None:
    for i in range(len(t)):
        counts[y[i], x[i]] += 1
        seen[y[i], x[i]] |= np.uint8(1 << (t[i] // STRETCH % 8))
