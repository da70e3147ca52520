"""How well clips are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.errors import GeometryError


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
    """

    clips: int
    accuracy: float
    top3: float
    silent: float
    confusion: NDArray[np.float64]
    recall: NDArray[np.float64]

    def as_dict(self, aus: tuple[int, ...]) -> dict[str, Any]:
        """For metrics.json, classes by their FACS numbers."""
        recall = {str(au): None if np.isnan(value) else float(value) for au, value in zip(aus, self.recall)}
        return {
            "clips": self.clips,
            "accuracy": self.accuracy,
            "top3": self.top3,
            "silent": self.silent,
            "aus": list(aus),
            "recall": recall,
            "confusion": self.confusion.tolist(),
        }


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
    totals = confusion.sum(1)
    recall = np.divide(np.diag(confusion), totals, out=np.full(classes, np.nan), where=totals > 0)
    return Recognition(
        clips=len(labels),
        accuracy=float(top_k(scores, labels, 1).mean()),
        top3=float(top_k(scores, labels, min(3, classes)).mean()),
        silent=float((scores.max(1) == 0).mean()),
        confusion=confusion,
        recall=recall,
    )
