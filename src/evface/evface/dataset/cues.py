"""The cues of a take: what the subject was asked, and when."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from evface.errors import FormatError

NOT_AVAILABLE = "n/a"
"""As BIDS writes what is unknown."""

COLUMNS = ("onset", "duration", "trial_type", "au", "planned", "commanded")
"""Of events.tsv; all but trial_type and au in seconds."""


INSTANTS = ("onset", "apex", "offset", "end")
"""Values of trial_type that are no cues: what the subject did then, as found in the events."""


class Instants(Protocol):
    """A movement of a subject; ns, host clock."""

    @property
    def onset(self) -> int:
        """It leaves rest."""

    @property
    def apex(self) -> int:
        """It is at its height."""

    @property
    def offset(self) -> int:
        """It begins to go back."""

    @property
    def end(self) -> int:
        """It is at rest again."""


@dataclass(frozen=True, slots=True)
class CueRecord:
    """One phase of a trial as it was.

    Attributes:
        phase: "countdown", "perform", "rest".
        au: FACS number.
        start: ns, host clock, when the phase began.
        planned: ns it was meant to last; 0 when open-ended.
        commanded: ns, host clock, when its marker went out; None where none was recorded.
    """

    phase: str
    au: int
    start: int
    planned: int
    commanded: int | None = None


def write_cues(
    path: Path, cues: Sequence[CueRecord], origin: int, end: int, movement: Instants | None = None
) -> None:
    """Write events.tsv: one row per cue and per instant of the movement, onset and duration in seconds.

    Args:
        path: of the file.
        cues: in order.
        origin: ns, host clock, that onsets count from.
        end: ns, host clock, when the last phase was over.
        movement: that was found; None: none.
    """
    rows: list[tuple[int, list[object]]] = []
    for cue, (start, stop) in zip(cues, pairwise([*(cue.start for cue in cues), end]), strict=True):
        commanded = NOT_AVAILABLE if cue.commanded is None else _seconds(cue.commanded - origin)
        times = _seconds(start - origin), _seconds(max(0, stop - start))
        rows.append((start, [*times, cue.phase, cue.au, _seconds(cue.planned), commanded]))
    for name in INSTANTS if movement is not None else ():
        at = int(getattr(movement, name))
        times = _seconds(at - origin), _seconds(0)
        rows.append((at, [*times, name, cues[0].au, NOT_AVAILABLE, NOT_AVAILABLE]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for _, row in sorted(rows, key=lambda row: row[0]))


def read_cues(path: Path, origin: int) -> list[CueRecord]:
    """Read the cues of events.tsv back; rows of a movement are passed over.

    Args:
        path: of the file.
        origin: ns, host clock, that its onsets count from.

    Raises:
        FormatError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                CueRecord(
                    phase=row["trial_type"],
                    au=int(row["au"]),
                    start=origin + _nanoseconds(row["onset"]),
                    planned=_nanoseconds(row["planned"]),
                    commanded=None
                    if row["commanded"] == NOT_AVAILABLE
                    else origin + _nanoseconds(row["commanded"]),
                )
                for row in csv.DictReader(file, delimiter="\t")
                if row["trial_type"] not in INSTANTS
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: not a table of cues: {error}") from error


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.6f}"


def _nanoseconds(seconds: str) -> int:
    return round(float(seconds) * 1e9)
