"""The published tree of a dataset, read: its takes, their files, those that count for training."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evface.dataset.annotations import MOVES, Annotation, read_annotations
from evface.dataset.boxes import Box
from evface.dataset.cues import INSTANTS, CueRecord, read_cues
from evface.dataset.naming import TakeId
from evface.dataset.onsets import Movement
from evface.dataset.trimming import clip_by_cues, clip_by_movement
from evface.errors import DatasetError, FormatError


@dataclass(frozen=True, slots=True)
class ConvertedTake:
    """A take in a dataset.

    Attributes:
        id: who, when, what.
        root: of the dataset.
        quality: what quality.json says.
        sync: what sync.json says.
        boxes: face box per recording ("davis", "evk4", "rgb"), px of that camera.
        correction: what a person said last about its movement; None: nobody did.
    """

    id: TakeId
    root: Path
    quality: dict[str, Any]
    sync: dict[str, Any]
    boxes: dict[str, Box]
    correction: Annotation | None = None

    def file(self, suffix: str) -> Path:
        """One of the take's files, such as ``recording-davis_dvs.h5``; it need not exist."""
        return self.id.file(self.root, suffix)

    def events(self, sensor: str) -> Path:
        """The event file of a sensor; it need not exist."""
        return self.file(f"recording-{sensor}_dvs.h5")

    def video(self, camera: str) -> Path:
        """The video of a camera ("davis", "rgb"); it need not exist."""
        return self.file(f"recording-{camera}_video.mkv")

    def times(self, camera: str) -> Path:
        """The times of that video's frames; the table need not exist."""
        return self.file(f"recording-{camera}_timestamps.csv")

    @property
    def trial(self) -> int:
        """Index of the trial in the script, from 0."""
        return int(self.quality.get("trial", 0))

    @property
    def simulated(self) -> bool:
        """Whether a virtual camera took part."""
        return bool(self.quality.get("simulated"))

    @property
    def window(self) -> tuple[int, int] | None:
        """The clip, ns on the host's clock, start and end; None where the take has none.

        By a person's correction where there is one, else as it was converted.
        """
        if self.correction is not None:
            return self._corrected(self.correction)
        clip = self.sync.get("clip")
        return (int(clip["start_ns"]), int(clip["end_ns"])) if clip else None

    def _corrected(self, correction: Annotation) -> tuple[int, int]:
        # The streams' ends bound what is read of it.
        span = (0, 2**62)
        if correction.verdict == MOVES:
            clip = clip_by_movement(correction.onset, correction.end, span)
        else:
            clip = clip_by_cues(self.cues(), span)
        return clip.start, clip.end

    @property
    def movement(self) -> Movement | None:
        """What the subject did: as a person says, else as found in the events; None where nothing is known.

        A person's word has a score of 1.
        """
        if self.correction is not None:
            if self.correction.verdict != MOVES:
                return None
            one = self.correction
            return Movement(one.onset, one.apex, one.offset, one.end, 1.0)
        found = self.quality.get("movement")
        if found is None:
            return None
        onset, apex, offset, end = (int(found[f"{name}_ns"]) for name in INSTANTS)
        return Movement(onset, apex, offset, end, float(found["score"]), tuple(found["flags"]))

    @property
    def start(self) -> int:
        """ns, host clock, that the take's tables and videos count from."""
        return int(self.sync["take_start_ns"])

    def cues(self) -> list[CueRecord]:
        """What was asked when.

        Raises:
            FormatError: events.tsv is missing or broken.
        """
        return read_cues(self.file("events.tsv"), self.start)


def read_take(root: Path, take: TakeId) -> ConvertedTake:
    """A take of a dataset.

    Raises:
        FormatError: one of its files is missing or broken.
    """
    quality, sync = (read_json(take.file(root, name)) for name in ("quality.json", "sync.json"))
    path = take.file(root, "boxes.csv")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            boxes = {
                row["recording"]: Box(
                    *(float(row[key]) for key in ("x", "y", "width", "height", "probability"))
                )
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: not a table of boxes: {error}") from error
    said = read_annotations(root, take)
    return ConvertedTake(take, root, quality, sync, boxes, said[-1] if said else None)


def list_takes(root: Path) -> list[ConvertedTake]:
    """All takes of a dataset, in the order of their names.

    Raises:
        DatasetError: there is no dataset.
        FormatError: a take's file is broken.
    """
    if not (root / "dataset_description.json").exists():
        raise DatasetError(f"{root}: not a dataset, expected dataset_description.json in it")
    return list(iter_takes(root))


def iter_takes(root: Path) -> Iterator[ConvertedTake]:
    """The takes that are whole, whether the dataset has been described already or not."""
    suffix = "_quality.json"
    for path in sorted(root.glob(f"sub-*/ses-*/beh/sub-*{suffix}")):
        yield read_take(root, TakeId.parse(path.name.removesuffix(suffix)))


def training_takes(takes: Sequence[ConvertedTake]) -> list[ConvertedTake]:
    """Those that count for training: of each trial the last one that was completed and has a clip."""
    best: dict[tuple[str, str, int, int], ConvertedTake] = {}
    for take in sorted(takes, key=lambda take: take.id):
        if take.quality.get("outcome") == "complete" and take.window is not None:
            best[take.id.subject, take.id.session, take.trial, take.id.au] = take
    return sorted(best.values(), key=lambda take: take.id)


def read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file.

    Raises:
        FormatError: the file is missing, is not JSON, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected an object, found {type(found).__name__}")
    return found
