"""Training of networks that make pictures of events: every fold with every seed, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evface.dataset.frame_pairs import FramePairs
from evface.dataset.progress import Progress, silent
from evface.dataset.splits import Fold, SplitKind, choose_folds
from evface.errors import ConfigError
from evface.evaluation.image_metrics import METRICS as IMAGE_METRICS
from evface.evaluation.reconstruction import COLUMNS, JudgedClip, image_rows, judge_clips
from evface.evaluation.reconstruction_strips import strip_arrays
from evface.models.cvae import Cvae
from evface.models.unet import RecurrentUnet
from evface.training.checkpoint import model_name
from evface.training.image_loss import ImageLoss
from evface.training.loop import Batch, Recipe, Trainer
from evface.training.memory import keep_freed_memory
from evface.training.reconstruction_checkpoint import (
    Reconstructor,
    build_reconstructor,
    save_reconstructor,
)
from evface.training.reconstruction_config import ReconstructionConfig, load_reconstruction
from evface.training.run_folder import (
    CHECKPOINT,
    METRICS,
    finished,
    fold_folder,
    identity_of,
    write_json,
    write_whole,
)
from evface.training.stretches import batches, collate, stretches
from evface.training.team import Team, alone
from evface.training.watching import Epoch, Watch, as_progress

IMAGES = "images.csv"
STRIPS = "strips"


def train_reconstruction(
    dataset: Path,
    out: Path,
    preset: ReconstructionConfig | Path,
    folds: SplitKind | Sequence[str] = "loso",
    seeds: Sequence[int] = (0,),
    progress: Progress = silent,
    *,
    resume: bool = True,
    watch: Watch | None = None,
    team: Team | None = None,
) -> dict[str, Any]:
    """Train and judge a network that makes the webcam's pictures of events.

    Each fold and seed gets a folder ``out/<fold>_seed-<seed>`` with ``model.safetensors``, ``metrics.json``,
    ``images.csv`` (every test image by every method) and ``strips/au<NN>.npz``; ``out/metrics.json`` joins
    them. Call again after an interruption: finished folds are kept, the one underway goes on after its last
    whole epoch. The last epoch counts.

    Args:
        dataset: root of the dataset tree.
        out: folder of the results; made if it is not there.
        preset: the configuration, or a YAML file such as config/training/quick-cvae.yaml.
        folds: "loso", "within" or "all" (see `folds_of`), or names of subjects' folds such as "sub-S01".
        seeds: one model per fold and seed.
        progress: told after every clip that was read, where all fit in memory, then after every epoch.
        resume: go on where an earlier call stopped; False: what it left in the folds' folders is replaced.
        watch: told of the epochs in the place of ``progress``.
        team: the processes that learn together; None: this one alone.

    Returns:
        What ``out/metrics.json`` says.

    Raises:
        ConfigError: the preset or a fold's name is wrong, or there is no seed.
        DatasetError: the dataset is unfit, or ``out`` holds another run.
        FormatError: what an earlier call left is broken.
    """
    config = preset if isinstance(preset, ReconstructionConfig) else load_reconstruction(preset)
    if not seeds:
        raise ConfigError("seeds: expected at least one")
    team = team or alone()
    keep_freed_memory()
    pairs = FramePairs(
        dataset,
        sensor=config.sensor,
        slice_us=config.slice_us,
        size=config.model.size,
        every=config.every,
        memory=config.memory_mb << 20,
    )
    runs = [(fold, seed) for fold in choose_folds(pairs.takes, folds) for seed in seeds]
    if not (resume and all((fold_folder(out, fold, seed) / METRICS).exists() for fold, seed in runs)):
        _read_ahead(pairs, progress)
    tell = watch or as_progress(progress)
    for fold, seed in runs:
        if not resume and team.first:
            shutil.rmtree(fold_folder(out, fold, seed), ignore_errors=True)
        tell(Epoch(fold.name, seed, 0, config.epochs))
    team.wait()
    results = [_train_fold(pairs, config, fold, seed, out, tell, team) for fold, seed in runs]
    summary = _summary(config, results)
    if team.first:
        write_json(out / METRICS, summary)
    return summary


def _read_ahead(pairs: FramePairs, progress: Progress) -> None:
    """Read every clip where all fit in memory, so that the first epoch is as long as the others."""
    if sum(pairs.counts.values()) * pairs.bytes_of_pair > pairs.memory:
        return
    for number, take in enumerate(pairs.takes, 1):
        progress(number, len(pairs.takes), f"{take.name}: {len(pairs[take].slices)} pairs")


class PictureTask:
    """The `Task` of making pictures of event frames.

    Args:
        pairs: of the dataset.
        config: the network and how it learns.
        fold: whose training clips are learnt from.

    Raises:
        DatasetError: there is no stretch of pairs as long as the configuration wants.
    """

    def __init__(self, pairs: FramePairs, config: ReconstructionConfig, fold: Fold) -> None:
        self.pairs, self.config = pairs, config
        self.recipe = Recipe(config.epochs, config.learning_rate, config.annealing)
        self.stretches = stretches(pairs, fold.train, config.stretch)
        shown = [(take.name, pairs.counts[take]) for take in fold.train]
        self.key = f"{config.model_dump_json()} {shown}"

    def network(self) -> Reconstructor:
        """The network that the configuration describes."""
        return build_reconstructor(self.config.model)

    def objective(self, network: nn.Module) -> nn.Module:
        """What the network is to minimise."""
        assert isinstance(network, Cvae | RecurrentUnet)
        return _Objective(network)

    def batches(self, order: torch.Generator, team: Team) -> Iterator[Batch]:
        """Stretches side by side, as bytes until they are on the device."""
        config = self.config
        for batch in batches(self.pairs, self.stretches, config.batch_size, order, team.size):
            mine = team.share(batch)
            counts, pictures = collate(self.pairs, mine, config.stretch)
            yield Batch((counts.to(team.device), pictures.to(team.device)), len(mine), len(batch))


class _Objective(nn.Module):
    """A network with its loss; takes uint8 counts and pictures."""

    def __init__(self, network: Reconstructor) -> None:
        super().__init__()
        self.network = network
        self.image_loss: ImageLoss | None = None
        if isinstance(network, RecurrentUnet):
            self.image_loss = ImageLoss(network.config.ssim_weight, network.config.perceptual_weight)

    def forward(self, counts: Tensor, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        counts, pictures = counts.to(torch.float32), pictures.to(torch.float32) / 255.0
        if isinstance(self.network, Cvae):
            return self.network.loss(counts, pictures)
        assert self.image_loss is not None
        return self.image_loss(self.network(counts), pictures)


def _train_fold(
    pairs: FramePairs,
    config: ReconstructionConfig,
    fold: Fold,
    seed: int,
    out: Path,
    watch: Watch,
    team: Team,
) -> dict[str, Any]:
    folder = fold_folder(out, fold, seed)
    identity = identity_of(config, fold, seed)
    if (done := finished(folder, identity)) is not None:
        watch(Epoch(fold.name, seed, config.epochs, config.epochs))
        return done
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(PictureTask(pairs, config, fold), seed, folder, team)
    model = trainer.run(lambda epoch, measures: watch(Epoch(fold.name, seed, epoch, config.epochs, measures)))
    assert isinstance(model, Cvae | RecurrentUnet)
    if team.first:
        save_reconstructor(folder / CHECKPOINT, model, config, {"fold": fold.name, "seed": str(seed)})
        result = {
            **identity,
            "model": model_name(model, config),
            "checkpoint": f"{folder.name}/{CHECKPOINT}",
            "parameters": model.parameter_count(),
            "engine": trainer.engine,
            "history": trainer.history,
            "held_out": _judge(model, pairs, config, fold, seed, folder),
        }
        write_json(folder / METRICS, result)
        (folder / "last.pt").unlink(missing_ok=True)
    team.wait()
    return finished(folder, identity) or {}


def _judge(
    model: Reconstructor, pairs: FramePairs, config: ReconstructionConfig, fold: Fold, seed: int, folder: Path
) -> dict[str, Any] | None:
    """Write images.csv and strips of the test clips; the means over images of each method."""
    if not fold.test:
        return None
    sums: dict[str, dict[str, float]] = {}
    rows, images = [",".join(COLUMNS) + "\n"], 0
    shown: set[int] = set()
    for clip in judge_clips(model, pairs, fold.train, fold.test, config.samples, seed):
        rows.append(image_rows(clip))
        images += len(clip.pairs.slices)
        for method, metrics in clip.metrics.items():
            into = sums.setdefault(method, dict.fromkeys(IMAGE_METRICS, 0.0))
            for name, values in metrics.items():
                into[name] += float(values.sum())
        if clip.take.au not in shown:
            shown.add(clip.take.au)
            _write_strip(folder / STRIPS, pairs, clip)
    write_whole(folder / IMAGES, "".join(rows))
    return {
        "clips": len(fold.test),
        "images": images,
        "methods": {
            method: {name: total / images for name, total in into.items()} for method, into in sums.items()
        },
    }


def _write_strip(folder: Path, pairs: FramePairs, clip: JudgedClip) -> None:
    folder.mkdir(exist_ok=True)
    arrays: dict[str, Any] = strip_arrays(clip, pairs.clip(clip.take).movement)
    np.savez_compressed(folder / f"au{clip.take.au:02d}.npz", **arrays)


def _summary(config: ReconstructionConfig, results: list[dict[str, Any]]) -> dict[str, Any]:
    judged = [result["held_out"] for result in results if result["held_out"]]
    summary: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "parameters": results[0]["parameters"],
        "folds": [
            {key: result[key] for key in ("fold", "seed", "model", "checkpoint", "held_out")}
            for result in results
        ],
    }
    if judged:
        weights = [entry["images"] for entry in judged]
        summary["held_out"] = {
            method: {
                name: _pooled([entry["methods"][method][name] for entry in judged], weights)
                for name in IMAGE_METRICS
            }
            for method in judged[0]["methods"]
        }
    return summary


def _pooled(values: list[float], weights: list[int]) -> dict[str, float | None]:
    """Over all images, and over folds and seeds as equals."""
    return {
        "pooled": float(np.average(values, weights=weights)),
        "fold_mean": float(np.mean(values)),
        "fold_sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    }
