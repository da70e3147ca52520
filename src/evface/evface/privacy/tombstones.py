"""Who withdrew: a line per pseudonym, which says no more than that and is all that stays."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from evface.errors import FormatError, PrivacyError
from evface.privacy.durable import append_line

TOMBSTONES = "withdrawn.jsonl"
"""In the folder of the recordings and at the root of each dataset."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A withdrawal; the last one of a pseudonym counts.

    Attributes:
        subject: pseudonym, "S07".
        state: "begun" before the first file goes, "done" after the last.
        time_ns: ns, host clock.
        files: how many were cleared here.
        bytes: how large they were.
    """

    subject: str
    state: Literal["begun", "done"]
    time_ns: int
    files: int
    bytes: int


def read_tombstones(root: Path) -> dict[str, Tombstone]:
    """Who withdrew from the recordings or the dataset at ``root``, by pseudonym.

    A last line that a power cut tore is as if it was not there: its withdrawal had not begun.

    Raises:
        FormatError: a line is broken.
    """
    path = root / TOMBSTONES
    if not path.exists():
        return {}
    found: dict[str, Tombstone] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            stone = Tombstone(**json.loads(line))
        except (ValueError, TypeError) as error:
            if number == len(lines):
                break
            raise FormatError(f"{path}:{number}: not a tombstone: {error}") from error
        found[stone.subject] = stone
    return found


def set_tombstone(root: Path, stone: Tombstone) -> None:
    """Add a line; on the disk when this returns.

    Raises:
        PrivacyError: it cannot be written.
    """
    path = root / TOMBSTONES
    try:
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            # A power cut tore the last one.
            path.write_bytes(path.read_bytes().rpartition(b"\n")[0] + b"\n")
        append_line(path, json.dumps(asdict(stone)))
    except OSError as error:
        raise PrivacyError(f"{path}: cannot be written: {error.strerror or error}") from error


def refuse_withdrawn(root: Path, subject: str) -> None:
    """Keep a pseudonym that was withdrawn from coming back: from a backup, or for somebody else.

    Args:
        root: folder of the recordings, or root of a dataset.
        subject: pseudonym, "S07".

    Raises:
        PrivacyError: it was withdrawn.
        FormatError: the list of the withdrawn is broken.
    """
    if subject in read_tombstones(root):
        raise PrivacyError(f"sub-{subject} was withdrawn, see {root / TOMBSTONES}: take a new pseudonym")
