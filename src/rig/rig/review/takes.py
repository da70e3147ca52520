"""What the review page shows of a take, and how it looks at a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evface.dataset.activity import STEP, face_activity
from evface.dataset.annotations import Annotation, annotate
from evface.dataset.clips import clip_counts
from evface.dataset.cues import INSTANTS
from evface.dataset.face_parts import part_of
from evface.dataset.tree import ConvertedTake, list_takes, read_take
from rig.errors import ConsoleError

SHOWN = 66_000
"""us of events in a picture."""

SIDE = 64
"""px of a picture's side."""

BRIGHTEST = 3.0
"""events of a pixel that are drawn brightest."""


class Takes:
    """The takes of a dataset that have events.

    Args:
        root: of the dataset.

    Raises:
        DatasetError: there is no dataset.
        FormatError: a take's file is broken.
        ConsoleError: no take has events.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ids = [take.id for take in list_takes(root) if _sensor(take)]
        if not self._ids:
            raise ConsoleError(f"{root}: no take with events")

    def __len__(self) -> int:
        return len(self._ids)

    def lines(self) -> list[dict[str, Any]]:
        """Name, flags, score and who has looked at it, of each take."""
        return [self._line(read_take(self._root, one)) for one in self._ids]

    def _line(self, take: ConvertedTake) -> dict[str, Any]:
        found = take.quality.get("movement") or {}
        said = take.correction
        return {
            "name": take.id.name,
            "au": take.id.au,
            "score": found.get("score"),
            "flags": found.get("flags", []),
            "by": said.by if said else "",
            "at": said.at if said else "",
            "verdict": said.verdict if said else "",
        }

    def take(self, number: int) -> dict[str, Any]:
        """One take: its activity, cues and instants, ms from the take's start.

        Raises:
            FormatError: one of its files is broken.
        """
        take = read_take(self._root, self._ids[number])
        sensor = _sensor(take)
        activity = face_activity(take.events(sensor), take.boxes[sensor])
        area = activity.counts[(slice(None), slice(None), *part_of(take.id.au).cells)]

        def since(instant: int) -> float:
            return (instant - take.start) / 1e6

        found, now = take.quality.get("movement"), take.movement
        return self._line(take) | {
            "start_ms": since(activity.start),
            "step_ms": STEP / 1e6,
            "face": activity.counts.sum(axis=(1, 2, 3), dtype=np.int64).tolist(),
            "area": area.sum(axis=(1, 2, 3), dtype=np.int64).tolist(),
            "cues": [{"phase": cue.phase, "at_ms": since(cue.start)} for cue in take.cues()],
            "found": [since(found[f"{name}_ns"]) for name in INSTANTS] if found else None,
            "now": [since(getattr(now, name)) for name in INSTANTS] if now else None,
        }

    def picture(self, number: int, at_ms: float) -> bytes:
        """Events of the face around a moment as a PNG: brighter is white, darker is black.

        Raises:
            FormatError: one of the take's files is broken.
        """
        take = read_take(self._root, self._ids[number])
        sensor = _sensor(take)
        middle = take.start + round(at_ms * 1e6)
        # One slice of a third of the span is lost at the window's edges at most.
        window = middle - SHOWN * 500, middle + SHOWN * 500
        counts = clip_counts(take.events(sensor), take.boxes[sensor].as_tuple(), window, SHOWN // 6, SIDE)
        signed = counts[:, 1].sum(axis=0, dtype=np.float64) - counts[:, 0].sum(axis=0, dtype=np.float64)
        grey = np.clip(128.0 + signed * (127.0 / BRIGHTEST), 0, 255).astype(np.uint8)
        return bytes(cv2.imencode(".png", grey)[1])

    def annotate(self, number: int, verdict: str, instants_ms: list[float], by: str) -> dict[str, Any]:
        """Keep what a person says of a take; its new line.

        Raises:
            ConfigError: it cannot be.
            FormatError: what is there is broken.
        """
        take = read_take(self._root, self._ids[number])
        onset, apex, offset, end = (take.start + round(instant * 1e6) for instant in instants_ms)
        annotate(self._root, take.id, Annotation.now(verdict, (onset, apex, offset, end), by))
        return self._line(read_take(self._root, take.id))


def _sensor(take: ConvertedTake) -> str:
    """Whose events tell what moved; "" where there are none."""
    return next((name for name in ("davis", "evk4") if take.events(name).exists()), "")
