"""Two models on the same clips: by how much they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from evface.evaluation.image_metrics import METRICS as IMAGE_METRICS
from evface.evaluation.runs import JudgedClips, ReconstructionRun
from evface.evaluation.statistics import McNemar, cluster_bootstrap, exact_mcnemar

LEVEL: Final = 0.05
"""A difference counts when the interval leaves 0 out and McNemar's p is below this."""

Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a model stands to another on the clips that both were judged by.

    Attributes:
        clips: that both have.
        difference: mean of the first less the second, in shares of clips or in units of the metric.
        interval: 95 % of the difference, whole subjects drawn anew; None with fewer than two subjects.
        mcnemar: None for pictures, which are not right or wrong.
    """

    clips: int
    difference: float
    interval: tuple[float, float] | None
    mcnemar: McNemar | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the first has the higher figure; undecided where chance may do as much."""
        if self.interval is None or (self.mcnemar is not None and self.mcnemar.p >= LEVEL):
            return "undecided"
        if self.interval[0] > 0:
            return "better"
        return "worse" if self.interval[1] < 0 else "undecided"


def compare_recognition(first: JudgedClips, second: JudgedClips) -> Comparison | None:
    """Compare two recognisers; None without common clips.

    The difference is that of the expected accuracies, mean over the seeds. McNemar's test wants one answer
    per clip and model: a clip counts as right where more than half of its answers over the seeds are.
    """
    common = sorted(set(first.takes) & set(second.takes))
    if not common:
        return None
    one, other = first.only(common), second.only(common)
    difference = one.top1 - other.top1
    return Comparison(
        len(common),
        float(difference.mean()),
        cluster_bootstrap(difference, one.subjects),
        exact_mcnemar(one.right, other.right),
    )


def compare_reconstruction(
    first: ReconstructionRun, second: ReconstructionRun, methods: tuple[str, str], metric: str
) -> Comparison | None:
    """Compare two ways to reconstruct, clip by clip; None without common clips.

    A clip counts with the mean over its pictures and seeds.

    Args:
        first: a run.
        second: another, or the same.
        methods: of the first and of the second.
        metric: one of `IMAGE_METRICS`.
    """
    column = IMAGE_METRICS.index(metric)
    means = []
    for run, method in zip((first, second), methods, strict=True):
        rows = run.rows(method)
        names = np.array([take.name for take in run.takes], str)[rows]
        values = run.measures[rows, column]
        means.append({name: float(values[names == name].mean()) for name in np.unique(names).tolist()})
    common = sorted(set(means[0]) & set(means[1]))
    if not common:
        return None
    subjects = {take.name: take.subject for take in first.takes}
    difference = np.array([means[0][name] - means[1][name] for name in common])
    return Comparison(
        len(common),
        float(difference.mean()),
        cluster_bootstrap(difference, [subjects[name] for name in common]),
    )
