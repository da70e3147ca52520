"""A few pictures of a clip from rest to apex and back: what was to be seen, the events, and each method's."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evface.dataset.onsets import Movement
from evface.evaluation.reconstruction import JudgedClip

FRAMES: Final = 7
"""Pictures of a strip."""


def strip_frames(clip: JudgedClip, movement: Movement | None) -> NDArray[np.int64]:
    """Which pairs of a clip a strip shows.

    Args:
        clip: with pairs.
        movement: what the subject did; None: nobody knows, and the pictures are evenly spaced.

    Returns:
        Indices: before the onset, onset to apex and back in halves, after the end; int64 ``[FRAMES]``.
    """
    ends = clip.pairs.ends
    if movement is None:
        return np.linspace(0, len(ends) - 1, FRAMES).round().astype(np.int64)
    onset, apex, offset, end = movement.onset, movement.apex, movement.offset, movement.end
    wanted = (ends[0], onset, (onset + apex) // 2, apex, offset, (offset + end) // 2, end)
    return np.array([np.abs(ends - instant).argmin() for instant in wanted])


def strip_arrays(clip: JudgedClip, movement: Movement | None) -> dict[str, NDArray[np.uint8]]:
    """What a strip's .npz holds.

    Args:
        clip: judged.
        movement: see `strip_frames`.

    Returns:
        ``target``, ``condition`` (grey where nothing happened, lighter and darker by on and off events) and
        one array per method, the first draw of those that draw; uint8 ``[FRAMES, size, size]``.
    """
    chosen = strip_frames(clip, movement)
    methods = {
        method: (drawn[0, chosen].numpy() * 255.0).round().astype(np.uint8)
        for method, drawn in clip.pictures.items()
    }
    condition = event_picture(clip.pairs.counts[chosen])
    return {"target": clip.pairs.pictures[chosen], "condition": condition, **methods}


def event_picture(counts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Event frames as grey pictures of one scale: 128 less off, more on events.

    Args:
        counts: off and on, uint8 ``[N, 2, H, W]``.

    Returns:
        uint8 ``[N, H, W]``.
    """
    balance = counts[:, 1].astype(np.float64) - counts[:, 0]
    lit = np.abs(balance[balance != 0])
    full = float(np.percentile(lit, 95)) if len(lit) else 1.0
    return (128.0 + 127.0 * np.clip(balance / full, -1.0, 1.0)).round().astype(np.uint8)
