"""How a virtual subject moves: sway that never stops, and a movement out and back for each Action Unit.

Everything is a function of seed, cues and time, so that several cameras, each in a process of its own, see
the same subject at the same moment.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from evface.cameras.source import Cue
from evface.protocol.action_units import AU_NUMBERS

SECOND = 1_000_000_000
"""ns."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a picture lies before a camera; poses add up.

    Attributes:
        right: shift, in heights of the camera's picture.
        down: shift, in heights of the camera's picture.
        turn: clockwise, rad.
        growth: of the size; 0.1 is a tenth larger.
    """

    right: float = 0.0
    down: float = 0.0
    turn: float = 0.0
    growth: float = 0.0

    def __add__(self, other: Pose) -> Pose:
        return Pose(
            self.right + other.right,
            self.down + other.down,
            self.turn + other.turn,
            self.growth + other.growth,
        )

    def __mul__(self, share: float) -> Pose:
        return Pose(self.right * share, self.down * share, self.turn * share, self.growth * share)


SHIFT, TURN, GROWTH = 0.035, math.radians(3.5), 0.045
"""Size of the movements: heights, rad, share."""


def _movements() -> dict[int, Pose]:
    """A movement of its own for each Action Unit: to 8 sides, turned, grown, and both of these together."""
    sides = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]
    made = {
        # The subject's left is the picture's right.
        51: Pose(right=SHIFT), 52: Pose(right=-SHIFT), 53: Pose(down=-SHIFT), 54: Pose(down=SHIFT),
        43: Pose(growth=-GROWTH), 45: Pose(growth=GROWTH), 61: Pose(turn=TURN), 62: Pose(turn=-TURN),
    }  # fmt: skip
    others = [Pose(right=SHIFT * x, down=SHIFT * y) for x, y in sides[1::2]]
    others += [Pose(turn=TURN * t, growth=GROWTH * g) for t in (1, -1) for g in (1, -1)]
    others += [Pose(right=SHIFT * x, down=SHIFT * y, growth=GROWTH) for x, y in sides[::2]]
    others += [Pose(right=SHIFT * x, down=SHIFT * y, growth=-GROWTH) for x, y in sides[::2]]
    return made | dict(zip((au for au in AU_NUMBERS if au not in made), others, strict=False))


MOVEMENTS = _movements()
"""Where the picture goes at the height of each Action Unit."""


def minimum_jerk(share: float) -> float:
    """The way covered, 0 to 1, after this share of a movement's time, as a hand or a face goes it."""
    s = min(1.0, max(0.0, share))
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


@dataclass(frozen=True, slots=True)
class Movement:
    """One performance of an Action Unit; times in ns.

    Attributes:
        peak: pose at the apex.
        begin: host clock, when it begins, reaction time included.
        onset: from rest to the apex.
        apex: held there.
        offset: from the apex to rest.
    """

    peak: Pose
    begin: int
    onset: int
    apex: int
    offset: int

    @classmethod
    def of(cls, cue: Cue, seed: int) -> Movement:
        """What the subject of this seed does on a cue: a reaction time, a gain and a pace of this take."""
        rng = np.random.default_rng([seed, cue.au, cue.trial, cue.take])
        reaction, onset, apex, offset = (
            round(rng.uniform(low, high) * SECOND)
            for low, high in ((0.20, 0.35), (0.25, 0.40), (0.25, 0.45), (0.30, 0.45))
        )
        gain = float(np.clip(rng.normal(1.0, 0.12), 0.6, 1.4))
        return cls(MOVEMENTS.get(cue.au, Pose()) * gain, cue.start + reaction, onset, apex, offset)

    def share(self, time_ns: int) -> float:
        """How far out it is, 0 to 1."""
        since = time_ns - self.begin
        if since <= self.onset:
            return minimum_jerk(since / self.onset)
        return 1.0 - minimum_jerk((since - self.onset - self.apex) / self.offset)


class Subject:
    """A virtual person's pose over time.

    Args:
        seed: of everything that differs from one subject to the next.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        rng = np.random.default_rng([seed, 0xFACE])
        right, down, turn, growth = rng.uniform(-1.0, 1.0, 4)
        self._place = Pose(0.015 * right, 0.015 * down, 0.03 * turn, 0.06 * growth)
        # Periods in ns: the phase of a time in ns since 1970 stays exact with integers.
        self._periods = [
            round(period * SECOND) for period in rng.uniform((2.9, 3.4, 4.1, 3.6), (4.1, 5.2, 6.3, 4.4))
        ]
        self._phases = rng.uniform(0.0, 1.0, 4)
        self._extent = (0.004, 0.005, 0.006, 0.004)
        # Two: the end of one movement may still be going on when the next take is performed.
        self._movements: deque[Movement] = deque(maxlen=2)
        self._last: Cue | None = None

    def cue(self, cue: Cue) -> None:
        """Act on a cue of the session: a movement for each ``perform``."""
        if cue.phase == "perform" and cue != self._last:
            self._last = cue
            self._movements.append(Movement.of(cue, self._seed))

    def pose(self, time_ns: int) -> Pose:
        """Where the subject is at a moment of the host clock."""
        sway = Pose(
            *(
                extent * math.sin(2.0 * math.pi * (time_ns % period / period + phase))
                for extent, period, phase in zip(self._extent, self._periods, self._phases, strict=True)
            )
        )
        pose = self._place + sway
        for movement in tuple(self._movements):
            pose = pose + movement.peak * movement.share(time_ns)
        return pose
