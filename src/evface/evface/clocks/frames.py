"""The frames of a camera as intervals of activity, their stamps freed of jitter."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from evface.clocks.activity import FrameActivity, Intervals
from evface.clocks.envelope import MinimumDelay

SLACK = 0.01
"""Of a period: how much slower than its median step a camera's pace may be."""

EARLY = 0.25
"""Of a period: what a stamp may be earlier than expected; the rest of the period it may be late."""

LEAST = 16
"""Frames below which nothing is made even."""


class FrameIntervals:
    """What changes from frame to frame, the newest ones; of bounded size.

    Args:
        seconds: that are kept; None: all.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._activity = FrameActivity()
        self._kept: deque[tuple[int, int, float]] = deque()
        self._longest = None if seconds is None else round(seconds * 1e9)

    def add(self, stamp_ns: int, image: NDArray[np.uint8] | bytes) -> None:
        """One more frame: its stamp, ns, and its picture, grey or a JPEG.

        Raises:
            FormatError: the JPEG is broken.
        """
        found = self._activity.add(stamp_ns, image)
        if found is not None:
            self._kept.append(found)
            while self._longest is not None and self._kept[-1][1] - self._kept[0][0] > self._longest:
                self._kept.popleft()

    def intervals(self) -> Intervals | None:
        """All that are kept, None where there are none."""
        if not self._kept:
            return None
        begin, end, amount = (np.array(column) for column in zip(*self._kept, strict=True))
        stamps = np.concatenate((begin[:1], end)).astype(np.int64)
        if len(self._kept) >= LEAST and (begin[1:] == end[:-1]).all():
            stamps = even(stamps)
        return Intervals(stamps[:-1], stamps[1:], amount.astype(np.float64))


def even(stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stamps of a camera with an even pace, each as early as its pace allows: jitter only ever adds.

    Args:
        stamps: ns, int64 ``[N]``, rising; frames may be missing.

    Returns:
        int64 ``[N]``; as they were where the pace is not even.
    """
    period = float(np.median(np.diff(stamps)))
    index = _numbered(stamps, period)
    # The median of jittered steps is a rough pace; the whole stretch tells a finer one.
    period = float(stamps[-1] - stamps[0]) / float(index[-1])
    clock = MinimumDelay()
    counted = np.rint(index * period).astype(np.int64)
    for stamp, count in zip(stamps.tolist(), counted.tolist(), strict=True):
        clock.add(stamp, count)
    fit = clock.fit()
    evened = fit.all_to_host(counted)
    if fit.residual_ms * 1e6 > period / 2 or (np.diff(evened) <= 0).any():
        return stamps
    return evened


def _numbered(stamps: NDArray[np.int64], period: float) -> NDArray[np.int64]:
    """Which frame of an even pace each stamp is of; the pace is followed where it is not quite the period."""
    index, expected = [0], float(stamps[0])
    for stamp in stamps[1:].tolist():
        # Stamps are late rather than early.
        steps = max(1, int((stamp - expected) / period + EARLY))
        index.append(index[-1] + steps)
        expected = min(float(stamp), expected + (steps + SLACK) * period)
    return np.array(index, np.int64)
