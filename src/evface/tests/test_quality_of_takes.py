"""A recorded take's quality.json: green when it was recorded well, red for each thing done wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from recorded_session import (
    COUNTDOWN,
    PERFORM,
    REST,
    SENSOR_START,
    START,
    TakeRecording,
    blob_events,
    face,
)

from evface.dataset.boxes import FaceDetector
from evface.dataset.convert import convert
from evface.dataset.naming import TakeId
from evface.dataset.recordings import Take, session_takes
from evface.errors import DatasetError, FormatError
from evface.quality import Level, Report, TakeFacts, Thresholds, assess_take, read_quality, redo_suggested

CAMERAS = ("davis346", "webcam")
LENGTH = COUNTDOWN + PERFORM + REST
EVENTS, FRAMES, PICTURES = "/davis346/events", "/davis346/image_raw", "/webcam/image_raw/compressed"


class Recording(TakeRecording):
    """A take that can be spoilt."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TakeId("S01", "01", 12, 1), START)
        self.add_phases(0)

    def sensors(self, image: np.ndarray) -> None:
        rng = np.random.default_rng(2)
        self.add_events(EVENTS, blob_events(12, rng), rng)
        self.add_frames(image)
        self.add_webcam(image)

    def drop(self, topic: str, *which: int) -> None:
        """Leave some messages of a topic out."""
        own = [entry for entry in self.messages if entry[1] == topic]
        for index in which:
            self.messages.remove(own[index])

    def stamp(self, topic: str, change: Callable[[int], int]) -> None:
        """Stamp a topic's messages otherwise; they arrive as before."""
        self.messages = [
            (arrival, name, kind, replace(message, header=self.header(change(arrival))))
            if name == topic
            else (arrival, name, kind, message)
            for arrival, name, kind, message in self.messages
        ]


@dataclass
class Assessed:
    take: Take
    report: Report
    quality: dict[str, Any]

    def level(self, name: str, sensor: str) -> Level:
        (check,) = [check for check in self.report.checks if (check.name, check.sensor) == (name, sensor)]
        return check.level


def assess(
    root: Path,
    spoil: Callable[[Recording], None] = lambda recording: None,
    *,
    image: np.ndarray | None = None,
    facts: TakeFacts = TakeFacts(CAMERAS),
    outcome: str = "complete",
    detect: Callable[..., Any] | None = None,
) -> Assessed:
    folder = root / "sub-S01" / "ses-01"
    folder.mkdir(parents=True)
    (folder / "session.json").write_text("{}")
    recording = Recording(folder)
    recording.sensors(face() if image is None else image)
    spoil(recording)
    recording.finish(0, outcome)
    (take,) = session_takes(folder / "manifest.jsonl", lambda name, why: pytest.fail(why))
    report = assess_take(take, Thresholds(), facts, detect=detect)
    quality = read_quality(take.bag)
    assert quality is not None
    return Assessed(take, report, quality)


def test_a_good_take_is_green(tmp_path: Path) -> None:
    found = assess(tmp_path)
    assert found.report.reds == []
    assert found.report.level == Level.GREEN
    assert (found.quality["level"], found.quality["redo_suggested"]) == ("green", False)
    assert found.quality["bag_sha256"] == found.take.sha256
    events = found.quality["sensors"]["davis346"]["events"]
    assert events["events"] == 33_000
    # Noise alone at rest, the blob besides while performing.
    assert events["rate_at_rest"] == pytest.approx(2500, rel=0.25)
    assert events["rate_performing"] == pytest.approx(2500 + 30_000 / 0.7, rel=0.1)


@pytest.mark.parametrize(
    ("spoil", "name", "sensor"),
    [
        (lambda r: r.drop(EVENTS, 40), "packet gaps", "davis346"),
        (lambda r: r.drop(FRAMES, 7), "frame gaps", "davis346"),
        (lambda r: r.drop(PICTURES, 7, 8), "frame gaps", "webcam"),
        (lambda r: r.drop(PICTURES, *range(18)), "frames", "webcam"),
        # Doubled, as a driver's were once; the seconds of a message are an int32.
        (lambda r: r.stamp(PICTURES, lambda time: 2 * time - (1 << 32) * 10**9), "frames stamps", "webcam"),
        (lambda r: r.stamp(FRAMES, lambda time: time - 1_100_000_000), "frames stamps", "davis346"),
    ],
)
def test_what_is_missing_or_stamped_wrong_makes_a_take_red(
    tmp_path: Path, spoil: Callable[[Recording], None], name: str, sensor: str
) -> None:
    found = assess(tmp_path, spoil)
    assert found.level(name, sensor) == Level.RED
    assert found.quality["redo_suggested"]
    assert any(line.startswith(f"{sensor} {name}") for line in found.quality["flags"])


def test_a_sensor_that_says_nothing_is_red(tmp_path: Path) -> None:
    found = assess(tmp_path, facts=TakeFacts(("davis346", "evk4", "webcam")))
    assert found.level("events", "evk4") == Level.RED


def test_what_the_recorder_and_the_drivers_counted_is_believed(tmp_path: Path) -> None:
    facts = TakeFacts(CAMERAS, driver_lost={"webcam": 2, "davis346": 0}, lux=90.0)
    found = assess(tmp_path, facts=facts)
    assert found.level("lost by the driver", "webcam") == Level.RED
    assert found.level("lost by the driver", "davis346") == Level.GREEN
    assert found.level("illuminance", "") == Level.RED
    line = found.take.line | {"topics": {EVENTS: {"dropped": 3}}}
    report = assess_take(replace(found.take, line=line), Thresholds(), TakeFacts(CAMERAS))
    assert "davis346 events queue drops: 3, the machine was too busy, or a cable is loose" in report.reds


def test_a_camera_that_was_unplugged_during_the_take_makes_it_red(tmp_path: Path) -> None:
    before, during = (START - 2 * 10**9, START - 10**9), (START + 10**8, 0)
    found = assess(
        tmp_path, facts=TakeFacts(CAMERAS, gaps={"webcam": [before], "davis346": [before, during]})
    )
    assert found.level("unplugged", "webcam") == Level.GREEN
    assert found.level("unplugged", "davis346") == Level.RED


def test_fewer_frames_than_were_asked_for_are_missing_frames(tmp_path: Path) -> None:
    found = assess(tmp_path, facts=TakeFacts(CAMERAS, nominal={"davis346": 60.0, "webcam": 15.0}))
    for name in ("frame gaps", "frame rate", "frame interval p99"):
        assert found.level(name, "davis346") == Level.RED
        assert found.level(name, "webcam") == Level.GREEN


def test_a_take_that_was_redone_already_is_red_and_not_suggested_again(tmp_path: Path) -> None:
    found = assess(tmp_path, lambda r: r.drop(EVENTS, 40), outcome="redone")
    assert found.report.level == Level.RED
    assert not redo_suggested(found.take, found.report)
    assert not found.quality["redo_suggested"]


def test_lamps_in_a_take_are_seen(tmp_path: Path) -> None:
    def flicker(recording: Recording) -> None:
        recording.messages = [entry for entry in recording.messages if entry[1] != EVENTS]
        rng = np.random.default_rng(3)
        events = blob_events(12, rng)
        t = (events.t - SENSOR_START) // 10_000 * 10_000 + rng.integers(0, 2_000, len(events))
        order = np.argsort(t, kind="stable")
        lamp = replace(events[order], t=t[order] + SENSOR_START)
        recording.add_events(EVENTS, lamp, rng)

    found = assess(tmp_path, flicker)
    assert found.level("flicker", "davis346") == Level.RED
    assert found.quality["sensors"]["davis346"]["events"]["flicker_hz"] == pytest.approx(100, abs=3)


def test_faces_are_looked_for_and_their_exposure_judged(tmp_path: Path) -> None:
    detect = FaceDetector().detect
    good = assess(tmp_path / "good", detect=detect)
    assert good.level("face found", "webcam") == good.level("face found", "davis346") == Level.GREEN
    assert good.level("face underexposed", "webcam") == Level.GREEN
    # The detector is shown what the camera would have seen in better light.
    dark = assess(tmp_path / "dark", image=face() // 30, detect=lambda image: detect(image * np.uint8(30)))
    assert dark.level("face underexposed", "webcam") == Level.RED
    blown = np.asarray(cv2.convertScaleAbs(face(), alpha=1.4), np.uint8)
    over = assess(tmp_path / "over", image=blown, detect=detect)
    assert over.level("face overexposed", "webcam") == Level.RED
    nobody = assess(tmp_path / "nobody", image=np.full_like(face(), 127), detect=detect)
    assert nobody.level("face found", "webcam") == Level.RED


def test_the_rate_at_rest_is_held_against_the_session_s_other_takes(tmp_path: Path) -> None:
    found = assess(tmp_path)
    other = found.take.bag.parent / "sub-S01_ses-01_task-au45_run-01"
    other.mkdir()
    rates = {"sensors": {"davis346": {"events": {"rate_at_rest": 250.0}}}}
    (other / "quality.json").write_text(json.dumps(rates))
    report = assess_take(found.take, Thresholds(), TakeFacts(CAMERAS))
    (check,) = [check for check in report.checks if check.name == "event rate at rest"]
    assert check.level == Level.AMBER


def test_a_broken_bag_or_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    found = assess(tmp_path)
    (found.take.bag / "quality.json").write_text("{")
    with pytest.raises(DatasetError, match=r"quality\.json"):
        read_quality(found.take.bag)
    (found.take.bag / f"{found.take.id.name}.mcap").write_bytes(b"garbage")
    with pytest.raises(FormatError, match=found.take.id.name):
        assess_take(found.take, Thresholds())


def test_converting_carries_the_quality_along(tmp_path: Path) -> None:
    found = assess(tmp_path / "recordings", lambda r: r.drop(FRAMES, 7))
    convert(tmp_path / "recordings", tmp_path / "dataset", boxes=False)
    path = found.take.id.file(tmp_path / "dataset", "quality.json")
    carried = json.loads(path.read_text())
    assert carried["recording"]["level"] == "red"
    assert carried["recording"]["checks"] == found.quality["checks"]
    assert any("davis346 frame gaps" in flag for flag in carried["flags"])
