"""Cutting a stream of events into frames of counts: of fixed time on an absolute grid, or of fixed number.

A frame is uint16 ``[2, H, W]``: channel 0 counts off events (darker), channel 1 on events (brighter), as in
Eq. 1 of the paper; a count stays at 65535 once it is there. Frames are counted straight into a box of the
sensor at the output size, so that no event inside the box is lost to resampling. Live and offline cut with
the same `Slicer`, so that they give the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evface.errors import ConfigError
from evface.events.binning import Binner, Box
from evface.events.container import Events

DEFAULT_DURATION = 33_000
"""us of a slice."""

MAX_SILENCE = 1_000
"""Slices that time may jump in either direction; a longer jump means that the sensor's clock began anew."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The events of one stretch of time, counted.

    Attributes:
        index: fixed time: slice k covers ``[k * duration, (k + 1) * duration)``; fixed number: counts from 0.
        start: us, clock of the events; fixed number: time of the first event.
        end: us, exclusive; fixed number: time of the last event.
        counts: uint16 ``[2, H, W]``, off and on events per pixel, saturating.
        box: left, top, width, height on the sensor, px, that ``counts`` shows.
        events: in the slice, those outside the box included.
    """

    index: int
    start: int
    end: int
    counts: NDArray[np.uint16]
    box: Box
    events: int


class _Frames:
    """The frame that is being counted, and where on the sensor it looks."""

    def __init__(self, width: int, height: int, box: Box | None, size: tuple[int, int] | None) -> None:
        self._binner = Binner(width, height, box, size)
        self._events = 0

    @property
    def box(self) -> Box:
        """Where on the sensor frames look; a new one holds from the next slice on."""
        return self._binner.next_box

    @box.setter
    def box(self, box: Box) -> None:
        self._binner.next_box = box

    def _count(self, events: Events, begin: int, end: int) -> None:
        self._binner.add(events.x[begin:end], events.y[begin:end], events.p[begin:end])
        self._events += end - begin


class Slicer(_Frames):
    """Cuts a stream into slices of equal time on the grid of the sensor's clock.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        duration: of a slice, us.
        box: left, top, width, height on the sensor, px; None is the whole sensor.
        size: width and height of a frame, px; None is that of the sensor.

    Raises:
        ConfigError: no duration.
        GeometryError: a box or size without area.
    """

    def __init__(
        self,
        width: int,
        height: int,
        duration: int = DEFAULT_DURATION,
        *,
        box: Box | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        if duration <= 0:
            raise ConfigError(f"duration of a slice: expected more than 0 us, found {duration}")
        super().__init__(width, height, box, size)
        self.duration = duration
        self._index: int | None = None

    def push(self, events: Events, now: int | None = None) -> list[Slice]:
        """Take the next events in and hand out the slices that are complete with them.

        Args:
            events: times non-decreasing, also from call to call.
            now: us that the stream has reached (a decoder's ``time``): slices that end by then are
                complete even if no event followed. None: the time of the last event.

        Returns:
            Complete slices in order, empty ones included.
        """
        slices: list[Slice] = []
        done, total = 0, len(events)
        while done < total:
            time = int(events.t[done])
            slices += self._advance(time)
            edge = self._end()
            stop = total if events.t[-1] < edge else int(np.searchsorted(events.t, edge))
            stop = max(stop, done + 1)
            self._count(events, done, stop)
            done = stop
        if now is not None:
            slices += self._advance(now)
        return slices

    def flush(self) -> list[Slice]:
        """The slice that is still open, as it stands; afterwards the slicer begins anew."""
        if self._index is None:
            return []
        last = self._close()
        self._index = None
        return [last]

    def _end(self) -> int:
        assert self._index is not None
        return (self._index + 1) * self.duration

    def _advance(self, time: int) -> list[Slice]:
        """Close the slices that end by ``time`` and open the one that holds it."""
        index = time // self.duration
        if self._index is None:
            self._open(index)
            return []
        steps = index - self._index
        if abs(steps) > MAX_SILENCE:
            closed = self._close()
            self._open(index)
            return [closed]
        return [self._close() for _ in range(steps)]

    def _open(self, index: int) -> None:
        self._index = index
        self._events = 0
        self._binner.begin()

    def _close(self) -> Slice:
        assert self._index is not None
        index = self._index
        closed = Slice(
            index, index * self.duration, (index + 1) * self.duration,
            self._binner.take(), self._binner.box, self._events,
        )  # fmt: skip
        self._open(index + 1)
        return closed


class CountSlicer(_Frames):
    """Cuts a stream into slices of an equal number of events.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        count: events of a slice, those outside the box included.
        box: left, top, width, height on the sensor, px; None is the whole sensor.
        size: width and height of a frame, px; None is that of the sensor.

    Raises:
        ConfigError: no events.
        GeometryError: a box or size without area.
    """

    def __init__(
        self,
        width: int,
        height: int,
        count: int,
        *,
        box: Box | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        if count <= 0:
            raise ConfigError(f"events of a slice: expected more than 0, found {count}")
        super().__init__(width, height, box, size)
        self.count = count
        self._index = 0
        self._start = self._last = 0

    def push(self, events: Events) -> list[Slice]:
        """Take the next events in and hand out the slices that are full with them."""
        slices: list[Slice] = []
        done, total = 0, len(events)
        while done < total:
            if self._events == 0:
                self._binner.begin()
                self._start = int(events.t[done])
            stop = min(total, done + self.count - self._events)
            self._count(events, done, stop)
            self._last = int(events.t[stop - 1])
            done = stop
            if self._events == self.count:
                slices.append(self._close())
        return slices

    def flush(self) -> list[Slice]:
        """The slice that is not full yet, if it holds an event."""
        return [self._close()] if self._events else []

    def _close(self) -> Slice:
        closed = Slice(
            self._index, self._start, self._last, self._binner.take(), self._binner.box, self._events
        )
        self._index += 1
        self._events = 0
        return closed


class AdaptiveSlicer:
    """Cuts a stream into slices that are short where much happens and long where little does.

    A slice ends at the first tick of the sensor's clock at which its frame holds enough events, and at the
    latest after the longest time: so it is never late, in silence neither.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        count: events in the frame that are enough.
        tick: us, the shortest slice.
        longest: us, of a slice; a multiple of ``tick``.
        box: left, top, width, height on the sensor, px; None is the whole sensor.
        size: width and height of a frame, px; None is that of the sensor.

    Raises:
        ConfigError: no events, or ``longest`` is no multiple of a tick above 0.
        GeometryError: a box or size without area.
    """

    def __init__(
        self,
        width: int,
        height: int,
        count: int,
        *,
        tick: int = 5_000,
        longest: int = 100_000,
        box: Box | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        if count <= 0:
            raise ConfigError(f"events of a slice: expected more than 0, found {count}")
        self._slicer = Slicer(width, height, tick, box=box, size=size)
        if longest < tick or longest % tick:
            raise ConfigError(f"longest slice: expected a multiple of the tick of {tick} us, found {longest}")
        self.count, self.longest = count, longest
        self._index = 0
        self._open: Slice | None = None

    def push(self, events: Events, now: int | None = None) -> list[Slice]:
        """Take the next events in and hand out the slices that are complete with them; see `Slicer.push`."""
        slices = []
        for piece in self._slicer.push(events, now):
            joined = piece if self._open is None else _joined(self._open, piece)
            if joined.counts.sum(dtype=np.int64) >= self.count or joined.end - joined.start >= self.longest:
                slices.append(replace(joined, index=self._index))
                self._index += 1
                self._open = None
            else:
                self._open = joined
        return slices


def _joined(first: Slice, second: Slice) -> Slice:
    """Two slices in a row as one."""
    counts = np.minimum(first.counts.astype(np.uint32) + second.counts, 0xFFFF).astype(np.uint16)
    return replace(first, end=second.end, counts=counts, events=first.events + second.events)


def iter_slices(
    events: Events,
    duration: int = DEFAULT_DURATION,
    *,
    count: int | None = None,
    box: Box | None = None,
    size: tuple[int, int] | None = None,
    start: int | None = None,
    stop: int | None = None,
) -> Iterator[Slice]:
    """Slices of events at hand, one at a time; see `slice_events`."""
    if start is not None or stop is not None:
        edges = np.searchsorted(
            events.t, [_or(start, np.iinfo(np.int64).min), _or(stop, np.iinfo(np.int64).max)]
        )
        events = events[edges[0] : edges[1]]
    if count is not None:
        by_count = CountSlicer(events.width, events.height, count, box=box, size=size)
        for first in range(0, len(events), count):
            yield from by_count.push(events[first : first + count])
        yield from by_count.flush()
        return
    slicer = Slicer(events.width, events.height, duration, box=box, size=size)
    if start is not None:
        slicer.push(events[:0], start)
    done = 0
    while done < len(events):
        edge = (int(events.t[done]) // duration + 1) * duration
        upto = max(done + 1, int(np.searchsorted(events.t, edge)))
        yield from slicer.push(events[done:upto])
        done = upto
    if stop is not None:
        yield from slicer.push(events[:0], stop)
        if stop % duration == 0:
            return
    yield from slicer.flush()


def slice_events(
    events: Events,
    duration: int = DEFAULT_DURATION,
    *,
    count: int | None = None,
    box: Box | None = None,
    size: tuple[int, int] | None = None,
    start: int | None = None,
    stop: int | None = None,
) -> list[Slice]:
    """Cut events into slices, exactly as a `Slicer` would that gets them in packets.

    Args:
        events: times non-decreasing.
        duration: of a slice, us; slice k covers ``[k * duration, (k + 1) * duration)``.
        count: cut by number of events instead.
        box: left, top, width, height on the sensor, px; None is the whole sensor.
        size: width and height of a frame, px; None is that of the sensor.
        start: us; leave out what comes before, and begin with the slice that holds it even if it is empty.
        stop: us; leave out what comes from then on, and go on in empty slices until then.

    Returns:
        From the slice of the first event to that of the last, empty ones included; the first and the
        last may be cut short by the ends of the data.

    Raises:
        ConfigError: no duration or count.
        GeometryError: a box or size without area.
    """
    return list(iter_slices(events, duration, count=count, box=box, size=size, start=start, stop=stop))


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
