"""Takes and manifests on a real disk."""

from __future__ import annotations

import array
import hashlib
import json
from functools import cache
from pathlib import Path

import pytest
from mcap.reader import make_reader
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader

from event_camera_msgs.msg import EventPacket
from rig.errors import RecordingError
from rig.recording import Manifest, PreRoll, TakeWriter, take_name
from rig.recording.facts import TakeFacts
from rig_interfaces.msg import SessionState

TOPIC = "/davis346/events"
NAME = take_name("S01", "01", 12, 1)


@cache  # between its fields a message has bytes that nobody sets: it is never the same twice
def message(seq: int) -> bytes:
    packet = EventPacket(
        height=260, width=346, seq=seq, encoding="evt3", events=array.array("B", bytes(range(8)))
    )
    packet.header.stamp.sec = 100
    packet.header.stamp.nanosec = seq * 5_000_000
    return bytes(serialize_message(packet))


def record(folder: Path, sequence: list[int]) -> dict:
    take = TakeWriter(folder, NAME, {TOPIC: "event_camera_msgs/msg/EventPacket"})
    for seq in sequence:
        take.write(TOPIC, 100_000_000_000 + seq, message(seq))
    return take.finish({"au": 12})


def test_a_take_is_read_back_by_rosbags_without_our_types(tmp_path: Path) -> None:
    record(tmp_path, [0, 1, 2])
    with AnyReader([tmp_path / NAME]) as reader:
        packets = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages()]
    assert [packet.seq for packet in packets] == [0, 1, 2]
    assert bytes(packets[0].events) == bytes(range(8))


def test_a_take_is_read_back_by_the_mcap_library_with_its_schema(tmp_path: Path) -> None:
    record(tmp_path, [0])
    with (tmp_path / NAME / f"{NAME}.mcap").open("rb") as file:
        schema, channel, raw = next(make_reader(file).iter_messages())
    assert (schema.name, schema.encoding, channel.topic) == (
        "event_camera_msgs/msg/EventPacket",
        "ros2msg",
        TOPIC,
    )
    assert b"uint8[] events" in schema.data
    assert b"MSG: std_msgs/Header" in schema.data
    assert raw.data == message(0)


def test_missing_sequence_numbers_are_counted(tmp_path: Path) -> None:
    line = record(tmp_path, [3, 4, 7, 8, 12])
    assert line["lost"] == 2 + 3
    assert line["topics"][TOPIC]["messages"] == 5
    assert line["topics"][TOPIC]["longest_gap_ms"] == 20.0


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    line = record(tmp_path, [0, 1])
    assert line["sha256"] == hashlib.sha256((tmp_path / NAME / f"{NAME}.mcap").read_bytes()).hexdigest()


def test_nothing_stands_under_the_takes_name_before_it_is_whole(tmp_path: Path) -> None:
    take = TakeWriter(tmp_path, NAME, {TOPIC: "event_camera_msgs/msg/EventPacket"})
    take.write(TOPIC, 1, message(0))
    assert not (tmp_path / NAME).exists()
    take.finish({})
    with Reader(tmp_path / NAME) as reader:
        assert reader.message_count == 1


def test_a_take_is_never_overwritten(tmp_path: Path) -> None:
    record(tmp_path, [0])
    with pytest.raises(RecordingError, match="never overwritten"):
        record(tmp_path, [0])


def test_an_unreadable_message_is_kept_and_counted(tmp_path: Path) -> None:
    take = TakeWriter(tmp_path, NAME, {TOPIC: "event_camera_msgs/msg/EventPacket"})
    take.write(TOPIC, 1, b"\x00\x01\x00")
    line = take.finish({})
    assert line["unreadable"] == 1
    with Reader(tmp_path / NAME) as reader:
        assert reader.message_count == 1


def test_two_recorders_cannot_hold_one_folder(tmp_path: Path) -> None:
    first = Manifest(tmp_path)
    with pytest.raises(RecordingError, match="another recorder"):
        Manifest(tmp_path)
    first.close()
    Manifest(tmp_path).close()


def test_a_recorded_session_is_not_recorded_again(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append({"take": NAME})
    manifest.close()
    assert json.loads((tmp_path / "manifest.jsonl").read_text())["take"] == NAME
    with pytest.raises(RecordingError, match="already"):
        Manifest(tmp_path)


def test_the_preroll_gives_what_was_stamped_since_the_countdown(tmp_path: Path) -> None:
    preroll = PreRoll(duration=10**9, limit=10**6)
    for seq in range(4):
        preroll.add(TOPIC, seq, message(seq))
    begin = 100_000_000_000 + 2 * 5_000_000
    assert list(preroll.since(begin)) == [(TOPIC, 2, message(2)), (TOPIC, 3, message(3))]
    assert list(preroll.since(0)) == []


def test_the_preroll_is_bounded_in_time_and_bytes() -> None:
    preroll = PreRoll(duration=100, limit=3 * len(message(0)))
    for seq in range(10):
        preroll.add(TOPIC, seq, message(seq))
    preroll.add(TOPIC, 90, b"unreadable")
    assert [received for _, received, _ in preroll.since(0)] == [8, 9]
    for received in (0, 50, 101):
        preroll.add(TOPIC, received, message(0))
    assert [received for _, received, _ in preroll.since(0)] == [50, 101]
    preroll.add(TOPIC, 200, bytes(10 * len(message(0))))
    assert list(preroll.since(0)) == []


@pytest.mark.parametrize(
    ("following", "outcome"),
    [
        ({"phase": "finished"}, "complete"),
        ({"phase": "demonstration", "au": 45, "trial": 1, "take": 1}, "complete"),
        ({"phase": "demonstration", "au": 12, "trial": 0, "take": 2}, "redone"),
        ({"phase": "paused", "au": 12, "trial": 0, "take": 1}, "interrupted"),
        ({"phase": "aborted"}, "aborted"),
    ],
)
def test_what_follows_a_take_tells_how_it_ended(following: dict, outcome: str) -> None:
    """Of a session's first and only trial too, whose number is also that of no trial."""
    own = SessionState(phase="rest", au=12, trial=0, take=1, recording=True)
    facts = TakeFacts(own, 1)
    facts.follow(SessionState(**following))
    assert facts.as_dict()["outcome"] == outcome
