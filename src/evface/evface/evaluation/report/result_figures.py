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


def result_figures(results: Results, folder: Path) -> list[Picture]:
    """Draw what the runs of recognition gave.

    Args:
        results: of which some run has a finished fold, else nothing is drawn.
        folder: of the pictures.
    """
    runs = {experiment.title: run for experiment, run in results.recognition.items()}
    runs |= {run.name: run for run in results.better_recognition}
    if not runs:
        return []
    pictures = [_accuracies(results, runs, folder / "accuracies.png"), _curves(results, runs, folder)]
    return pictures + [_confusion(results, title, run, folder) for title, run in runs.items()]


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


def _curves(results: Results, runs: Mapping[str, RecognitionRun], folder: Path) -> Picture:
    """Loss above, accuracy on the training clips below; a column per model, a line per fold and seed."""
    png = folder / "learning_curves.png"
    with drawing(formats(png), max(4.5, 2.6 * len(runs)), 4.4) as figure:
        panels = figure.subplots(2, len(runs), squeeze=False, sharex="col")
        for column, (title, run) in enumerate(runs.items()):
            for row, (measure, scale) in enumerate((("loss", 1.0), ("accuracy", 100.0))):
                axes = panels[row, column]
                curves = [scale * np.array([epoch[measure] for epoch in f.history]) for f in run.folds]
                _lines(axes, [curve for curve in curves if len(curve)])
            panels[0, column].set_title(title, loc="left", fontsize=9, color=INK, fontweight="bold")
            panels[0, column].set_ylim(bottom=0)
            panels[1, column].set_ylim(0, 100)
            panels[1, column].set_xlabel("epoch")
        panels[0, 0].set_ylabel("loss")
        panels[1, 0].set_ylabel("training accuracy, %")
    caption = (
        "Learning curves: a thin line per fold and seed, the thick one is their mean. Losses differ in kind."
    )
    return Picture("", caption, png, results.simulated)


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
