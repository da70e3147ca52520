"""What a virtual subject really did in a take: the file ``*_truth.json``, which only simulated takes have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evface.errors import FormatError

TRUTH = "truth.json"
"""File of a take in the dataset."""

RECORDED = "truth.jsonl"
"""File of a recorded session with virtual cameras: a line per take, its ``name`` the bag's folder."""

INSTANTS = ("onset", "apex", "offset", "end")
"""Fields of a truth that are ns on the host's clock."""


def recorded_truth(bag: Path) -> dict[str, Any] | None:
    """The truth of a recorded take; None where its session has none, as with a real subject.

    Args:
        bag: folder of the take's bag.

    Raises:
        FormatError: the session's truths are broken.
    """
    path = bag.parent / RECORDED
    if not path.exists():
        return None
    found = None
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line = dict(json.loads(text))
            # A take that was begun twice keeps its last truth.
            if line.pop("name") == bag.name:
                found = line
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{path}:{number}: not the truth of a take: {error}") from error
    return found


def with_seconds(truth: dict[str, Any], origin: int) -> dict[str, Any]:
    """The same truth with its instants in seconds too.

    Args:
        truth: as the simulator tells it.
        origin: ns, host clock: the take's start.

    Raises:
        FormatError: an instant is missing.
    """
    try:
        seconds = {name: round((int(truth[name]) - origin) / 1e9, 6) for name in INSTANTS}
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"truth of a take: an instant is missing or no number: {error}") from error
    return truth | {"seconds": seconds}
