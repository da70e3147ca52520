"""What virtual subjects say they really did, until it is written beside the take."""

from __future__ import annotations

import json
from typing import Any

TRUTH = "/subject/truth"
"""Topic on which virtual cameras tell what their subject does: std_msgs/String, see `announcement`."""

TRUTHS = "truth.jsonl"
"""File of a session: a line per take that a virtual subject performed."""


def announcement(camera: str, truth: dict[str, Any]) -> str:
    """The text of a message on `TRUTH`."""
    return json.dumps({"camera": camera, "truth": truth})


class Truths:
    """The truths of a session by trial and take; the first camera's counts, the others should agree."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
        self._complained = False

    def hear(self, text: str) -> str:
        """Take in the text of a message.

        Returns:
            A complaint for the operator when two cameras see different people, once; else "".
        """
        try:
            said = json.loads(text)
            camera, truth = str(said["camera"]), dict(said["truth"])
            key = int(truth["trial"]), int(truth["take"])
        except (ValueError, KeyError, TypeError):
            return f"{TRUTH}: not the truth of a take: {text[:80]!r}"
        if key[1] == 0:
            return ""  # of a rehearsal, which is not recorded
        first, known = self._known.setdefault(key, (camera, truth))
        if known == truth or self._complained:
            return ""
        self._complained = True
        return (
            f"{first} and {camera} do not see the same subject: give them the same scene and seed; "
            f"{TRUTHS} tells what {first} saw"
        )

    def of(self, au: int, trial: int, take: int) -> dict[str, Any] | None:
        """What the subject did in a take; None when nobody said, or it was of another Action Unit."""
        _, truth = self._known.get((trial, take), ("", None))
        return truth if truth is not None and truth.get("au") == au else None
