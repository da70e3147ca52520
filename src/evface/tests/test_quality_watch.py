"""The rig at this moment, from serialized messages as they pass."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from evface.dataset.boxes import Box
from evface.events import Events, encode_evt3
from evface.quality import Check, Level, Thresholds
from evface.quality.watch import SAMPLE, Look, Watch

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
EVENTS, FRAMES = "/davis346/events", "/webcam/image_raw/compressed"


def header(stamp: int) -> bytes:
    """CDR of a std_msgs/Header with an empty frame_id."""
    return b"\x00\x01\x00\x00" + struct.pack("<iII", stamp // SECOND, stamp % SECOND, 1) + b"\x00\x00\x00\x00"


def packet(stamp: int, seq: int, events: Events) -> bytes:
    """CDR of an EventPacket."""
    data = bytes(encode_evt3(events))
    base = int(events.t[0]) * 1000 if len(events) else 0
    body = header(stamp) + struct.pack("<II", events.height, events.width)
    body += b"\x00" * ((4 - len(body)) % 8) + struct.pack("<QQ", seq, base)
    body += struct.pack("<I5s", 5, b"evt3\x00") + b"\x00" * 3 + struct.pack("<I", len(data)) + data
    return body


def some_events(start: int, length: int, count: int, rng: np.random.Generator) -> Events:
    """At random, us."""
    return Events(
        rng.integers(0, 346, count).astype(np.uint16),
        rng.integers(0, 260, count).astype(np.uint16),
        rng.integers(0, 2, count).astype(np.uint8),
        np.sort(rng.integers(start, start + length, count)),
        346,
        260,
    )


def stream(
    watch: Watch, seconds: float = 3.0, rate: float = 20e3, age: float = 0.01, frame: float = 1 / 30
) -> int:
    """A DAVIS346's packets of 10 ms and a webcam's frames, from START on; how many bytes."""
    rng = np.random.default_rng(0)
    size = 0

    def hear(topic: str, stamp: int, message: bytes) -> None:
        nonlocal size
        size += len(message)
        watch.hear(topic, stamp + round(age * SECOND), message)

    for seq in range(round(seconds * 100)):
        stamp = START + seq * 10_000_000
        events = some_events(5_000_000 + seq * 10_000, 10_000, round(rate / 100), rng)
        hear(EVENTS, stamp, packet(stamp, seq, events))
    for index in range(round(seconds / frame)):
        stamp = START + round(index * frame * SECOND)
        hear(FRAMES, stamp, header(stamp) + b"jpeg")
    return size


def watch_of(cameras: list[str] = ["davis346", "webcam"], silent: tuple[str, ...] = ()) -> Watch:  # noqa: B006
    found = Watch(cameras, Thresholds(), {"webcam": 30.0}, silent)
    found.around.free, found.around.speed, found.around.lux = 10**12, 1e9, 400.0
    return found


def checks(watch: Watch, now: float = 3.0) -> dict[tuple[str, str], Check]:
    report = watch.report(START + round(now * SECOND))
    return {(check.sensor, check.name): check for check in report.checks}


def test_a_rig_that_runs_well_is_green() -> None:
    watch = watch_of(["davis346"])
    box = Look(Box(103, 60, 140, 140, 1.0), 346, 260, (0.0, 0.0))
    watch.around.looks["davis346"] = box
    watch.report(START)
    stream_only_davis(watch)
    report = watch.report(START + 3 * SECOND)
    assert report.reds == []
    assert report.level == Level.GREEN


def stream_only_davis(watch: Watch) -> None:
    rng = np.random.default_rng(0)
    for seq in range(300):
        stamp = START + seq * 10_000_000
        watch.hear(EVENTS, stamp, packet(stamp, seq, some_events(seq * 10_000, 10_000, 200, rng)))
        if seq % 4 == 0:
            watch.hear("/davis346/image_raw", stamp, header(stamp))


def test_rates_and_ages_are_those_of_what_came() -> None:
    watch = watch_of()
    stream(watch)
    found = checks(watch)
    assert found["davis346", "event rate"].value.startswith("20.0 kev/s")
    assert found["webcam", "frame rate"].value == "30.0 frames/s"
    assert found["webcam", "frames stamps"].value == "0.010 s old"
    assert found["davis346", "flicker"].level == Level.GREEN


@pytest.mark.parametrize(
    ("given", "now", "red"),
    [
        ({"age": 1.5}, 3.0, ("davis346", "events stamps")),
        ({"age": 1.5}, 3.0, ("webcam", "frames stamps")),
        ({"age": 1.7e9}, 3.0, ("webcam", "frames stamps")),
        ({"frame": 0.1}, 3.0, ("webcam", "frame rate")),
        ({"frame": 0.1}, 3.0, ("webcam", "frame interval p99")),
        ({}, 4.5, ("davis346", "events")),
        ({}, 4.5, ("webcam", "frames")),
        ({"rate": 0.0}, 3.0, ("davis346", "event rate")),
        ({"rate": 11e6, "seconds": 0.7}, 0.7, ("davis346", "event rate")),
    ],
)
def test_what_goes_wrong_is_red(given: dict, now: float, red: tuple[str, str]) -> None:
    watch = watch_of()
    stream(watch, **given)
    assert checks(watch, now)[red].level == Level.RED


def test_a_camera_that_never_spoke_is_red_and_one_that_waits_for_its_take_is_not() -> None:
    assert checks(watch_of())["davis346", "events"].level == Level.RED
    assert checks(watch_of(silent=("davis346",)))["davis346", "events"].level == Level.UNKNOWN
    assert not watch_of().complete
    assert watch_of(["davis346"], silent=("davis346",)).complete


def test_only_a_sample_of_a_fast_stream_is_decoded() -> None:
    watch = watch_of()
    stream(watch, seconds=1.0, rate=10e6)
    (series,) = (found._series for found in watch._streams.values() if found.stream.kind == "events")
    decoded = int(series.on.sum() + series.off.sum())
    assert decoded < SAMPLE
    assert checks(watch, 1.0)["davis346", "event rate"].value.startswith("10.00 Mev/s")


def test_what_the_driver_and_the_recorder_lost_is_red() -> None:
    watch = watch_of()
    stream(watch)
    watch.around.lost = 3
    watch.around.driver_lost = {"webcam": 1}
    found = checks(watch)
    assert found["", "lost in this take"].level == Level.RED
    assert found["webcam", "lost by the driver"].level == Level.RED


def test_the_disk_must_hold_two_sessions_of_what_comes() -> None:
    watch = watch_of()
    watch.report(START)
    size = stream(watch)
    found = checks(watch)
    assert found["", "disk space"].level == found["", "write speed"].level == Level.GREEN
    # Thrice, for a face that performs.
    assert watch.need == pytest.approx(3.0 * size / 3.0)
    watch.around.free = int(watch.need * 1000)
    watch.around.speed = 1.9 * watch.need
    found = checks(watch, 3.5)
    assert found["", "disk space"].level == found["", "write speed"].level == Level.RED


def test_faces_and_offsets_are_told_to_it() -> None:
    watch = watch_of()
    stream(watch)
    assert checks(watch)["webcam", "face found"].level == Level.UNKNOWN
    watch.around.looks["webcam"] = Look(None, 640, 480, None)
    watch.around.offsets = [
        SimpleNamespace(
            sensor="webcam", reference="davis346", offset=0.05, uncertainty=0.03, drift_ppm=float("nan"),
            drift_uncertainty=float("nan"), reason="",
        )
    ]  # fmt: skip
    found = checks(watch, 3.1)
    assert found["webcam", "face found"].level == Level.RED
    assert found["webcam", "offset"].level == Level.RED
    assert found["webcam", "drift"].level == Level.UNKNOWN


def test_garbage_is_not_heard() -> None:
    watch = watch_of()
    watch.hear(EVENTS, START, b"")
    watch.hear(EVENTS, START, header(START) + b"\xff" * 50)
    assert checks(watch, 0.5)["davis346", "event rate"].level == Level.UNKNOWN
