"""Plans of simulated cohorts: who performs what before which cameras."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evface.errors import ConfigError
from evface.protocol.action_units import AU_NUMBERS
from evface.simulation.cohorts import planned


def test_the_paper_s_cohort_has_the_paper_s_counts() -> None:
    plan = planned(cohort="paper7")
    assert plan.subjects == 7
    assert plan.counts() == {"davis346": 147, "webcam": 147, "evk4": 63}
    with_evk4 = {take.id.subject for take in plan.takes if "evk4" in take.sensors}
    assert len(with_evk4) == 3


def test_nobody_sits_before_no_camera() -> None:
    plan = planned(cohort="paper7", sensors=["evk4"])
    assert (plan.subjects, plan.counts()) == (3, {"evk4": 63})
    assert all(take.sensors for take in plan.takes)


def test_the_large_cohort_has_64_subjects_before_every_camera() -> None:
    plan = planned(cohort="large")
    assert set(plan.counts().values()) == {64 * 21}
    assert len({take.subject_seed for take in plan.takes}) == 64


def test_every_subject_performs_every_action_unit_once() -> None:
    plan = planned(subjects=5, sensors=["davis346"])
    assert Counter(take.id.au for take in plan.takes) == dict.fromkeys(AU_NUMBERS, 5)
    assert len({take.id for take in plan.takes}) == len(plan.takes) == 105


def test_subjects_have_orders_of_their_own() -> None:
    plan = planned(subjects=8)
    orders = {
        tuple(take.id.au for take in plan.takes if take.id.subject == f"S{number:02d}")
        for number in range(1, 9)
    }
    assert len(orders) == 8


def test_the_place_in_the_session_does_not_tell_the_action_unit() -> None:
    """The mean place of each Action Unit is that of chance: four standard errors of 64 subjects."""
    plan = planned(cohort="large")
    for au in AU_NUMBERS:
        places = [take.trial for take in plan.takes if take.id.au == au]
        assert abs(np.mean(places) - 10.0) < 4 * np.sqrt((21**2 - 1) / 12 / 64)


@given(seed=st.integers(0, 10**9), subjects=st.integers(1, 12))
def test_takes_of_a_session_follow_one_another(seed: int, subjects: int) -> None:
    plan = planned(subjects=subjects, seed=seed)
    for take, following in pairwise(plan.takes):
        assert take.session < take.start
        assert take.end < following.start


def test_the_same_seed_is_the_same_plan_and_another_one_is_not() -> None:
    assert planned(seed=4).takes == planned(seed=4).takes
    assert {take.subject_seed for take in planned(seed=4).takes}.isdisjoint(
        take.subject_seed for take in planned(seed=5).takes
    )


def test_more_subjects_leave_the_first_ones_as_they_are() -> None:
    few, many = planned(subjects=2).takes, planned(subjects=9).takes
    assert many[: len(few)] == few


def test_the_cues_of_a_take_follow_its_timing() -> None:
    take = planned(aus=[12]).takes[0]
    cues = take.cues()
    assert [cue.phase for cue in cues] == ["countdown", "perform", "rest"]
    assert cues[0].start == take.start
    assert cues[-1].start + cues[-1].duration == take.end
    assert {cue.au for cue in cues} == {12}


def test_the_scale_is_the_evk4_s_alone() -> None:
    plan = planned(scale=0.5)
    assert (plan.size("evk4"), plan.size("davis346"), plan.size("webcam")) == (
        (640, 360), (346, 260), (1280, 720),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cohort": "paper8"}, "cohort: expected paper7 or large, found 'paper8'"),
        ({"aus": []}, "aus: expected Action Units, each once, found none"),
        ({"aus": [12, 12]}, "found 12, 12"),
        ({"aus": [3]}, "AU 3 is not one of the 21"),
        ({"sensors": ["davis"]}, "sensors: there is no 'davis'; there are: davis346, webcam, evk4"),
        ({"sensors": []}, "sensors: expected some of"),
        ({"style": "wild"}, "style: expected posed or micro, found 'wild'"),
        ({"scale": 0.01}, "scale: expected 0.1 to 1, found 0.01"),
        ({"seed": -1}, "seed: expected 0 or above"),
        ({"subjects": 0}, "subjects: expected 1 to 999, found 0"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(asked: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned(**asked)
