"""How well clips are told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.protocol.action_units import Group, action_unit


@dataclass(frozen=True, slots=True)
class Recognition:
    """Results over a set of clips.

    Attributes:
        clips: how many.
        accuracy: expected share of clips whose class has the highest score; ties are broken by chance.
        top3: the same for the three highest.
        silent: share of clips for which no output neuron spiked at all.
        confusion: float64 ``[classes, classes]``, rows are truth, columns answers; a tie is shared out.
        recall: per class, NaN for a class without clips, float64 ``[classes]``.
        f1: per class, NaN for a class that neither occurred nor was answered, float64 ``[classes]``.
    """

    clips: int
    accuracy: float
    top3: float
    silent: float
    confusion: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]

    def as_dict(self, aus: tuple[int, ...]) -> dict[str, Any]:
        """For metrics.json, classes by their FACS numbers."""
        return {
            "clips": self.clips,
            "accuracy": self.accuracy,
            "top3": self.top3,
            "accuracy_interval_95": list(wilson_interval(self.accuracy * self.clips, self.clips)),
            "silent": self.silent,
            "aus": list(aus),
            "recall": {str(au): _known(value) for au, value in zip(aus, self.recall, strict=True)},
            "f1": {str(au): _known(value) for au, value in zip(aus, self.f1, strict=True)},
            "groups": self._groups(aus),
            "confusion": self.confusion.tolist(),
        }

    def _groups(self, aus: tuple[int, ...]) -> dict[str, float]:
        """Share of a part of the face's clips whose class was answered, for parts with clips."""
        totals, right = self.confusion.sum(1), np.diag(self.confusion)
        found = {}
        for group in get_args(Group):
            rows = [row for row, au in enumerate(aus) if action_unit(au).group == group]
            if totals[rows].sum() > 0:
                found[group] = float(right[rows].sum() / totals[rows].sum())
        return found


def wilson_interval(successes: float, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a share; it takes clips as independent, which those of one subject are not.

    Args:
        successes: may be a fraction, where ties are shared out.
        trials: at least 1.
        z: quantile of the normal distribution; the default is for 95 %.
    """
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def top_k(scores: NDArray[np.floating], labels: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Probability that a clip's class is among its k highest scores when ties are broken by chance.

    Args:
        scores: ``[N, classes]``.
        labels: class index, ``[N]``.
        k: how many answers are allowed.

    Returns:
        float64 ``[N]`` in [0, 1].
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    higher, equal = (scores > own).sum(1), (scores == own).sum(1)
    return np.clip((k - higher) / equal, 0.0, 1.0)


def recognition(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> Recognition:
    """Judge the mean scores of clips.

    Args:
        scores: ``[N, classes]``, mean voting rate per clip.
        labels: class index, ``[N]``.

    Raises:
        GeometryError: no clips, or scores and labels do not fit each other.
    """
    if scores.ndim != 2 or len(labels) == 0 or len(scores) != len(labels):
        raise GeometryError(f"scores {list(scores.shape)} do not fit {len(labels)} labels")
    classes = scores.shape[1]
    answers = (scores == scores.max(1, keepdims=True)).astype(np.float64)
    answers /= answers.sum(1, keepdims=True)
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, labels, answers)
    right, totals = np.diag(confusion), confusion.sum(1)
    both = totals + confusion.sum(0)
    recall = np.divide(right, totals, out=np.full(classes, np.nan), where=totals > 0)
    f1 = np.divide(2 * right, both, out=np.full(classes, np.nan), where=both > 0)
    return Recognition(
        clips=len(labels),
        accuracy=float(top_k(scores, labels, 1).mean()),
        top3=float(top_k(scores, labels, min(3, classes)).mean()),
        silent=float((scores.max(1) == 0).mean()),
        confusion=confusion,
        recall=recall,
        f1=f1,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
