"""Takes that broke off, mended on a real disk."""

from __future__ import annotations

import array
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader

from event_camera_msgs.msg import EventPacket
from rig.errors import RecordingError
from rig.recording import Manifest, TakeWriter, take_name
from rig.recording.bag import BagWriter
from rig.recording.repair import repair_session, sessions_below
from rig.recording.take import PARTIAL
from rig.recording.topics import STATE
from rig_interfaces.msg import SessionState

EVENTS = "/davis346/events"
TOPICS = {EVENTS: "event_camera_msgs/msg/EventPacket", STATE: "rig_interfaces/msg/SessionState"}
NAME = take_name("S01", "01", 12, 2)
BEGIN = 100


def packet(seq: int) -> bytes:
    message = EventPacket(height=260, width=346, seq=seq, encoding="evt3")
    message.events = array.array("B", random.Random(seq).randbytes(4000))
    message.header.stamp.sec, message.header.stamp.nanosec = BEGIN, seq * 5_000_000
    return bytes(serialize_message(message))


def state(phase: str, milliseconds: int, recording: bool = True) -> bytes:
    message = SessionState(
        subject="S01", session="01", phase=phase, au=12, trial=3, take=2, recording=recording, block="main"
    )
    message.header.stamp.sec, message.header.stamp.nanosec = BEGIN, milliseconds * 1_000_000
    return bytes(serialize_message(message))


def write(folder: Path, packets: int = 60, ended: bool = False) -> TakeWriter:
    """A take in chunks of ten packets."""
    take = TakeWriter(folder, NAME, TOPICS)
    take.write(STATE, BEGIN * 10**9, state("countdown", 0))
    for seq in range(packets):
        take.write(EVENTS, BEGIN * 10**9 + seq * 5_000_000, packet(seq))
        if seq % 10 == 9:
            take.flush()
    if ended:
        take.write(STATE, BEGIN * 10**9 + packets * 5_000_000, state("rest", 290))
        take.write(STATE, BEGIN * 10**9 + packets * 5_000_000, state("settle", 300, recording=False))
    return take


def mcap_of(folder: Path) -> Path:
    return folder / PARTIAL / NAME / f"{NAME}.mcap"


def seqs(bag: Path) -> list[int]:
    with AnyReader([bag]) as reader:
        wanted = [connection for connection in reader.connections if connection.topic == EVENTS]
        return [reader.deserialize(raw, c.msgtype).seq for c, _, raw in reader.messages(wanted)]


def mend(folder: Path, dry: bool = False) -> list[Any]:
    manifest = Manifest(folder, resume=True)
    try:
        return repair_session(manifest, dry=dry)
    finally:
        manifest.close()


def line(folder: Path) -> dict[str, Any]:
    (text,) = (folder / "manifest.jsonl").read_text().splitlines()
    return json.loads(text)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.35, 0.5, 0.7, 0.9, 0.999])
def test_a_bag_cut_anywhere_is_read_up_to_the_cut(tmp_path: Path, share: float) -> None:
    write(tmp_path).abandon()
    path = mcap_of(tmp_path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(share * size))
    (mended,) = mend(tmp_path)
    assert mended.did in ("repaired", "empty")
    found = seqs(tmp_path / NAME)
    assert found == list(range(len(found)))
    assert len(found) >= share * 60 - 10
    bag = tmp_path / NAME / f"{NAME}.mcap"
    with bag.open("rb") as file:
        assert (
            make_reader(file, validate_crcs=True).get_summary().statistics.message_count
            == (line(tmp_path)["messages"])
        )
    assert line(tmp_path)["sha256"] == hashlib.sha256(bag.read_bytes()).hexdigest()


def test_what_the_session_said_of_a_broken_take_comes_from_its_bag(tmp_path: Path) -> None:
    write(tmp_path).abandon()
    mend(tmp_path)
    found = line(tmp_path)
    assert (found["au"], found["trial"], found["run"], found["block"]) == (12, 3, 2, "main")
    assert found["cues"] == [{"phase": "countdown", "stamp_ns": BEGIN * 10**9, "planned_ns": 0}]
    assert (found["outcome"], found["repaired"]) == ("interrupted", True)
    assert found["ended_ns"] == BEGIN * 10**9 + 59 * 5_000_000


def test_a_bag_that_was_closed_is_adopted_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, ended=True).finish({})
    bag = tmp_path / NAME / f"{NAME}.mcap"
    before = bag.read_bytes()
    (mended,) = mend(tmp_path)
    assert (mended.did, line(tmp_path)["outcome"]) == ("adopted", "complete")
    assert bag.read_bytes() == before


def test_a_closed_bag_without_its_name_and_metadata_gets_them(tmp_path: Path) -> None:
    take = write(tmp_path, ended=True)
    whole = take.finish({})
    (tmp_path / NAME).rename(tmp_path / PARTIAL / NAME)
    (tmp_path / PARTIAL / NAME / "metadata.yaml").unlink()
    assert [entry.did for entry in mend(tmp_path)] == ["adopted"]
    assert line(tmp_path)["sha256"] == whole["sha256"]
    assert line(tmp_path)["topics"] == {topic: whole["topics"][topic] for topic in line(tmp_path)["topics"]}
    assert len(seqs(tmp_path / NAME)) == 60


def test_repairing_twice_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path).abandon()
    mend(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert mend(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_dry_run_says_the_same_and_touches_nothing(tmp_path: Path) -> None:
    write(tmp_path, packets=25).abandon()
    before = mcap_of(tmp_path).read_bytes()
    assert mend(tmp_path, dry=True) == mend(tmp_path, dry=True)
    assert mcap_of(tmp_path).read_bytes() == before
    assert not (tmp_path / "manifest.jsonl").exists()


def test_a_repair_that_was_itself_cut_off_is_repaired(tmp_path: Path) -> None:
    write(tmp_path).abandon()
    path = mcap_of(tmp_path)
    torn = path.read_bytes()
    mend(tmp_path)
    whole = (tmp_path / NAME / f"{NAME}.mcap").read_bytes()
    for cut in range(len(torn), len(whole), 97):
        folder = tmp_path / str(cut)
        write(folder / "x", packets=0).abandon()
        path = mcap_of(folder / "x")
        path.write_bytes(whole[:cut])
        mend(folder / "x")
        assert (folder / "x" / NAME / path.name).read_bytes() == whole


def test_a_damaged_chunk_is_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path).abandon()
    path = mcap_of(tmp_path)
    torn = bytearray(path.read_bytes())
    torn[torn.index(random.Random(15).randbytes(4000)) + 200] ^= 1
    path.write_bytes(torn)
    mend(tmp_path)
    assert line(tmp_path)["damaged_chunks"] == 1
    assert seqs(tmp_path / NAME) == [*range(10), *range(20, 60)]
    assert line(tmp_path)["lost"] == 10


def test_finished_takes_are_not_touched(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(write(tmp_path).finish({"au": 12}))
    manifest.close()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"}
    assert mend(tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"} == before


def test_a_torn_line_of_the_manifest_is_written_anew(tmp_path: Path) -> None:
    whole = write(tmp_path, ended=True).finish({"au": 12})
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"take": "other"}) + "\n" + json.dumps(whole)[:50])
    (tmp_path / "other").mkdir()
    assert [entry.did for entry in mend(tmp_path)] == ["adopted"]
    lines = [json.loads(text) for text in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert [entry["take"] for entry in lines] == ["other", NAME]


def test_what_cannot_be_repaired_is_named_and_left_alone(tmp_path: Path) -> None:
    path = mcap_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not an mcap file at all, but long enough to be one, is it not?")
    (mended,) = mend(tmp_path)
    assert mended.did == "failed"
    assert "not an mcap file" in mended.detail
    assert path.exists()


def test_a_folder_that_is_being_recorded_is_not_repaired(tmp_path: Path) -> None:
    recorder = Manifest(tmp_path)
    with pytest.raises(RecordingError, match="another recorder"):
        mend(tmp_path)
    recorder.close()


def test_sessions_are_found_from_any_folder_above(tmp_path: Path) -> None:
    session = tmp_path / "sub-S01" / "ses-01"
    session.mkdir(parents=True)
    assert sessions_below(tmp_path) == sessions_below(session.parent) == sessions_below(session) == [session]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError, match="no session in it"):
        sessions_below(tmp_path / "empty")


def test_a_bag_is_written_chunk_by_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.recording.bag.CHUNK_AGE", 0.0)
    bag = BagWriter(tmp_path / "bag")
    bag.write(EVENTS, TOPICS[EVENTS], 1, packet(0))
    size = bag.path.stat().st_size
    bag.keep_up()
    assert bag.path.stat().st_size > size + 4000
    assert bag.pending == 0
    bag.abandon()
