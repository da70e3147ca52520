"""Intervals and tests against published figures."""

from __future__ import annotations

import numpy as np
import pytest

from evface.errors import GeometryError
from evface.evaluation.metrics import wilson_interval
from evface.evaluation.statistics import cluster_bootstrap, exact_mcnemar


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_interval_is_that_of_newcombe_1998(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_the_paper_s_147_clips_leave_sixteen_points_of_doubt() -> None:
    low, high = wilson_interval(0.5123 * 147, 147)
    assert (round(100 * low), round(100 * high)) == (43, 59)


def test_mcnemar_s_exact_test_is_a_coin() -> None:
    first = np.array([True] * 9 + [False] * 1 + [True] * 40 + [False] * 5)
    second = np.array([False] * 9 + [True] * 1 + [True] * 40 + [False] * 5)
    found = exact_mcnemar(first, second)
    assert (found.only_first, found.only_second) == (9, 1)
    assert found.p == pytest.approx(2 * (1 + 10) / 2**10)
    assert exact_mcnemar(second, first).p == found.p


def test_models_that_never_disagree_do_not_differ() -> None:
    same = np.array([True, False, True])
    assert exact_mcnemar(same, same).p == 1.0
    with pytest.raises(GeometryError, match="2 and 3 clips"):
        exact_mcnemar(same[:2], same)


def test_drawing_two_subjects_gives_both_extremes() -> None:
    # Of two subjects, one all right and one all wrong, a quarter of the cohorts drawn is twice the same one.
    assert cluster_bootstrap(np.array([1.0, 1.0, 0.0, 0.0]), ["a", "a", "b", "b"]) == (0.0, 1.0)


def test_clips_of_equal_subjects_leave_no_doubt_over_subjects() -> None:
    found = cluster_bootstrap(np.tile([1.0, 0.0, 0.0], 7), np.repeat([f"S{n}" for n in range(7)], 3).tolist())
    assert found == pytest.approx((1 / 3, 1 / 3))


def test_clips_that_are_subjects_give_the_textbook_s_interval() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    found = cluster_bootstrap(values, [str(number) for number in range(400)])
    half = 1.96 * values.std() / np.sqrt(400)
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_subjects_with_more_clips_weigh_more() -> None:
    values, subjects = np.array([1.0] * 9 + [0.0]), ["a"] * 9 + ["b"]
    low, high = cluster_bootstrap(values, subjects) or (0, 0)
    assert (low, high) == (0.0, 1.0)
    assert cluster_bootstrap(values, subjects, seed=0) == cluster_bootstrap(values, subjects, seed=0)


def test_one_subject_tells_nothing_of_others() -> None:
    assert cluster_bootstrap(np.array([1.0, 0.0]), ["a", "a"]) is None
    with pytest.raises(GeometryError, match="2 values of 1"):
        cluster_bootstrap(np.array([1.0, 0.0]), ["a"])
