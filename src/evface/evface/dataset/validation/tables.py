"""The tables of a take: its cues and its face boxes."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from evface.dataset.cues import COLUMNS, read_cues
from evface.dataset.recordings import TRIAL_PHASES
from evface.dataset.take_files import BOX_COLUMNS
from evface.dataset.validation.schema import Stream
from evface.errors import FormatError

METHODS = ("detected", "calibrated", "webcam", "rendered", "default")
"""How a face box may have been found."""

ROUNDING = 0.001
"""px: boxes are written with three decimals."""


def check_cues(path: Path, au: int, complete: bool) -> Iterator[str]:
    """What is wrong with events.tsv.

    Args:
        path: of the file.
        au: FACS number asked for.
        complete: whether the take was completed: then the subject was asked to perform.

    Raises:
        FormatError: it cannot be read.
    """
    yield from _columns(path, COLUMNS, "\t")
    cues = read_cues(path, 0)
    if any(later.start < cue.start for cue, later in pairwise(cues)):
        yield "its onsets do not rise"
    if strange := sorted({cue.phase for cue in cues} - set(TRIAL_PHASES)):
        yield f"trial_type is {', '.join(strange)}, expected {', '.join(TRIAL_PHASES)}"
    if others := sorted({cue.au for cue in cues} - {au}):
        yield f"au is {others}, expected {au}"
    if complete and "perform" not in {cue.phase for cue in cues}:
        yield "has no perform cue, and the take is complete"


def check_boxes(path: Path, streams: Mapping[str, Stream]) -> Iterator[str]:
    """What is wrong with boxes.csv.

    Args:
        path: of the file.
        streams: what quality.json says of the sensors.

    Raises:
        FormatError: it cannot be read.
    """
    yield from _columns(path, BOX_COLUMNS, ",")
    sizes = {name.split()[0]: (stream.width, stream.height) for name, stream in streams.items()}
    seen: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name = row["recording"]
                if name in seen:
                    yield f"{name} is there twice"
                seen.add(name)
                numbers = {key: float(row[key]) for key in BOX_COLUMNS[1:6]}
                looks = int(row["detections"]), int(row["looked_at"])
                yield from (
                    f"{name}: {what}" for what in _box(numbers, looks, row["method"], sizes.get(name))
                )
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"not a table of boxes: {error}") from error
    if missing := sorted(set(sizes) - seen):
        yield f"has no box of {', '.join(missing)}"


def _box(
    box: Mapping[str, float], looks: tuple[int, int], method: str, size: tuple[int, int] | None
) -> Iterator[str]:
    if size is None:
        yield "no such recording in quality.json"
        return
    if not all(map(math.isfinite, box.values())):
        yield "a number is not finite"
        return
    if box["width"] <= 0 or abs(box["width"] - box["height"]) > ROUNDING:
        yield f"is {box['width']:g} x {box['height']:g} px, expected a square"
    elif not (-box["width"] < box["x"] < size[0] and -box["height"] < box["y"] < size[1]):
        yield f"lies outside the sensor of {size[0]}x{size[1]} px"
    if not 0 <= box["probability"] <= 1:
        yield f"probability is {box['probability']:g}, expected 0 to 1"
    if method not in METHODS:
        yield f"method is {method!r}, expected one of {', '.join(METHODS)}"
    if not 0 <= looks[0] <= looks[1]:
        yield f"{looks[0]} detections in {looks[1]} pictures"


def _columns(path: Path, expected: tuple[str, ...], delimiter: str) -> Iterator[str]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        found = tuple(next(csv.reader(file, delimiter=delimiter), ()))
    if missing := [name for name in expected if name not in found]:
        raise FormatError(f"has no column {', '.join(missing)}")
    if found != expected:
        yield f"its columns are {', '.join(found)}; expected {', '.join(expected)}"
