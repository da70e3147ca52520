"""Events to measure with, the same in every run."""

from __future__ import annotations

import numpy as np

from evface.events import Events

DURATION = 400_000
"""us; 4 M events then are 10 Mev/s, a busy scene before an HD sensor."""


def scattered(width: int, height: int, count: int) -> Events:
    """Noise: every event anywhere."""
    rng = np.random.default_rng(1)
    return Events(
        rng.integers(0, width, count, dtype=np.uint16),
        rng.integers(0, height, count, dtype=np.uint16),
        rng.integers(0, 2, count, dtype=np.uint8),
        _times(rng, count),
        width,
        height,
    )


def clustered(width: int, height: int, count: int) -> Events:
    """An edge that moves: runs of three neighbours of one polarity around a wandering place."""
    rng = np.random.default_rng(2)
    runs = -(-count // 3)
    turn = np.linspace(0.0, 40.0, runs)
    column = rng.normal(width * (0.5 + 0.25 * np.sin(turn)), width / 40)
    row = rng.normal(height * (0.5 + 0.25 * np.cos(turn)), height / 40)
    x = np.clip(column, 0, width - 3).astype(np.uint16)
    y = np.clip(row, 0, height - 1).astype(np.uint16)
    return Events(
        (np.repeat(x, 3) + np.tile(np.arange(3, dtype=np.uint16), runs))[:count],
        np.repeat(y, 3)[:count],
        np.repeat(rng.integers(0, 2, runs, dtype=np.uint8), 3)[:count],
        np.repeat(_times(rng, runs), 3)[:count],
        width,
        height,
    )


def rows(width: int, height: int, count: int) -> Events:
    """A flash: whole rows at once, one after the other."""
    number = count // width
    index = np.arange(number)
    return Events(
        np.tile(np.arange(width, dtype=np.uint16), number),
        np.repeat((index % height).astype(np.uint16), width),
        np.repeat((index & 1).astype(np.uint8), width),
        np.repeat(index * DURATION // number, width).astype(np.int64),
        width,
        height,
    )


def _times(rng: np.random.Generator, count: int) -> np.ndarray:
    times = np.sort(rng.integers(0, DURATION, count, dtype=np.int64))
    times[0] = 0  # a peer's slices begin with the first event, ours on the grid
    return times
