"""What people may tell a session, and what they say with it."""

from __future__ import annotations

import re
from typing import Literal, get_args

Command = Literal["start", "confirm", "consent", "decline", "pause", "resume", "redo", "skip", "stop", "note"]

COMMANDS: tuple[Command, ...] = get_args(Command)
"""What a person can tell a session."""

Person = Literal["operator", "subject"]

SUBJECT_COMMANDS: tuple[Command, ...] = (
    "confirm", "consent", "decline", "pause", "resume", "redo", "stop",
)  # fmt: skip
"""What the subject may tell it; the operator may tell it everything."""

_AU = re.compile(r"\s*(?:au\s*)?(\d+)\s*", re.IGNORECASE)
_ABOUT = re.compile(r"\s*au\s*(\d+)\s+(?:take|run)\s+(\d+)\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)


def named_au(argument: str) -> int | None:
    """The FACS number that an argument such as "AU 12" or "12" names; None where it is something else."""
    found = _AU.fullmatch(argument)
    return int(found[1]) if found else None


def about_take(argument: str) -> tuple[int, int, str] | None:
    """Of a note such as "AU 12 take 1: eyes closed": FACS number, take and text; None where it names none."""
    found = _ABOUT.fullmatch(argument)
    return (int(found[1]), int(found[2]), found[3]) if found else None


def scopes_of(argument: str) -> tuple[str, ...]:
    """The scopes of a consent: what stands between commas, each once, in the order given."""
    return tuple(dict.fromkeys(scope for part in argument.split(",") if (scope := part.strip())))
