"""What differs from one virtual subject to the next in how they move: drawn once, from the subject's seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evface.protocol.action_units import AU_NUMBERS

COMPANIONS: dict[int, dict[int, float]] = {
    2: {1: 0.7, 5: 0.35},
    4: {7: 0.5, 9: 0.25},
    5: {1: 0.35, 2: 0.35},
    6: {12: 0.55, 45: 0.15},
    9: {4: 0.5, 7: 0.5, 10: 0.7},
    12: {6: 0.55, 25: 0.45},
    15: {17: 0.6},
    17: {15: 0.3, 24: 0.45},
    23: {17: 0.4, 24: 0.5},
    26: {25: 1.0},
    41: {4: 0.3},
    43: {6: 0.35, 7: 0.5},
    51: {45: 0.5}, 52: {45: 0.5}, 53: {45: 0.4}, 54: {45: 0.5},
}  # fmt: skip
"""What often comes with an Action Unit, and how common the habit is among people; 45 is a blink."""

DIFFICULTY: dict[int, float] = {
    2: 0.30, 4: 0.06, 5: 0.10, 6: 0.14, 9: 0.20, 12: 0.02, 15: 0.16, 17: 0.08, 23: 0.16, 26: 0.02, 41: 0.22,
}  # fmt: skip
"""Share of people who mostly cannot do an Action Unit when asked; of the others 0.01."""

HABIT_SEEN, OTHERWISE_SEEN = 0.85, 0.12
"""How often a companion comes with somebody who has the habit, and with others."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How a subject does one Action Unit.

    Attributes:
        gain: mean strength, 1 is strong.
        tempo: 0 quick to 1 slow, within what people do.
        ratio: strength on the left to the one on the right.
        lag: s that the right half is late.
        fails: probability that nothing to be seen comes of it.
        weak: probability that it comes weakly.
        companions: FACS number to (probability, share of the strength).
    """

    gain: float
    tempo: float
    ratio: float
    lag: float
    fails: float
    weak: float
    companions: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Personality:
    """How a subject moves.

    Attributes:
        reaction: mean, s.
        blinks: a minute, by itself.
        habits: by FACS number.
        screen: where it looks when it does not look into the camera, degrees (to the left, up).
    """

    reaction: float
    blinks: float
    habits: dict[int, Habit]
    screen: tuple[float, float]

    @classmethod
    def of(cls, seed: int) -> Personality:
        """The personality of this seed (0 or above)."""
        rng = np.random.default_rng([seed, 0x9E25])
        tempo = rng.uniform(0.25, 0.75)
        # Streams of their own: a new trait leaves the others as they were.
        habits = {au: _habit(au, tempo, np.random.default_rng([seed, 0x4AB1, au])) for au in AU_NUMBERS}
        return cls(
            reaction=float(rng.uniform(0.23, 0.33)),
            blinks=float(rng.uniform(11.0, 19.0)),
            habits=habits,
            screen=(float(rng.choice((-1.0, 1.0)) * rng.uniform(5.0, 10.0)), float(rng.uniform(-8.0, -3.0))),
        )


def _habit(au: int, tempo: float, rng: np.random.Generator) -> Habit:
    cannot = rng.random() < DIFFICULTY.get(au, 0.01)
    companions = {}
    for other, common in COMPANIONS.get(au, {}).items():
        habitual = rng.random() < common
        # The lips part wherever the jaw drops.
        probability = 1.0 if common == 1.0 else HABIT_SEEN if habitual else OTHERWISE_SEEN
        share = rng.uniform(0.6, 0.9) if common == 1.0 else rng.uniform(0.2, 0.6)
        companions[other] = (probability, float(share))
    return Habit(
        gain=float(np.clip(rng.normal(0.85, 0.14), 0.5, 1.15)),
        tempo=float(np.clip(tempo + rng.normal(0.0, 0.15), 0.0, 1.0)),
        ratio=float(rng.normal(1.0, 0.1)),
        lag=float(rng.normal(0.0, 0.012)),
        fails=0.6 if cannot else 0.015,
        weak=0.3 if cannot else 0.06,
        companions=companions,
    )
