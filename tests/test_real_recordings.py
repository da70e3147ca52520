"""Real recordings the whole way: camera node, DDS, recorder, bag, converter; every event accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from evface.dataset.convert import convert
from evface.events import open_recording
from rig.graph import RecordOptions, record_graph
from tests.conftest import Session, rig_file, script_file, start

Find = Callable[[str], Path]


def record(
    folder: Path, cameras: dict[str, dict[str, Any]], perform: float = 1.0, rest: float = 0.5
) -> Session:
    """One take of AU 12 with these cameras."""
    out = folder / "recordings"
    options = RecordOptions(
        rig=rig_file(folder, cameras),
        script=script_file(folder, perform, rest),
        aus="12",
        headless=True,
        out=str(out),
    )
    session = start(record_graph(options), out)
    assert session.code == 0, "\n".join(session.said)
    assert session.manifest[0]["lost"] == 0
    return session


def converted(session: Session, folder: Path) -> Path:
    """The take's files in a dataset, up to the suffix."""
    report = convert(session.recordings, folder / "dataset")
    assert not report.failed
    beh = folder / "dataset" / "sub-S01" / "ses-01" / "beh"
    return beh / session.manifest[0]["take"]


def events_of(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[f"events/{name}"][:] for name in "xypt"}


@pytest.mark.parametrize(
    ("name", "camera", "seconds"),
    [
        ("events/davis346.aedat4", "davis346", 1.0),
        ("events/davis346_libcaer_cmp_bag", "davis346", 1.5),
        ("events/vga_evt3_bag", "evk4", 2.5),
    ],
)
def test_every_event_of_a_recording_reaches_the_dataset(
    recording: Find, tmp_path: Path, name: str, camera: str, seconds: float
) -> None:
    path = recording(name)
    session = record(tmp_path, {camera: {"source": "file", "path": str(path), "start": "take"}}, seconds)
    take = converted(session, tmp_path)
    found = events_of(Path(f"{take}_recording-{'davis' if camera == 'davis346' else 'evk4'}_dvs.h5"))
    true = open_recording(path).read()
    assert len(found["t"]) == len(true)
    assert int(found["p"].sum()) == int(true.p.sum())
    np.testing.assert_array_equal(found["x"], true.x)
    np.testing.assert_array_equal(found["y"], true.y)
    np.testing.assert_array_equal(np.diff(found["t"].astype(np.int64)), np.diff(true.t))


def test_a_720p_raw_file_plays_at_its_true_rate_and_arrives_whole(recording: Find, tmp_path: Path) -> None:
    path = recording("events/hd_evt3.raw")
    session = record(tmp_path, {"evk4": {"source": "file", "path": str(path), "start": "take"}})
    take = converted(session, tmp_path)
    found = events_of(Path(f"{take}_recording-evk4_dvs.h5"))
    true = open_recording(path).read()
    assert len(found["t"]) == len(true)
    np.testing.assert_array_equal(np.diff(found["t"].astype(np.int64)), np.diff(true.t))
    topic = session.manifest[0]["topics"]["/evk4/events"]
    # 8.8 ms of 25 Mev/s: the packets' stamps are as far apart as their events.
    assert topic["last_stamp_ns"] - topic["first_stamp_ns"] < 60e6


def test_a_face_video_becomes_frames_events_and_a_face_box(recording: Find, tmp_path: Path) -> None:
    path = recording("faces/smile_512.mp4")
    cameras = {
        "webcam": {"source": "file", "path": str(path), "start": "take"},
        "davis346": {"source": "file", "path": str(path), "start": "take"},
    }
    session = record(tmp_path, cameras, perform=2.5)
    take = converted(session, tmp_path)
    boxes = Path(f"{take}_boxes.csv").read_text().splitlines()
    columns = boxes[0].split(",")
    rows = {
        row["recording"]: row
        for row in (dict(zip(columns, line.split(","), strict=True)) for line in boxes[1:])
    }
    assert float(rows["rgb"]["probability"]) > 0.95
    assert float(rows["davis"]["probability"]) > 0.95
    assert len(events_of(Path(f"{take}_recording-davis_dvs.h5"))["t"]) > 10_000
