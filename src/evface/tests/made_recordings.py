"""Small recordings of every format, made for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from evface.events import Events, Triggers, encode_evt3, encode_mono, open_writer

WIDTH, HEIGHT = 346, 260

# As in src/event_camera_msgs/msg/EventPacket.msg, which an installed library does not bring along.
DEFINITION = """std_msgs/Header header
uint32 height
uint32 width
uint64 seq
uint64 time_base
string encoding
bool is_bigendian
uint8[] events
"""


def some_events(count: int = 3000, start: int = 5_000_000, seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    return Events(
        rng.integers(0, WIDTH, count).astype(np.uint16),
        rng.integers(0, HEIGHT, count).astype(np.uint16),
        rng.integers(0, 2, count).astype(np.uint8),
        start + np.cumsum(rng.integers(0, 40, count)),
        WIDTH,
        HEIGHT,
    )


def some_triggers(events: Events) -> Triggers:
    return Triggers(events.t[10::500].copy(), np.zeros(6, np.uint8), np.array([1, 0, 1, 0, 1, 0], np.uint8))


def made_file(path: Path, events: Events, triggers: Triggers | None = None) -> Path:
    """RAW or HDF5, by the ending."""
    with open_writer(path, events.width, events.height) as writer:
        writer.write(events, triggers)
    return path


def made_bag(
    path: Path,
    events: Events,
    *,
    encoding: str = "evt3",
    mcap: bool = True,
    topics: tuple[str, ...] = ("/davis346/events",),
    pieces: int = 10,
    time_base: bool = True,
    lost: tuple[int, ...] = (),
) -> Path:
    """A bag with the events in equal pieces on each topic."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(DEFINITION, "event_camera_msgs/msg/EventPacket"))
    packet, header, time = (
        store.types[name]
        for name in (
            "event_camera_msgs/msg/EventPacket",
            "std_msgs/msg/Header",
            "builtin_interfaces/msg/Time",
        )
    )
    plugin = StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for topic in topics:
            connection = writer.add_connection(topic, packet.__msgtype__, typestore=store)
            for seq, which in enumerate(np.array_split(np.arange(len(events)), pieces)):
                part = events[which[0] : which[-1] + 1] if len(which) else events[:0]
                data, base = (
                    encode_mono(part) if encoding == "mono" else (encode_evt3(part), int(part.t[0]) * 1000)
                )
                stamp = 1_700_000_000_000_000_000 + seq * 10_000_000
                message = packet(
                    header(time(stamp // 1_000_000_000, stamp % 1_000_000_000), "events"),
                    events.height, events.width, seq, base if time_base else 0, encoding, False,
                    np.frombuffer(data, np.uint8),
                )  # fmt: skip
                if seq not in lost:
                    writer.write(connection, stamp, store.serialize_cdr(message, packet.__msgtype__))
    return path


def made_aedat4(path: Path, events: Events) -> Path:
    """Events, two frames, three IMU samples and two triggers, written by the vendor's library."""
    import dv_processing as dv

    config = dv.io.MonoCameraWriter.Config("DAVIS346_00000000")
    resolution = (events.width, events.height)
    config.addEventStream(resolution)
    config.addFrameStream(resolution)
    config.addImuStream()
    config.addTriggerStream()
    writer = dv.io.MonoCameraWriter(str(path), config)
    store = dv.EventStore()
    for x, y, p, t in zip(
        events.x.tolist(), events.y.tolist(), events.p.tolist(), events.t.tolist(), strict=True
    ):
        store.push_back(t, x, y, bool(p))
    writer.writeEvents(store)
    start = int(events.t[0])
    for number in range(2):
        image = np.full((events.height, events.width), 10 * number, np.uint8)
        writer.writeFrame(dv.Frame(start + number * 20_000, 4000, 0, 0, image, dv.FrameSource.SENSOR))
    for number in range(3):
        writer.writeImu(dv.IMU(start + number * 1000, 25.0, 0.0, 1.0, 0.5, 90.0, 0.0, -90.0, 0.0, 0.0, 0.0))
    for number, kind in enumerate(
        (dv.TriggerType.EXTERNAL_SIGNAL_RISING_EDGE, dv.TriggerType.EXTERNAL_SIGNAL_FALLING_EDGE)
    ):
        writer.writeTrigger(dv.Trigger(start + number * 500, kind))
    del writer
    return path
