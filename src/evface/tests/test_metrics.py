"""How well clips are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from evface.errors import GeometryError
from evface.evaluation.metrics import recognition, top_k


def test_a_tie_counts_as_the_accuracy_that_guessing_would_have() -> None:
    scores = np.array([[0.5, 0.5, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0]])
    labels = np.array([0, 2])
    assert top_k(scores, labels, 1).tolist() == [0.5, 0.25]
    assert top_k(scores, labels, 3).tolist() == [1.0, 0.75]


def test_confusion_and_recall_by_hand() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.0, 0.0, 0.0]])
    found = recognition(scores, np.array([0, 1, 1, 1]))
    assert found.accuracy == pytest.approx((1 + 1 + 0 + 1 / 3) / 4)
    assert found.silent == 0.25
    assert found.confusion[0].tolist() == [1, 0, 0]
    assert found.confusion[1] == pytest.approx([1 + 1 / 3, 1 + 1 / 3, 1 / 3])
    assert np.isnan(found.recall[2])
    assert found.recall[0] == 1.0
    assert found.as_dict((2, 4, 5))["recall"]["5"] is None


def test_scores_without_clips_are_refused() -> None:
    with pytest.raises(GeometryError, match="0 labels"):
        recognition(np.zeros((0, 3)), np.zeros(0, np.int64))
