"""Voxel grid, time surface and counts against their definitions, event by event."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evface.errors import ConfigError
from evface.events import Events, event_counts, time_surface, voxel_grid

WIDTH, HEIGHT = 6, 5

rows = st.lists(
    st.tuples(
        st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(0, 1), st.integers(-50, 200)
    ),
    max_size=40,
)


def make(found: list[tuple[int, int, int, int]]) -> Events:
    x, y, p, t = (np.array([row[i] for row in found]) for i in range(4))
    return Events(
        x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), t.astype(np.int64), WIDTH, HEIGHT
    )


@given(rows, st.integers(1, 7), st.integers(-20, 60), st.integers(60, 150))
def test_voxel_grid(found: list[tuple[int, int, int, int]], bins: int, start: int, stop: int) -> None:
    expected = np.zeros((bins, HEIGHT, WIDTH))
    for x, y, p, t in found:
        if start <= t <= stop:
            at = (bins - 1) * (t - start) / (stop - start) if stop > start else 0.0
            for index in range(bins):
                expected[index, y, x] += (1 if p else -1) * max(0.0, 1 - abs(index - at))
    grid = voxel_grid(make(found), bins, start=start, stop=stop)
    assert grid.dtype == np.float32
    np.testing.assert_allclose(grid, expected, atol=1e-4)


def test_voxel_grid_spans_its_events_by_default() -> None:
    grid = voxel_grid(make([(0, 0, 1, 10), (1, 0, 0, 20), (2, 0, 1, 30)]), 3)
    assert [grid[0, 0, 0], grid[1, 0, 1], grid[2, 0, 2]] == [1, -1, 1]
    assert not voxel_grid(make([]), 3).any()


@given(rows, st.floats(1, 1000), st.none() | st.integers(0, 100))
def test_time_surface(found: list[tuple[int, int, int, int]], tau: float, stop: int | None) -> None:
    end = max((row[3] for row in found), default=0) if stop is None else stop
    expected = np.zeros((2, HEIGHT, WIDTH))
    for x, y, p, t in found:
        if t <= end:
            expected[p, y, x] = max(expected[p, y, x], math.exp((t - end) / tau))
    surface = time_surface(make(found), tau, stop=stop)
    assert surface.dtype == np.float32
    np.testing.assert_allclose(surface, expected, rtol=1e-5, atol=1e-30)


@given(rows)
def test_event_counts(found: list[tuple[int, int, int, int]]) -> None:
    expected = np.zeros((2, HEIGHT, WIDTH), np.uint16)
    for x, y, p, _ in found:
        expected[p, y, x] += 1
    assert np.array_equal(event_counts(make(found)), expected)


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ConfigError, match="bin"):
        voxel_grid(make([]), 0)
    with pytest.raises(ConfigError, match="stretch"):
        voxel_grid(make([(0, 0, 0, 0)]), 2, start=5, stop=4)
    with pytest.raises(ConfigError, match="tau"):
        time_surface(make([]), 0)
