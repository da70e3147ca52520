"""What people say of a take's movement: kept, first, and never lost to a conversion."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from recorded_session import Plan, record

from evface.dataset.annotations import ANNOTATIONS, MOVES, STILL, Annotation, annotate, read_annotations
from evface.dataset.clips import ClipDataset
from evface.dataset.convert import convert
from evface.dataset.naming import TakeId
from evface.dataset.tree import read_take
from evface.dataset.trimming import MARGIN
from evface.dataset.validation import validate
from evface.errors import ConfigError, FormatError

TAKE = TakeId("S01", "01", 12, 1)
MS = 1_000_000


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    recordings, dataset = tmp_path / "recordings", tmp_path / "dataset"
    record(recordings, Plan(subjects=("S01",), aus=(12,), webcam=False))
    assert convert(recordings, dataset, boxes=False).exit_code == 0
    return recordings, dataset


def corrected(dataset: Path, by: str = "op1") -> Annotation:
    start = read_take(dataset, TAKE).start
    said = Annotation.now(MOVES, (start + 300 * MS, start + 400 * MS, start + 600 * MS, start + 700 * MS), by)
    annotate(dataset, TAKE, said)
    return said


def test_what_was_found_is_written_and_its_rows_are_no_cues(roots: tuple[Path, Path]) -> None:
    take = read_take(roots[1], TAKE)
    assert take.movement is not None
    with take.file("events.tsv").open() as file:
        rows = {row["trial_type"]: float(row["onset"]) for row in csv.DictReader(file, delimiter="\t")}
    assert list(rows.values()) == sorted(rows.values())
    for name in ("onset", "apex", "offset", "end"):
        assert abs(rows[name] - (getattr(take.movement, name) - take.start) / 1e9) < 1e-6
    assert [cue.phase for cue in take.cues()] == ["countdown", "perform", "rest"]
    flags = [f"movement: {flag}" for flag in take.movement.flags]
    assert set(flags) <= set(take.quality["flags"])
    assert take.sync["clip"]["method"] == ("events" if take.movement.good else "cues")


def test_datasets_read_a_correction_first(roots: tuple[Path, Path]) -> None:
    dataset = roots[1]
    said = corrected(dataset)
    take = read_take(dataset, TAKE)
    assert take.movement is not None
    assert (take.movement.onset, take.movement.end, take.movement.score) == (said.onset, said.end, 1.0)
    assert take.window == (said.onset - MARGIN, said.end + MARGIN)
    before = ClipDataset(dataset)[0][0]
    shorter = replace(said, onset=said.offset, apex=said.offset)
    annotate(dataset, TAKE, shorter)
    assert len(ClipDataset(dataset)[0][0]) < len(before)
    annotate(dataset, TAKE, Annotation.now(STILL, (1, 2, 3, 4), "op2"))
    take = read_take(dataset, TAKE)
    assert take.movement is None
    perform = next(cue for cue in take.cues() if cue.phase == "perform")
    assert take.window is not None
    assert take.window[0] == perform.start - MARGIN
    assert [one.by for one in read_annotations(dataset, TAKE)] == ["op1", "op1", "op2"]


def test_corrections_survive_a_conversion(roots: tuple[Path, Path]) -> None:
    recordings, dataset = roots
    said = corrected(dataset)
    TAKE.file(dataset, "quality.json").unlink()
    assert convert(recordings, dataset, boxes=False).converted == [TAKE.name]
    assert read_annotations(dataset, TAKE) == [said]
    assert read_take(dataset, TAKE).correction == said


def test_a_corrected_dataset_is_sound(roots: tuple[Path, Path]) -> None:
    dataset = roots[1]
    before = validate(dataset).exit_code
    corrected(dataset)
    assert validate(dataset).exit_code == before == 0
    assert convert(*roots, boxes=False).exit_code == 0
    corrected(dataset, "another")
    assert validate(dataset).exit_code == 0


def test_what_cannot_be_is_refused(roots: tuple[Path, Path]) -> None:
    dataset = roots[1]
    with pytest.raises(ConfigError, match="in order"):
        Annotation.now(MOVES, (2, 1, 3, 4), "op1")
    with pytest.raises(ConfigError, match="by"):
        Annotation.now(MOVES, (1, 2, 3, 4), " ")
    with pytest.raises(ConfigError, match="verdict"):
        Annotation.now("perhaps", (1, 2, 3, 4), "op1")
    path = TAKE.file(dataset, ANNOTATIONS)
    path.write_text("{}")
    with pytest.raises(FormatError, match="annotations"):
        corrected(dataset)
    assert path.read_text() == "{}"
