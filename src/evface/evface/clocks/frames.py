"""The frames of a camera as intervals of activity, their stamps freed of jitter."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from evface.clocks.activity import MILLISECOND, Activity, FrameActivity, FrameChange, Intervals, inner

SLACK = 0.04
"""Of a pace: how much its median step may be mistaken, where frames are missing."""

EARLY = 0.25
"""Of a period: what a stamp may be earlier than the average; the rest of the period it may be later."""

AHEAD = 8
"""Frames of a step that a pace is first taken from."""

ENOUGH = 600
"""Stamps that a pace is found from."""

SPARSEST = 4.0
"""Periods to a frame from which on there is no pace: stamps come in bursts."""

LEAST = 16
"""Frames below which nothing is made even."""

BLOCKS, LOW = 16, 4.0
"""Stretches of a line beneath stamps, and the percentage of their stamps that may lie under it."""


class FrameIntervals:
    """What changes from frame to frame, the newest ones; of bounded size.

    Args:
        camera: whose they are; where it sees the face.
        seconds: that are kept; None: all.
    """

    def __init__(self, camera: str = "webcam", seconds: float | None = None) -> None:
        self._activity = FrameActivity(camera)
        self._kept: deque[FrameChange] = deque()
        self._longest = None if seconds is None else round(seconds * 1e9)

    def look_at(self, x: float, y: float, width: float, height: float) -> None:
        """Look at a face box alone; as shares of the frame's width and height."""
        self._activity.where = inner(x, y, width, height)

    def add(self, stamp_ns: int, image: NDArray[np.uint8] | bytes) -> None:
        """One more frame: its stamp, ns, and its picture, grey or a JPEG.

        Raises:
            FormatError: the JPEG is broken.
        """
        found = self._activity.add(stamp_ns, image)
        if found is not None:
            self._kept.append(found)
            while self._longest is not None and self._kept[-1].end - self._kept[0].begin > self._longest:
                self._kept.popleft()

    def intervals(self) -> Intervals | None:
        """What changed in each; None where there are no frames."""
        if not self._kept:
            return None
        begin = np.array([change.begin for change in self._kept])
        end = np.array([change.end for change in self._kept])
        stamps = np.concatenate((begin[:1], end)).astype(np.int64)
        if len(self._kept) >= LEAST and (begin[1:] == end[:-1]).all():
            stamps = even(stamps)
        return Intervals(stamps[:-1], stamps[1:], np.array([change.contrast for change in self._kept]))

    def activity(self) -> Activity | None:
        """The same spread evenly over each interval, by the millisecond; None where there are no frames."""
        found = self.intervals()
        if found is None or found.end[-1] - found.begin[0] < MILLISECOND:
            return None
        begin = int(found.begin[0])
        total = np.concatenate(([0.0], np.cumsum(found.amount)))
        edges = np.concatenate((found.begin[:1], found.end)) - begin
        grid = np.arange((int(found.end[-1]) - begin) // MILLISECOND + 1) * MILLISECOND
        return Activity(begin, np.interp(grid, edges, total))


def even(stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stamps of a camera with an even pace, each as early as its pace allows: jitter only ever adds.

    Args:
        stamps: ns, int64 ``[N]``, rising; frames may be missing.

    Returns:
        int64 ``[N]``; as they were where the pace is not even.
    """
    time = (stamps - stamps[0]).astype(np.float64)
    pace = _pace(time)
    if pace is None:
        return stamps
    cycles, middle = pace
    turn = time / time[-1] * cycles
    index = np.floor(turn - middle + EARLY)
    # A frame that is later than the next one should be is still the one before it.
    place = np.arange(len(index))
    index = np.minimum.accumulate((index - place)[::-1])[::-1] + place
    slope, least = _beneath(index, time)
    evened = slope * index + least
    late = time - evened
    if np.median(late) > 0.5 * slope or np.percentile(late, 5) < -0.1 * slope or (np.diff(index) <= 0).any():
        return stamps
    return stamps[0] + np.rint(evened).astype(np.int64)


def _pace(time: NDArray[np.float64]) -> tuple[float, float] | None:
    """Periods in all of the time, and the phase about which stamps lie, in periods: where they agree best."""
    # Neighbours first: of stamps far apart a multiple of the pace would do as well.
    head = time[:ENOUGH]
    reach = min(AHEAD, len(head) - 1)
    rough = reach * head[-1] / float(np.median(head[reach:] - head[:-reach]))
    if rough > SPARSEST * len(head):
        return None
    found = _agreed(head, rough, max(1.0, SLACK * rough))
    longer = time[-1] / head[-1]
    found = _agreed(time[:: -(-len(time) // ENOUGH)], found * longer, 0.1 * longer + 0.25, time[-1])
    return found, float(np.angle(np.exp(2j * np.pi * found * time / time[-1]).sum()) / (2 * np.pi))


def _agreed(time: NDArray[np.float64], rough: float, width: float, span: float | None = None) -> float:
    """The number of periods in a span at which stamps agree best, near a rough one."""
    shares = time / (time[-1] if span is None else span)
    for reach, step in ((width, 0.25), (0.25, 0.02)):
        tried = np.arange(rough - reach, rough + reach + step, step)
        sums = np.exp(2j * np.pi * np.outer(tried, shares)).sum(axis=1)
        rough = float(tried[np.argmax(np.abs(sums))])
    return rough


def _beneath(index: NDArray[np.float64], time: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and height of a line that few stamps lie under: a stamp that was misnumbered may."""
    slope = float(time[-1] - time[0]) / float(index[-1] - index[0])
    blocks = np.array_split(np.arange(len(index)), max(2, min(BLOCKS, len(index) // LEAST)))
    above = time - slope * index
    least = [float(np.percentile(above[block], LOW)) for block in blocks]
    more, height = np.polyfit([float(index[block].mean()) for block in blocks], least, 1)
    return slope + float(more), float(height)
