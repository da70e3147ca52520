"""Runs on disk, read back: what is finished, what it said, what is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_runs import MadeModel, write_recognition, write_reconstruction

from evface.dataset.naming import TakeId
from evface.errors import DatasetError, FormatError
from evface.evaluation.comparison import compare_recognition, compare_reconstruction
from evface.evaluation.runs import RecognitionRun, read_recognition, read_reconstruction

TAKES = [TakeId(subject, "01", au, 1) for subject in ("S01", "S02", "S03") for au in (2, 12, 45, 51)]
ALL, NONE = [True] * 12, [False] * 12


def run(folder: Path, *seeds: list[bool]) -> RecognitionRun:
    write_recognition(folder, TAKES, dict(enumerate(seeds)))
    found = read_recognition(folder)
    assert found is not None
    return found


def test_a_clip_is_judged_by_all_seeds(tmp_path: Path) -> None:
    half = [True] * 6 + [False] * 6
    found = run(tmp_path / "two-seeds", ALL, half)
    assert found.seeds == (0, 1)
    assert found.parameters == 1234
    assert found.judged.takes == tuple(TAKES)
    assert found.judged.top1.tolist() == [1.0] * 6 + [0.5] * 6
    assert found.judged.right.tolist() == half
    assert found.judged.silent.sum() == 0


def test_only_finished_folds_count(tmp_path: Path) -> None:
    assert read_recognition(tmp_path / "nothing") is None
    write_recognition(tmp_path / "part", TAKES, {0: ALL}, folds=["sub-S01"])
    (tmp_path / "part" / "sub-S02_seed-0").mkdir()
    found = read_recognition(tmp_path / "part")
    assert found is not None
    assert {take.subject for take in found.judged.takes} == {"S01"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("metrics.json", "{", "metrics.json"),
        ("metrics.json", "{}", "a field is missing"),
        ("scores.csv", "clip,part,subject,au\nsub-S01,held_out,S01,2\n", r"scores\.csv:2"),
        ("scores.csv", "clip,part,subject,au,au02\nx,held_out,S01,2,much\n", r"scores\.csv:2"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    write_recognition(tmp_path, TAKES, {0: ALL})
    (tmp_path / "sub-S01_seed-0" / name).write_text(content)
    with pytest.raises(FormatError, match=said):
        read_recognition(tmp_path)


def test_folds_of_other_configurations_are_not_mixed(tmp_path: Path) -> None:
    write_recognition(tmp_path, TAKES, {0: ALL})
    write_recognition(tmp_path, TAKES, {1: ALL}, MadeModel(family="cnn3d"))
    with pytest.raises(DatasetError, match="different configurations"):
        read_recognition(tmp_path)


def test_models_are_compared_on_the_clips_that_both_have(tmp_path: Path) -> None:
    first = run(tmp_path / "first", ALL).judged
    second = run(tmp_path / "second", [False] * 3 + [True] * 9).judged.only(TAKES[:8])
    found = compare_recognition(first, second)
    assert found is not None
    assert found.mcnemar is not None
    assert (found.clips, found.difference) == (8, 3 / 8)
    assert (found.mcnemar.only_first, found.mcnemar.only_second) == (3, 0)
    # Three clips of one subject: a coin does that once in four.
    assert (found.mcnemar.p, found.verdict) == (0.25, "undecided")
    assert compare_recognition(first.only(TAKES[:2]), second.only(TAKES[2:4])) is None


def test_a_model_that_wins_with_every_subject_is_better(tmp_path: Path) -> None:
    found = compare_recognition(run(tmp_path / "a", ALL).judged, run(tmp_path / "b", NONE).judged)
    assert found is not None
    assert (found.verdict, found.interval) == ("better", (1.0, 1.0))


def test_pictures_are_read_by_method_and_compared_by_clip(tmp_path: Path) -> None:
    write_reconstruction(tmp_path / "a", TAKES, {"posterior": 0.9, "prior": 0.5, "mean_frame": 0.4})
    write_reconstruction(tmp_path / "b", TAKES, {"unet": 0.7})
    first, second = read_reconstruction(tmp_path / "a"), read_reconstruction(tmp_path / "b")
    assert first is not None
    assert second is not None
    assert first.known_methods == ("posterior", "prior", "mean_frame")
    assert first.rows("prior").sum() == len(TAKES) * 3
    assert first.rows("prior", ["S01"]).sum() == 4 * 3
    assert sorted(first.strips) == [2, 12, 45, 51]
    found = compare_reconstruction(second, first, ("unet", "prior"), "ssim")
    assert found is not None
    assert found.difference == pytest.approx(0.2)
    assert (found.clips, found.verdict) == (12, "better")
    assert np.isnan(first.measures).sum() == 0
