"""How the picture of a virtual subject moves: sway always, and a bump per cue that depends on the Action Unit.

This is a stand-in. It shifts and stretches parts of a picture in a way that differs from one Action Unit to the
next, so that a rig without cameras has something to record; it shows no facial action.

Lengths are in heights of the face, left and up are the viewer's; times are host unix time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evface.cameras.source import Cue

SECOND = 1_000_000_000
"""ns."""

_PERIOD = 1000
"""s after which the sway repeats; its frequencies are whole multiples of 1 / _PERIOD, so that it does so smoothly."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """What moves for an Action Unit, at its strongest.

    Attributes:
        centre: middle of the moving part, from the middle of the face.
        radius: of the moving part; 0 moves the whole head.
        shift: displacement of its middle.
        stretch: outward displacement per distance from the middle, along x and y, in units of ``radius``.
        onset: s.
        apex: s.
        offset: s.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    stretch: tuple[float, float] = (0.0, 0.0)
    onset: float = 0.25
    apex: float = 0.5
    offset: float = 0.4


_BROW, _EYES, _NOSE, _MOUTH, _CHIN = (0.0, -0.27), (0.0, -0.13), (0.0, 0.05), (0.0, 0.22), (0.0, 0.36)

GESTURES: dict[int, Gesture] = {
    2: Gesture(_BROW, 0.45, (0.0, -0.06)),
    4: Gesture(_BROW, 0.45, (0.0, 0.05), (-0.03, 0.0)),
    5: Gesture(_EYES, 0.30, (0.0, -0.02), (0.0, 0.05)),
    6: Gesture(_NOSE, 0.45, (0.0, -0.04), (0.03, 0.0)),
    9: Gesture(_NOSE, 0.30, (0.0, -0.05), (-0.03, -0.03)),
    12: Gesture(_MOUTH, 0.40, (0.0, -0.02), (0.08, 0.0)),
    15: Gesture(_MOUTH, 0.40, (0.0, 0.05)),
    17: Gesture(_CHIN, 0.35, (0.0, -0.06)),
    23: Gesture(_MOUTH, 0.35, (0.0, 0.0), (-0.05, -0.05)),
    26: Gesture(_CHIN, 0.45, (0.0, 0.10)),
    41: Gesture(_EYES, 0.30, (0.0, 0.04), onset=0.6, offset=0.6),
    43: Gesture(_EYES, 0.30, (0.0, 0.06), (0.0, -0.04), apex=0.9),
    45: Gesture(_EYES, 0.30, (0.0, 0.07), (0.0, -0.04), onset=0.08, apex=0.03, offset=0.12),
    51: Gesture(shift=(0.14, 0.0), onset=0.5, offset=0.6),
    52: Gesture(shift=(-0.14, 0.0), onset=0.5, offset=0.6),
    53: Gesture(shift=(0.0, -0.10), onset=0.5, offset=0.6),
    54: Gesture(shift=(0.0, 0.10), onset=0.5, offset=0.6),
    61: Gesture(_EYES, 0.22, (0.05, 0.0), onset=0.08, offset=0.08),
    62: Gesture(_EYES, 0.22, (-0.05, 0.0), onset=0.08, offset=0.08),
    63: Gesture(_EYES, 0.22, (0.0, -0.05), onset=0.08, offset=0.08),
    64: Gesture(_EYES, 0.22, (0.0, 0.05), onset=0.08, offset=0.08),
}
"""What moves, by FACS number."""


def minimum_jerk(u: float) -> float:
    """Way covered after the share ``u`` of a movement's time, 0 before it and 1 after it."""
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


@dataclass(frozen=True, slots=True)
class Performance:
    """One movement out and back, as answer to a cue.

    Attributes:
        gesture: what moves.
        begin: ns, host clock, when the movement begins.
        onset: s.
        apex: s.
        offset: s.
        gain: of the gesture's displacement.
    """

    gesture: Gesture
    begin: int
    onset: float
    apex: float
    offset: float
    gain: float

    def strength(self, time_ns: int) -> float:
        """Share of the gesture's displacement at a time: 0 before and after, ``gain`` at the apex."""
        since = (time_ns - self.begin) / SECOND
        back = since - self.onset - self.apex
        return self.gain * (minimum_jerk(since / self.onset) - minimum_jerk(back / self.offset))


def perform(cue: Cue, seed: int) -> Performance | None:
    """How a subject answers a cue; None when it asks for no movement.

    The same seed and cue give the same answer in every process. A movement that would outlast the cue is
    performed faster.
    """
    gesture = GESTURES.get(cue.au)
    if cue.phase != "perform" or gesture is None:
        return None
    random = np.random.default_rng([seed, cue.trial, cue.take, cue.au])
    reaction = float(random.uniform(0.20, 0.40))
    onset, apex, offset = (
        length * float(random.uniform(0.8, 1.25)) for length in (gesture.onset, gesture.apex, gesture.offset)
    )
    gain = float(random.uniform(0.8, 1.2))
    whole = reaction + onset + apex + offset
    pace = min(1.0, cue.duration / SECOND / whole) if cue.duration else 1.0
    begin = cue.start + round(reaction * pace * SECOND)
    return Performance(gesture, begin, onset * pace, apex * pace, offset * pace, gain)


class Sway:
    """Small movements of a head that is held still: three slow sinusoids each for x, y and the angle."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([seed, 0])
        self._multiples = random.integers([[120], [350], [800]], [[350], [800], [1600]], (3, 3))
        self._phases = random.uniform(0.0, 2.0 * np.pi, (3, 3))
        # Amplitudes fall with frequency, so that each part moves at a similar speed.
        self._amplitudes = np.array([0.009, 0.009, 0.008]) * np.array([[1.0], [0.45], [0.2]])

    def at(self, time_ns: int) -> tuple[float, float, float]:
        """Displacement to the right and down, in heights of the face, and angle, rad."""
        turns = (time_ns % (_PERIOD * SECOND)) / (_PERIOD * SECOND)
        waves = self._amplitudes * np.sin(2.0 * np.pi * self._multiples * turns + self._phases)
        x, y, angle = waves.sum(axis=0)
        return float(x), float(y), float(angle)
