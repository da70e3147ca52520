"""An event file looked through from its first event to its last, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from evface.dataset.event_file import BLOCK
from evface.dataset.validation.schema import Stream
from evface.errors import FormatError

DTYPES = {"x": "uint16", "y": "uint16", "t": "int64", "p": "uint8"}
"""Of ``/events``."""

ATTRIBUTES = ("width", "height", "sensor_time_us", "sensor_end_us", "clock_offset_ns")
"""Whole numbers at the root of a file."""


def check_event_file(path: Path, stream: Stream, clock: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an event file of the dataset; layout: docs/dataset.md.

    Args:
        path: of the file.
        stream: what quality.json says of it.
        clock: what sync.json says of its clock.

    Yields:
        A line for each thing that is wrong; of things that concern events, how many of them.

    Raises:
        FormatError: the file cannot be read, or breaks off.
    """
    try:
        with h5py.File(path, "r") as file:
            wrong = list(_layout(file))
            yield from wrong
            if not wrong:
                yield from _root(file, stream, clock)
                yield from _events(file, stream)
    except (OSError, RuntimeError) as error:
        raise FormatError(f"not readable: {error}") from error


def _layout(file: h5py.File) -> Iterator[str]:
    for name, dtype in DTYPES.items():
        found = file.get(f"events/{name}")
        if not isinstance(found, h5py.Dataset):
            yield f"/events/{name} is missing"
        elif found.ndim != 1 or found.dtype != dtype:
            yield f"/events/{name} is {found.dtype}{list(found.shape)}, expected {dtype}[N]"
    lengths = {len(data) for data in file.get("events", {}).values() if data.ndim == 1}
    if len(lengths) > 1:
        yield f"/events/x, y, t, p have different lengths: {sorted(lengths)}"
    if lengths == {0}:
        yield "no event in it"
    for name, dimensions in (("t_offset", 0), ("ms_to_idx", 1)):
        found = file.get(name)
        if not isinstance(found, h5py.Dataset):
            yield f"/{name} is missing"
        elif found.ndim != dimensions or found.dtype.kind not in "iu":
            yield f"/{name} is {found.dtype}{list(found.shape)}, expected whole numbers, {dimensions}-d"
    for name in ATTRIBUTES:
        if np.ndim(file.attrs.get(name, [])) or np.asarray(file.attrs.get(name)).dtype.kind not in "iu":
            yield f"attribute {name} is missing, or no whole number"


def _root(file: h5py.File, stream: Stream, clock: dict[str, Any]) -> Iterator[str]:
    """Sizes and clocks against the take's tables."""
    width, height, zero, end, offset = (int(file.attrs[name]) for name in ATTRIBUTES)
    if (width, height) != (stream.width, stream.height):
        yield f"is of {width}x{height} px, quality.json says {stream.width}x{stream.height}"
    if (count := len(file["events/t"])) != stream.events_out:
        yield f"holds {count} events, quality.json says {stream.events_out}"
    if offset != clock.get("offset_ns"):
        yield f"clock_offset_ns is {offset}, sync.json says {clock.get('offset_ns')}"
    if zero != clock.get("sensor_time_us"):
        yield f"sensor_time_us is {zero}, sync.json says {clock.get('sensor_time_us')}"
    if (found := int(file["t_offset"][()])) != (expected := (zero * 1000 + offset) // 1000):
        yield f"/t_offset is {found}, its clock's attributes make {expected}"
    if end < zero + int(file["events/t"][-1]):
        yield f"sensor_end_us is {end}, before the last event"


def _events(file: h5py.File, stream: Stream) -> Iterator[str]:
    """Times, places, polarities and the index of milliseconds."""
    width, height = int(file.attrs["width"]), int(file.attrs["height"])
    index: NDArray[np.int64] = file["ms_to_idx"][:].astype(np.int64)
    data = {name: file[f"events/{name}"] for name in DTYPES}
    count, last = len(data["t"]), 0
    back = outside = strange = on = misled = 0
    settled = 0
    for at in range(0, count, BLOCK):
        x, y, t, p = (data[name][at : at + BLOCK] for name in DTYPES)
        if at == 0 and t[0] != 0:
            yield f"/events/t begins at {t[0]} us, expected 0"
        back += int(t[0] < last) + int(np.count_nonzero(t[1:] < t[:-1]))
        outside += int(np.count_nonzero((x >= width) | (y >= height)))
        strange += int(np.count_nonzero(p > 1))
        on += int(np.count_nonzero(p == 1))
        last = int(t[-1])
        if not back and settled <= (upto := last // 1000 + 1):
            expected = at + np.searchsorted(t, np.arange(settled, upto) * 1000, "left")
            found = index[settled:upto]
            misled += int(np.count_nonzero(found != expected[: len(found)]))
            settled = upto
    if back:
        yield f"/events/t steps back {back} times"
        return
    if outside:
        yield f"{outside} events lie outside the sensor of {width}x{height} px"
    if strange:
        yield f"{strange} events have a polarity other than 0 and 1"
    elif on != stream.on:
        yield f"{on} events are of polarity 1, quality.json says {stream.on}"
    if len(index) != settled + 1 or index[-1] != count:
        ends = f"{len(index)} entries and ends with {index[-1:]}"
        yield f"/ms_to_idx has {ends}, expected {settled + 1} and {count}"
    elif misled:
        yield f"/ms_to_idx is wrong at {misled} milliseconds"
