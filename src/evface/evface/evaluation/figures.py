"""Pictures of a take: event frames, strips of camera frames, scores over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evface.dataset.boxes import Box
from evface.dataset.cues import CueRecord
from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_video
from evface.errors import DatasetError, GeometryError
from evface.evaluation.offline import TakeScores
from evface.events import Slicer
from evface.protocol.action_units import action_unit

Background = Literal["dark", "light"]
Picture = NDArray[np.uint8]
"""rgb, uint8 ``[H, W, 3]``."""

# Told apart by people who do not see red and green: blue and orange, off and on.
_COLOURS = {
    "dark": ((18, 20, 26), (86, 160, 255), (255, 176, 64)),
    "light": ((255, 255, 255), (28, 92, 190), (214, 94, 0)),
}
_PHASES = {"countdown": "#8a8f98", "perform": "#d65e00", "rest": "#1c5cbe"}


def event_frame_picture(
    counts: NDArray[np.uint16], background: Background = "dark", full: float | None = None
) -> Picture:
    """An event frame in colours: off events blue, on events orange, the more the stronger.

    Args:
        counts: uint16 ``[2, H, W]``, off and on events.
        background: dark for screens, light for paper.
        full: count that is shown at full strength; None: the 99th percentile of the pixels with events.

    Returns:
        rgb, uint8 ``[H, W, 3]``.

    Raises:
        GeometryError: ``counts`` has another shape.
    """
    if counts.ndim != 3 or counts.shape[0] != 2:
        raise GeometryError(f"event frame is {list(counts.shape)}, expected [2, H, W]")
    lit = counts[counts > 0]
    limit = full or (float(np.percentile(lit, 99)) if len(lit) else 1.0)
    # The square root shows single events beside strong edges.
    strength = np.sqrt(np.clip(counts / limit, 0.0, 1.0))
    base, *colours = (np.array(colour, np.float64) for colour in _COLOURS[background])
    total = np.maximum(strength.sum(0), 1e-9)
    mixed = sum(strength[i][..., None] * colours[i] for i in range(2)) / total[..., None]
    weight = strength.max(0)[..., None]
    return np.round(base * (1 - weight) + mixed * weight).astype(np.uint8)


def strip(pictures: Sequence[Picture], height: int = 160, gap: int = 4) -> Picture:
    """Pictures side by side on white, all of one height.

    Raises:
        GeometryError: no pictures.
    """
    if not pictures:
        raise GeometryError("no picture for a strip")
    scaled = []
    for picture in pictures:
        nearest = picture.shape[0] < height
        size = (max(1, round(picture.shape[1] * height / picture.shape[0])), height)
        interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
        scaled.append(np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8))
        scaled.append(np.full((height, gap, 3), 255, np.uint8))
    return np.concatenate(scaled[:-1], axis=1)


def camera_strip(take: ConvertedTake, camera: Literal["davis", "rgb"], count: int = 6, height: int = 160) -> Picture:
    """Frames of a camera, evenly spaced over the clip, with the face box.

    Raises:
        DatasetError: the take has no frames of this camera.
        FormatError: its video is broken.
    """
    path = take.file(f"recording-{camera}_video.mkv")
    if not path.exists():
        raise DatasetError(f"{take.id.name}: no frames of {camera}")
    wanted = [(instant - take.start) / 1e9 for instant in _instants(take, count)]
    best: list[tuple[float, Picture] | None] = [None] * count
    for time, image in read_video(path):
        for index, instant in enumerate(wanted):
            distance = abs(time - instant)
            found = best[index]
            if found is None or distance < found[0]:
                best[index] = (distance, image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1]))
    pictures = [_framed(entry[1], take.boxes.get(camera)) for entry in best if entry is not None]
    return strip(pictures, height)


def event_strip(
    take: ConvertedTake,
    sensor: Literal["davis", "evk4"] = "davis",
    count: int = 6,
    height: int = 160,
    background: Background = "dark",
) -> Picture:
    """Event frames of 33 ms, evenly spaced over the clip, with the face box.

    Raises:
        DatasetError: the take has no events of this sensor.
        FormatError: its event file is broken.
    """
    if not take.events(sensor).exists():
        raise DatasetError(f"{take.id.name}: no events of {sensor}")
    frames = []
    with EventFile(take.events(sensor)) as file:
        for instant in _instants(take, count):
            slicer = Slicer(file.width, file.height)
            first = file.to_sensor(instant) // slicer.duration * slicer.duration
            for block in file.blocks(first, first + slicer.duration):
                slicer.push(block)
            last = slicer.flush()
            frames.append(last[0].counts if last else np.zeros((2, file.height, file.width), np.uint16))
    lit = np.concatenate([frame[frame > 0] for frame in frames])
    full = max(1.0, float(np.percentile(lit, 99))) if len(lit) else 1.0
    box = take.boxes.get(sensor)
    return strip([_framed(event_frame_picture(frame, background, full), box) for frame in frames], height)


def scores_over_time(
    times: NDArray[np.float64],
    scores: NDArray[np.float32],
    aus: Sequence[int],
    cues: Sequence[tuple[str, float, float]] = (),
    elicited: int | None = None,
    title: str = "",
) -> Figure:
    """Voting rate of every Action Unit over time as a heat map, the cue phases marked above.

    Args:
        times: start of each slice, s, ``[T]``.
        scores: voting rates, ``[T, classes]``.
        aus: FACS numbers of the classes.
        cues: phase, onset in s on the same clock, duration in s.
        elicited: FACS number of what was asked for; its row is marked.
        title: above the figure.

    Raises:
        GeometryError: times, scores and aus do not fit each other.
    """
    if scores.shape != (len(times), len(aus)) or len(times) == 0:
        raise GeometryError(f"scores are {list(scores.shape)}, expected [{len(times)}, {len(aus)}] and a slice")
    figure = Figure(figsize=(9, 0.22 * len(aus) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.033
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(
        np.append(times, times[-1] + step), np.arange(len(aus) + 1) - 0.5, scores.T, cmap="magma", vmin=0.0,
        vmax=max(float(scores.max()), 0.1),
    )  # fmt: skip
    axes.set_yticks(range(len(aus)), [f"{au} {action_unit(au).name}" for au in aus], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("time since the take's start (s)")
    for label, au in zip(axes.get_yticklabels(), aus, strict=True):
        label.set_fontweight("bold" if au == elicited else "normal")
    for phase, onset, duration in cues:
        _mark(axes, phase, onset, duration)
    axes.set_xlim(times[0], times[-1] + step)
    figure.colorbar(mesh, ax=axes, label="voting rate", pad=0.01)
    axes.set_title(title, fontsize=10, loc="left", pad=18 if cues else 6)
    return figure


def take_scores_figure(take: ConvertedTake, scores: TakeScores, aus: Sequence[int], sensor: str = "davis") -> Figure:
    """`scores_over_time` of a take of the dataset, with its cues.

    Args:
        take: of the dataset.
        scores: from `score_take` on one of the sensor's event files or bags.
        aus: FACS numbers of the classes.
        sensor: whose clock the scores are on.

    Raises:
        FormatError: a file of the take is broken.
    """
    with EventFile(take.events(sensor)) as file:
        times = (scores.window_starts_us * 1000 + file.clock_offset - take.start) / 1e9
    cues = [_span(take, cue) for cue in take.cues()]
    au = action_unit(take.id.au)
    return scores_over_time(times, scores.scores, aus, cues, au.number, f"{take.id.name}: {au.label} {au.name}")


def png(picture: Picture | Figure) -> bytes:
    """A picture or figure as the bytes of a PNG."""
    if isinstance(picture, Figure):
        buffer = io.BytesIO()
        picture.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue()
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def _instants(take: ConvertedTake, count: int) -> list[int]:
    if take.window is None:
        raise DatasetError(f"{take.id.name}: no clip in it")
    start, end = take.window
    return [int(instant) for instant in np.linspace(start, end, 2 * count + 1)[1::2]]


def _span(take: ConvertedTake, cue: CueRecord) -> tuple[str, float, float]:
    return cue.phase, (cue.start - take.start) / 1e9, cue.planned / 1e9


def _framed(image: NDArray[np.uint8], box: Box | None) -> Picture:
    """A gray or rgb picture as rgb, with the face box drawn."""
    picture = np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
    if box is not None and box.probability > 0:
        corners = [(round(box.x), round(box.y)), (round(box.x + box.width), round(box.y + box.height))]
        cv2.rectangle(picture, *corners, (90, 220, 120), max(1, picture.shape[0] // 200))
    return picture


def _mark(axes, phase: str, onset: float, duration: float) -> None:  # type: ignore[no-untyped-def]
    colour = _PHASES.get(phase, "#555555")
    axes.axvline(onset, color="white", linewidth=0.8, linestyle="--")
    axes.annotate(
        phase, (onset, 1.0), xycoords=("data", "axes fraction"), xytext=(2, 3), textcoords="offset points",
        fontsize=8, color=colour, annotation_clip=False,
    )  # fmt: skip
    axes.plot(
        [onset, onset + duration], [1.005, 1.005], color=colour, linewidth=3, solid_capstyle="butt", clip_on=False,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
