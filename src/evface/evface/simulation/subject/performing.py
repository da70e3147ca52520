"""One take: what a subject does when it is asked for an Action Unit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from evface.cameras.source import Cue
from evface.simulation.subject.face_state import ACTION_INDEX, Performance
from evface.simulation.subject.personality import Habit, Personality
from evface.simulation.subject.pulses import (
    ASIDE,
    GAZE_X,
    GAZE_Y,
    LEFT,
    PITCH,
    RIGHT,
    ROLL,
    YAW,
    Pulse,
)
from evface.simulation.subject.timing import (
    MILLISECOND,
    STRONGEST,
    WEAKEST,
    Parts,
    Style,
    draw_parts,
    extent,
    fitted,
    saccade,
)

QUICKEST, SLOWEST = 180 * MILLISECOND, 480 * MILLISECOND
"""ns, bounds of the reaction time."""

INVISIBLE = 0.15
"""Strength below which a performance has failed."""

_STRAY: dict[int, int] = {2: 1, 5: 1, 6: 12, 9: 4, 15: 17, 17: 24, 23: 24, 41: 7}
"""What people do instead of what they cannot do."""

_CLOSES = {41, 43, 45}
_HEAD: dict[int, tuple[int, float]] = {51: (YAW, 1.0), 52: (YAW, -1.0), 53: (PITCH, 1.0), 54: (PITCH, -1.0)}
_GAZE: dict[int, tuple[int, float]] = {
    61: (GAZE_X, 1.0),
    62: (GAZE_X, -1.0),
    63: (GAZE_Y, 1.0),
    64: (GAZE_Y, -1.0),
}
_CREEPS = {GAZE_X: YAW, GAZE_Y: PITCH}
_LOOKS = {YAW: GAZE_X, PITCH: GAZE_Y}


@dataclass(slots=True)
class Take:
    """A performance as it is put together.

    Attributes:
        truth: what is known of it.
        pulses: that the face makes.
    """

    truth: Performance
    pulses: list[Pulse] = field(default_factory=list)

    def both(self, number: int, left: float, right: float, times: tuple[int, int, int, int]) -> None:
        """Move an action on both halves at the same times (ns)."""
        index = ACTION_INDEX[number]
        self.pulses += [Pulse(LEFT + index, left, *times), Pulse(RIGHT + index, right, *times)]

    def turn(self, channel: int, degrees: float, times: tuple[int, int, int, int]) -> None:
        """Turn head or eyes."""
        self.pulses.append(Pulse(channel, degrees, *times))


def perform(cue: Cue, personality: Personality, seed: int, style: Style = "posed") -> Take:
    """What the subject does on a ``perform`` cue; another take is another draw.

    Strengths in the truth of AU 41, of heads and of eyes are on the scale of the muscles: `timing.extent`
    tells the share or the degrees that belong to them. Of AU 43 and 45 they are the share closed.
    A take whose cue asks for less time than a face needs runs over it. A failed one has the times at which it
    would have been done.

    Args:
        cue: of phase ``perform``.
        personality: of the subject.
        seed: of the subject.
        style: posed or micro.
    """
    rng = np.random.default_rng([seed, 0xAC7, cue.au, cue.trial, cue.take])
    habit = personality.habits[cue.au]
    reaction = round(float(np.clip(personality.reaction + rng.gamma(2.0, 0.025) - 0.05, 0.0, 1.0)) * 1e9)
    reaction = min(SLOWEST, max(QUICKEST, reaction))
    lead = round(rng.uniform(40.0, 90.0) * MILLISECOND) if cue.au in _HEAD else 0
    lag = round(float(np.clip(habit.lag + rng.normal(0.0, 0.009), -0.045, 0.045)) * 1e9)
    late = 0 if cue.au in _CLOSES or cue.au in _HEAD or cue.au in _GAZE else abs(lag)
    parts = draw_parts(cue.au, style, habit.tempo, rng)
    double = cue.au == 45 and style == "posed" and rng.random() < 0.12
    if cue.duration and style == "posed":
        parts = fitted(parts, cue.au, cue.duration - reaction - lead - late)
    strength, failed = _strength(cue.au, habit, style, rng)
    left, right = _halves(cue.au, strength, habit, rng)
    begin = cue.start + reaction + lead
    apex = begin + late + parts.onset
    offset = begin + parts.onset + parts.apex
    truth = Performance(
        cue.au, cue.trial, cue.take, begin, apex, max(apex, offset), begin + late + parts.total,
        intensity=(left + right) / 2.0, left=left, right=right, failed=failed,
    )  # fmt: skip
    take = Take(truth)
    if cue.au in _HEAD:
        _turn_head(take, lead, rng)
    elif cue.au in _GAZE:
        _turn_eyes(take, rng)
    elif cue.au in _CLOSES:
        _close_lids(take, double, rng)
    else:
        _move_muscle(take, parts, lag)
    if failed:
        _do_something_else(take, strength, rng)
    else:
        _bring_companions(take, habit, rng)
    take.pulses = [pulse for pulse in take.pulses if pulse.extent != 0.0]
    return take


def _strength(au: int, habit: Habit, style: Style, rng: np.random.Generator) -> tuple[float, bool]:
    """Strength of the take, and whether it failed."""
    fate, share = rng.random(), rng.random()
    usual = float(np.clip(habit.gain * rng.normal(1.0, 0.1), WEAKEST, STRONGEST))
    if fate < habit.fails:
        # Half of them do nothing at all; a lid that closes by a tenth is no weak blink but none.
        return (0.0 if share < 0.5 or au in _CLOSES else INVISIBLE * (0.3 + share - 0.5)), True
    if fate < habit.fails + habit.weak:
        usual = 0.3 + 0.15 * share
    return (usual if style == "posed" or au in (43, 45) else max(0.2, 0.55 * usual)), False


def _halves(au: int, strength: float, habit: Habit, rng: np.random.Generator) -> tuple[float, float]:
    """Strength on the left and on the right; of lids that close wholly, the share that is closed."""
    ratio = float(np.clip(habit.ratio + rng.normal(0.0, 0.066), 0.6, 1.5))
    if au in _HEAD or au in _GAZE:
        return strength, strength
    if au in (43, 45):
        closed = extent(au, strength) if strength else 0.0
        return min(1.0, closed * min(1.0, 0.9 + 0.1 * ratio)), closed
    return strength * 2.0 * ratio / (1.0 + ratio), strength * 2.0 / (1.0 + ratio)


def _move_muscle(take: Take, parts: Parts, lag: int) -> None:
    truth, index = take.truth, ACTION_INDEX[take.truth.au]
    for half, strength, late in ((LEFT, truth.left, max(0, -lag)), (RIGHT, truth.right, max(0, lag))):
        begin = truth.onset + late
        top = begin + parts.onset
        fall = top + parts.apex
        take.pulses.append(Pulse(half + index, strength, begin, top, fall, fall + parts.offset))


def _close_lids(take: Take, double: bool, rng: np.random.Generator) -> None:
    truth = take.truth
    left, right = truth.left, truth.right
    if truth.au == 41:
        left, right = min(0.65, extent(41, left)), min(0.65, extent(41, right))
    take.both(43, left, right, (truth.onset, truth.apex, truth.offset, truth.end))
    if double and not truth.failed:
        wait = round(rng.uniform(80.0, 160.0) * MILLISECOND)
        later = truth.end - truth.onset + wait
        times = (truth.onset + later, truth.apex + later, truth.offset + later, truth.end + later)
        take.both(43, left, right, times)
        take.truth = replace(truth, end=truth.end + later)


def _turn_head(take: Take, lead: int, rng: np.random.Generator) -> None:
    """The eyes go ahead and keep to what they look at while the head follows; so on the way back."""
    truth = take.truth
    channel, side = _HEAD[truth.au]
    degrees = side * extent(truth.au, truth.intensity)
    take.turn(channel, degrees, (truth.onset, truth.apex, truth.offset, truth.end))
    tilt, shift = rng.normal(0.0, 0.05, 2)
    if channel == YAW:
        take.turn(ROLL, degrees * tilt, (truth.onset, truth.apex, truth.offset, truth.end))
        take.turn(ASIDE, degrees * (0.1 + shift), (truth.onset, truth.apex, truth.offset, truth.end))
    ahead = side * min(20.0, 0.7 * abs(degrees))
    jump = saccade(ahead)
    out = truth.onset - lead
    take.turn(_LOOKS[channel], ahead, (out, out + jump, max(out + jump, truth.onset), truth.apex))
    back = max(truth.apex, truth.offset - lead)
    take.turn(_LOOKS[channel], -ahead, (back, back + jump, back + jump, truth.end))


def _turn_eyes(take: Take, rng: np.random.Generator) -> None:
    """A jump of the eyes, held, and back; the head creeps along and is the last to rest."""
    truth = take.truth
    channel, side = _GAZE[truth.au]
    degrees = side * extent(truth.au, truth.intensity)
    jump = saccade(degrees)
    apex = truth.onset + jump
    take.turn(channel, degrees, (truth.onset, apex, truth.offset, min(truth.end, truth.offset + jump)))
    creeps = degrees * rng.uniform(0.03, 0.12)
    late = min(round(rng.uniform(60.0, 140.0) * MILLISECOND), (truth.offset - truth.onset) // 3)
    take.turn(_CREEPS[channel], creeps, (truth.onset + late, truth.offset, truth.offset, truth.end))
    others = {}
    if truth.au == 63:
        others[5] = abs(degrees) * 0.02
    if truth.au == 64:
        others[43] = abs(degrees) * 0.012
    take.truth = replace(truth, apex=apex, others=others if truth.intensity > INVISIBLE else {})


def _do_something_else(take: Take, strength: float, rng: np.random.Generator) -> None:
    """Whoever cannot do what is asked often does what is near to it."""
    truth = take.truth
    stray = _STRAY.get(truth.au)
    if stray is None or rng.random() > 0.4:
        return
    other = float(rng.uniform(0.3, 0.7))
    take.both(stray, other, other, (truth.onset, truth.apex, truth.offset, truth.end))
    take.truth = replace(truth, others={stray: other})


def _bring_companions(take: Take, habit: Habit, rng: np.random.Generator) -> None:
    truth = take.truth
    others = dict(truth.others)
    rise, back = truth.apex - truth.onset, truth.end - truth.offset
    for number, (probability, share) in habit.companions.items():
        comes, size, late, early, ratio = rng.random(), *rng.normal(0.0, 1.0, 4)
        if comes >= probability:
            continue
        if number == 45:
            closed = float(np.clip(0.95 + 0.04 * size, 0.8, 1.0))
            others[45] = closed
            take.both(43, closed, closed, _blink_times(truth, abs(late)))
            continue
        strength = truth.intensity * share * float(np.clip(1.0 + 0.15 * size, 0.6, 1.4))
        half = float(np.clip(1.0 + 0.12 * ratio, 0.7, 1.3))
        begin = truth.onset + min(rise // 3, round(abs(late) * 25 * MILLISECOND))
        fall = truth.offset + round(float(np.clip(early, -2.0, 2.0)) * 0.1 * back)
        top = min(fall, begin + rise)
        take.both(
            number, strength * 2.0 * half / (1.0 + half), strength * 2.0 / (1.0 + half),
            (begin, max(begin + 1, top), max(begin + 1, fall), truth.end),
        )  # fmt: skip
        others[number] = strength
    take.truth = replace(take.truth, others=others)


def _blink_times(truth: Performance, late: float) -> tuple[int, int, int, int]:
    """A blink with the first of a movement, squeezed into it where it is short."""
    length = min(300 * MILLISECOND, truth.end - truth.onset)
    begin = min(truth.onset + round(min(late, 2.0) * 30 * MILLISECOND), truth.end - length)
    return begin, begin + length * 3 // 10, begin + length * 35 // 100, begin + length
