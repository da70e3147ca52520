"""Scores slice by slice: when an Action Unit begins, and what is said of them against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.errors import ConfigError, GeometryError
from evface.evaluation.onsets import OnsetDetector, SliceScores, judge_stream
from evface.models import GruConfig
from evface.training import TrainingConfig
from evface.training.au import train_clips
from evface.training.clips import Clip

SHAPE = np.array([0, 0, 0, 0.1, 0.6, 1, 1, 0.6, 0.1, 0, 0, 0], np.float32)


def scored(own: np.ndarray, other: np.ndarray) -> SliceScores:
    return SliceScores(np.stack([other, own], 1).astype(np.float32), 1, SHAPE)


def test_an_onset_is_told_once_until_the_score_has_fallen() -> None:
    detector = OnsetDetector(1, rises=0.5, falls=0.2)
    scores = [0.1, 0.5, 0.9, 0.3, 0.6, 0.1, 0.7]
    assert [bool(detector.step(np.array([score]))[0]) for score in scores] == [
        False, True, False, False, False, False, True,
    ]  # fmt: skip
    detector.reset()
    assert detector.step(np.array([0.6]))[0]
    with pytest.raises(ConfigError, match="falls"):
        OnsetDetector(1, rises=0.2, falls=0.5)


def test_perfect_scores_are_told_to_be_so() -> None:
    judged = judge_stream([scored(SHAPE, np.zeros(12))])
    assert (judged.error, judged.others, judged.onsets_found, judged.false_onsets) == (0.0, 0.0, 1.0, 0.0)
    assert judged.correlation == pytest.approx(1.0)
    assert judged.onset_delay_slices == 1.0  # 0.1 is begun, 0.6 is seen
    assert judged.as_dict(33_000)["onset_delay_ms"] == pytest.approx(33.0)
    assert judged.as_dict(None)["onset_delay_ms"] is None


def test_late_false_and_silent_scores_are_told_apart() -> None:
    late = judge_stream([scored(np.roll(SHAPE, 2), np.zeros(12))])
    assert late.onset_delay_slices == 3.0
    early = judge_stream([scored(np.roll(SHAPE, -3), np.roll(SHAPE, 1))])
    assert early.false_onsets == 2.0
    assert early.others > 0.2
    silent = judge_stream([scored(np.zeros(12), np.zeros(12))] * 2)
    assert silent.error == silent.error_of_rest == pytest.approx(float(SHAPE.mean()))
    assert (silent.correlation, silent.onsets_found, silent.onset_delay_slices) == (None, 0.0, None)
    with pytest.raises(GeometryError, match="no clip"):
        judge_stream([])


def test_a_network_taught_intensities_knows_when_another_subject_moves(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    clips = {}
    for subject in ("S01", "S02"):
        for label, au in enumerate((12, 45)):
            for run in (1, 2, 3):
                frames = torch.poisson(torch.full((24, 2, 16, 16), 0.05), generator=generator)
                first = 4 + 3 * run
                intensity = torch.zeros(24)
                intensity[first : first + 8] = 1.0
                frames[first : first + 8, :, 8 * label : 8 * label + 6] += 2
                take = TakeId(subject, "01", au, run)
                clips[take] = Clip(frames, label, subject, take.name, intensity)
    model = GruConfig(classes=2, size=16, stages=2, maps=4, features=16, hidden=16, scores="intensity")
    config = TrainingConfig(
        name="tiny", model=model, aus=(12, 45), epochs=25, batch_size=2, learning_rate=0.01, slice_loss=3.0
    )
    train_clips(clips, tmp_path, config, folds_of(list(clips), "loso")[:1])
    found = json.loads((tmp_path / "sub-S01_seed-0" / "metrics.json").read_text())["held_out_stream"]
    assert found["clips"] == 6
    assert found["error"] < 0.5 * found["error_of_rest"]
    assert found["correlation"] > 0.8
    assert found["onsets_found"] > 0.8
    assert found["onset_delay_ms"] <= 66
