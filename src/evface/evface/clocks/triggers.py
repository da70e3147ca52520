"""Edges on the trigger inputs of two cameras, matched: the one method that needs no movement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REACH = 500_000_000
"""ns that two cameras' stamps of the same edge may be apart."""

TOGETHER = 1_000_000
"""ns within which differences count as the same."""

LEAST = 3
"""Edges that must match."""

RESOLUTION = 2_000
"""ns: both clocks count in us."""


class Match(NamedTuple):
    """What edges say.

    Attributes:
        offset: ns to add to the first sensor's times.
        uncertainty: ns, half width of the 95 % interval.
        edges: that matched.
    """

    offset: float
    uncertainty: float
    edges: int


def match_edges(
    edges: NDArray[np.int64], others: NDArray[np.int64], expected: tuple[float, float] | None = None
) -> Match | None:
    """The offset at which most edges of two sensors meet.

    Args:
        edges: ns, of one sensor, rising.
        others: ns, of the other one.
        expected: s, offset and its uncertainty where they are known: a regular train meets itself at every
            period.

    Returns:
        None where fewer than `LEAST` or fewer than half of them meet, or they meet as well elsewhere.
    """
    if min(len(edges), len(others)) < LEAST:
        return None
    differences = (others[None, :] - edges[:, None]).ravel()
    centre, reach = (0.0, float(REACH)) if expected is None else (expected[0] * 1e9, expected[1] * 1e9)
    near = np.sort(differences[np.abs(differences - centre) <= reach].astype(np.float64))
    if not len(near):
        return None
    counts = np.searchsorted(near, near + TOGETHER, "right") - np.arange(len(near))
    best = int(np.argmax(counts))
    found = near[best : best + counts[best]]
    if len(found) < max(LEAST, min(len(edges), len(others)) // 2):
        return None
    away = np.abs(near - np.median(found)) > 2 * TOGETHER
    if (counts[away] > 0.8 * counts[best]).any():
        return None
    scatter = 1.4826 * float(np.median(np.abs(found - np.median(found))))
    return Match(float(np.median(found)), 2.0 * 1.2533 * scatter / len(found) ** 0.5 + RESOLUTION, len(found))
