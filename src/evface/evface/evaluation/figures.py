"""Pictures for reports: event frames, scores over time, learning curves, confusions.

Drawn off screen; the suffix of the path (.png, .svg, .pdf) chooses the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.protocol.action_units import AU_NUMBERS, action_unit

BACKGROUND: Final = (13, 17, 23)
ON: Final = (255, 171, 64)
OFF: Final = (64, 156, 255)
"""sRGB of no events, of brighter and of darker; amber and azure stay apart for colour-blind eyes."""

Paths = Path | Sequence[Path]
"""Of a picture: one file, or several of the same in other formats."""

INK: Final = "#22272e"
FAINT: Final = "#8b949e"
_HEAT: Final = LinearSegmentedColormap.from_list(
    "rate", ["#f6f8fa", "#ffd9a0", "#ff8f3f", "#c2304c", "#3b0f4f"]
)
_PHASES: Final = {"countdown": "#d0d7de", "perform": "#ffab40", "rest": "#9ecbff"}
_OTHER_PHASE: Final = "#e6e9ed"


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase of the protocol on a figure's time axis.

    Attributes:
        phase: "countdown", "perform", "rest", ...
        start: s, on the axis of the figure.
        end: s.
        au: FACS number that was elicited, 0 for none.
    """

    phase: str
    start: float
    end: float
    au: int = 0


def event_frame_picture(counts: NDArray[np.uint16], saturation: float | None = None) -> NDArray[np.uint8]:
    """Event counts as a picture: amber where it became brighter, azure where it became darker, else dark.

    Args:
        counts: ``[2, H, W]``, counts of off and on events.
        saturation: count that looks almost full; the same for pictures that are to be compared. None: the
            99th percentile of this frame's counts above zero, at least 2.

    Returns:
        uint8 ``[H, W, 3]``, sRGB.

    Raises:
        GeometryError: another shape.
    """
    if counts.ndim != 3 or counts.shape[0] != 2:
        raise GeometryError(f"counts are {list(counts.shape)}, expected [2, H, W]")
    if saturation is None:
        some = counts[counts > 0]
        saturation = max(float(np.percentile(some, 99)), 2.0) if some.size else 2.0
    # Logarithmic, so that single events are seen beside the brim of a moving mouth.
    strength = np.clip(np.log1p(counts.astype(np.float32)) / np.log1p(saturation), 0.0, 1.0)[..., None]
    ground = np.array(BACKGROUND, np.float32)
    off, on = strength
    picture = ground + on * (np.array(ON) - ground) + off * (np.array(OFF) - ground)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def scores_over_time(
    times_s: NDArray[np.floating],
    scores: NDArray[np.floating],
    cues: Sequence[PhaseSpan],
    path: Paths,
    aus: Sequence[int] = AU_NUMBERS,
    title: str = "",
) -> None:
    """Heat map of the voting rates, a row per Action Unit; phases above, the elicited AU framed.

    Args:
        times_s: end of each slice, s, ``[T]``, rising.
        scores: voting rate in [0, 1], ``[T, classes]``.
        cues: what the subject was asked, on the same time axis; may be empty.
        path: of the picture.
        aus: FACS numbers in the order of the classes.
        title: above the figure.

    Raises:
        GeometryError: times, scores and classes do not fit each other.
    """
    if scores.shape != (len(times_s), len(aus)) or len(times_s) == 0:
        found = f"{len(times_s)} times, scores {list(scores.shape)}, {len(aus)} AUs"
        raise GeometryError(f"{found}: expected [T], [T, classes] and [classes] with T > 0")
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.033
    edges = np.concatenate([[times_s[0] - step], times_s])
    with drawing(path, 9.0, 1.4 + 0.22 * len(aus)) as figure:
        strip, heat = figure.subplots(2, 1, sharex=True, height_ratios=[1, len(aus)])
        mesh = heat.pcolormesh(
            edges, np.arange(len(aus) + 1), scores.T, cmap=_HEAT, vmin=0, vmax=1, rasterized=True
        )
        heat.set_xlim(edges[0], edges[-1])
        heat.set_xlabel("time, s")
        _au_rows(heat, aus)
        _phases(strip, heat, cues, aus, (float(edges[0]), float(edges[-1])))
        bar = figure.colorbar(mesh, ax=[strip, heat], pad=0.015, fraction=0.03)
        bar.set_label("voting rate of the slice", color=INK)
        bar.outline.set_visible(False)
        if title:
            strip.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")


def training_curve(
    histories: Mapping[str, Sequence[Mapping[str, float]]], path: Paths, title: str = ""
) -> None:
    """Loss and accuracy on the training clips over the epochs, a line per run.

    Args:
        histories: per name of a run its epochs, each with "loss" and "accuracy", as in metrics.json.
        path: of the picture.
        title: above the figure.
    """
    with drawing(path, 9.0, 3.2) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for name, history in histories.items():
            epochs = np.arange(1, len(history) + 1)
            loss.plot(epochs, [epoch["loss"] for epoch in history], linewidth=1.6, label=name)
            accuracy.plot(epochs, [100 * epoch["accuracy"] for epoch in history], linewidth=1.6, label=name)
        loss.set_ylabel("mean squared error")
        loss.set_ylim(bottom=0)
        accuracy.set_ylabel("training accuracy, %")
        accuracy.set_ylim(0, 100)
        for axes in (loss, accuracy):
            axes.set_xlabel("epoch")
            axes.grid(color="#e6e9ed", linewidth=0.8)
        if histories:
            accuracy.legend(frameon=False, fontsize=8, loc="lower right")
        if title:
            loss.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")


def confusion_matrix(
    confusion: NDArray[np.floating], path: Paths, aus: Sequence[int] = AU_NUMBERS, title: str = ""
) -> None:
    """Which Action Unit was taken for which: rows are truth, each row in shares of its clips.

    Args:
        confusion: clips, ``[classes, classes]``; a row without clips stays empty.
        path: of the picture.
        aus: FACS numbers in the order of the classes.
        title: above the figure.

    Raises:
        GeometryError: the matrix does not fit the classes.
    """
    if confusion.shape != (len(aus), len(aus)):
        raise GeometryError(f"confusion is {list(confusion.shape)}, expected {[len(aus), len(aus)]}")
    totals = confusion.sum(1, keepdims=True)
    share = np.divide(confusion, totals, out=np.full(confusion.shape, np.nan), where=totals > 0)
    with drawing(path, 8.8, 6.6) as figure:
        axes = figure.subplots()
        mesh = axes.pcolormesh(np.ma.masked_invalid(share), cmap=_HEAT, vmin=0, vmax=1)
        _au_rows(axes, aus)
        axes.set_xticks(np.arange(len(aus)) + 0.5, [str(au) for au in aus], fontsize=8)
        axes.set_xlabel("answer, AU")
        bar = figure.colorbar(mesh, ax=axes, pad=0.015, fraction=0.03)
        bar.set_label("share of the AU's clips", color=INK)
        bar.outline.set_visible(False)
        if title:
            axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")


@contextmanager
def drawing(path: Paths, width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the look of the house, saved when the block ends.

    Args:
        path: of the picture, or several of the same in other formats.
        width: inches.
        height: inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    yield figure
    for axes in figure.axes:
        axes.tick_params(colors=INK, labelcolor=INK, length=2.5)
        for side in axes.spines.values():
            side.set_visible(False)
    for one in [path] if isinstance(path, Path) else path:
        one.parent.mkdir(parents=True, exist_ok=True)
        # No date inside: the same figures give the same file.
        dated = {".pdf": "CreationDate", ".svg": "Date"}.get(one.suffix)
        figure.savefig(one, dpi=150, metadata={dated: None} if dated else None)
        # What was laid out once stays as it is for the next format.
        figure.set_layout_engine("none")


def _au_rows(axes: Axes, aus: Sequence[int]) -> None:
    """Label rows, one per class, the first on top; a line where another part of the face begins."""
    axes.set_yticks(np.arange(len(aus)) + 0.5, [f"{action_unit(au).name}  {au}" for au in aus], fontsize=8)
    axes.invert_yaxis()
    for row, (above, below) in enumerate(pairwise(aus), start=1):
        if action_unit(above).group != action_unit(below).group:
            axes.axhline(row, color="white", linewidth=2.0)
            axes.axhline(row, color=FAINT, linewidth=0.5)


def _phases(
    strip: Axes, heat: Axes, cues: Sequence[PhaseSpan], aus: Sequence[int], limits: tuple[float, float]
) -> None:
    strip.set_yticks([])
    strip.set_ylim(0, 1)
    strip.tick_params(labelbottom=False, bottom=False)
    for cue in cues:
        start, end = max(cue.start, limits[0]), min(cue.end, limits[1])
        if end <= start:
            continue
        strip.axvspan(start, end, color=_PHASES.get(cue.phase, _OTHER_PHASE), linewidth=0)
        text = f"{cue.phase} AU {cue.au}" if cue.phase == "perform" and cue.au else cue.phase
        strip.text(
            (start + end) / 2, 0.45, text, ha="center", va="center", fontsize=8, color=INK, clip_on=True
        )
        if start > limits[0]:
            strip.axvline(start, color="white", linewidth=1.5)
            heat.axvline(start, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        if cue.phase == "perform" and cue.au in aus:
            corner = (start, list(aus).index(cue.au))
            heat.add_patch(
                Rectangle(corner, end - start, 1, fill=False, edgecolor=INK, linewidth=1.6, zorder=3)
            )
