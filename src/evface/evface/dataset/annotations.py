"""What people said about a take's movement: beside the take's files, and never overwritten by a conversion.

The file ``*_annotations.json`` keeps every correction with who made it and when; the last one holds. It is
not in MANIFEST.sha256, which tells of what was converted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from evface.dataset.naming import TakeId
from evface.errors import ConfigError, FormatError

ANNOTATIONS = "annotations.json"
"""File of a take in the dataset."""

MOVES, STILL = "movement", "no movement"
"""What a person may say of a take."""

LONGEST_NAME = 40
"""characters of who says it."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A correction; times in ns of the host's clock.

    Attributes:
        verdict: "movement", or "no movement": then the instants are 0.
        onset: the movement leaves rest.
        apex: it is at its height.
        offset: it begins to go back.
        end: it is at rest again.
        by: who says so.
        at: when, ISO 8601 in UTC.
    """

    verdict: str
    onset: int
    apex: int
    offset: int
    end: int
    by: str
    at: str

    @classmethod
    def now(cls, verdict: str, instants: tuple[int, int, int, int], by: str) -> Annotation:
        """What somebody says at this moment.

        Raises:
            ConfigError: it cannot be: nobody says so, instants out of order, another verdict.
        """
        if not by.strip() or len(by) > LONGEST_NAME or not by.isprintable():
            raise ConfigError(f"by: expected 1 to {LONGEST_NAME} characters, found {by!r}")
        if verdict not in (MOVES, STILL):
            raise ConfigError(f"verdict: expected {MOVES} or {STILL}, found {verdict!r}")
        if verdict == STILL:
            instants = (0, 0, 0, 0)
        onset, apex, offset, end = instants
        if not (onset <= apex <= offset <= end and (verdict == STILL or onset < end)):
            raise ConfigError(f"instants: expected onset, apex, offset, end in order, found {instants}")
        return cls(
            verdict, onset, apex, offset, end, by.strip(), datetime.now(UTC).isoformat(timespec="seconds")
        )


def read_annotations(root: Path, take: TakeId) -> list[Annotation]:
    """All corrections of a take, oldest first; [] where nobody said anything.

    Raises:
        FormatError: the file is broken.
    """
    path = take.file(root, ANNOTATIONS)
    if not path.exists():
        return []
    try:
        found = [Annotation(**line) for line in json.loads(path.read_text(encoding="utf-8"))["annotations"]]
        if any(type(getattr(one, name)) is not int for one in found for name in ("onset", "end")):
            raise TypeError("an instant is no whole number")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path}: not a take's annotations: {error}") from error
    return found


def annotate(root: Path, take: TakeId, annotation: Annotation) -> None:
    """Add a correction to those of a take; the file is replaced as a whole.

    Raises:
        FormatError: what is there is broken; it stays as it is.
        OSError: it cannot be written.
    """
    lines = [asdict(one) for one in [*read_annotations(root, take), annotation]]
    path = take.file(root, ANNOTATIONS)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps({"annotations": lines}, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
