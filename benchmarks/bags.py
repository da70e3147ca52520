"""Writing bags: the recorder's own writer beside others, messages of two sizes, brought to the disk.

The limit is a plain file with the same bytes. All write without compression: EVT3 hardly compresses.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin, Writer

from benchmarks.measurement import Measurement
from rig.recording.bag import BagWriter
from rig.recording.definitions import definition, typestore

SIZES = {"370 kB": 370_000, "10 kB": 10_000}
"""An EVK4's packet of 5 ms at 20 Mev/s, and a small one."""
TOTAL = 500_000_000
"""bytes of each bag."""
REPEATS = 5
TOPIC, TYPE = "/evk4/events", "event_camera_msgs/msg/EventPacket"

Write = Callable[[Path, list[bytes]], None]


def run() -> list[Measurement]:
    """Measure.

    Returns:
        Per size: MB/s on the disk, and the processor's time, ms/MB, medians of five.
    """
    rows: list[Measurement] = []
    for label, size in SIZES.items():
        messages = [np.random.default_rng(k).bytes(size) for k in range(20)]
        stream = [messages[k % len(messages)] for k in range(TOTAL // size)]
        ways: dict[str, Write] = {"ours": _ours, "rosbags": _rosbags, "mcap": _mcap, "plain": _plain}
        found = {name: list(_timed(write, stream)) for name, write in ways.items()}
        for at, (what, unit) in enumerate((("written", "MB/s"), ("CPU", "ms/MB"))):
            figures = {name: float(np.median([pair[at] for pair in pairs])) for name, pairs in found.items()}
            ours, limit = figures.pop("ours"), figures.pop("plain")
            rows.append(
                Measurement(name=f"{label}, {what}", ours=ours, unit=unit, peers=figures, limit=limit)
            )
    return rows


def _timed(write: Write, messages: list[bytes]) -> Iterator[tuple[float, float]]:
    megabytes = sum(map(len, messages)) / 1e6
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            wall, cpu = time.perf_counter(), time.process_time()
            write(Path(folder) / "bag", messages)
            yield megabytes / (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu) / megabytes


def _ours(path: Path, messages: list[bytes]) -> None:
    bag = BagWriter(path)
    for index, message in enumerate(messages):
        bag.write(TOPIC, TYPE, index, message)
    bag.close()


def _rosbags(path: Path, messages: list[bytes]) -> None:
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(TOPIC, TYPE, typestore=typestore())
        for index, message in enumerate(messages):
            writer.write(connection, index, message)
    _sync(path / f"{path.name}.mcap")


def _mcap(path: Path, messages: list[bytes]) -> None:
    with path.open("wb") as file:
        writer = McapWriter(file, compression=CompressionType.NONE)
        writer.start()
        schema = writer.register_schema(TYPE, "ros2msg", definition(TYPE)[0].encode())
        channel = writer.register_channel(TOPIC, "cdr", schema)
        for index, message in enumerate(messages):
            writer.add_message(channel, index, message, index)
        writer.finish()
    _sync(path)


def _plain(path: Path, messages: list[bytes]) -> None:
    with path.open("wb") as file:
        for message in messages:
            file.write(message)
    _sync(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
