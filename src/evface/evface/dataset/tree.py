"""The published tree of a dataset: what it holds, and the files that describe it as a whole."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import evface
from evface.dataset.boxes import Box
from evface.dataset.cues import CueRecord, read_cues
from evface.dataset.naming import TakeId
from evface.dataset.splits import make_folds
from evface.errors import DatasetError, FormatError
from evface.protocol.action_units import action_unit


@dataclass(frozen=True, slots=True)
class ConvertedTake:
    """A take in a dataset.

    Attributes:
        id: who, when, what.
        root: of the dataset.
        quality: what quality.json says.
        sync: what sync.json says.
        boxes: face box per recording ("davis", "evk4", "rgb"), px of that camera.
    """

    id: TakeId
    root: Path
    quality: dict[str, Any]
    sync: dict[str, Any]
    boxes: dict[str, Box]

    def file(self, suffix: str) -> Path:
        """One of the take's files, such as ``recording-davis_dvs.h5``; it need not exist."""
        return self.id.file(self.root, suffix)

    def events(self, sensor: str) -> Path:
        """The event file of a sensor; it need not exist."""
        return self.file(f"recording-{sensor}_dvs.h5")

    @property
    def window(self) -> tuple[int, int] | None:
        """The clip, ns on the host's clock, start and end; None where the take has none."""
        clip = self.sync.get("clip")
        return (int(clip["start_ns"]), int(clip["end_ns"])) if clip else None

    @property
    def start(self) -> int:
        """ns, host clock, that the take's tables and videos count from."""
        return int(self.sync["take_start_ns"])

    def cues(self) -> list[CueRecord]:
        """What was asked when."""
        return read_cues(self.file("events.tsv"), self.start)


def read_take(root: Path, take: TakeId) -> ConvertedTake:
    """A take of a dataset.

    Raises:
        FormatError: one of its files is missing or broken.
    """
    quality, sync = (_read_json(take.file(root, name)) for name in ("quality.json", "sync.json"))
    path = take.file(root, "boxes.csv")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            boxes = {
                row["recording"]: Box(*(float(row[key]) for key in ("x", "y", "width", "height", "probability")))
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: not a table of boxes: {error}") from error
    return ConvertedTake(take, root, quality, sync, boxes)


def list_takes(root: Path) -> list[ConvertedTake]:
    """All takes of a dataset, in the order of their names.

    Raises:
        DatasetError: there is no dataset.
        FormatError: a take's file is broken.
    """
    if not (root / "dataset_description.json").exists():
        raise DatasetError(f"{root}: not a dataset, expected dataset_description.json in it")
    return list(_takes(root))


def training_takes(takes: Sequence[ConvertedTake]) -> list[ConvertedTake]:
    """Those that count for training: of each trial the last one that was completed and has a clip."""
    best: dict[tuple[str, str, int], ConvertedTake] = {}
    for take in sorted(takes, key=lambda take: take.id):
        if take.quality.get("outcome") == "complete" and take.window is not None:
            best[take.id.subject, take.id.session, take.id.au] = take
    return list(best.values())


def describe(root: Path, sessions: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Write what describes the dataset as a whole, from the takes that are there.

    Args:
        root: of the dataset.
        sessions: what the recorder said, by subject and session.
    """
    takes = list(_takes(root))
    for (subject, session), facts in sessions.items():
        folder = root / f"sub-{subject}" / f"ses-{session}"
        if folder.exists():
            _write_json(folder / "session.json", facts)
    _write_participants(root, takes)
    _write_splits(root, takes)
    (root / "README.md").write_text(_card(takes), encoding="utf-8")
    _write_json(
        root / "dataset_description.json",
        {
            "Name": "Facial Action Units before event cameras",
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "evface", "Version": evface.__version__}],
        },
    )
    _write_manifest(root)


def _takes(root: Path) -> Iterator[ConvertedTake]:
    suffix = "_quality.json"
    for path in sorted(root.glob(f"sub-*/ses-*/beh/sub-*{suffix}")):
        yield read_take(root, TakeId.parse(path.name.removesuffix(suffix)))


def _write_participants(root: Path, takes: list[ConvertedTake]) -> None:
    lines = ["participant_id\tsessions\ttakes\tclips"]
    used = training_takes(takes)
    for subject in sorted({take.id.subject for take in takes}):
        own = [take for take in takes if take.id.subject == subject]
        clips = sum(take.id.subject == subject for take in used)
        lines.append(f"sub-{subject}\t{len({take.id.session for take in own})}\t{len(own)}\t{clips}")
    (root / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(
        root / "participants.json",
        {
            "participant_id": {"Description": "random pseudonym"},
            "sessions": {"Description": "sessions recorded"},
            "takes": {"Description": "takes converted, redone ones included"},
            "clips": {"Description": "takes that count for training"},
        },
    )


def _write_splits(root: Path, takes: list[ConvertedTake]) -> None:
    ids = [take.id for take in training_takes(takes)]
    content: dict[str, Any] = {"kind": "leave one subject out", "takes": [take.name for take in ids], "folds": []}
    try:
        content["folds"] = [
            {"name": fold.name, "train": [t.name for t in fold.train], "test": [t.name for t in fold.test]}
            for fold in make_folds(ids, "loso")
        ]
    except DatasetError as error:
        content["note"] = str(error)
    (root / "splits").mkdir(exist_ok=True)
    _write_json(root / "splits" / "loso.json", content)


def _card(takes: list[ConvertedTake]) -> str:
    used = training_takes(takes)
    subjects = sorted({take.id.subject for take in takes})
    recordings = {
        "DAVIS346 events": "recording-davis_dvs.h5",
        "DAVIS346 frames": "recording-davis_video.mkv",
        "EVK4 events": "recording-evk4_dvs.h5",
        "webcam": "recording-rgb_video.mkv",
    }
    rows = [f"| {name} | {sum(take.file(file).exists() for take in takes)} |" for name, file in recordings.items()]
    aus = [action_unit(number) for number in sorted({take.id.au for take in used})]
    flagged = [f"- {take.id.name}: {', '.join(take.quality['flags'])}" for take in takes if take.quality["flags"]]
    return "\n".join(
        [
            "# Facial Action Units before event cameras",
            "",
            f"{len(subjects)} subjects, {len(takes)} takes, {len(used)} clips for training.",
            "",
            "| recording | takes |",
            "|---|---|",
            *rows,
            "",
            "Elicited Action Units (only the elicited one is labelled; others may move along): "
            + ", ".join(f"{au.number} {au.name}" for au in aus)
            + ".",
            "",
            "## Files of a take",
            "- `*_dvs.h5`: `/events/{x,y,p,t}` after DSEC, `t` in us; `t + /t_offset` is unix time in us;",
            "  `t` + attribute `sensor_time_us` is the sensor's own time, on whose multiples of 33 ms slices lie;",
            "  `/ms_to_idx` finds the first event of a millisecond.",
            "- `*_video.mkv`: FFV1 (DAVIS frames, lossless) or the webcam's own MJPEG; `*_timestamps.csv` has unix ns.",
            "- `events.tsv`: cues, onsets in s since the take's start (`take_start_ns` in sync.json).",
            "- `boxes.csv`: one face box per recording; `default` 1 where no face was seen.",
            "- `sync.json`: clocks, offsets and their method, and the span of the clip.",
            "- `quality.json`: counts, losses, flags.",
            "",
            "## Takes with a flag",
            *(flagged or ["None."]),
            "",
        ]
    )


def _write_manifest(root: Path) -> None:
    lines = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and path.name != "MANIFEST.sha256" and not any(p.startswith(".") for p in relative.parts):
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {relative.as_posix()}")
    (root / "MANIFEST.sha256").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected an object, found {type(found).__name__}")
    return found


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
