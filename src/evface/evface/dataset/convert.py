"""Recordings into a dataset: every take by itself, resumable, a broken one does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evface.dataset.boxes import FaceDetector
from evface.dataset.convert_take import convert_take
from evface.dataset.description import describe
from evface.dataset.progress import Progress, silent
from evface.dataset.recordings import Take, find_takes
from evface.dataset.take_files import DONE
from evface.dataset.tree import read_json
from evface.errors import DatasetError, EvfaceError, PrivacyError
from evface.privacy.consent import Purpose
from evface.privacy.tombstones import refuse_withdrawn


@dataclass(slots=True)
class ConversionReport:
    """What became of each take.

    Attributes:
        converted: names of the takes converted now.
        skipped: names of those that were there already.
        failed: names of those that could not be converted, with one line why.
        events_in: events decoded from the bags, of converted and skipped takes.
        events_out: events found in their event files; always the same number, else the take failed.
    """

    converted: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    events_in: int = 0
    events_out: int = 0

    @property
    def exit_code(self) -> int:
        """0 when every take is in the dataset, else 2."""
        return 2 if self.failed else 0

    def __str__(self) -> str:
        return (
            f"{len(self.converted)} takes converted, {len(self.skipped)} there already, "
            f"{len(self.failed)} failed; "
            f"events: {self.events_in} in, {self.events_out} out"
        )


def convert(
    recordings: Path,
    out: Path,
    *,
    progress: Progress = silent,
    complain: Callable[[str], None] = lambda line: None,
    boxes: bool = True,
    purpose: Purpose = "research",
) -> ConversionReport:
    """Make or continue a dataset from recorded sessions.

    Finished takes are skipped, so that an interrupted conversion goes on where it was; recordings are
    only read. A subject who withdrew is left out, here and in the recordings. What is to be shared holds only
    sessions whose consent covers that, and videos only where it covers them too.

    Args:
        recordings: folder with sub-*/ses-*.
        out: root of the dataset; made if it is not there.
        progress: told after every take.
        complain: told at once, in one line, what could not be converted and why.
        boxes: search the frames for the face; without, every take gets the centred default box.
        purpose: what the dataset is for; what is in ``out`` must have been made for the same.

    Raises:
        DatasetError: no recordings, or ``out`` cannot be written, lies inside them or has another purpose.
        ConfigError: boxes are wanted and facenet-pytorch is not installed.
    """
    if out.resolve().is_relative_to(recordings.resolve()):
        raise DatasetError(f"{out}: the dataset cannot lie inside the recordings {recordings}")
    report = ConversionReport()

    def fail(name: str, why: str) -> None:
        report.failed[name] = why
        complain(f"{name} was left out: {why}")

    _refuse_other_purpose(out, purpose)
    takes = find_takes(recordings, fail)
    detector: FaceDetector | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, take in enumerate(takes, 1):
            quality = _there(take, out)
            if quality is not None:
                report.skipped.append(take.id.name)
            else:
                try:
                    _check_promises(take, (recordings, out), purpose)
                    detector = FaceDetector() if boxes and detector is None else detector
                    quality = convert_take(take, out, detector, purpose)
                    report.converted.append(take.id.name)
                except EvfaceError as error:
                    fail(take.id.name, str(error))
            for facts in (quality or {"sensors": {}})["sensors"].values():
                report.events_in += facts.get("events_in", 0)
                report.events_out += facts.get("events_out", 0)
            progress(number, len(takes), take.id.name)
        describe(out, {(take.id.subject, take.id.session): take.session for take in takes})
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror or error}") from error
    return report


def _refuse_other_purpose(out: Path, purpose: Purpose) -> None:
    """A dataset to be shared must not hold what was converted for the group alone."""
    for path in out.glob(f"sub-*/ses-*/beh/*_{DONE}"):
        found = read_json(path).get("purpose", "research")
        if found != purpose:
            raise DatasetError(f"{out}: was made for {found}, not for {purpose}: choose another folder")


def _check_promises(take: Take, roots: tuple[Path, Path], purpose: Purpose) -> None:
    for root in roots:
        refuse_withdrawn(root, take.id.subject)
    if purpose == "sharing" and not take.allows("sharing"):
        raise PrivacyError("no consent to sharing")


def _there(take: Take, out: Path) -> dict[str, Any] | None:
    """quality.json of a take that was converted from this very bag, and judged alike, else None."""
    path = take.id.file(out, DONE)
    if not path.exists():
        return None
    quality = read_json(path)
    same = quality.get("bag_sha256") == take.sha256 and quality.get("outcome") == take.outcome
    return quality if same else None
