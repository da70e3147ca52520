"""What moves in the face box of a take: its events, counted by time and place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box
from evface.dataset.event_file import EventFile

STEP = 10_000_000
"""ns of a step of time; the quickest movement of a face, a jump of the eyes, lasts three of them."""

CELLS = 48
"""Rows and columns of cells that the face box is divided into: a few pixels of a DAVIS346 each, so that the
light and the dark side of an edge that moves lie in different ones."""


@dataclass(frozen=True, slots=True)
class FaceActivity:
    """Events in the face box.

    Attributes:
        start: ns, host clock, of the first step.
        counts: off and on events of each step in each cell, uint16 ``[T, 2, CELLS, CELLS]``; step k covers
            ``[start + k * STEP, start + (k + 1) * STEP)``.
    """

    start: int
    counts: NDArray[np.uint16]

    @property
    def end(self) -> int:
        """ns, host clock, when the last step is over."""
        return self.start + len(self.counts) * STEP


def face_activity(path: Path, box: Box) -> FaceActivity:
    """Count the events of an event file in the face box.

    Args:
        path: event file of the dataset.
        box: face in the sensor's pixels.

    Raises:
        FormatError: the file is broken.
    """
    with EventFile(path) as file:
        start = file.to_host(file.zero)
        steps = max(1, (file.end - file.zero) * 1000 // STEP)
        counts = np.zeros(steps * 2 * CELLS * CELLS, np.uint16)
        for block in file.blocks():
            column = np.floor((block.x + 0.5 - box.x) * (CELLS / box.width)).astype(np.int64)
            row = np.floor((block.y + 0.5 - box.y) * (CELLS / box.height)).astype(np.int64)
            step = (block.t - file.zero) * 1000 // STEP
            inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS) & (step < steps)
            place = ((step * 2 + (block.p > 0)) * CELLS + row) * CELLS + column
            where, count = np.unique(place[inside], return_counts=True)
            counts[where] += count.astype(np.uint16)
    return FaceActivity(start, counts.reshape(steps, 2, CELLS, CELLS))
