"""Folders of runs as training leaves them, made up: scores and measures that a test knows in advance."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.evaluation.image_metrics import METRICS as IMAGE_METRICS
from evface.protocol import AU_NUMBERS

HISTORY = [{"loss": 0.05, "accuracy": 0.2, "seconds": 1.0}, {"loss": 0.03, "accuracy": 0.6, "seconds": 1.0}]


@dataclass(frozen=True)
class MadeModel:
    """What a made-up run says of itself."""

    family: str = "snn"
    input: str = "events"
    sensor: str = "davis"
    parameters: int = 1234

    def config(self, name: str) -> dict[str, Any]:
        return {
            "name": name, "model": {"family": self.family}, "aus": list(AU_NUMBERS), "input": self.input,
            "sensor": self.sensor, "slice_us": 33_000,
        }  # fmt: skip


def write_recognition(
    run: Path,
    takes: Sequence[TakeId],
    right: Mapping[int, Sequence[bool]],
    model: MadeModel = MadeModel(),
    folds: Sequence[str] | None = None,
) -> None:
    """A run whose network of each seed is right or wrong on each clip, as ``right[seed]`` says.

    A wrong answer is the class after the right one.

    Args:
        run: folder.
        takes: of the dataset.
        right: by seed, one per take.
        model: what metrics.json says.
        folds: names of those that are finished; None: all.
    """
    for seed, verdicts in right.items():
        known = dict(zip(takes, verdicts, strict=True))
        for fold in folds_of(list(takes), "loso"):
            if folds is not None and fold.name not in folds:
                continue
            folder = run / f"{fold.name}_seed-{seed}"
            folder.mkdir(parents=True)
            rows = [
                _answer(take, part, known[take])
                for part, chosen in (("training", fold.train), ("held_out", fold.test))
                for take in chosen
            ]
            head = ["clip", "part", "subject", "au", *(f"au{au:02d}" for au in AU_NUMBERS)]
            _write_csv(folder / "scores.csv", [head, *rows])
            _write_metrics(folder, fold.name, seed, model.config(run.name), model.parameters)


def _answer(take: TakeId, part: str, right: bool) -> list[Any]:
    scores = np.zeros(len(AU_NUMBERS))
    label = AU_NUMBERS.index(take.au)
    scores[label if right else (label + 1) % len(AU_NUMBERS)] = 0.5
    return [take.name, part, take.subject, take.au, *scores]


def write_reconstruction(
    run: Path, takes: Sequence[TakeId], ssim: Mapping[str, float], sensor: str = "davis", frames: int = 3
) -> None:
    """A run whose every picture by a method has the same SSIM, and a strip per Action Unit."""
    for fold in folds_of(list(takes), "loso"):
        folder = run / f"{fold.name}_seed-0"
        (folder / "strips").mkdir(parents=True)
        rows = []
        for take in fold.test:
            for method, value in ssim.items():
                measures = dict.fromkeys(IMAGE_METRICS, 0.1) | {"ssim": value, "psnr": 10 * value}
                rows += [
                    [take.name, take.subject, take.au, n, method, *measures.values()] for n in range(frames)
                ]
            pictures = {
                name: np.full((frames, 16, 16), 90, np.uint8) for name in ("target", "condition", *ssim)
            }
            np.savez(folder / "strips" / f"au{take.au:02d}.npz", **pictures)
        _write_csv(
            folder / "images.csv", [["clip", "subject", "au", "frame", "method", *IMAGE_METRICS], *rows]
        )
        config = {"name": run.name, "model": {"family": "cvae"}, "sensor": sensor, "slice_us": 33_000}
        _write_metrics(folder, fold.name, 0, config, 5678)


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_metrics(folder: Path, fold: str, seed: int, config: dict[str, Any], parameters: int) -> None:
    metrics = {"fold": fold, "seed": seed, "config": config, "parameters": parameters, "history": HISTORY}
    (folder / "metrics.json").write_text(json.dumps(metrics))
