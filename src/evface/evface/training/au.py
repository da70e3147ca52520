"""Training of the Action Unit recogniser: every fold with every seed, resumable."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evface.dataset.naming import TakeId
from evface.dataset.progress import Progress, silent
from evface.dataset.splits import Fold, SplitKind, choose_folds
from evface.errors import ConfigError
from evface.evaluation.metrics import recognition, wilson_interval
from evface.evaluation.onsets import judge_stream
from evface.models import Network, SteppingNetwork
from evface.training.au_task import ClipTask, clip_scores, stream_scores
from evface.training.checkpoint import model_name, save_checkpoint
from evface.training.clips import Clip, load_clips
from evface.training.config import TrainingConfig, load_config
from evface.training.inputs import clips_for
from evface.training.loop import Trainer
from evface.training.memory import keep_freed_memory
from evface.training.run_folder import (
    CHECKPOINT,
    METRICS,
    finished,
    fold_folder,
    identity_of,
    write_json,
    write_whole,
)
from evface.training.watching import Epoch, Watch, as_progress

SCORES = "scores.csv"

Runner = Callable[
    [Mapping[TakeId, Clip], TrainingConfig, Sequence[tuple[Fold, int]], Path, Watch], list[dict[str, Any]]
]
"""Trains folds and seeds on clips into the folder of a run, and returns what each metrics.json says."""


def train_au(
    dataset: Path,
    out: Path,
    preset: TrainingConfig | Path,
    folds: SplitKind | Sequence[str] = "loso",
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
    *,
    resume: bool = True,
    watch: Watch | None = None,
    run: Runner | None = None,
) -> dict[str, Any]:
    """Train and judge the recogniser on a converted dataset.

    Each fold and seed gets a folder ``out/<fold>_seed-<seed>`` with ``model.safetensors``, ``metrics.json``
    and ``scores.csv`` (scores of every clip); ``out/metrics.json`` joins them. Call again after an
    interruption: finished folds are kept, the one underway goes on after its last whole epoch. The last
    epoch counts.

    Args:
        dataset: root of the dataset tree.
        out: folder of the results; made if it is not there.
        preset: the configuration, or a YAML file such as config/training/small.yaml.
        folds: "loso", "within" or "all" (see `folds_of`), or names of subjects' folds such as "sub-S01".
        seeds: one model per fold and seed.
        progress: told after every clip that was read, then after every epoch.
        resume: go on where an earlier call stopped; False: what it left in the folds' folders is replaced.
        watch: told of the epochs in the place of ``progress``.
        run: who trains the folds, such as `evface.training.cluster.Cluster`; None: this process, one by one.

    Returns:
        What ``out/metrics.json`` says.

    Raises:
        ConfigError: the preset or a fold's name is wrong, or there is no seed.
        DatasetError: the dataset is unfit, or ``out`` holds another run.
        FormatError: what an earlier call left is broken.
    """
    config = preset if isinstance(preset, TrainingConfig) else load_config(preset)
    if not seeds:
        raise ConfigError("seeds: expected at least one")
    source = clips_for(dataset, config)
    chosen = choose_folds(source.takes, folds)
    loaded = load_clips(source, config.model, source.names, progress)
    return train_clips(
        dict(zip(source.takes, loaded, strict=True)),
        out,
        config,
        chosen,
        seeds,
        progress,
        resume=resume,
        watch=watch,
        run=run,
    )


def train_clips(
    clips: Mapping[TakeId, Clip],
    out: Path,
    config: TrainingConfig,
    folds: Sequence[Fold],
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
    *,
    resume: bool = True,
    watch: Watch | None = None,
    run: Runner | None = None,
) -> dict[str, Any]:
    """`train_au` on clips that are in memory already.

    Args:
        clips: all that the folds name.
        out: folder of the results.
        config: the network and how it learns.
        folds: what to learn from and to be judged by.
        seeds: one model per fold and seed.
        progress: told after every epoch.
        resume: see `train_au`.
        watch: told of the epochs in the place of ``progress``.
        run: who trains the folds; None: this process, one by one.

    Returns:
        What ``out/metrics.json`` says.

    Raises:
        DatasetError: ``out`` holds another run.
        FormatError: what an earlier call left is broken.
    """
    keep_freed_memory()
    tell = watch or as_progress(progress)
    runs = [(fold, seed) for fold in folds for seed in seeds]
    for fold, seed in runs:
        if not resume:
            shutil.rmtree(fold_folder(out, fold, seed), ignore_errors=True)
        tell(Epoch(fold.name, seed, 0, config.epochs))
    results = (run or one_by_one)(clips, config, runs, out, tell)
    summary = _summary(config, results)
    write_json(out / METRICS, summary)
    return summary


def one_by_one(
    clips: Mapping[TakeId, Clip],
    config: TrainingConfig,
    runs: Sequence[tuple[Fold, int]],
    out: Path,
    watch: Watch,
) -> list[dict[str, Any]]:
    """The `Runner` of this process; see `train_fold`."""
    return [train_fold(clips, config, fold, seed, out, watch) for fold, seed in runs]


def train_fold(
    clips: Mapping[TakeId, Clip], config: TrainingConfig, fold: Fold, seed: int, out: Path, watch: Watch
) -> dict[str, Any]:
    """Train and judge one network, unless that is done already.

    Args:
        clips: all that the fold names.
        config: the network and how it learns.
        fold: what to learn from and to be judged by.
        seed: of the weights, the order of the clips and the dropout.
        out: folder of the run; the fold has one of its own in it.
        watch: told after every epoch.

    Returns:
        What the fold's metrics.json says.

    Raises:
        DatasetError: the fold's folder holds another run.
        FormatError: what an earlier call left is broken.
    """
    folder = fold_folder(out, fold, seed)
    identity = identity_of(config, fold, seed)
    if (done := finished(folder, identity)) is not None:
        watch(Epoch(fold.name, seed, config.epochs, config.epochs))
        return done
    trainer = trainer_of(clips, config, fold, seed, out)
    trainer.run(lambda epoch, measures: watch(Epoch(fold.name, seed, epoch, config.epochs, measures)))
    return conclude(trainer, clips, config, fold, seed, out)


def trainer_of(
    clips: Mapping[TakeId, Clip], config: TrainingConfig, fold: Fold, seed: int, out: Path
) -> Trainer:
    """Who trains a fold's network, from where an earlier call stopped; see `train_fold`."""
    folder = fold_folder(out, fold, seed)
    folder.mkdir(parents=True, exist_ok=True)
    return Trainer(ClipTask([clips[take] for take in fold.train], config), seed, folder)


def conclude(
    trainer: Trainer, clips: Mapping[TakeId, Clip], config: TrainingConfig, fold: Fold, seed: int, out: Path
) -> dict[str, Any]:
    """Judge a fold's network that is trained to the end, and write all that comes of it; see `train_fold`."""
    folder, identity = fold_folder(out, fold, seed), identity_of(config, fold, seed)
    model = trainer.model.eval().cpu()
    assert isinstance(model, Network)
    save_checkpoint(folder / CHECKPOINT, model, config, {"fold": fold.name, "seed": str(seed)})
    result: dict[str, Any] = {
        **identity,
        "model": model_name(model, config),
        "checkpoint": f"{folder.name}/{CHECKPOINT}",
        "parameters": model.parameter_count(),
        "engine": trainer.engine,
        "history": trainer.history,
        "training": _judge(model, clips, fold.train, config),
        "held_out": _judge(model, clips, fold.test, config),
        "held_out_stream": _judge_stream(model, clips, fold.test, config),
    }
    _write_scores(folder / SCORES, model, clips, fold, config)
    write_json(folder / METRICS, result)
    (folder / "last.pt").unlink(missing_ok=True)
    return result


def _write_scores(
    path: Path, model: Network, clips: Mapping[TakeId, Clip], fold: Fold, config: TrainingConfig
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "part", "subject", "au", *(f"au{au:02d}" for au in config.aus)])
    for part, takes in (("training", fold.train), ("held_out", fold.test)):
        scores, _ = clip_scores(model, [clips[take] for take in takes])
        for take, row in zip(takes, scores, strict=True):
            writer.writerow([take.name, part, take.subject, take.au, *(f"{value:.6g}" for value in row)])
    write_whole(path, text.getvalue())


def _judge(
    model: Network, clips: Mapping[TakeId, Clip], takes: Sequence[TakeId], config: TrainingConfig
) -> dict[str, Any] | None:
    if not takes:
        return None
    return recognition(*clip_scores(model, [clips[take] for take in takes])).as_dict(config.aus)


def _judge_stream(
    model: Network, clips: Mapping[TakeId, Clip], takes: Sequence[TakeId], config: TrainingConfig
) -> dict[str, Any] | None:
    """Of networks that follow a stream, where an intensity is known."""
    if not isinstance(model, SteppingNetwork):
        return None
    scored = stream_scores(model, [clips[take] for take in takes])
    slice_us = config.slice_us if config.slicing.by == "time" else None
    return judge_stream(scored).as_dict(slice_us) if scored else None


def _summary(config: TrainingConfig, results: list[dict[str, Any]]) -> dict[str, Any]:
    judged = [result["held_out"] for result in results if result["held_out"]]
    summary: dict[str, Any] = {
        "config": json.loads(config.model_dump_json()),
        "chance": {
            "accuracy": 1 / config.model.classes,
            "top3": min(3, config.model.classes) / config.model.classes,
        },
        "folds": [
            {key: result[key] for key in ("fold", "seed", "model", "checkpoint", "training", "held_out")}
            for result in results
        ],
    }
    if judged:
        weights = [entry["clips"] for entry in judged]
        pooled = float(np.average([entry["accuracy"] for entry in judged], weights=weights))
        summary["held_out"] = {
            "accuracy_interval_95": list(wilson_interval(pooled * sum(weights), sum(weights))),
            **_pooled(judged, weights),
        }
    return summary


def _pooled(judged: list[dict[str, Any]], weights: list[int]) -> dict[str, Any]:
    """Over all clips, and over folds and seeds as equals."""
    pooled = {}
    for name in ("accuracy", "top3", "silent"):
        values = [entry[name] for entry in judged]
        pooled[name] = {
            "pooled": float(np.average(values, weights=weights)),
            "fold_mean": float(np.mean(values)),
            "fold_sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        }
    return pooled
