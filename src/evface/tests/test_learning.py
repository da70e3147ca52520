"""What a network learns, how clips reach it, and that a stream gives the scores of the slices."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from lively_network import lively_checkpoint

from evface.dataset.naming import TakeId
from evface.dataset.splits import Fold
from evface.errors import DatasetError
from evface.evaluation import (
    StreamingRecognizer,
    confusion_matrix,
    score_slices,
    training_curve,
    wilson_interval,
)
from evface.models import PRESETS, PlifSnn, SnnConfig
from evface.training import TrainingConfig, load_checkpoint
from evface.training.au import train_clips
from evface.training.au_task import clip_scores
from evface.training.clips import Clip, collate, load_clips

AUS = (2, 12, 26)


def performed(subjects: int, takes: int) -> dict[TakeId, Clip]:
    """Clips of unequal length in which each AU moves in another part of the face, over noise."""
    random = np.random.default_rng(7)
    clips = {}
    for subject in range(1, subjects + 1):
        for label, au in enumerate(AUS):
            for run in range(1, takes + 1):
                frames = random.poisson(0.03, (int(random.integers(14, 20)), 2, 64, 64)).astype(np.uint16)
                top = 6 + 20 * label + int(random.integers(-2, 3))
                frames[4:10, :, top : top + 10, 20:44] += random.poisson(1.5, (6, 2, 10, 24)).astype(
                    np.uint16
                )
                take = TakeId(f"S{subject:02d}", "01", au, run)
                clips[take] = Clip(torch.from_numpy(frames), label, take.subject, take.name)
    return clips


def test_subjects_are_recognised_by_a_network_that_never_saw_them(tmp_path: Path) -> None:
    clips = performed(2, 3)
    folds = [
        Fold(
            f"sub-{subject}",
            tuple(take for take in clips if take.subject != subject),
            tuple(take for take in clips if take.subject == subject),
        )
        for subject in ("S01", "S02")
    ]
    network = SnnConfig(preset="small", classes=3, pooling=8, maps=8, hidden=32)
    config = TrainingConfig(name="tiny", model=network, aus=AUS, epochs=15, batch_size=3, learning_rate=0.01)
    said: list[tuple[int, int]] = []
    summary = train_clips(
        clips, tmp_path, config, folds, progress=lambda done, total, _: said.append((done, total))
    )
    assert summary["held_out"]["accuracy"]["pooled"] > 0.8
    low, high = summary["held_out"]["accuracy_interval_95"]
    assert 0.5 < low < high <= 1.0
    assert said[-1] == (30, 30)
    fold = json.loads((tmp_path / "sub-S02_seed-0" / "metrics.json").read_text())
    assert {"accuracy", "top3", "silent", "confusion", "f1", "groups"} <= fold["held_out"].keys()
    assert all("sub-S01" in name for name in fold["train"])
    with (tmp_path / "sub-S02_seed-0" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["subject"] for row in rows if row["part"] == "held_out"} == {"S02"}
    right = [max(AUS, key=lambda au: float(row[f"au{au:02d}"])) == int(row["au"]) for row in rows]
    assert len(rows) == len(clips)
    assert sum(right) > 0.8 * len(rows)


def test_every_weight_of_an_untrained_network_learns() -> None:
    torch.manual_seed(0)
    network = PlifSnn(PRESETS["small"]).train()
    frames, lengths, labels = collate(list(performed(1, 1).values()))
    _, means = network(frames, lengths)
    network.loss(means, labels).backward()
    still = [name for name, weight in network.named_parameters() if not weight.grad.abs().sum() > 0]
    assert still == []


def test_live_and_offline_give_the_same_bits_and_the_whole_clip_agrees(tmp_path: Path) -> None:
    path = lively_checkpoint(tmp_path / "model.safetensors")
    clip = next(iter(performed(1, 1).values()))
    counts = clip.frames.numpy()
    scores, means = score_slices(path, counts)
    recognizer = StreamingRecognizer(path)
    recognizer.warm_up()
    for index, frame in enumerate(counts):
        one, mean = recognizer.step(frame)
        assert np.array_equal(one, scores[index])
        assert np.array_equal(mean, means[index])
    assert scores.dtype == means.dtype == np.float32
    assert 0 < scores.mean() < 1
    whole, labels = clip_scores(load_checkpoint(path)[0], [clip])
    assert whole[0] == pytest.approx(means[-1], abs=1e-6)
    assert labels.tolist() == [clip.label]


def test_asking_for_the_recogniser_loads_no_figures() -> None:
    code = (
        "import sys; from evface.evaluation import StreamingRecognizer; "
        "print('evface.evaluation.figures' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_clips_that_do_not_fit_the_network_are_named() -> None:
    frames = torch.zeros(5, 2, 64, 64)
    with pytest.raises(DatasetError, match=r"wrong: frames are \[5, 2, 32, 32\]"):
        load_clips([(frames[..., :32, :32], 0, "S01")], PRESETS["paper"], ["wrong"])
    with pytest.raises(DatasetError, match="class 21"):
        load_clips([(frames, 21, "S01")], PRESETS["paper"])
    with pytest.raises(DatasetError, match="no clip"):
        load_clips([], PRESETS["paper"])


def test_wilsons_interval_of_the_papers_accuracy() -> None:
    low, high = wilson_interval(0.5123 * 147, 147)
    assert (round(100 * low), round(100 * high)) == (43, 59)


def test_a_curve_and_a_confusion_are_drawn(tmp_path: Path) -> None:
    history = [{"loss": 0.1 / epoch, "accuracy": epoch / 5} for epoch in range(1, 5)]
    training_curve({"sub-S01": history}, tmp_path / "curve.png")
    confusion_matrix(np.diag([2.0, 1.0, 0.0]), tmp_path / "confusion.png", AUS)
    assert all(
        (tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("curve.png", "confusion.png")
    )
