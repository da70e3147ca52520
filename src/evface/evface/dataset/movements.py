"""A movement out and back as events show it: templates, and how well they explain what was seen.

A face that moves and comes back changes the light of its pixels one way and then the other: what grew
brighter by some events grows darker by as many. So the signed counts of a step, over cells, are taken to be
``u(t) p + s(t) + noise``: ``u`` the speed of a movement out and back, ``p`` the pattern that it draws in the
cells, whatever that is, and ``s`` what the head does slowly, each cell in its own way. Where ``u`` is right,
most is explained. ``p`` follows by least squares and is never asked for: the energy explained is a quadratic
form of ``u`` in one matrix, time by time, and a hundred thousand movements are tried in a second.

Speeds are those of the least jerk (Flash and Hogan, J. Neurosci. 5, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evface.dataset.activity import STEP

Floats = NDArray[np.float64]

STEP_MS = STEP / 1e6
"""ms of a step."""

SLOW = 1000.0
"""ms: what the head does unasked, sway and breath, takes longer for half a wave."""

UNSEEN_FIRST, UNSEEN_BACK, UNSEEN_LAST = 0.18, 0.18, 0.06
"""Shares of the way without an event. A pixel says nothing until its light has changed by a threshold: at
the first of a movement and at its turn by one or more, at its end some of one is left over. These are for
edges of six to ten thresholds, and were chosen on virtual subjects of seeds 101 and 202."""

LEAST_FREE = 0.3
"""Share of a template that slow movement must leave unexplained; with less the two cannot be told apart."""

QUIETEST = 0.02
"""events of a cell and step that are added to its mean: silent cells would weigh without end."""


def way(share: Floats) -> Floats:
    """The way covered, 0 to 1, after this share of a movement's time."""
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s * s)


def lobes(starts: Floats, lengths: Floats, steps: int, first: float = 0.0, last: float = 0.0) -> Floats:
    """How much of a one-way movement events show in each step.

    Args:
        starts: ms from the first step's start, float64 ``[N]``.
        lengths: ms, float64 ``[N]``.
        steps: how many there are.
        first: share of the way that stays unseen at first.
        last: at the end.

    Returns:
        float64 ``[N, steps]``; a row sums to 1 where the movement lies inside.
    """
    edges = np.arange(steps + 1) * STEP_MS
    covered = way((edges[None] - starts[:, None]) / lengths[:, None])
    return np.diff(np.clip((covered - first) / (1.0 - first - last), 0.0, 1.0), axis=1)


@dataclass(frozen=True, slots=True)
class Explained:
    """Energies of pairs of lobes, out (rows) and back (columns).

    Attributes:
        energy: that the movement explains in units of the cells' noise, float64 ``[N, M]``.
        likeness: of the pattern out with the inverted one back, 1 where both are one, float64 ``[N, M]``.
    """

    energy: Floats
    likeness: Floats


class Pattern:
    """Signed counts of an area, ready to be asked what explains them.

    Args:
        counts: off and on events, uint16 ``[T, 2, rows, columns]``.
        seen: steps that count, bool ``[T]``; the others are as if they had not been recorded.
    """

    def __init__(self, counts: NDArray[np.uint16], seen: NDArray[np.bool_]) -> None:
        steps = len(counts)
        self.steps = steps
        events = counts.sum(axis=1, dtype=np.float64).reshape(steps, -1)
        signed = (counts[:, 1].astype(np.float64) - counts[:, 0]).reshape(steps, -1)
        weights = 1.0 / np.sqrt(events.mean(axis=0) + QUIETEST)
        self.cells = events.shape[1]
        self._seen = seen.astype(np.float64)
        waves = max(3, int(steps * STEP_MS / SLOW) + 3)
        slow = np.cos(np.pi * np.outer(np.linspace(0.0, 1.0, steps), np.arange(waves)))
        self._slow, _ = np.linalg.qr(slow * self._seen[:, None])
        weighted = signed * weights * self._seen[:, None]
        weighted -= self._slow @ (self._slow.T @ weighted)
        self._gram = weighted @ weighted.T
        # Counts scatter by their own square root: what scatter alone would explain is taken off.
        self._gram[np.diag_indices(steps)] -= (events * weights**2).sum(axis=1) * self._seen

    @property
    def scatter(self) -> float:
        """Standard deviation of the energy that noise alone explains: of a chi square of all cells."""
        return float(np.sqrt(2.0 * self.cells))

    def pairwise(self, out: Floats, back: Floats) -> tuple[Floats, Floats, Floats]:
        """Of each pair of rows: energy, likeness, and how much stronger the way back is than the way out.

        Args:
            out: lobes, float64 ``[N, T]``.
            back: lobes, float64 ``[N, T]``.

        Returns:
            float64 ``[N]`` each; the last in shares of energy, 0 where nothing comes back.
        """
        out, back = out * self._seen, back * self._seen
        seen_out = out @ self._gram
        first, both = (np.einsum("ij,ij->i", seen_out, lobe) for lobe in (out, back))
        second = np.einsum("ij,ij->i", back @ self._gram, back)
        one, two = ((lobe**2).sum(axis=1) + 1e-9 for lobe in (out, back))
        energy = (first + second - 2.0 * both) / (one + two - 2.0 * (out * back).sum(axis=1))
        first, second = np.maximum(first, 1e-9), np.maximum(second, 1e-9)
        return energy, np.clip(-both / np.sqrt(first * second), -1.0, 1.0), second / two**2 / (first / one**2)

    def explained(self, out: Floats, back: Floats) -> Explained:
        """Energies of all pairs.

        Args:
            out: lobes, float64 ``[N, T]``.
            back: lobes, float64 ``[M, T]``.
        """
        out, back = out * self._seen, back * self._seen
        seen_out = out @ self._gram
        first, both = np.einsum("ij,ij->i", seen_out, out), seen_out @ back.T
        second = np.einsum("ij,ij->i", back @ self._gram, back)
        slow_out, slow_back = out @ self._slow, back @ self._slow
        whole = (out**2).sum(axis=1)[:, None] + (back**2).sum(axis=1)[None]
        slow = (slow_out**2).sum(axis=1)[:, None] + (slow_back**2).sum(axis=1)[None]
        free = whole - slow - 2.0 * (out @ back.T - slow_out @ slow_back.T)
        energy = (first[:, None] + second[None] - 2.0 * both) / np.maximum(free, LEAST_FREE * whole + 1e-9)
        size = np.sqrt(np.maximum(first, 1e-9)[:, None] * np.maximum(second, 1e-9)[None])
        return Explained(energy, np.clip(-both / size, -1.0, 1.0))


class Amount:
    """How much happens in an area, for heads that turn: edges cross so many pixels that no pattern stays.

    The number of events goes with the speed. Its square root scatters evenly, and is taken to be a level and
    two lobes of any height.

    Args:
        counts: off and on events, uint16 ``[T, 2, rows, columns]``.
    """

    def __init__(self, counts: NDArray[np.uint16]) -> None:
        self.steps = len(counts)
        level = np.sqrt(counts.sum(axis=(1, 2, 3), dtype=np.float64))
        self._level = level - level.mean()

    @property
    def energy(self) -> float:
        """Of all that there is to explain."""
        return float(self._level @ self._level)

    def explained(self, out: Floats, back: Floats) -> Floats:
        """Energy that all pairs explain, float64 ``[N, M]``; 0 where a lobe would have to be negative."""
        out, back = (np.sqrt(lobe / (lobe.max(axis=1, keepdims=True) + 1e-9)) for lobe in (out, back))
        out, back = out - out.mean(axis=1, keepdims=True), back - back.mean(axis=1, keepdims=True)
        first, second = out @ self._level, back @ self._level
        one, two, both = (out**2).sum(axis=1), (back**2).sum(axis=1), out @ back.T
        energy = first[:, None] ** 2 * two[None] + second[None] ** 2 * one[:, None]
        energy -= 2.0 * first[:, None] * second[None] * both
        energy /= one[:, None] * two[None] - both**2 + 1e-6
        return np.where((first > 0)[:, None] & (second > 0)[None], energy, 0.0)
