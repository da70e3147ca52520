"""What rules reach that see no face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_dataset import SmallPlan, make_dataset

from evface.dataset.event_file import EventFile
from evface.dataset.naming import TakeId
from evface.dataset.splits import folds_of
from evface.dataset.tree import list_takes
from evface.evaluation.baselines import baselines, clip_features

TAKES = [TakeId(subject, "01", au, 1) for subject in ("S01", "S02", "S03") for au in (2, 12, 45)]


def accuracies(features: dict[TakeId, np.ndarray]) -> dict[str, float]:
    folds = folds_of(list(features), "loso")
    return {one.name: float(one.judged.top1.mean()) for one in baselines(features, folds)}


def test_a_probe_finds_what_duration_alone_gives_away() -> None:
    rng = np.random.default_rng(0)
    features = {take: np.array([take.au + rng.normal(0, 0.1), rng.normal(), rng.normal()]) for take in TAKES}
    found = accuracies(features)
    assert found["probe: duration"] == 1.0
    assert found["chance"] == found["majority class"] == pytest.approx(1 / 3)


def test_clips_that_are_all_alike_leave_chance() -> None:
    found = accuracies({take: np.array([2.5, 10.0, 10.0]) for take in TAKES})
    assert list(found.values()) == pytest.approx([1 / 3] * len(found))


def test_the_majority_is_that_of_the_training_clips() -> None:
    more = [*TAKES, TakeId("S01", "01", 2, 2), TakeId("S02", "01", 2, 2)]
    found = accuracies({take: np.zeros(3) for take in more})
    # Held out are 2, 2 and 1 clips of AU 2, which is the most frequent one in every training set.
    assert found["majority class"] == pytest.approx(5 / 11)


def test_features_count_the_clip_and_nothing_around_it(tmp_path: Path) -> None:
    take = list_takes(make_dataset(tmp_path, SmallPlan(("S01",), (12,))))[0]
    assert take.window is not None
    seconds, on, off = clip_features(take)
    assert seconds == pytest.approx((take.window[1] - take.window[0]) / 1e9, abs=0.02)
    with EventFile(take.events("davis")) as file:
        span = [file.to_sensor(instant) for instant in take.window]
        events = [block.p for block in file.blocks(*span)]
    polarity = np.concatenate(events)
    assert np.expm1(on) == pytest.approx(polarity.sum())
    assert np.expm1(off) == pytest.approx((polarity == 0).sum())
