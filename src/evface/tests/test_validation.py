"""A sound dataset has no finding; whatever is spoilt in it is named, with its file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recorded_session import Plan, record
from small_dataset import SmallPlan, make_dataset

from evface.dataset.convert import convert
from evface.dataset.validation import validate
from evface.errors import DatasetError
from evface.privacy.tombstones import TOMBSTONES

TAKE = "sub-S01_ses-01_task-au12_run-01"
BEH = f"sub-S01/ses-01/beh/{TAKE}"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("validation") / "sound")


@pytest.fixture
def dataset(sound: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "dataset"))


def found(root: Path, checksums: bool = False) -> list[str]:
    return [str(finding) for finding in validate(root, checksums=checksums).findings]


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_sound_dataset_has_no_finding(sound: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = validate(sound, progress=lambda done, total, text: steps.append((done, total)))
    assert [str(finding) for finding in report.findings] == []
    assert (report.exit_code, report.takes) == (0, 4)
    assert steps == [(step, 4 + report.files) for step in range(1, 5 + report.files)]


def test_what_convert_makes_of_recordings_is_sound(tmp_path: Path) -> None:
    convert(record(tmp_path / "in", Plan(("S01",), (12,), runs=2, evk4=True)), tmp_path / "out", boxes=False)
    assert found(tmp_path / "out", checksums=True) == []


def test_no_dataset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected dataset_description\.json"):
        validate(tmp_path)


def spoil_events(root: Path, spoil: Callable[[h5py.File], None]) -> None:
    with h5py.File(root / f"{BEH}_recording-davis_dvs.h5", "r+") as file:
        spoil(file)


def replace(file: h5py.File, name: str, values: Any) -> None:
    del file[name]
    file[name] = values


def put(file: h5py.File, name: str, at: int, value: int) -> None:
    file[name][at] = value


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda file: put(file, "events/t", 100, 0), "/events/t steps back 1 times"),
        (lambda file: put(file, "events/x", 9, 346), "1 events lie outside the sensor of 346x260 px"),
        (lambda file: put(file, "events/p", 9, 2), "1 events have a polarity other than 0 and 1"),
        (lambda file: put(file, "ms_to_idx", 50, 0), "/ms_to_idx is wrong at 1 milliseconds"),
        (lambda file: replace(file, "ms_to_idx", file["ms_to_idx"][:-1]), "/ms_to_idx has"),
        (lambda file: replace(file, "t_offset", np.int64(5)), "/t_offset is 5, its clock's attributes make"),
        (lambda file: replace(file, "events/y", file["events/y"][:].astype("f4")), "expected uint16[N]"),
        (lambda file: replace(file, "events/x", file["events/x"][:-1]), "have different lengths"),
        (lambda file: file.__delitem__("events/p"), "/events/p is missing"),
        (lambda file: file.attrs.__delitem__("width"), "attribute width is missing, or no whole number"),
        (lambda file: file.attrs.__setitem__("height", 200), "is of 346x200 px, quality.json says 346x260"),
        (lambda file: file.attrs.__setitem__("clock_offset_ns", 7), "clock_offset_ns is 7, sync.json says"),
    ],
)
def test_a_spoilt_event_file_is_named(dataset: Path, spoil: Callable[[h5py.File], None], what: str) -> None:
    spoil_events(dataset, spoil)
    lines = found(dataset)
    assert all(line.startswith(f"{BEH}_recording-davis_dvs.h5: ") for line in lines)
    assert any(what in line for line in lines), lines


def test_a_truncated_file_cannot_be_read(dataset: Path) -> None:
    for suffix in ("recording-davis_dvs.h5", "recording-rgb_video.mkv"):
        path = dataset / f"{BEH}_{suffix}"
        path.write_bytes(path.read_bytes()[: 200 if suffix.endswith("mkv") else 20_000])
    report = validate(dataset, checksums=False)
    assert report.exit_code == 2
    assert {finding.file for finding in report.findings} == {
        f"{BEH}_recording-davis_dvs.h5", f"{BEH}_recording-rgb_video.mkv",
    }  # fmt: skip


def test_changed_missing_and_strange_files_are_told_by_the_manifest(dataset: Path) -> None:
    (dataset / "README.md").write_text("other")
    (dataset / f"{BEH}_recording-davis_timestamps.csv").unlink()
    (dataset / "notes.txt").write_text("mine")
    lines = found(dataset, checksums=True)
    assert "README.md: its checksum is not the one in MANIFEST.sha256" in lines
    assert f"{BEH}_recording-davis_timestamps.csv: is missing, and MANIFEST.sha256 has it" in lines
    assert f"{BEH}_recording-davis_timestamps.csv: is missing" in lines
    assert {"notes.txt: is no file of a dataset", "notes.txt: is not in MANIFEST.sha256"} <= set(lines)
    assert validate(dataset).exit_code == 1


def test_names_are_checked(dataset: Path) -> None:
    folder = dataset / "sub-S01/ses-01/beh"
    (folder / "sub-S02_ses-01_task-au12_run-01_boxes.csv").touch()
    (folder / f"{TAKE}_diary.txt").touch()
    (folder / "sub-S01_ses-01_task-au12_run-07_boxes.csv").touch()
    (folder / "sub-S01_ses-01_task-au12_run-1_boxes.csv").touch()
    whats = [line.partition(": ")[2] for line in found(dataset)]
    assert sorted(whats) == [
        "a take has no file diary.txt",
        "belongs to a take without quality.json: it was not finished",
        "expected the name sub-S01_ses-01_task-au12_run-01_boxes.csv",
        "lies with sub-S01, ses-01",
    ]


def lines_of(path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")


def replaced(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(old, new, 1) for line in lines]


def later(lines: list[str]) -> list[str]:
    """A table of frames' times, all 7 ms later."""
    times = [int(line.split(",")[1]) + 7_000_000 for line in lines[1:]]
    return [lines[0], *(f"{number},{time}" for number, time in enumerate(times))]


@pytest.mark.parametrize(
    ("suffix", "edit", "what"),
    [
        ("recording-rgb_timestamps.csv", lambda lines: lines[:-1], "has 23 frames, quality.json says 24"),
        ("recording-davis_timestamps.csv", lambda lines: [*lines[:3], "2,5", *lines[4:]], "do not rise at 1"),
        ("recording-davis_timestamps.csv", lambda lines: [lines[0], *lines[2:]], "not numbered 0, 1, 2"),
        ("boxes.csv", lambda lines: lines[:2], "has no box of rgb"),
        ("boxes.csv", lambda lines: [*lines, lines[1]], "davis is there twice"),
        ("boxes.csv", replaced("default", "guess"), "method is 'guess'"),
        ("boxes.csv", replaced("260.0", "130.0"), "expected a square"),
        ("boxes.csv", lambda lines: [lines[0].replace("method", "how"), *lines[1:]], "has no column method"),
        ("events.tsv", lambda lines: [lines[0], *lines[:0:-1]], "its onsets do not rise"),
        ("events.tsv", replaced("perform", "act"), "trial_type is act"),
        ("events.tsv", replaced("\t12\t", "\t45\t"), "au is [45]"),
    ],
)
def test_a_spoilt_table_is_named(
    dataset: Path, suffix: str, edit: Callable[[list[str]], list[str]], what: str
) -> None:
    lines_of(dataset / f"{BEH}_{suffix}", edit)
    assert any(line.startswith(f"{BEH}_{suffix}: ") and what in line for line in found(dataset))


def test_a_video_is_compared_with_its_times(dataset: Path) -> None:
    table = dataset / f"{BEH}_recording-davis_timestamps.csv"
    lines_of(table, later)
    video = f"{BEH}_recording-davis_video.mkv"
    assert found(dataset) == [f"{video}: 24 frames are shown at other times than {table.name} says"]


@pytest.mark.parametrize(
    ("suffix", "fields", "what"),
    [
        ("quality.json", {"outcome": "good"}, "outcome: Input should be 'complete'"),
        ("quality.json", {"flags": None}, "flags: "),
        ("quality.json", {"au": 45}, "is of AU 45, run 1: not what the file's name says"),
        ("quality.json", {"simulated": False}, "simulated is False, its sensors' sources say otherwise"),
        ("sync.json", {"clip": None}, "has no clip, and the take is complete"),
        ("sync.json", {"clip": {"start_ns": 5, "end_ns": 3, "method": "cues"}}, "not after its start 5"),
        ("sync.json", {"clip": {}}, "clip.start_ns: missing"),
        ("quality.json", {"trial": "first"}, "trial: Input should be a valid integer"),
        ("quality.json", {"sensors": []}, "sensors: Input should be a valid dictionary"),
        ("sync.json", {"offsets": [{"sensor": "evk4"}]}, "offsets.0.offset: missing"),
        ("truth.json", {"onset": 0}, "onset is -1700000000.000000 s from the take's start"),
        ("truth.json", {"apex": 0}, "onset, apex, offset and end are not in this order"),
        ("truth.json", {"seconds": {}}, "seconds says None"),
    ],
)
def test_a_spoilt_json_file_is_named(dataset: Path, suffix: str, fields: dict[str, Any], what: str) -> None:
    change(dataset / f"{BEH}_{suffix}", **fields)
    assert any(line.startswith(f"{BEH}_{suffix}: ") and what in line for line in found(dataset))


def test_a_simulated_dataset_has_the_truth_of_every_take(dataset: Path) -> None:
    (dataset / f"{BEH}_truth.json").unlink()
    assert found(dataset) == []
    (dataset / "simulation.json").write_text("{}")
    assert found(dataset) == [f"{BEH}_truth.json: is missing"]


def test_a_subject_on_both_sides_of_a_split_is_named(dataset: Path) -> None:
    path = dataset / "splits" / "loso.json"
    content = json.loads(path.read_text())
    fold = content["folds"][0]
    fold["train"].append(fold["test"].pop())
    path.write_text(json.dumps(content))
    assert found(dataset) == [
        "splits/loso.json: fold sub-S01: S01 is on both sides",
        "splits/loso.json: its folds do not test every clip once",
    ]


def test_participants_are_those_who_are_there(dataset: Path) -> None:
    lines_of(dataset / "participants.tsv", lambda lines: [lines[0], lines[1].replace("\t2\t", "\t3\t", 1)])
    assert found(dataset) == [
        "participants.tsv: has sub-S01; there are sub-S01, sub-S02",
        "participants.tsv: sub-S01: takes is 3, expected 2",
    ]


def test_who_withdrew_is_not_there(dataset: Path) -> None:
    stone = {"subject": "S02", "state": "done", "time_ns": 1, "files": 3, "bytes": 5}
    (dataset / TOMBSTONES).write_text(json.dumps(stone) + "\n")
    assert found(dataset) == [f"{TOMBSTONES}: sub-S02 withdrew and is still in the dataset"]


def test_what_is_shared_needs_consent_and_released_videos(tmp_path: Path) -> None:
    shared = {"purpose": "sharing", "subjects": ("S01",), "aus": (12,)}
    none = make_dataset(tmp_path / "none", SmallPlan(**shared))
    assert "sub-S01/ses-01/session.json: has no consent, and the dataset is for sharing" in found(none)
    consent = {"version": "1", "scopes": ["research", "sharing"]}
    kept = make_dataset(tmp_path / "kept", SmallPlan(**shared, session={"consent": consent}))
    taken = {line.partition(": ")[2] for line in found(kept) if "video" in line}
    assert taken == {"is there, but the subject did not release videos"}
    consent["scopes"].append("rgb_release")
    released = make_dataset(tmp_path / "all", SmallPlan(**shared, session={"consent": consent}))
    assert all(line.startswith("croissant.json: ") for line in found(released))


def test_no_damage_ends_the_check_and_each_is_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, SmallPlan(("S01",), (12,)))
    rubbish = [b"", b"rubbish\n" * 20, b"[]", b"null", b'{"sensors": 5}', b"\xff\xfe\x00" * 50]
    for number, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        kept = path.read_bytes()
        path.write_bytes(rubbish[number % len(rubbish)])
        report = validate(root)
        named = {finding.file for finding in report.findings}
        # A manifest without lines is told by the files that it lacks.
        told = "README.md" if path.name == "MANIFEST.sha256" and not path.read_bytes() else path.name
        assert told in {Path(name).name for name in named}
        path.write_bytes(kept)
    assert found(root, checksums=True) == []
