"""What the demonstration shows of a performance: the truth, the events and the scores on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evface.dataset.cues import CueRecord
from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake, read_json
from evface.dataset.truth import TRUTH
from evface.evaluation.figures import INK, OFF, ON
from evface.protocol import action_unit

BIN = 0.033
"""s over which events are counted."""

_TRUTH_COLOUR = "#2da44e"
_SCORE_COLOUR = "#c2304c"
_OTHERS_COLOUR = "#8b949e"


@dataclass(frozen=True, slots=True)
class Scores:
    """What came on /au for a take.

    Attributes:
        times: s from the take's start, end of each slice, ``[T]``.
        values: voting rates, ``[T, classes]``.
        aus: FACS number of each class.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float32]
    aus: Sequence[int]


def truth_of_take(take: ConvertedTake) -> dict[str, Any] | None:
    """What the virtual subject did; None where nobody knows.

    Raises:
        FormatError: the file is broken.
    """
    path = take.file(TRUTH)
    return read_json(path) if path.exists() else None


def event_rates(
    take: ConvertedTake, sensor: Literal["davis", "evk4"], begin: float, end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Events in the face box over time.

    Args:
        take: of a dataset.
        sensor: whose events.
        begin: s from the take's start.
        end: s.

    Returns:
        The middles of the bins, s from the take's start, and events a second that are on and off.

    Raises:
        FormatError: the event file is broken.
    """
    edges = np.arange(begin, end + BIN, BIN)
    counts = np.zeros((2, len(edges) - 1))
    box = take.boxes.get(sensor)
    with EventFile(take.events(sensor)) as file:
        first, last = (file.to_sensor(take.start + round(instant * 1e9)) for instant in (edges[0], edges[-1]))
        for block in file.blocks(first, last):
            inside = np.ones(len(block), bool)
            if box is not None:
                inside &= (block.x >= box.x) & (block.x < box.x + box.width)
                inside &= (block.y >= box.y) & (block.y < box.y + box.height)
            times = edges[0] + (block.t[inside] - first) / 1e6
            for polarity in (0, 1):
                counts[polarity] += np.histogram(times[block.p[inside] == polarity], edges)[0]
    return (edges[:-1] + edges[1:]) / 2, counts[1] / BIN, counts[0] / BIN


def draw(
    take: ConvertedTake, path: Path, scores: Scores | None = None, sensor: Literal["davis", "evk4"] = "davis"
) -> None:
    """Event rate over the take, the truth over it, and what the network said where it has been asked.

    Args:
        take: of a dataset, with events of the sensor.
        path: of the picture.
        scores: of the same take.
        sensor: whose events.

    Raises:
        FormatError: a file of the take is broken.
    """
    truth, cues = truth_of_take(take), take.cues()
    span = _span(take, cues, truth)
    rows = 1 if scores is None else 2
    figure = Figure(figsize=(9.0, 1.2 + 1.5 * rows), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    _draw_rates(axes[0], *event_rates(take, sensor, *span))
    if scores is not None:
        _draw_scores(axes[1], scores, take.id.au)
    for one in axes:
        _draw_truth(one, truth, cues, label=one is axes[0])
        one.set_xlim(*span)
        one.tick_params(colors=INK, labelcolor=INK, length=2.5, labelsize=8)
        for side in one.spines.values():
            side.set_visible(False)
    axes[-1].set_xlabel("time from the countdown, s", fontsize=8, color=INK)
    figure.savefig(path, dpi=130)


def _span(
    take: ConvertedTake, cues: Sequence[CueRecord], truth: dict[str, Any] | None
) -> tuple[float, float]:
    """From shortly before the cue to shortly after the end, s from the take's start."""
    performs = [(cue.start - take.start) / 1e9 for cue in cues if cue.phase == "perform"]
    begin = performs[0] if performs else 0.0
    end = truth["seconds"]["end"] if truth is not None else begin + 2.0
    return max(0.0, begin - 0.5), max(end, begin + 1.0) + 0.5


def _draw_rates(
    axes: Axes, times: NDArray[np.float64], on: NDArray[np.float64], off: NDArray[np.float64]
) -> None:
    for values, colour, name in ((on, ON, "on"), (-off, OFF, "off")):
        axes.fill_between(
            times, values / 1e3, step="mid", color=[part / 255 for part in colour], linewidth=0, label=name
        )
    axes.axhline(0.0, color=INK, linewidth=0.5)
    axes.set_ylabel("1000 events/s\nin the face box", fontsize=8, color=INK)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)


def _draw_scores(axes: Axes, scores: Scores, au: int) -> None:
    asked = list(scores.aus).index(au)
    others = np.delete(scores.values, asked, axis=1)
    axes.plot(scores.times, others.max(axis=1), color=_OTHERS_COLOUR, linewidth=1.0, label="best other AU")
    label = f"AU {au} {action_unit(au).name}"
    axes.plot(scores.times, scores.values[:, asked], color=_SCORE_COLOUR, linewidth=1.8, label=label)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("voting rate", fontsize=8, color=INK)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)


def _draw_truth(axes: Axes, truth: dict[str, Any] | None, cues: Sequence[CueRecord], label: bool) -> None:
    if truth is None:
        return
    at = truth["seconds"]
    if not truth["failed"]:
        for begin, end, strength in (
            ("onset", "apex", 0.10),
            ("apex", "offset", 0.22),
            ("offset", "end", 0.10),
        ):
            axes.axvspan(at[begin], at[end], color=_TRUTH_COLOUR, alpha=strength, linewidth=0, zorder=0)
    for name in ("onset", "apex", "offset", "end"):
        axes.axvline(at[name], color=_TRUTH_COLOUR, linewidth=0.8, linestyle=(0, (4, 3)))
        if label:
            axes.text(
                at[name], 1.02, name, transform=axes.get_xaxis_transform(),
                fontsize=7, color=_TRUTH_COLOUR, ha="center",
            )  # fmt: skip
