"""A session on the virtual rig: real processes, real DDS, real bags."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rosbags.highlevel import AnyReader

from evface.events import make_decoder
from tests.conftest import Session, rig_file, script_file, start

EVENTS = "/davis346/events"
FRAMES = "/davis346/image_raw"
PICTURES = "/webcam/image_raw/compressed"


def messages(bag: Path, topic: str) -> list:
    with AnyReader([bag]) as reader:
        wanted = [c for c in reader.connections if c.topic == topic]
        return [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages(connections=wanted)]


def nanoseconds(stamp) -> int:
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def test_the_session_ends_by_itself_and_well(virtual_session: Session) -> None:
    assert virtual_session.code == 0, "\n".join(virtual_session.said)
    assert any("2 takes are safe" in line for line in virtual_session.said)


def test_every_take_has_its_manifest_line_and_lost_nothing(virtual_session: Session) -> None:
    lines = virtual_session.manifest
    assert [line["take"] for line in lines] == [
        "sub-S01_ses-01_task-au12_run-01",
        "sub-S01_ses-01_task-au45_run-01",
    ]
    for line in lines:
        assert (line["outcome"], line["lost"], line["unreadable"]) == ("complete", 0, 0)
        assert [cue["phase"] for cue in line["cues"]][:3] == ["countdown", "perform", "rest"]


def test_nothing_half_written_is_left(virtual_session: Session) -> None:
    assert not list((virtual_session.folder / ".partial").glob("*"))


def test_a_take_reaches_from_the_countdown_to_the_end_of_rest(virtual_session: Session) -> None:
    line = virtual_session.manifest[0]
    begin = line["cues"][0]["stamp_ns"]
    stamps = [nanoseconds(packet.header.stamp) for packet in messages(virtual_session.bag(0), EVENTS)]
    assert stamps[0] - begin < 200e6
    assert abs(line["ended_ns"] - stamps[-1]) < 200e6


def test_event_packets_follow_each_other_and_decode(virtual_session: Session) -> None:
    packets = messages(virtual_session.bag(0), EVENTS)
    seqs = [packet.seq for packet in packets]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    times = [packet.time_base for packet in packets]
    assert times == sorted(times)
    decoder = make_decoder("evt3", 346, 260)
    count = sum(len(decoder.decode(packet.events, packet.time_base)) for packet in packets)
    assert count > 10_000
    assert decoder.dropped == 0


def test_frames_share_the_events_clock_and_rate(virtual_session: Session) -> None:
    stamps = np.array([nanoseconds(image.header.stamp) for image in messages(virtual_session.bag(0), FRAMES)])
    assert 20 < 1e9 / np.median(np.diff(stamps)) < 45
    image = messages(virtual_session.bag(0), FRAMES)[0]
    assert (image.width, image.height, image.encoding, len(image.data)) == (346, 260, "mono8", 346 * 260)


def test_the_webcams_jpegs_open(virtual_session: Session) -> None:
    pictures = messages(virtual_session.bag(0), PICTURES)
    assert len(pictures) > 40
    assert cv2.imdecode(pictures[0].data, cv2.IMREAD_COLOR).shape == (480, 640, 3)


def test_the_bag_says_what_was_asked(virtual_session: Session) -> None:
    states = messages(virtual_session.bag(1), "/session/state")
    assert [(state.phase, state.au, state.take) for state in states][:3] == [
        ("countdown", 45, 1),
        ("perform", 45, 1),
        ("rest", 45, 1),
    ]
    assert {marker.name for marker in messages(virtual_session.bag(1), "/session/marker")} >= {
        "perform",
        "rest",
    }


def test_the_sensors_are_in_the_session_s_metadata(virtual_session: Session) -> None:
    import json

    session = json.loads((virtual_session.folder / "session.json").read_text())
    assert session["cameras"]["davis346"]["source"] == "virtual"
    assert session["cameras"]["webcam"]["size"] == "640x480"


def test_a_camera_that_cannot_open_ends_the_session_with_its_reason(tmp_path: Path) -> None:
    from rig.graph import RecordOptions, record_graph

    rig = rig_file(tmp_path, {"davis346": {"source": "file", "path": str(tmp_path / "none.aedat4")}})
    graph = record_graph(
        RecordOptions(
            rig=rig, script=script_file(tmp_path), aus="12", headless=True, out=str(tmp_path / "out")
        )
    )
    session = start(graph, tmp_path / "out")
    assert session.code == 2
    errors = [line for line in session.said if "error:" in line]
    assert len(errors) == 1
    assert "none.aedat4" in errors[0]
    assert not any("Traceback" in line for line in session.said)
