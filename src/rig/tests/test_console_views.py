"""What the pages are told: from messages and files to words, and "unknown" where nobody has said."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from evface.errors import EvfaceError
from evface.events import Events, encode_evt3
from rig.console import wording
from rig.console.headline import headline, safety
from rig.console.listening import Heard
from rig.console.previews import WIDEST, CompressedStream, EventStream, FrameStream, Gallery, Preview
from rig.console.session_files import SessionFiles
from rig.console.snapshot import operator_view, subject_view
from rig.stamps import to_duration, to_time
from rig_interfaces.msg import (
    ClockOffset,
    FaceBox,
    QualityCheck,
    QualityReport,
    RecorderStatus,
    SessionState,
    SyncStatus,
)

NOW = 1000.0
NAMES = ["davis346-events", "davis346-frames", "evk4-events", "webcam-frames"]


def heard(
    state: dict[str, Any] | None = None, recorder: dict[str, Any] | None = None, age: float = 0.5
) -> Heard:
    """A session at 100 s of the host's clock, and a recorder that spoke after it."""
    found = Heard()
    if state is not None:
        message = SessionState(subject="S01", session="01", **state)
        message.header.stamp, message.duration = to_time(100_000_000_000), to_duration(4_000_000_000)
        found.state = (NOW, message)
    if recorder is not None:
        status = RecorderStatus(**{"state": "ready", "safe_to_leave": True} | recorder)
        status.header.stamp = to_time(101_000_000_000)
        found.recorder = (NOW - age, status)
    return found


PERFORM = {
    "phase": "perform",
    "au": 12,
    "trial": 5,
    "trials": 21,
    "take": 2,
    "recording": True,
    "block": "main",
}


def test_the_large_line_says_what_is_recorded() -> None:
    line = headline(heard(PERFORM, {"state": "recording"}), NOW)
    assert (line.tone, line.title) == ("record", "Recording AU 12 Lip Corner Puller")
    assert line.detail == "trial 6 of 21 · take 2 · performing"


@pytest.mark.parametrize(
    ("state", "recorder", "age", "title"),
    [
        (None, None, 0.0, "No session is running"),
        (PERFORM, None, 0.0, "The recorder is silent"),
        (PERFORM, {}, 9.0, "The recorder is silent"),
        (PERFORM, {"state": "failed", "error": "disk full"}, 0.0, "The recorder has failed"),
        ({"phase": "waiting"}, {"waiting_for": ["/evk4/events"]}, 0.0, "Waiting for the sensors"),
        ({"phase": "waiting"}, {}, 0.0, "Ready"),
    ],
)
def test_trouble_comes_first(
    state: dict[str, Any] | None, recorder: dict[str, Any] | None, age: float, title: str
) -> None:
    assert headline(heard(state, recorder, age), NOW).title == title


@pytest.mark.parametrize(
    ("state", "recorder", "age", "safe"),
    [
        (None, None, 0.0, None),
        ({"phase": "rest"}, {}, 9.0, None),  # silent: what it said last is no longer believed
        (PERFORM, {}, 0.0, False),
        ({"phase": "paused"}, {"safe_to_leave": False}, 0.0, False),
        ({"phase": "paused"}, {"error": "disk full"}, 0.0, False),
        ({"phase": "paused"}, {"takes_finished": 2}, 0.0, True),
    ],
)
def test_safe_to_leave_is_said_when_it_is_known(
    state: dict[str, Any] | None, recorder: dict[str, Any] | None, age: float, safe: bool | None
) -> None:
    assert safety(heard(state, recorder, age), NOW).safe is safe


def test_what_the_recorder_said_before_a_take_ended_says_nothing_of_that_take() -> None:
    found = heard({"phase": "paused"}, {})
    assert found.recorder is not None
    found.recorder[1].header.stamp = to_time(99_000_000_000)
    assert safety(found, NOW).safe is None


def view(found: Heard, files: SessionFiles | None = None) -> dict[str, Any]:
    pages = {"subjects": 0, "operators": 1, "sound": "unknown", "sound_heard": False, "screen": "unknown"}
    whole = operator_view(found, files or SessionFiles(), NAMES, pages, NOW)
    return json.loads(json.dumps(whole, allow_nan=False))


def test_what_nobody_has_said_is_unknown() -> None:
    found = view(Heard())
    assert {sensor["level"] for sensor in found["sensors"]} == {"unknown"}
    assert {sensor["rate"] for sensor in found["sensors"]} == {"unknown"}
    assert {sensor["offset"]["text"] for sensor in found["sensors"]} == {"unknown"}
    assert (found["recorder"]["state"], found["checks"]["level"]) == ("unknown", "unknown")


def test_a_sensor_is_described_by_its_diagnostics_its_offset_and_its_face() -> None:
    found = Heard()
    values = {"model": "EVK4", "packets/s": "200", "bytes/s": "21000000", "lost": "3", "illuminance": "412.2"}
    status = DiagnosticStatus(level=b"\x01", message="unplugged")
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    found.diagnostics["evk4"] = (NOW, status)
    offset = ClockOffset(
        sensor="evk4", reference="davis346", offset=0.0032, uncertainty=0.0071, drift_ppm=math.nan,
        method="event rate correlation",
    )  # fmt: skip
    found.sync = (NOW, SyncStatus(offsets=[offset]))
    box = FaceBox(
        x=320.0, y=180.0, width=640.0, height=360.0, probability=0.9, sensor_width=1280, sensor_height=720
    )
    found.boxes["evk4"] = (NOW, box)
    sensor = view(found)["sensors"][2]
    assert (sensor["level"], sensor["trouble"]) == ("amber", "unplugged")
    assert (sensor["rate"], sensor["flow"], sensor["lost"]) == ("200 packets/s", "21.0 MB/s", "3")
    assert sensor["lux"] == "412 lux"
    assert sensor["offset"] == {
        "text": "+3.2 ± 7.1 ms", "level": "amber", "how": "event rate correlation, to davis346", "drift": "",
    }  # fmt: skip
    assert sensor["box"] == [0.25, 0.25, 0.5, 0.5]
    found.diagnostics["evk4"] = (NOW - 10, status)
    assert view(found)["sensors"][2]["trouble"] == "silent for 10 s"


def test_an_offset_that_is_not_known_is_called_unknown_with_the_reason() -> None:
    found = Heard()
    offset = ClockOffset(sensor="webcam", offset=math.nan, uncertainty=math.nan, reason="nothing moved")
    found.sync = (NOW, SyncStatus(offsets=[offset]))
    assert view(found)["sensors"][3]["offset"]["text"] == "unknown"
    assert view(found)["sensors"][3]["offset"]["how"] == "nothing moved"


def append(path: Path, *lines: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def test_takes_notes_and_verdicts_come_from_the_sessions_files(tmp_path: Path) -> None:
    files = SessionFiles()
    append(
        tmp_path / "manifest.jsonl",
        {"take": "one", "au": 12, "run": 1, "outcome": "complete", "bytes": 2_000_000},
    )
    append(
        tmp_path / "journal.jsonl",
        {"event": "opened", "script": {"texts": {"scopes": {"research": "For research."}, "labels": {}}}},
        {"event": "take", "au": 12, "take": 1, "outcome": "complete"},
        {"event": "take", "au": 12, "take": 1, "outcome": "redone"},
        {"command": "note", "argument": "blinked", "accepted": True, "about": {"au": 12, "take": 1}},
        {"command": "note", "argument": "refused", "accepted": False},
    )
    files.look(tmp_path)
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write('{"take": "two", "au": 12, "run": 2, "outcome": "complete"')  # its end is still on the way
    files.look(tmp_path)
    assert [take["take"] for take in files.takes] == ["one"]
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write("}\n")
    (tmp_path / "two").mkdir()
    checks = [{"name": "packet gaps", "sensor": "evk4", "level": "red", "value": "3"}]
    (tmp_path / "two" / "quality.json").write_text(
        json.dumps({"level": "red", "redo_suggested": True, "checks": checks})
    )
    files.look(tmp_path)
    trial = view(heard(PERFORM | {"aus": [12]}, {}), files)["trials"][0]
    first, second = trial["takes"]
    assert (trial["name"], trial["here"]) == ("Lip Corner Puller", True)
    assert (first["outcome"], first["level"], first["notes"]) == ("redone", "unknown", ["blinked"])
    assert (second["level"], second["redo"], second["reasons"]) == ("red", True, ["evk4 packet gaps: 3"])
    assert subject_view(Heard(), files, {})["scopes"] == {"research": "For research."}
    files.look(None)
    assert files.takes == []


def test_the_worst_of_what_speaks_against_a_take_is_read_out_and_the_rest_counted() -> None:
    found = heard({"phase": "demonstration"}, {})
    levels = [QualityCheck.AMBER, QualityCheck.GREEN, QualityCheck.RED, QualityCheck.RED, QualityCheck.AMBER]
    checks = [QualityCheck(name=f"check {i}", level=level, value="3") for i, level in enumerate(levels)]
    found.takes["one"] = QualityReport(take="one", level=2, redo_suggested=True, checks=checks)
    assert view(found)["advice"] == "one is flagged: check 2: 3; check 3: 3; 2 more. A redo is suggested."


def test_a_flagged_take_is_advice_until_the_session_is_over() -> None:
    found = heard({"phase": "demonstration"}, {})
    check = QualityCheck(name="packet gaps", sensor="evk4", level=QualityCheck.RED, value="3")
    found.takes["one"] = QualityReport(take="one", level=2, redo_suggested=True, checks=[check])
    assert view(found)["advice"] == "one is flagged: evk4 packet gaps: 3. A redo is suggested."
    assert found.state is not None
    found.state[1].phase = "finished"
    assert view(found)["advice"] == ""


def test_the_subject_sees_nothing_of_the_instrument() -> None:
    told = subject_view(heard(PERFORM, {"error": "disk full"}), SessionFiles(), {12: "au12.webm"})
    assert set(told) == {"session", "clip", "scopes", "labels"}
    assert told["clip"] == "au12.webm"
    assert told["session"]["began"] == 100_000.0
    assert "disk" not in json.dumps(told)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0 ev/s"),
        (999.4, "999 ev/s"),
        (999.9, "1.00 kev/s"),
        (20e6, "20.0 Mev/s"),
        (math.nan, "unknown"),
    ],
)
def test_amounts_have_three_digits(value: float, words: str) -> None:
    assert wording.amount(value, "ev/s") == words


# --- previews --------------------------------------------------------------------------------------


def packet(at: int, count: int = 40, width: int = 1280, height: int = 720) -> bytes:
    """Events of 5 ms of the sensor's clock from ``at`` ms on, all at one place, switched on."""
    t = np.linspace(at * 1000, at * 1000 + 4999, count).astype(np.int64)
    here = np.full(count, 100, np.uint16)
    events = Events(here, here, np.ones(count, np.uint8), t, width, height)
    message = EventPacket(width=width, height=height, seq=at, time_base=int(t[0]) * 1000, encoding="evt3")
    message.events = encode_evt3(events)
    message.header.stamp = to_time((at + 5) * 1_000_000)
    return bytes(serialize_message(message))


def picture(preview: Preview | None) -> np.ndarray:
    assert preview is not None
    return np.asarray(cv2.imdecode(np.frombuffer(preview.jpeg, np.uint8), cv2.IMREAD_COLOR))


def test_events_are_drawn_small_and_of_the_last_moment_alone() -> None:
    stream = EventStream("/evk4/events")
    assert stream.draw() is None
    for at in range(1000, 1200, 5):
        stream.add(packet(at))
    drawn = stream.draw()
    assert drawn is not None
    assert drawn.stamp == 1_200_000_000
    assert 25e6 < drawn.window < 45e6
    pixels = picture(drawn)
    assert pixels.shape == (360, WIDEST, 3)
    assert pixels[50, 50].mean() > 150
    assert pixels[200, 300].mean() < 40


def test_at_a_high_rate_a_picture_costs_no_more() -> None:
    stream = EventStream("/evk4/events")
    rng = np.random.default_rng(0)
    for at in range(1000, 1100, 5):
        count = 250_000  # 50 Mev/s
        x, y = rng.integers(0, 1280, count, np.uint16), rng.integers(0, 720, count, np.uint16)
        t = np.sort(rng.integers(at * 1000, at * 1000 + 5000, count))
        events = Events(x, y, np.ones(count, np.uint8), t, 1280, 720)
        message = EventPacket(width=1280, height=720, seq=at, time_base=int(t[0]) * 1000, encoding="evt3")
        message.events = encode_evt3(events)
        message.header.stamp = to_time((at + 5) * 1_000_000)
        stream.add(bytes(serialize_message(message)))
    drawn = stream.draw()
    assert drawn is not None
    assert drawn.window < 10_000_000


def test_frames_are_narrowed_and_a_small_jpeg_is_passed_on() -> None:
    frames = FrameStream("/davis346/image_raw")
    image = Image(width=346, height=260, encoding="mono8", step=346, data=bytes(346 * 260))
    frames.add(bytes(serialize_message(image)))
    assert picture(frames.draw()).shape == (260, 346, 3)
    image.encoding = "bayer_rggb8"
    frames.add(bytes(serialize_message(image)))
    with pytest.raises(EvfaceError, match="no preview of encoding 'bayer_rggb8'"):
        frames.draw()
    film = CompressedStream("/webcam/image_raw/compressed")
    for width, expected in ((640, 640), (1280, WIDEST)):
        jpeg = cv2.imencode(".jpg", np.zeros((width // 2, width, 3), np.uint8))[1].tobytes()
        film.add(bytes(serialize_message(CompressedImage(format="jpeg", data=jpeg))))
        drawn = film.draw()
        assert picture(drawn).shape[1] == expected
        assert (drawn.jpeg == jpeg) == (width == 640)
    film.add(bytes(serialize_message(CompressedImage(format="jpeg", data=b"no jpeg"))))
    with pytest.raises(EvfaceError, match="no JPEG"):
        film.draw()


def test_many_pages_get_the_same_picture() -> None:
    stream = EventStream("/evk4/events")
    stream.add(packet(1000))
    gallery = Gallery({"evk4-events": stream})
    first = gallery.preview("evk4-events")
    assert gallery.preview("evk4-events") is first
    time.sleep(Gallery.PERIOD)
    assert gallery.preview("evk4-events") is not first
