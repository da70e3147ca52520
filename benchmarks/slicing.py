"""Events into frames of 33 ms: counts per pixel and polarity, of the whole sensor.

The limit is a copy of the bytes that have to be read, 5 an event (x, y, polarity).
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import Measurement
from benchmarks.timing import medians
from benchmarks.workloads import clustered, scattered
from evface.events import Events, iter_slices

COUNT = 4_000_000
SLICE = 33_000
"""us."""
BOX = 64
"""px, both sides of a frame of the face box."""


def run() -> list[Measurement]:
    """Measure three sensors' worth of events, and the face box of one.

    Returns:
        Mev/s.
    """
    rows = [
        _whole_sensor("346x260, clustered", clustered(346, 260, COUNT)),
        _whole_sensor("1280x720, scattered", scattered(1280, 720, COUNT)),
        _whole_sensor("1280x720, clustered", clustered(1280, 720, COUNT)),
    ]
    return [*rows, _face_box("346x260, clustered, box to 64x64", clustered(346, 260, COUNT))]


def _whole_sensor(name: str, events: Events) -> Measurement:
    ours = [piece.counts for piece in iter_slices(events, SLICE)]
    expected = _bincount(events)
    if len(ours) != len(expected) or any((a != b).any() for a, b in zip(ours, expected, strict=True)):
        raise RuntimeError(f"{name}: our frames are not numpy's")
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: [piece.events for piece in iter_slices(events, SLICE)],
        "limit": _copy(events),
        "numpy": lambda: _bincount(events),
        "dv-processing": _dv_processing(events),
    }
    tonic = _tonic(events)
    if tonic is not None:
        tasks["tonic"] = tonic
    return _row(name, events, tasks)


def _face_box(name: str, events: Events) -> Measurement:
    box = (events.width / 4, events.height / 4, events.width / 2, events.height / 2)
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: [piece.events for piece in iter_slices(events, SLICE, box=box, size=(BOX, BOX))],
        "limit": _copy(events),
    }
    return _row(name, events, tasks)


def _row(name: str, events: Events, tasks: dict[str, Callable[[], object]]) -> Measurement:
    rates = {task: len(events) / seconds / 1e6 for task, seconds in medians(tasks).items()}
    return Measurement(
        name=f"slicing {name}", ours=rates.pop("ours"), unit="Mev/s", limit=rates.pop("limit"), peers=rates
    )


def _copy(events: Events) -> Callable[[], object]:
    x, y, p = np.empty_like(events.x), np.empty_like(events.y), np.empty_like(events.p)

    def task() -> None:
        np.copyto(x, events.x)
        np.copyto(y, events.y)
        np.copyto(p, events.p)

    return task


def _bincount(events: Events) -> list[NDArray[np.uint16]]:
    shape = (2, events.height, events.width)
    edges = np.searchsorted(events.t, np.arange(0, int(events.t[-1]) + SLICE, SLICE))
    edges[-1] = len(events)
    frames = []
    for first, last in itertools.pairwise(edges):
        x, y, p = (column[first:last].astype(np.int64) for column in (events.x, events.y, events.p))
        flat = np.bincount((p * shape[1] + y) * shape[2] + x, minlength=shape[0] * shape[1] * shape[2])
        frames.append(flat.astype(np.uint16).reshape(shape))
    return frames


def _dv_processing(events: Events) -> Callable[[], object]:
    """Its own slicer, and a filter and an edge map for each polarity; counts end at 255 there."""
    import dv_processing as dv

    store = dv.EventStore()
    columns = (column.tolist() for column in (events.t, events.x, events.y, events.p))
    for t, x, y, p in zip(*columns, strict=True):
        store.push_back(t, x, y, bool(p))

    def task() -> list[Any]:
        resolution = (events.width, events.height)
        maps = [dv.EdgeMapAccumulator(resolution, contribution=1 / 255, decay=0.0) for _ in range(2)]
        filters = [dv.EventPolarityFilter(bool(p)) for p in range(2)]
        frames: list[Any] = []

        def take(piece: Any) -> None:
            for keep, accumulator in zip(filters, maps, strict=True):
                keep.accept(piece)
                accumulator.accept(keep.generateEvents())
                frames.append(accumulator.generateFrame().image)

        slicer = dv.EventStreamSlicer()
        slicer.doEveryTimeInterval(datetime.timedelta(microseconds=SLICE), take)
        slicer.accept(store)
        return frames

    return task


def _tonic(events: Events) -> Callable[[], object] | None:
    try:
        from tonic.transforms import ToFrame
    except ImportError:
        return None
    table = np.empty(len(events), dtype=[("x", np.int16), ("y", np.int16), ("p", bool), ("t", np.int64)])
    for name in ("x", "y", "p", "t"):
        table[name] = getattr(events, name)
    frames = ToFrame((events.width, events.height, 2), time_window=SLICE, include_incomplete=True)
    return lambda: frames(table)
