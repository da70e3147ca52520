"""Recordings into a dataset: every take by itself, resumable, a broken one does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evface.dataset.boxes import FaceDetector
from evface.dataset.convert_take import convert_take
from evface.dataset.progress import Progress, silent
from evface.dataset.recordings import RecordedTake, find_takes
from evface.dataset.tree import describe
from evface.errors import DatasetError, EvfaceError


@dataclass(slots=True)
class ConversionReport:
    """What became of each take.

    Attributes:
        converted: names of the takes converted now.
        skipped: names of those that were there already.
        failed: names of those that could not be converted, with one line why.
    """

    converted: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 when every take is in the dataset, else 2."""
        return 2 if self.failed else 0


def convert(
    recordings: Path,
    out: Path,
    *,
    progress: Progress = silent,
    complain: Callable[[str], None] = lambda line: None,
) -> ConversionReport:
    """Make or continue a dataset from recorded sessions.

    Finished takes are skipped, so that an interrupted conversion goes on where it was; recordings are
    only read.

    Args:
        recordings: folder with sub-*/ses-*.
        out: root of the dataset; made if it is not there.
        progress: told after every take.
        complain: told in one line about every take that could not be converted.

    Raises:
        DatasetError: no recordings, or ``out`` cannot be written.
    """
    takes = find_takes(recordings)
    report = ConversionReport()
    detector: FaceDetector | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, take in enumerate(takes, 1):
            if take.id.file(out, "quality.json").exists():
                report.skipped.append(take.id.name)
            else:
                detector = detector or FaceDetector()
                _convert_one(take, out, detector, report, complain)
            progress(number, len(takes), take.id.name)
        describe(out, {(take.id.subject, take.id.session): take.session for take in takes})
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror or error}") from error
    return report


def _convert_one(
    take: RecordedTake, out: Path, detector: FaceDetector, report: ConversionReport, complain: Callable[[str], None]
) -> None:
    try:
        convert_take(take, out, detector)
    except EvfaceError as error:
        report.failed[take.id.name] = str(error)
        complain(f"{take.id.name} was left out: {error}")
    else:
        report.converted.append(take.id.name)
