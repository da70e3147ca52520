"""What a virtual subject really did, from the session's folder to the demonstration's pictures."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from evface.dataset.boxes import Box
from evface.dataset.convert import convert
from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake, list_takes
from rig.demo.people import CELL, contact_sheet
from rig.demo.performance import BIN, Scores, draw, event_rates, truth_of_take
from rig.recording import TRUTHS
from tests.conftest import Session


@pytest.fixture(scope="module")
def takes(virtual_session: Session, tmp_path_factory: pytest.TempPathFactory) -> list[ConvertedTake]:
    out = tmp_path_factory.mktemp("dataset") / "made"
    assert not convert(virtual_session.recordings, out).failed
    return list_takes(out)


def test_every_take_of_a_virtual_session_has_its_truth(virtual_session: Session) -> None:
    lines = [json.loads(line) for line in (virtual_session.folder / TRUTHS).read_text().splitlines()]
    assert [line["name"] for line in lines] == [take["take"] for take in virtual_session.manifest]
    for line, take in zip(lines, virtual_session.manifest, strict=True):
        assert (line["au"], line["trial"], line["take"]) == (take["au"], take["trial"], take["run"])
        perform = next(cue["stamp_ns"] for cue in take["cues"] if cue["phase"] == "perform")
        instants = [perform, *(line[name] for name in ("onset", "apex", "offset", "end")), take["ended_ns"]]
        assert all(before <= after for before, after in pairwise(instants))
        assert 0.1e9 < line["onset"] - perform < 0.8e9
        assert line["simulator"]["name"] == "evface.simulation"


def test_the_cameras_say_how_fast_they_are_and_what_was_late(virtual_session: Session) -> None:
    said = [line for line in virtual_session.said if line.startswith("[davis346]")]
    assert any("events from at most 500 pictures/s, a reduced rate" in line for line in said)
    assert any("late" in line and "pictures" in line for line in said[-3:])
    cameras = json.loads((virtual_session.folder / "session.json").read_text())["cameras"]
    assert int(cameras["davis346"]["steps"]) > 100
    assert {"late", "step_rate", "lowest_rate"} <= cameras["davis346"].keys()


def test_the_truth_goes_with_the_take_into_the_dataset(
    virtual_session: Session, takes: list[ConvertedTake]
) -> None:
    recorded = [json.loads(line) for line in (virtual_session.folder / TRUTHS).read_text().splitlines()]
    for take, line in zip(takes, recorded, strict=True):
        truth = truth_of_take(take)
        assert truth is not None
        assert {name: truth[name] for name in line if name != "name"} == {
            name: value for name, value in line.items() if name != "name"
        }


def test_event_rates_count_each_event_in_the_box_once(takes: list[ConvertedTake]) -> None:
    times, on, off = event_rates(takes[0], "davis", 0.5, 2.5)
    box = takes[0].boxes["davis"]
    with EventFile(takes[0].events("davis")) as file:
        begin = file.to_sensor(takes[0].start + 500_000_000)
        length = round(len(times) * BIN * 1e6)
        inside = [
            int(part.p[_within(part.x, part.y, box)].astype(int).sum())
            for part in file.blocks(begin, begin + length)
        ]
    assert times[0] == pytest.approx(0.5 + BIN / 2)
    assert on.sum() * BIN == pytest.approx(sum(inside), abs=0.01 * sum(inside) + 5)
    assert off.sum() > 0


def _within(x: np.ndarray, y: np.ndarray, box: Box) -> np.ndarray:
    return (x >= box.x) & (x < box.x + box.width) & (y >= box.y) & (y < box.y + box.height)


def test_the_pictures_of_a_performance_are_drawn(takes: list[ConvertedTake], tmp_path: Path) -> None:
    scores = Scores(np.linspace(0, 3, 90), np.zeros((90, 2), np.float32), [12, 45])
    draw(takes[0], tmp_path / "story.png", scores)
    assert cv2.imread(str(tmp_path / "story.png")).shape[1] > 1000
    sheet = contact_sheet(takes)
    assert sheet.shape[0] > CELL
    assert sheet.shape[1] > 3 * CELL
    assert sheet.std() > 10
