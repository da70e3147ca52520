"""Runs of training as they lie on disk, read for a report: scores and metrics, never a model."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.dataset.naming import TakeId
from evface.dataset.tree import read_json
from evface.errors import DatasetError, FormatError
from evface.evaluation.image_metrics import METRICS as IMAGE_METRICS
from evface.evaluation.metrics import top_k


@dataclass(frozen=True, slots=True)
class JudgedFold:
    """What a network of one fold and seed said of the clips held out.

    Attributes:
        fold: "sub-S01".
        seed: of the training.
        parameters: of the network.
        history: per epoch its measures: loss, accuracy, seconds.
        takes: the clips held out, ``N``.
        labels: class index, int64 ``[N]``.
        scores: float64 ``[N, classes]``.
        stream: how good the scores of slices are, as in metrics.json; None where that was not judged.
    """

    fold: str
    seed: int
    parameters: int
    history: tuple[dict[str, float], ...]
    takes: tuple[TakeId, ...]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    stream: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class JudgedClips:
    """How right a model is on each clip held out, the mean over its seeds; arrays ``[N]``.

    Attributes:
        takes: which clips, in order.
        top1: expected share of answers that are right, ties broken by chance.
        top3: the same of the three highest.
        silent: share of the seeds whose network had no output above zero.
    """

    takes: tuple[TakeId, ...]
    top1: NDArray[np.float64]
    top3: NDArray[np.float64]
    silent: NDArray[np.float64]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Of each clip."""
        return tuple(take.subject for take in self.takes)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether more than half of the answers to a clip are right: one verdict per clip and model."""
        return self.top1 > 0.5

    def only(self, takes: Sequence[TakeId]) -> JudgedClips:
        """These clips alone, in the order asked for."""
        place = {take: index for index, take in enumerate(self.takes)}
        rows = [place[take] for take in takes]
        return JudgedClips(tuple(takes), self.top1[rows], self.top3[rows], self.silent[rows])


@dataclass(frozen=True)
class RecognitionRun:
    """The finished folds of a run that recognises Action Units.

    Attributes:
        name: of its folder.
        config: as in metrics.json.
        aus: FACS numbers in the order of the classes.
        folds: finished, in the order of their names and seeds; at least one.
    """

    name: str
    config: dict[str, Any]
    aus: tuple[int, ...]
    folds: tuple[JudgedFold, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds with at least one finished fold."""
        return tuple(sorted({fold.seed for fold in self.folds}))

    @property
    def parameters(self) -> int:
        """Of the network."""
        return self.folds[0].parameters

    @cached_property
    def judged(self) -> JudgedClips:
        """All clips held out, the mean over the seeds."""
        return mean_over_seeds([(fold.takes, fold.scores, fold.labels) for fold in self.folds])

    @property
    def answers(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scores ``[N, classes]`` and labels ``[N]`` of all clips with every seed."""
        return np.concatenate([f.scores for f in self.folds]), np.concatenate([f.labels for f in self.folds])


def mean_over_seeds(
    parts: Sequence[tuple[Sequence[TakeId], NDArray[np.floating], NDArray[np.integer]]],
) -> JudgedClips:
    """Judge clips that were answered once or more.

    Args:
        parts: takes, scores ``[N, classes]`` and labels ``[N]`` of a network each.
    """
    found: dict[TakeId, list[tuple[float, float, float]]] = defaultdict(list)
    for takes, scores, labels in parts:
        first, third = top_k(scores, labels, 1), top_k(scores, labels, min(3, scores.shape[1]))
        silent = (scores == 0).all(1)
        for take, *values in zip(takes, first, third, silent, strict=True):
            found[take].append((float(values[0]), float(values[1]), float(values[2])))
    takes = tuple(sorted(found))
    means = np.array([np.mean(found[take], axis=0) for take in takes]).reshape(-1, 3)
    return JudgedClips(takes, means[:, 0], means[:, 1], means[:, 2])


def read_recognition(folder: Path) -> RecognitionRun | None:
    """The finished folds of a run.

    Args:
        folder: with ``<fold>_seed-<k>/{metrics.json,scores.csv}``.

    Returns:
        None where no fold is finished, or there is no such folder.

    Raises:
        FormatError: a file is broken.
        DatasetError: the folds are of different configurations.
    """
    folds, configs = [], []
    for path in _finished(folder, "scores.csv"):
        metrics = read_json(path / "metrics.json")
        with _fields_of(path / "metrics.json"):
            configs.append(dict(metrics["config"]))
            aus = tuple(int(au) for au in metrics["config"]["aus"])
            facts = (str(metrics["fold"]), int(metrics["seed"]), int(metrics["parameters"]))
            history = tuple(dict(epoch) for epoch in metrics["history"])
            stream = metrics.get("held_out_stream")
        folds.append(JudgedFold(*facts, history, *_read_scores(path / "scores.csv", aus), stream))
    if not folds:
        return None
    _same_config(folder, configs)
    return RecognitionRun(folder.name, configs[0], aus, tuple(folds))


@dataclass(frozen=True)
class ReconstructionRun:
    """The finished folds of a run that reconstructs pictures; arrays over all test pictures, ``[N]``.

    Attributes:
        name: of its folder.
        config: as in metrics.json.
        parameters: of the network.
        folds: finished folds and seeds: name of the fold, seed, history.
        takes: of each row.
        methods: of each row: posterior, prior, sample, mean_frame, first_frame or a network's own name.
        measures: float64 ``[N, 6]``, in the order of `IMAGE_METRICS`.
        strips: per AU the .npz files with pictures of it, one per fold and seed.
    """

    name: str
    config: dict[str, Any]
    parameters: int
    folds: tuple[tuple[str, int, tuple[dict[str, float], ...]], ...]
    takes: tuple[TakeId, ...]
    methods: NDArray[np.str_]
    measures: NDArray[np.float64]
    strips: Mapping[int, tuple[Path, ...]]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds with at least one finished fold."""
        return tuple(sorted({seed for _, seed, _ in self.folds}))

    @property
    def sensor(self) -> str:
        """Whose events it reconstructs from, "davis" or "evk4"."""
        return str(self.config.get("sensor", "davis"))

    @property
    def known_methods(self) -> tuple[str, ...]:
        """Methods in images.csv, the network's before the baselines."""
        order = ("posterior", "prior", "sample", "mean_frame", "first_frame")
        found = sorted(set(self.methods.tolist()))
        own = [name for name in found if name not in order]
        return (*own, *(name for name in order if name in found))

    def rows(self, method: str, subjects: Sequence[str] | None = None) -> NDArray[np.bool_]:
        """Which rows are of a method and of these subjects (None: all), bool ``[N]``."""
        chosen = self.methods == method
        if subjects is not None:
            chosen &= np.array([take.subject in subjects for take in self.takes], bool)
        return chosen


def read_reconstruction(folder: Path) -> ReconstructionRun | None:
    """The finished folds of a run that reconstructs pictures.

    Args:
        folder: with ``<fold>_seed-<k>/{metrics.json,images.csv,strips/}``.

    Returns:
        None where no fold is finished, or there is no such folder.

    Raises:
        FormatError: a file is broken.
        DatasetError: the folds are of different configurations.
    """
    folds, configs, parameters = [], [], 0
    rows: list[tuple[TakeId, str, list[float]]] = []
    strips: dict[int, list[Path]] = defaultdict(list)
    for path in _finished(folder, "images.csv"):
        metrics = read_json(path / "metrics.json")
        with _fields_of(path / "metrics.json"):
            configs.append(dict(metrics["config"]))
            parameters = int(metrics["parameters"])
            history = tuple(dict(epoch) for epoch in metrics["history"])
            folds.append((str(metrics["fold"]), int(metrics["seed"]), history))
        rows += _read_images(path / "images.csv")
        for strip in sorted((path / "strips").glob("au*.npz")):
            strips[int(strip.stem.removeprefix("au"))].append(strip)
    if not folds:
        return None
    _same_config(folder, configs)
    takes, methods, measures = zip(*rows, strict=True) if rows else ((), (), ())
    return ReconstructionRun(
        folder.name,
        configs[0],
        parameters,
        tuple(folds),
        tuple(takes),
        np.array(methods, str),
        np.array(measures, np.float64).reshape(-1, len(IMAGE_METRICS)),
        {au: tuple(paths) for au, paths in sorted(strips.items())},
    )


def _finished(folder: Path, table: str) -> Iterator[Path]:
    """Folders of the folds that have been judged; their metrics.json is written last."""
    for path in sorted(folder.glob("*_seed-*/metrics.json")):
        if (path.parent / table).exists():
            yield path.parent


def _same_config(folder: Path, configs: Sequence[dict[str, Any]]) -> None:
    if any(config != configs[0] for config in configs):
        raise DatasetError(f"{folder}: its folds are of different configurations: choose another folder")


@contextmanager
def _fields_of(path: Path) -> Iterator[None]:
    """Turns what a missing or wrong field gives into one clear error."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: a field is missing or wrong: {error}") from error


def _read_scores(
    path: Path, aus: tuple[int, ...]
) -> tuple[tuple[TakeId, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Takes, labels and scores of the clips held out."""
    takes, labels, scores = [], [], []
    for number, row in _rows(path):
        try:
            if row["part"] != "held_out":
                continue
            takes.append(TakeId.parse(row["clip"]))
            labels.append(aus.index(int(row["au"])))
            scores.append([float(row[f"au{au:02d}"]) for au in aus])
        except (KeyError, TypeError, ValueError, DatasetError) as error:
            raise FormatError(f"{path}:{number}: not the scores of a clip: {error}") from error
    values = np.array(scores, np.float64).reshape(-1, len(aus))
    return tuple(takes), np.array(labels, np.int64), values


def _read_images(path: Path) -> list[tuple[TakeId, str, list[float]]]:
    found = []
    for number, row in _rows(path):
        try:
            measures = [float(row[name]) for name in IMAGE_METRICS]
            found.append((TakeId.parse(row["clip"]), str(row["method"]), measures))
        except (KeyError, TypeError, ValueError, DatasetError) as error:
            raise FormatError(f"{path}:{number}: not the measures of a picture: {error}") from error
    return found


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from enumerate(csv.DictReader(file), 2)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path}: not a table: {error}") from error
