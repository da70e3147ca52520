"""Figures of results: accuracies with their intervals, confusions, learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from evface.evaluation.figures import FAINT, INK, confusion_matrix, drawing
from evface.evaluation.metrics import recognition
from evface.evaluation.report.picture import Picture, formats
from evface.evaluation.report.recognition_tables import shares
from evface.evaluation.report.results import Results
from evface.evaluation.runs import JudgedClips, RecognitionRun
from evface.evaluation.statistics import cluster_bootstrap

MODEL: Final = "#c2304c"
BASELINE: Final = "#57606a"
_MEASURES: Final = (("loss", "accuracy"), (1.0, 100.0))
"""Of an epoch in metrics.json, and what they are multiplied by."""

ABREAST: Final = 4
"""Learning curves in a figure."""


def accuracies(results: Results, folder: Path) -> Picture | None:
    """Draw the accuracy of every recogniser and baseline with its interval; None without a run."""
    runs = {experiment.title: run for experiment, run in results.recognition.items()}
    runs |= {run.name: run for run in results.better_recognition}
    return _accuracies(results, runs, folder / "accuracies.png") if runs else None


def learning_curves(results: Results, folder: Path) -> list[Picture]:
    """Draw the losses and accuracies of the paper's recognisers while they learnt."""
    runs = {experiment.title: run for experiment, run in results.recognition.items()}
    return _curves(results, runs, folder / "learning_curves.png")


def better_learning_curves(results: Results, folder: Path) -> list[Picture]:
    """The same of the recognisers beyond the paper, a few a figure."""
    runs = {run.name: run for run in results.better_recognition}
    return _curves(results, runs, folder / "learning_curves_better.png")


def confusions(results: Results, folder: Path) -> list[Picture]:
    """Draw what the paper's recognisers took for what."""
    runs = {experiment.title: run for experiment, run in results.recognition.items()}
    return [_confusion(results, title, run, folder) for title, run in runs.items()]


def _accuracies(results: Results, runs: Mapping[str, RecognitionRun], png: Path) -> Picture:
    judged = {title: (run.judged, MODEL) for title, run in runs.items()}
    judged |= {baseline.name: (baseline.judged, BASELINE) for baseline in results.baselines}
    with drawing(formats(png), 9.0, 0.9 + 0.34 * len(judged)) as figure:
        axes = figure.subplots()
        for row, (clips, colour) in enumerate(judged.values()):
            _accuracy(axes, row, clips, colour)
        axes.set_yticks(range(len(judged)), list(judged), fontsize=9)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"clips right, %{' (simulated subjects)' if results.simulated else ''}")
        axes.grid(axis="x", color="#e6e9ed", linewidth=0.8)
        axes.set_axisbelow(True)
    caption = (
        "Accuracy of every model and baseline: the dot is the mean over clips and seeds, the bar its 95 % "
        "interval over subjects, small dots are the subjects."
    )
    return Picture("", caption, png, results.simulated)


def _accuracy(axes: Axes, row: int, clips: JudgedClips, colour: str) -> None:
    people = np.array(list(shares(clips, lambda take: take.subject).values()))
    axes.plot(100 * people, np.full(len(people), row), ".", color=colour, alpha=0.35, markersize=6)
    if interval := cluster_bootstrap(clips.top1, clips.subjects):
        axes.plot([100 * interval[0], 100 * interval[1]], [row, row], color=colour, linewidth=2.2)
    axes.plot(100 * clips.top1.mean(), row, "o", color=colour, markersize=7, markeredgecolor="white")


def _curves(results: Results, runs: Mapping[str, RecognitionRun], png: Path) -> list[Picture]:
    """A figure per `ABREAST` runs: loss above, accuracy on the training clips below."""
    pictures = []
    titles = list(runs)
    for start in range(0, len(titles), ABREAST):
        some = {title: runs[title] for title in titles[start : start + ABREAST]}
        path = png.with_stem(f"{png.stem}_{start // ABREAST + 1}") if start else png
        _draw_curves(some, path)
        caption = (
            f"Learning curves ({', '.join(some)}): a thin line per fold and seed, the thick one is their "
            "mean. Losses of different kinds do not compare."
        )
        pictures.append(Picture("", caption, path, results.simulated))
    return pictures


def _draw_curves(runs: Mapping[str, RecognitionRun], png: Path) -> None:
    with drawing(formats(png), 1.2 + 2.4 * len(runs), 4.0) as figure:
        panels = figure.subplots(2, len(runs), squeeze=False, sharex="col")
        for column, (title, run) in enumerate(runs.items()):
            for axes, measure, scale in zip(panels[:, column], *_MEASURES, strict=True):
                curves = [scale * np.array([epoch[measure] for epoch in f.history]) for f in run.folds]
                _lines(axes, [curve for curve in curves if len(curve)])
            panels[0, column].set_title(title, loc="left", fontsize=9, color=INK, fontweight="bold")
            panels[0, column].set_ylim(bottom=0)
            panels[1, column].set_ylim(0, 100)
            panels[1, column].set_xlabel("epoch")
        panels[0, 0].set_ylabel("loss")
        panels[1, 0].set_ylabel("training accuracy, %")


def _lines(axes: Axes, curves: list[np.ndarray]) -> None:
    for curve in curves:
        axes.plot(np.arange(1, len(curve) + 1), curve, color=FAINT, linewidth=0.6, alpha=0.7)
    if curves and len({len(curve) for curve in curves}) == 1:
        axes.plot(np.arange(1, len(curves[0]) + 1), np.mean(curves, axis=0), color=MODEL, linewidth=1.8)
    axes.grid(color="#e6e9ed", linewidth=0.8)


def _confusion(results: Results, title: str, run: RecognitionRun, folder: Path) -> Picture:
    png = folder / f"confusion_{run.name}.png"
    mark = ", simulated subjects" if results.simulated else ""
    confusion_matrix(recognition(*run.answers).confusion, formats(png), run.aus, f"{title}{mark}")
    caption = f"{title}: which Action Unit was taken for which, over all clips left out and all seeds."
    return Picture("", caption, png, results.simulated)
