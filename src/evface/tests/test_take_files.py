"""The files of one take: what recorded and simulated takes share."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from recorded_session import Plan, record

from evface.dataset.boxes import Box, FaceDetector
from evface.dataset.convert import convert
from evface.dataset.cues import CueRecord
from evface.dataset.naming import TakeId
from evface.dataset.recordings import EventBlock, Picture
from evface.dataset.take_files import TakeFiles, files_of
from evface.errors import DatasetError
from evface.events import Events

TAKE = TakeId("S01", "01", 12, 1)
START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


class OneFace:
    """Finds the same face in every picture."""

    def detect(self, image: NDArray[np.uint8]) -> Box | None:
        return Box(600.0, 300.0, 200.0, 200.0, 0.99)


def box_of_evk4(
    root: Path, webcam: tuple[int, int], source: str, focal: dict[str, float] | None
) -> dict[str, str]:
    cues = [CueRecord("perform", 12, START, SECOND), CueRecord("rest", 12, START + SECOND, SECOND)]
    picture = cv2.imencode(".jpg", np.zeros((webcam[1], webcam[0], 3), np.uint8))[1].tobytes()
    one = np.ones(1, np.uint16)
    event = Events(one, one, one.astype(np.uint8), one.astype(np.int64), 1280, 720)
    with files_of(TAKE, root) as work:
        detector = cast(FaceDetector, OneFace())
        files = TakeFiles(TAKE, work, cues, (START, START + 2 * SECOND), detector, focal)
        files.events("evk4", [EventBlock(START + 2000, 2, event, 0, 0)], source)
        files.frames("rgb", [Picture(START, picture)], source)
        files.finish(0, "complete")
    with TAKE.file(root, "boxes.csv").open() as file:
        return {row["recording"]: row for row in csv.DictReader(file)}["evk4"]


def place(row: dict[str, str]) -> list[float]:
    return [float(row[key]) for key in ("x", "y", "width", "height")]


def test_a_webcam_of_the_same_shape_lends_its_box(tmp_path: Path) -> None:
    row = box_of_evk4(tmp_path, (1280, 720), "live", None)
    assert (row["method"], place(row)) == ("webcam", [600.0, 300.0, 200.0, 200.0])


def test_a_webcam_of_another_shape_does_not(tmp_path: Path) -> None:
    row = box_of_evk4(tmp_path, (640, 480), "live", None)
    assert (row["method"], place(row)) == ("default", [280.0, 0.0, 720.0, 720.0])


def test_virtual_lenses_are_known(tmp_path: Path) -> None:
    """Twice as long a lens: a face lies twice as far from the middle, and is twice as large."""
    row = box_of_evk4(tmp_path, (1280, 720), "virtual", {"rgb": 1.0, "evk4": 2.0})
    assert (row["method"], place(row)) == ("webcam", [560.0, 240.0, 400.0, 400.0])


def test_lenses_of_real_cameras_are_not(tmp_path: Path) -> None:
    row = box_of_evk4(tmp_path, (1280, 720), "live", {"rgb": 1.0, "evk4": 2.0})
    assert place(row) == [600.0, 300.0, 200.0, 200.0]


def test_what_fails_leaves_nothing_and_takes_nothing_away(tmp_path: Path) -> None:
    with files_of(TAKE, tmp_path) as work:
        (work / f"{TAKE.name}_quality.json").write_text("{}")

    def fail() -> None:
        with files_of(TAKE, tmp_path) as work:
            (work / f"{TAKE.name}_boxes.csv").write_text("half")
            raise DatasetError("broken")

    with pytest.raises(DatasetError, match="broken"):
        fail()
    assert [path.name for path in TAKE.folder(tmp_path).iterdir()] == [f"{TAKE.name}_quality.json"]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return record(tmp_path / "recordings", Plan(subjects=("S01",), aus=(12, 45), webcam=False))


def start_of_first(recordings: Path) -> int:
    line = json.loads((recordings / "sub-S01/ses-01/manifest.jsonl").read_text().splitlines()[0])
    return int(line["cues"][0]["stamp_ns"])


def test_a_recorded_truth_goes_into_the_dataset(recordings: Path, tmp_path: Path) -> None:
    line = {
        "name": TAKE.name,
        "au": 12,
        "onset": START + SECOND,
        "apex": START,
        "offset": START,
        "end": START,
    }
    (recordings / "sub-S01" / "ses-01" / "truth.jsonl").write_text(json.dumps(line) + "\n")
    assert convert(recordings, tmp_path / "dataset", boxes=False).exit_code == 0
    truth = json.loads(TAKE.file(tmp_path / "dataset", "truth.json").read_text())
    assert truth["onset"] == START + SECOND
    assert truth["seconds"]["onset"] == pytest.approx((START + SECOND - start_of_first(recordings)) / 1e9)
    assert "name" not in truth
    assert not TakeId("S01", "01", 45, 1).file(tmp_path / "dataset", "truth.json").exists()


@pytest.mark.parametrize("text", ["garbage", '{"au": 12}', f'{{"name": "{TAKE.name}"}}'])
def test_a_broken_truth_is_named(recordings: Path, tmp_path: Path, text: str) -> None:
    (recordings / "sub-S01" / "ses-01" / "truth.jsonl").write_text(text + "\n")
    report = convert(recordings, tmp_path / "dataset", boxes=False)
    assert "truth" in report.failed[TAKE.name]
