"""EVT3, the encoding of the EVK4 and of our recordings: a RAW file into arrays, and back.

The limits are reading the file's bytes once, and writing them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import Measurement
from benchmarks.timing import medians
from benchmarks.workloads import clustered, rows, scattered
from evface.events import Events, encode_evt3, make_decoder

WIDTH, HEIGHT = 1280, 720
COUNT = 3_000_000
BLOCK = 1 << 20
"""bytes; a packet is smaller, a file reader's block about that."""
HEADER = (
    f"% evt 3.0\n% format EVT3;height={HEIGHT};width={WIDTH}\n% geometry {WIDTH}x{HEIGHT}\n% end\n".encode()
)


def run() -> list[Measurement]:
    """Measure three kinds of events.

    Returns:
        Mev/s of decoding and of encoding.
    """
    measured: list[Measurement] = []
    for name, make in (("scattered", scattered), ("clustered", clustered), ("whole rows", rows)):
        events = make(WIDTH, HEIGHT, COUNT)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.raw"
            data = encode_evt3(events)
            path.write_bytes(HEADER + data)
            label = f"{name}, {len(data) / len(events):.1f} B/event"
            measured.append(_row(f"EVT3 decode, {label}", events, _decoding(path, events)))
            measured.append(_row(f"EVT3 encode, {label}", events, _encoding(path, events, data)))
    return measured


def _row(name: str, events: Events, tasks: dict[str, Callable[[], object]]) -> Measurement:
    rates = {task: len(events) / seconds / 1e6 for task, seconds in medians(tasks).items()}
    return Measurement(name=name, ours=rates.pop("ours"), unit="Mev/s", limit=rates.pop("limit"), peers=rates)


def _payload(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype="<u2", offset=len(HEADER))


def _decoding(path: Path, events: Events) -> dict[str, Callable[[], object]]:
    decoder = make_decoder("evt3", WIDTH, HEIGHT)

    def ours() -> int:
        decoder.reset()
        words = _payload(path)
        step = BLOCK // words.itemsize
        return sum(len(decoder.decode(words[first : first + step])) for first in range(0, len(words), step))

    tasks: dict[str, Callable[[], object]] = {"ours": ours, "limit": lambda: _payload(path).sum()}
    counts = {"ours": ours()}
    for name, make in (
        ("evt3", _evt3_decode),
        ("faery", _faery_decode),
        ("expelliarmus", _expelliarmus_decode),
    ):
        try:
            task = make(path)
        except ImportError:
            continue
        counts[name] = task()
        tasks[name] = task
    wrong = {name: count for name, count in counts.items() if count != len(events)}
    if wrong:
        raise RuntimeError(f"of {len(events)} events decoded: {wrong}")
    return tasks


def _evt3_decode(path: Path) -> Callable[[], int]:
    import evt3

    def task() -> int:
        decoder = evt3.Decoder(WIDTH, HEIGHT)
        data = _payload(path).tobytes()
        return sum(len(decoder.feed(data[first : first + BLOCK])) for first in range(0, len(data), BLOCK))

    return task


def _faery_decode(path: Path) -> Callable[[], int]:
    from faery.extension import evt

    def task() -> int:
        with evt.Decoder(path, (WIDTH, HEIGHT), "evt3") as decoder:
            return sum(len(packet["events"]) for packet in decoder)

    return task


def _expelliarmus_decode(path: Path) -> Callable[[], int]:
    """Its times are wrong behind each wrap of TIME_LOW; it is measured for its speed."""
    from expelliarmus import Wizard

    return lambda: len(Wizard("evt3").read(path))


def _encoding(path: Path, events: Events, data: bytes) -> dict[str, Callable[[], object]]:
    target = path.with_name("written.raw")
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: target.write_bytes(HEADER + encode_evt3(events)),
        "limit": lambda: target.write_bytes(data),
    }
    peers = {"faery": _faery_encode, "expelliarmus": _expelliarmus_encode}
    for name, make in peers.items():
        try:
            tasks[name] = make(path, target, events)
        except ImportError:
            continue
    return tasks


def _faery_encode(path: Path, target: Path, events: Events) -> Callable[[], object]:
    from faery.extension import evt

    with evt.Decoder(path, (WIDTH, HEIGHT), "evt3") as decoder:
        packets = list(decoder)

    def task() -> None:
        with evt.Encoder(target, "evt3", False, (WIDTH, HEIGHT), True) as encoder:
            for packet in packets:
                encoder.write(packet)

    return task


def _expelliarmus_encode(path: Path, target: Path, events: Events) -> Callable[[], object]:
    from expelliarmus import Wizard

    wizard = Wizard("evt3")
    table: Any = wizard.read(path)
    table["t"] = events.t
    return lambda: wizard.save(target, table)
