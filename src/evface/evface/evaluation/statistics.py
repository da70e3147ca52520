"""How sure a share is, and whether two models differ, on clips of few subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

from evface.errors import GeometryError

RESAMPLES: Final = 10_000
"""Cohorts drawn by the bootstrap."""


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact test of McNemar (1947): clips on which two models disagree, told by a fair coin.

    Attributes:
        only_first: clips that only the first model has right.
        only_second: clips that only the second has right.
        p: two-sided; 1 where they never disagree.
    """

    only_first: int
    only_second: int
    p: float


def exact_mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Compare two models on the same clips.

    Args:
        first: whether the first model has each clip right, ``[N]``.
        second: the same of the second, ``[N]``.

    Raises:
        GeometryError: the two are not about as many clips.
    """
    if first.shape != second.shape:
        raise GeometryError(f"{len(first)} and {len(second)} clips cannot be compared in pairs")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagreed = only_first + only_second
    p = float(binomtest(only_first, disagreed, 0.5).pvalue) if disagreed else 1.0
    return McNemar(only_first, only_second, p)


def cluster_bootstrap(
    values: NDArray[np.floating], subjects: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """95 % percentile interval of a mean over clips when whole subjects are drawn anew.

    Clips of one subject resemble each other, which Wilson's interval does not know. With few subjects this
    one is too narrow as well: seven of them cannot show how much people differ.

    Args:
        values: one per clip, ``[N]``; for the difference of two models the difference per clip.
        subjects: of each clip, ``[N]``.
        resamples: cohorts drawn.
        seed: of the drawing: the same values give the same interval.

    Returns:
        Low and high; None with fewer than two subjects, where nothing can be said.

    Raises:
        GeometryError: not as many subjects as values.
    """
    if len(values) != len(subjects):
        raise GeometryError(f"{len(values)} values of {len(subjects)} subjects")
    names, whose = np.unique(np.asarray(subjects, str), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.bincount(whose, weights=values)
    counts = np.bincount(whose).astype(np.float64)

    def mean(sums: NDArray[Any], counts: NDArray[Any], axis: int) -> NDArray[Any]:
        return np.asarray(sums.sum(axis) / counts.sum(axis))

    found = bootstrap(
        (sums, counts),
        mean,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
