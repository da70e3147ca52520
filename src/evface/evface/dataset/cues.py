"""The cues of a take: what the subject was asked, and when."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evface.errors import FormatError

NOT_AVAILABLE = "n/a"
"""As BIDS writes what is unknown."""


@dataclass(frozen=True, slots=True)
class CueRecord:
    """One phase of a trial as it was.

    Attributes:
        phase: "countdown", "perform", "rest", ...
        au: FACS number.
        trial: index in the script, from 0.
        take: from 1.
        start: ns, host clock, when the phase began.
        planned: ns it was meant to last; 0 when open-ended.
        commanded: ns, host clock, when its marker went out; None where none was recorded.
    """

    phase: str
    au: int
    trial: int
    take: int
    start: int
    planned: int
    commanded: int | None = None


def write_cues(path: Path, cues: Sequence[CueRecord], origin: int) -> None:
    """Write events.tsv: one row per cue, onset and duration in seconds.

    Args:
        path: of the file.
        cues: in order.
        origin: ns, host clock, that onsets count from.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["onset", "duration", "trial_type", "au", "trial", "take", "commanded"])
        for cue, following in zip(cues, [*cues[1:], None]):
            duration = (following.start - cue.start) if following else cue.planned
            commanded = NOT_AVAILABLE if cue.commanded is None else f"{(cue.commanded - origin) / 1e9:.6f}"
            onset = f"{(cue.start - origin) / 1e9:.6f}"
            writer.writerow([onset, f"{duration / 1e9:.6f}", cue.phase, cue.au, cue.trial, cue.take, commanded])


def read_cues(path: Path, origin: int) -> list[CueRecord]:
    """Read events.tsv back.

    Args:
        path: of the file.
        origin: ns, host clock, that its onsets count from.

    Raises:
        FormatError: it cannot be read, or lacks a column.
    """

    def ns(seconds: str) -> int:
        return round(float(seconds) * 1e9)

    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                CueRecord(
                    phase=row["trial_type"],
                    au=int(row["au"]),
                    trial=int(row["trial"]),
                    take=int(row["take"]),
                    start=origin + ns(row["onset"]),
                    planned=ns(row["duration"]),
                    commanded=None if row["commanded"] == NOT_AVAILABLE else origin + ns(row["commanded"]),
                )
                for row in csv.DictReader(file, delimiter="\t")
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: not a table of cues: {error}") from error
