"""Training of the Action Unit recogniser: every fold with every seed, resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evface.dataset.progress import Progress, silent
from evface.dataset.naming import TakeId
from evface.dataset.splits import Fold, SplitKind, make_folds
from evface.dataset.torch_dataset import AuDataset
from evface.errors import ConfigError, DatasetError
from evface.evaluation.metrics import recognition
from evface.models import PlifSnn
from evface.training.checkpoint import model_name, save_checkpoint
from evface.training.clips import Clip, load_clips
from evface.training.config import TrainingConfig, load_config
from evface.training.loop import Trainer, clip_scores
from evface.training.memory import keep_freed_memory

CHECKPOINT = "model.safetensors"
METRICS = "metrics.json"


def train_au(
    dataset: Path,
    out: Path,
    preset: TrainingConfig | Path,
    folds: SplitKind | Sequence[str] = "loso",
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train and judge the recogniser on a converted dataset.

    Each fold and seed gets a folder ``out/<fold>_seed-<seed>`` with ``model.safetensors`` and
    ``metrics.json``; ``out/metrics.json`` joins them. Call again after an interruption: finished folds
    are kept, the one underway goes on after its last whole epoch. The last epoch counts.

    Args:
        dataset: root of the dataset tree.
        out: folder of the results; made if it is not there.
        preset: the configuration, or a YAML file such as config/training/small.yaml.
        folds: "loso", "within" or "all" (see `make_folds`), or names of subjects' folds such as "sub-S01".
        seeds: one model per fold and seed.
        progress: told after every epoch.

    Returns:
        What ``out/metrics.json`` says.

    Raises:
        ConfigError: the preset or a fold's name is wrong, or there is no seed.
        DatasetError: the dataset is unfit, or ``out`` holds another run.
    """
    config = preset if isinstance(preset, TrainingConfig) else load_config(preset)
    if not seeds:
        raise ConfigError("seeds: expected at least one")
    source = AuDataset(dataset, config.sensor, slice_us=config.slice_us, size=config.model.size, aus=config.aus)
    chosen = _choose(source.takes, folds)
    names = [take.name for take in source.takes]
    loaded = load_clips(source, config.model.size, config.model.classes, names)
    clips = dict(zip(source.takes, loaded))
    keep_freed_memory()
    runs = [(fold, seed) for fold in chosen for seed in seeds]
    results = []
    for number, (fold, seed) in enumerate(runs):

        def report(epoch: int, text: str, number: int = number) -> None:
            progress(number * config.epochs + epoch, len(runs) * config.epochs, text)

        results.append(_train_fold(clips, config, fold, seed, out / f"{fold.name}_seed-{seed}", report))
    summary = _summary(config, results)
    _write(out / METRICS, summary)
    return summary


def _choose(takes: Sequence[TakeId], folds: SplitKind | Sequence[str]) -> list[Fold]:
    if isinstance(folds, str):
        if folds not in ("loso", "within", "all"):
            raise ConfigError(f"folds: expected loso, within, all or names of folds, found {folds!r}")
        return make_folds(takes, folds)
    known = {fold.name: fold for fold in make_folds(takes, "loso")}
    unknown = [name for name in folds if name not in known]
    if unknown or not folds:
        raise ConfigError(f"folds: expected some of {', '.join(known)}, found {', '.join(unknown) or 'none'}")
    return [known[name] for name in folds]


def _train_fold(
    clips: dict[TakeId, Clip],
    config: TrainingConfig,
    fold: Fold,
    seed: int,
    folder: Path,
    report: Callable[[int, str], None],
) -> dict[str, Any]:
    done = folder / METRICS
    identity = {
        "fold": fold.name,
        "seed": seed,
        "config": json.loads(config.model_dump_json()),
        "train": [take.name for take in fold.train],
        "test": [take.name for take in fold.test],
    }
    if done.exists():
        found = json.loads(done.read_text())
        if {key: found.get(key) for key in identity} != identity:
            raise DatasetError(f"{done} is of another run (other configuration or clips): choose another folder")
        report(config.epochs, f"{fold.name} was done")
        return dict(found)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer([clips[take] for take in fold.train], config, seed, folder)
    model = trainer.run(
        lambda epoch, found: report(
            epoch, f"{fold.name} seed {seed} loss {found['loss']:.4f} accuracy {found['accuracy']:.0%}"
        )
    )
    model = model.cpu()
    save_checkpoint(folder / CHECKPOINT, model, config, {"fold": fold.name, "seed": str(seed)})
    result: dict[str, Any] = {
        **identity,
        "model": model_name(model, config),
        "checkpoint": f"{folder.name}/{CHECKPOINT}",
        "parameters": model.parameter_count(),
        "history": trainer.history,
        "training": _judge(model, clips, fold.train, config),
        "held_out": _judge(model, clips, fold.test, config),
    }
    _write(done, result)
    (folder / "last.pt").unlink(missing_ok=True)
    return result


def _judge(
    model: PlifSnn, clips: dict[TakeId, Clip], takes: Sequence[TakeId], config: TrainingConfig
) -> dict[str, Any] | None:
    if not takes:
        return None
    return recognition(*clip_scores(model, [clips[take] for take in takes])).as_dict(config.aus)


def _summary(config: TrainingConfig, results: list[dict[str, Any]]) -> dict[str, Any]:
    judged = [result["held_out"] for result in results if result["held_out"]]
    summary: dict[str, Any] = {
        "config": json.loads(config.model_dump_json()),
        "chance": {"accuracy": 1 / config.model.classes, "top3": min(3, config.model.classes) / config.model.classes},
        "folds": [
            {key: result[key] for key in ("fold", "seed", "model", "checkpoint", "training", "held_out")}
            for result in results
        ],
    }
    if judged:
        weights = [entry["clips"] for entry in judged]
        summary["held_out"] = {
            name: {
                "pooled": float(np.average([entry[name] for entry in judged], weights=weights)),
                "fold_mean": float(np.mean([entry[name] for entry in judged])),
                "fold_sd": float(np.std([entry[name] for entry in judged], ddof=1)) if len(judged) > 1 else None,
            }
            for name in ("accuracy", "top3", "silent")
        }
    return summary


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)
