"""Figures 2 and 5, and a strip of reconstructions per Action Unit.

The paper's Figure 2 shows, for AU 51, 53 and 2, a subject at the apex: the webcam's frame, the DAVIS346's
frame, its event frame and the EVK4's. Its Figure 5 shows six reconstructions, three from events of the
DAVIS346 (a, b, c) and three from the EVK4's: event frame, what was reconstructed, and the webcam's frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_video
from evface.errors import FormatError
from evface.evaluation.figures import FAINT, INK, drawing, event_frame_picture
from evface.evaluation.report.experiments import CAMERAS
from evface.evaluation.report.picture import Picture, formats
from evface.evaluation.report.reconstruction_tables import shown_method
from evface.evaluation.report.results import Results
from evface.evaluation.runs import ReconstructionRun
from evface.evaluation.strips import slice_at
from evface.protocol.action_units import action_unit

FIGURE_2_AUS: Final = (51, 53, 2)
"""Of the paper's figure, from top to bottom."""

FIGURE_5_AUS: Final = (12, 26, 45)
"""Whose apex is shown, as far as the runs have pictures of them; the paper does not name its own."""

SLICE: Final = 33_000
"""us of an event frame."""

_COLUMNS: Final = {
    "rgb": "webcam",
    "davis": "DAVIS346, frame",
    "davis events": "DAVIS346, events",
    "evk4 events": "EVK4, events",
}
_METHODS: Final = {
    "condition": "events",
    "target": "webcam",
    "posterior": "posterior",
    "prior": "prior",
    "sample": "a sample",
    "mean_frame": "mean frame",
    "first_frame": "first frame",
}
"""Names of the arrays of a strip; a network's own method keeps its name."""

Image = NDArray[np.uint8]


def figure_2(results: Results, folder: Path) -> Picture | None:
    """Draw a subject at the apex of three Action Units, as every camera saw it; None where no camera did.

    Raises:
        FormatError: a file of a take is broken.
    """
    takes = _examples(results.takes)
    shown = [{key: _seen(take, key) for key in _COLUMNS} for take in takes]
    keys = [key for key in _COLUMNS if any(row[key] is not None for row in shown)]
    if not keys:
        return None
    png = folder / "figure2.png"
    # As wide as the cameras' pictures are, so that all of a row are equally high.
    wide = [max(im.shape[1] / im.shape[0] for row in shown if (im := row[key]) is not None) for key in keys]
    with drawing(formats(png), 1.9 * sum(wide) + 0.4, 2.0 * len(takes) + 0.3) as figure:
        panels = figure.subplots(len(takes), len(keys), squeeze=False, width_ratios=wide)
        for row, (take, images) in enumerate(zip(takes, shown, strict=True)):
            for column, key in enumerate(keys):
                _show(panels[row, column], images[key])
            panels[row, 0].set_ylabel(f"{chr(97 + row)})  {action_unit(take.id.au).label}", color=INK)
        for column, key in enumerate(keys):
            panels[0, column].set_title(_COLUMNS[key], fontsize=9, color=INK)
    units = [(action_unit(take.id.au), take.id.subject) for take in takes]
    asked = "; ".join(f"{chr(97 + n)}) {au.label} ({au.name}), {who}" for n, (au, who) in enumerate(units))
    absent = ", ".join(_COLUMNS[key] for key in _COLUMNS if key not in keys)
    caption = (
        f"The cameras at the apex of {asked}. Event frames: the 33 ms with the most events between onset "
        f"and apex, brighter orange, darker blue.{f' Not recorded: {absent}.' if absent else ''}"
    )
    return Picture("Figure 2", caption, png, results.simulated)


def _examples(takes: Sequence[ConvertedTake]) -> list[ConvertedTake]:
    """A take of each of the figure's Action Units, of the subject whom most cameras saw best."""
    present = sorted({take.id.au for take in takes}, key=lambda au: (au not in FIGURE_2_AUS, au))
    aus = sorted(present[: len(FIGURE_2_AUS)], key=lambda au: (*FIGURE_2_AUS, au).index(au))

    def worth(take: ConvertedTake) -> tuple[int, float]:
        cameras = sum(_exists(take, key) for key in _COLUMNS)
        return cameras, take.movement.score if take.movement else 0.0

    def best(subject: str | None) -> list[ConvertedTake]:
        own = [take for take in takes if subject in (None, take.id.subject)]
        candidates = ([take for take in own if take.id.au == au] for au in aus)
        return [max(found, key=worth) for found in candidates if found]

    whole = [found for name in sorted({t.id.subject for t in takes}) if len(found := best(name)) == len(aus)]
    if not whole:
        return best(None)
    return max(whole, key=lambda found: tuple(np.sum([worth(take) for take in found], axis=0)))


def _path(take: ConvertedTake, key: str) -> Path:
    name, _, events = key.partition(" ")
    return take.events(name) if events else take.file(f"recording-{name}_video.mkv")


def _exists(take: ConvertedTake, key: str) -> bool:
    return _path(take, key).exists()


def _seen(take: ConvertedTake, key: str) -> Image | None:
    """What a camera saw at the apex, rgb; None where it was not there."""
    path = _path(take, key)
    if not path.exists():
        return None
    assert take.window is not None
    middle = sum(take.window) // 2
    onset, apex = (take.movement.onset, take.movement.apex) if take.movement else (take.window[0], middle)
    return _events(path, (onset, apex)) if key.endswith("events") else _frame(path, (apex - take.start) / 1e9)


def _frame(path: Path, seconds: float) -> Image | None:
    """The frame nearest to a time of the take."""
    best: tuple[float, Image] | None = None
    for time, image in read_video(path):
        if best is None or abs(time - seconds) < best[0]:
            best = (abs(time - seconds), image)
        if time > seconds:
            break
    if best is None:
        return None
    return best[1] if best[1].ndim == 2 else np.ascontiguousarray(best[1][..., ::-1])


def _events(path: Path, span: tuple[int, int]) -> Image:
    """The slice with the most events of a span of the host's clock."""
    with EventFile(path) as file:
        first, last = (file.to_sensor(instant) // SLICE for instant in span)
        counts = np.zeros(max(1, last - first + 1), np.int64)
        for block in file.blocks(first * SLICE, (last + 1) * SLICE):
            counts += np.bincount(block.t // SLICE - first, minlength=len(counts))[: len(counts)]
        return event_frame_picture(slice_at(file, int(first + counts.argmax()) * SLICE))


def figure_5(results: Results, folder: Path) -> Picture | None:
    """Draw events, reconstructions and true frames, DAVIS346 left, EVK4 right; None without a run.

    Raises:
        FormatError: a strip is broken.
    """
    runs = {CAMERAS[one.sensor]: run for one, run in results.reconstruction.items() if run.strips}
    if not runs:
        return None
    blocks = {camera: list(_apexes(run)) for camera, run in runs.items()}
    columns = sum(len(rows[0][1]) for rows in blocks.values())
    height = max(map(len, blocks.values()))
    png = folder / "figure5.png"
    letters = iter("abcdef")
    with drawing(formats(png), 1.5 * columns, 1.55 * height + 0.5) as figure:
        panels = figure.subplots(height, columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        start = 0
        for camera, rows in blocks.items():
            for row, (au, images) in enumerate(rows):
                for column, (name, image) in enumerate(images.items(), start):
                    _show(panels[row, column], image)
                    if row == 0:
                        above = camera if column == start else ""
                        panels[row, column].set_title(f"{above}\n{name}", fontsize=8, color=INK, loc="left")
                panels[row, start].set_ylabel(f"{next(letters, '')})  AU {au}", color=INK, fontsize=9)
            start += len(rows[0][1])
    absent = [name for name in ("DAVIS346", "EVK4") if name not in blocks]
    caption = (
        "Reconstruction of intensity frames at the apex, of subjects left out: events, what was "
        "reconstructed, the webcam's frame. Posterior: an oracle that sees the frame to be reconstructed; "
        "prior: z = 0." + (f" Nothing from the {' or the '.join(absent)}." if absent else "")
    )
    return Picture("Figure 5", caption, png, results.simulated)


def _apexes(run: ReconstructionRun) -> Iterator[tuple[int, dict[str, Image]]]:
    """Up to three Action Units with the pictures of their middle."""
    chosen = sorted(run.strips, key=lambda au: (au not in FIGURE_5_AUS, au))[: len(FIGURE_5_AUS)]
    own = shown_method(run)
    for au in sorted(chosen):
        strip = read_strip(run.strips[au][0])
        names = ("condition", "posterior", own, "target")
        yield (
            au,
            {_METHODS.get(n, n): strip[n][len(strip[n]) // 2] for n in dict.fromkeys(names) if n in strip},
        )


def strips(results: Results, folder: Path) -> list[Picture]:
    """Draw, per sensor and Action Unit, a movement as every method reconstructs it.

    Raises:
        FormatError: a strip is broken.
    """
    runs = {f"{CAMERAS[one.sensor]} events": run for one, run in results.reconstruction.items()}
    runs |= {run.name: run for run in results.better_reconstruction}
    found = []
    for title, run in runs.items():
        for au, paths in run.strips.items():
            file = folder / f"strip_{run.name}_au{au:02d}.jpg"
            _draw_strip(read_strip(paths[0]), file)
            fold = paths[0].parts[-3].split("_seed-")[0]
            caption = f"{title}: {action_unit(au).label} {action_unit(au).name}, {fold} left out."
            found.append(Picture("", caption, file, results.simulated))
    return found


def _draw_strip(strip: Mapping[str, Image], file: Path) -> None:
    names = [name for name in ("condition", "target", *sorted(set(strip) - set(_METHODS))) if name in strip]
    names += [name for name in _METHODS if name in strip and name not in names]
    frames, height, width = strip["target"].shape
    picture = np.concatenate([np.concatenate(list(strip[name]), axis=1) for name in names])
    with drawing(file, 0.85 * frames + 1.3, 0.85 * len(names) + 0.1) as figure:
        axes = figure.subplots()
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        rows = (np.arange(len(names)) + 0.5) * height - 0.5
        axes.set_yticks(rows, [_METHODS.get(name, name) for name in names], fontsize=8)
        for line in range(1, frames):
            axes.axvline(line * width - 0.5, color="white", linewidth=1.5)
        for line in range(1, len(names)):
            axes.axhline(line * height - 0.5, color="white", linewidth=1.5)


def read_strip(path: Path) -> dict[str, Image]:
    """The arrays of a strip, uint8 ``[frames, H, W]`` each.

    Raises:
        FormatError: the file is broken, or not of this kind.
    """
    try:
        with np.load(path) as file:
            found = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FormatError(f"{path}: not a strip of reconstructions: {error}") from error
    shapes = {array.shape[:1] for array in found.values()}
    if "target" not in found or len(shapes) != 1 or any(array.ndim != 3 for array in found.values()):
        raise FormatError(f"{path}: expected arrays of as many pictures each, among them target")
    return found


def _show(axes: Axes, image: Image | None) -> None:
    """A picture without ticks, grey ones on one scale; what was not recorded says so."""
    axes.set_axis_on()
    axes.set_xticks([])
    axes.set_yticks([])
    if image is None:
        axes.text(0.5, 0.5, "not recorded", ha="center", va="center", color=FAINT, transform=axes.transAxes)
    else:
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
