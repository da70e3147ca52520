"""How strongly an Action Unit shows in each slice of a clip, from what is known of the movement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.dataset.movements import way
from evface.dataset.tree import ConvertedTake, read_json
from evface.dataset.truth import INSTANTS, TRUTH
from evface.errors import FormatError


def known_intensity(clip: ConvertedTake, times: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Of a virtual subject the truth; else the movement found in the events, its height taken to be 1.

    Args:
        clip: the take.
        times: ns on the host's clock, ``[T]``.

    Returns:
        From 0 (rest) to 1 (strong), float32 ``[T]``; None where no movement was found for sure.

    Raises:
        FormatError: the truth is broken.
    """
    path = clip.file(TRUTH)
    if path.exists():
        truth = read_json(path)
        try:
            instants = tuple(int(truth[name]) for name in INSTANTS)
            height = min(1.0, max(0.0, float(truth["intensity"])))
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{path}: an instant or the intensity is missing or no number") from error
        return curve(instants, height, times)
    movement = clip.movement
    if movement is None or not movement.good:
        return None
    return curve((movement.onset, movement.apex, movement.offset, movement.end), 1.0, times)


def curve(instants: tuple[int, ...], height: float, times: NDArray[np.int64]) -> NDArray[np.float32]:
    """A movement of least jerk from rest to its height, held there, and back.

    Args:
        instants: onset, apex, offset (it begins to go back) and end, ns.
        height: of the apex.
        times: ns, ``[T]``.

    Returns:
        float32 ``[T]``.
    """
    onset, apex, offset, end = instants
    rise = way((times - onset) / max(apex - onset, 1))
    fall = way((times - offset) / max(end - offset, 1))
    return (height * np.clip(rise - fall, 0.0, 1.0)).astype(np.float32)
