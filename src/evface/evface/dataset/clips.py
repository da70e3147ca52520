"""Clips as event frames: slices on the sensor's grid, binned straight into the face box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evface.dataset.event_file import EventFile
from evface.events import DEFAULT_DURATION, Events, Slicer


def clip_frames(
    path: Path,
    box: tuple[float, float, float, float],
    window: tuple[int, int],
    duration: int = DEFAULT_DURATION,
    size: int = 64,
) -> NDArray[np.uint16]:
    """Event frames of the slices that lie wholly inside a window.

    Args:
        path: event file of the dataset.
        box: left, top, width, height on the sensor, px.
        window: ns on the host's clock, start and end.
        duration: of a slice, us; slice k covers ``[k * duration, (k + 1) * duration)`` of the sensor's clock.
        size: width and height of a frame.

    Returns:
        uint16 ``[T, 2, size, size]``, counts of off and on events; T may be 0.

    Raises:
        FormatError: the file is broken.
    """
    with EventFile(path) as file:
        first = -(-file.to_sensor(window[0]) // duration)
        last = file.to_sensor(window[1]) // duration
        if last <= first:
            return np.zeros((0, 2, size, size), np.uint16)
        slicer = Slicer(file.width, file.height, duration, box=box, size=(size, size))
        slicer.push(Events.empty(file.width, file.height), first * duration)
        slices = [piece for block in file.blocks(first * duration, last * duration) for piece in slicer.push(block)]
        slices += slicer.push(Events.empty(file.width, file.height), last * duration)
    return np.stack([piece.counts for piece in slices])
