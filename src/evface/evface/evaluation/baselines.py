"""What is reached without looking at a face: by chance, the most frequent class, counts and duration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evface.dataset.event_file import EventFile
from evface.dataset.naming import TakeId
from evface.dataset.splits import Fold
from evface.dataset.tree import ConvertedTake
from evface.evaluation.runs import JudgedClips, mean_over_seeds

Features = NDArray[np.float64]
"""Of one clip: duration in s, natural logarithms of its on and off events."""

PROBES: Final[Mapping[str, tuple[int, ...]]] = {
    "probe: duration": (0,),
    "probe: event counts": (1, 2),
    "probe: duration and event counts": (0, 1, 2),
}
"""Columns of `Features` that each probe sees."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rule that knows nothing of faces reaches.

    Attributes:
        name: of the rule.
        judged: on the clips held out.
    """

    name: str
    judged: JudgedClips


def clip_features(take: ConvertedTake, sensor: str = "davis") -> Features:
    """Duration and numbers of events of a clip on the whole sensor, wherever they happened.

    Args:
        take: with a clip and events of the sensor.
        sensor: "davis" or "evk4".

    Raises:
        FormatError: the event file is broken.
    """
    assert take.window is not None
    start, end = take.window
    with EventFile(take.events(sensor)) as file:
        span = (max(file.to_sensor(start), file.zero), min(file.to_sensor(end), file.end))
        on, off = file.on_and_off(*span)
    return np.array([(span[1] - span[0]) / 1e6, np.log1p(on), np.log1p(off)])


def baselines(features: Mapping[TakeId, Features], folds: Sequence[Fold]) -> list[Baseline]:
    """Chance, the majority class and the probes, on the clips that the folds hold out.

    A probe gives a clip the class whose mean among the training clips is nearest, each feature in units of
    its spread within the classes (a diagonal linear discriminant with equal priors).

    Args:
        features: of all clips of the folds.
        folds: what to learn from and to be judged by.
    """
    aus = sorted({take.au for take in features})

    def judge(name: str, answer: Callable[[Fold], NDArray[np.float64]]) -> Baseline:
        labels = [np.array([aus.index(take.au) for take in fold.test], np.int64) for fold in folds]
        parts = zip((fold.test for fold in folds), map(answer, folds), labels, strict=True)
        return Baseline(name, mean_over_seeds(list(parts)))

    def chance(fold: Fold) -> NDArray[np.float64]:
        return np.zeros((len(fold.test), len(aus)))

    def majority(fold: Fold) -> NDArray[np.float64]:
        counts = np.bincount([aus.index(take.au) for take in fold.train], minlength=len(aus))
        return np.tile(counts.astype(np.float64), (len(fold.test), 1))

    def probe(columns: tuple[int, ...]) -> Callable[[Fold], NDArray[np.float64]]:
        def answer(fold: Fold) -> NDArray[np.float64]:
            seen = np.array([features[take] for take in fold.train])[:, columns]
            asked = np.array([features[take] for take in fold.test])[:, columns]
            return _nearest_means(
                seen, np.array([aus.index(take.au) for take in fold.train]), asked, len(aus)
            )

        return answer

    found = [judge("chance", chance), judge("majority class", majority)]
    return found + [judge(name, probe(columns)) for name, columns in PROBES.items()]


def _nearest_means(
    seen: NDArray[np.float64], labels: NDArray[np.int64], asked: NDArray[np.float64], classes: int
) -> NDArray[np.float64]:
    """Negative squared distance of each asked clip to each class's mean, ``[N, classes]``."""
    means = np.full((classes, seen.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = seen[labels == label].mean(0)
    within = np.sqrt(((seen - means[labels]) ** 2).mean(0))
    # A feature that does not vary within the classes is left as it is.
    scale = np.where(within > 0, within, 1.0)
    distances = (((asked[:, None] - means[None]) / scale) ** 2).sum(2)
    return np.where(np.isnan(distances), -np.inf, -distances)
