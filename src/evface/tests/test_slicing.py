"""Slices: against a slow and obvious count, and the same however the stream was cut into packets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError
from evface.events import Box, CountSlicer, Events, Slice, Slicer, iter_slices, slice_events
from evface.events.slicing import MAX_SILENCE

WIDTH, HEIGHT = 40, 30


def make_events(t: list[int], seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Events:
    rng = np.random.default_rng(seed)
    n = len(t)
    return Events(
        rng.integers(0, width, n).astype(np.uint16), rng.integers(0, height, n).astype(np.uint16),
        rng.integers(0, 2, n).astype(np.uint8), np.array(t, np.int64), width, height,
    )  # fmt: skip


def slow_frame(events: Events, box: Box, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Each event by itself: the cell that the middle of its pixel falls into."""
    frame = np.zeros((2, size[1], size[0]), np.int64)
    for x, y, p in zip(events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True):
        column = np.floor((x + 0.5 - box[0]) * (size[0] / box[2]))
        row = np.floor((y + 0.5 - box[1]) * (size[1] / box[3]))
        if 0 <= column < size[0] and 0 <= row < size[1]:
            frame[p, int(row), int(column)] += 1
    return np.minimum(frame, 65535).astype(np.uint16)


def same(found: list[Slice], expected: list[Slice]) -> None:
    assert [(s.index, s.start, s.end, s.box, s.events) for s in found] == [
        (s.index, s.start, s.end, s.box, s.events) for s in expected
    ]
    for left, right in zip(found, expected, strict=True):
        assert np.array_equal(left.counts, right.counts)


times = st.lists(st.integers(0, 40), max_size=60).map(lambda steps: np.cumsum(steps).tolist())
boxes = st.tuples(
    st.floats(-20, 30), st.floats(-20, 20), st.floats(0.5, 60), st.floats(0.5, 60)
)  # fmt: skip
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(times, st.integers(1, 90), boxes, sizes)
def test_a_frame_counts_each_event_where_its_pixel_lies(
    t: list[int], duration: int, box: Box, size: tuple[int, int]
) -> None:
    events = make_events(t)
    found = slice_events(events, duration, box=box, size=size)
    for piece in found:
        inside = events[(events.t >= piece.index * duration) & (events.t < (piece.index + 1) * duration)]
        assert np.array_equal(piece.counts, slow_frame(inside, box, size))
        assert piece.events == len(inside)
        assert (piece.start, piece.end) == (piece.index * duration, (piece.index + 1) * duration)
    if len(events):
        assert [s.index for s in found] == list(range(t[0] // duration, t[-1] // duration + 1))


@given(times, st.integers(1, 90))
def test_the_whole_sensor_pixel_for_pixel(t: list[int], duration: int) -> None:
    events = make_events(t)
    for piece in slice_events(events, duration):
        inside = events[(events.t >= piece.start) & (events.t < piece.end)]
        assert np.array_equal(piece.counts, slow_frame(inside, (0, 0, WIDTH, HEIGHT), (WIDTH, HEIGHT)))


@settings(max_examples=200)
@given(times, st.integers(1, 90), st.lists(st.integers(0, 60), max_size=8), st.data())
def test_any_packets_give_the_slices_of_the_whole(
    t: list[int], duration: int, cuts: list[int], data: st.DataObject
) -> None:
    events = make_events(t)
    box, size = (3.5, 2.0, 20.0, 25.0), (8, 8)
    slicer = Slicer(WIDTH, HEIGHT, duration, box=box, size=size)
    found: list[Slice] = []
    edges = [0, *sorted(min(cut, len(t)) for cut in cuts), len(t)]
    for start, stop in pairwise(edges):
        # The decoder's clock may already be ahead of the last event, but not of the next one.
        low = t[stop - 1] if stop else 0
        high = t[stop] if stop < len(t) else low
        now = data.draw(st.none() | st.integers(low, high)) if stop else None
        found += slicer.push(events[start:stop], now)
    found += slicer.flush()
    same(found, slice_events(events, duration, box=box, size=size))


@given(times, st.integers(1, 20), st.lists(st.integers(0, 60), max_size=8))
def test_any_packets_give_the_slices_of_a_number_of_events(t: list[int], count: int, cuts: list[int]) -> None:
    events = make_events(t)
    slicer = CountSlicer(WIDTH, HEIGHT, count)
    found: list[Slice] = []
    edges = [0, *sorted(min(cut, len(t)) for cut in cuts), len(t)]
    for start, stop in pairwise(edges):
        found += slicer.push(events[start:stop])
    found += slicer.flush()
    same(found, slice_events(events, count=count))
    assert [s.events for s in found[:-1]] == [count] * (len(found) - 1)
    assert sum(s.events for s in found) == len(t)
    for piece in found:
        part = events[piece.index * count : (piece.index + 1) * count]
        assert (piece.start, piece.end) == (part.t[0], part.t[-1])
        assert int(piece.counts.sum()) == len(part)


def test_silence_gives_empty_slices_as_soon_as_they_are_over() -> None:
    slicer = Slicer(WIDTH, HEIGHT, 10)
    assert slicer.push(make_events([12]), 19) == []
    complete = slicer.push(make_events([]), 40)
    assert [(s.index, s.events) for s in complete] == [(1, 1), (2, 0), (3, 0)]
    assert not complete[1].counts.any()


def test_the_box_changes_between_slices_only() -> None:
    slicer = Slicer(WIDTH, HEIGHT, 10, box=(0, 0, 10, 10), size=(4, 4))
    slicer.push(make_events([1]), 5)
    slicer.box = (5, 5, 20, 20)
    first, second = slicer.push(make_events([12]), 20)
    assert [first.box, second.box] == [(0, 0, 10, 10), (5, 5, 20, 20)]
    assert np.array_equal(second.counts, slow_frame(make_events([12]), (5, 5, 20, 20), (4, 4)))


def test_a_count_stays_at_its_largest_value() -> None:
    n = 70_000
    events = Events(
        np.full(n, 3, np.uint16),
        np.full(n, 4, np.uint16),
        np.ones(n, np.uint8),
        np.zeros(n, np.int64),
        WIDTH,
        HEIGHT,
    )
    (piece,) = slice_events(events)
    assert piece.counts[1, 4, 3] == 65535
    assert piece.counts.sum(dtype=np.int64) == 65535
    assert piece.events == n


def test_events_outside_the_sensor_harm_nobody() -> None:
    events = Events(
        np.array([39, 40, 65535, 0], np.uint16), np.array([29, 29, 65535, 30], np.uint16),
        np.array([1, 1, 255, 0], np.uint8), np.zeros(4, np.int64), WIDTH, HEIGHT,
    )  # fmt: skip
    for box in (None, (0.0, 0.0, 200.0, 200.0)):
        (piece,) = slice_events(events, box=box)
        assert piece.counts.sum() == 1


def test_a_clock_that_begins_anew_does_not_stall_nor_flood() -> None:
    slicer = Slicer(WIDTH, HEIGHT, 10)
    slicer.push(make_events([5_000_000]))
    (before,) = slicer.push(make_events([7]))
    assert (before.index, before.events) == (500_000, 1)
    (after,) = slicer.push(make_events([(MAX_SILENCE + 2) * 10]))
    assert (after.index, after.events) == (0, 1)


def test_late_events_count_in_the_slice_that_is_open() -> None:
    slicer = Slicer(WIDTH, HEIGHT, 10)
    slicer.push(make_events([25]), 31)
    assert slicer.push(make_events([29]), 40)[0].events == 1


def test_start_and_stop_bound_the_slices() -> None:
    events = make_events([5, 15, 95])
    found = slice_events(events, 10, start=10, stop=60)
    assert [(s.index, s.events) for s in found] == [(1, 1), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert [s.index for s in slice_events(events, 10, start=30, stop=45)] == [3, 4]


def test_slices_come_one_at_a_time() -> None:
    pieces = iter_slices(make_events(list(range(0, 1000, 10))), 10)
    assert next(pieces).index == 0
    assert next(pieces).index == 1


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 5), (0, 0, 5, -1), (0, 0, float("nan"), 5), (float("inf"), 0, 5, 5)]
)
def test_a_box_without_area_is_refused(box: Box) -> None:
    with pytest.raises(GeometryError, match="box"):
        Slicer(WIDTH, HEIGHT, box=box)
    slicer = Slicer(WIDTH, HEIGHT)
    with pytest.raises(GeometryError, match="box"):
        slicer.box = box


def test_slices_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="duration"):
        Slicer(WIDTH, HEIGHT, 0)
    with pytest.raises(ConfigError, match="events of a slice"):
        CountSlicer(WIDTH, HEIGHT, 0)
    with pytest.raises(GeometryError, match="no pixels"):
        Slicer(WIDTH, HEIGHT, size=(0, 4))
