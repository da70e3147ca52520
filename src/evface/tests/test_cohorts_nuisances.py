"""Nothing but the face tells the Action Unit: a probe sees backgrounds and light, and finds chance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from evface.protocol.action_units import AU_NUMBERS
from evface.simulation.cohorts import planned
from evface.simulation.cohorts.take import open_take

SUBJECTS = 12
CHANCE = 1 / len(AU_NUMBERS)
SIZE = (346, 260)
"""px of the DAVIS346."""

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Looks:
    """What was seen of each take, ``[N, ...]``."""

    rest: NDArray[np.float32]
    apex: NDArray[np.float32]
    aus: NDArray[np.int64]
    subjects: NDArray[np.int64]

    @property
    def background(self) -> Features:
        """At rest: left and right of the head, and how light it is everywhere."""
        sides = np.concatenate([self.rest[:, :150, :64], self.rest[:, :150, -64:]], axis=2)
        level = self.rest.mean(axis=(1, 2))
        return np.column_stack([shrunk(sides, (16, 15)), level])

    @property
    def face(self) -> Features:
        """At the apex: what lies in the middle."""
        return shrunk(self.apex[:, 20:240, 98:248], (30, 44))


def shrunk(pictures: NDArray[np.float32], size: tuple[int, int]) -> Features:
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA).ravel() for picture in pictures]
    return np.stack(small).astype(np.float64)


@pytest.fixture(scope="module")
def looks() -> Looks:
    plan = planned(subjects=SUBJECTS, sensors=["davis346"])
    rest, apex = [], []
    for take in plan.takes:
        scene = open_take(take, plan, "davis346")
        rest.append(scene.render(take.start + take.timing.countdown // 2, *SIZE))
        apex.append(scene.render(scene.behaviour.performances[-1].apex, *SIZE))
    return Looks(
        np.stack(rest) ** np.float32(1 / 2.2),
        np.stack(apex) ** np.float32(1 / 2.2),
        np.array([take.id.au for take in plan.takes]),
        np.array([int(take.id.subject[1:]) for take in plan.takes]),
    )


def hits(features: Features, aus: NDArray[np.int64], subjects: NDArray[np.int64]) -> int:
    """Takes whose Action Unit has the nearest mean among the others; each subject's mean is taken off."""
    own = features.copy()
    for subject in np.unique(subjects):
        own[subjects == subject] -= own[subjects == subject].mean(axis=0)
    own /= own.std(axis=0) + 1e-9
    found = 0
    for subject in np.unique(subjects):
        others, mine = subjects != subject, subjects == subject
        means = np.stack([own[others & (aus == au)].mean(axis=0) for au in AU_NUMBERS])
        distances = ((own[mine][:, None] - means[None]) ** 2).sum(axis=2)
        found += int(np.count_nonzero(np.array(AU_NUMBERS)[distances.argmin(axis=1)] == aus[mine]))
    return found


def test_background_and_light_before_the_onset_do_not_tell_the_action_unit(looks: Looks) -> None:
    low, high = binom.ppf([0.0005, 0.9995], len(looks.aus), CHANCE)
    assert low <= hits(looks.background, looks.aus, looks.subjects) <= high


def test_the_probe_finds_a_background_that_tells(looks: Looks) -> None:
    """A light that is half a per cent stronger from one Action Unit to the next."""
    order = np.searchsorted(np.array(AU_NUMBERS), looks.aus)
    leaking = looks.background * (1.0 + 0.005 * order[:, None])
    assert hits(leaking, looks.aus, looks.subjects) > 2 * binom.ppf(0.9995, len(looks.aus), CHANCE)


def test_the_face_at_its_apex_tells_the_action_unit(looks: Looks) -> None:
    assert hits(looks.face, looks.aus, looks.subjects) > 2 * binom.ppf(0.9995, len(looks.aus), CHANCE)


def test_backgrounds_and_light_differ_between_subjects(looks: Looks) -> None:
    """Else the probe would be right about nothing."""
    levels = [looks.rest[looks.subjects == subject].mean() for subject in np.unique(looks.subjects)]
    assert np.std(levels) > 0.01
