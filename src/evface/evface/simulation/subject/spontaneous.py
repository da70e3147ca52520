"""What a virtual person does unasked: blinks, sway, breath, eyes that are never quite still.

All of it follows from the subject's key and the host's clock alone: any process may ask for any moment, in
any order. Nothing jumps: a jump would be a burst of events that no face makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.subject.chance import about_normal, uniform
from evface.simulation.subject.face_state import ACTION_INDEX
from evface.simulation.subject.pulses import (
    ASIDE,
    BREATH,
    CHANNELS,
    GAZE_X,
    GAZE_Y,
    LEFT,
    LID_LEFT,
    LID_RIGHT,
    NEAR,
    PITCH,
    RIGHT,
    ROLL,
    UP,
    YAW,
    close_lid,
    covered,
    height,
)

SECOND, MILLISECOND = 1_000_000_000, 1_000_000
"""ns."""

_BLINK, _FIXATION, _READING = 1, 2, 3
_LONGEST_BLINK = 450 * MILLISECOND
_MICROSACCADE, _SACCADE = 25 * MILLISECOND, 45 * MILLISECOND
_FIXATION_DEGREES = 0.16
_READING_DEGREES = (2.2, 1.1)
_GAZE_TURNS, _HEAD_TURNS = 60 * MILLISECOND, 450 * MILLISECOND
_HEAD_SHARE = 0.3
_UP_LIFTS, _DOWN_CLOSES, _LID_ROUNDING = 0.022, 0.013, 2.0

_LIFT_LEFT, _LIFT_RIGHT = LEFT + ACTION_INDEX[5], RIGHT + ACTION_INDEX[5]

_SWAY: tuple[tuple[int, tuple[float, float]], ...] = (
    (YAW, (0.4, 1.0)), (PITCH, (0.4, 1.0)), (ROLL, (0.2, 0.6)),
    (ASIDE, (0.8, 2.2)), (UP, (0.4, 1.0)), (NEAR, (0.8, 2.5)),
    (GAZE_X, (0.1, 0.25)), (GAZE_Y, (0.1, 0.25)),
)  # fmt: skip
"""Channels that sway and how far at most, between the calmest and the liveliest subject: degrees, mm."""

_PERIODS = ((2.9, 4.3), (5.1, 7.7), (9.7, 15.1))
_SHARES = (0.4, 0.35, 0.25)
_TONIC = (1, 4, 7, 12, 15, 17, 24)
"""Actions that a face at rest never quite lets go of."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Sines, in a table that a kernel reads.

    Attributes:
        rest: what each channel is without them, float64 ``[CHANNELS]``.
        channels: int64 ``[N]``.
        periods: ns, int64 ``[N]``; the phase of a time since 1970 stays exact with integers.
        extents: float64 ``[N]``.
        phases: share of a period, float64 ``[N]``.
    """

    rest: NDArray[np.float64]
    channels: NDArray[np.int64]
    periods: NDArray[np.int64]
    extents: NDArray[np.float64]
    phases: NDArray[np.float64]

    @classmethod
    def of(cls, seed: int) -> Waves:
        """Sway, breath and the tension of a face at rest of this seed."""
        rng = np.random.default_rng([seed, 0x5A4A])
        rest = np.zeros(CHANNELS)
        sines: list[tuple[int, float, float, float]] = []
        for channel, (calm, lively) in _SWAY:
            extent = rng.uniform(calm, lively)
            sines += [
                (channel, rng.uniform(*period), extent * share, rng.random())
                for period, share in zip(_PERIODS, _SHARES, strict=True)
            ]
        period, extent, phase = 1.0 / rng.uniform(0.2, 0.3), rng.uniform(1.0, 2.0), rng.random()
        # In quicker than out; the head goes along a little.
        sines += [(BREATH, period, extent, phase), (BREATH, period / 2.0, 0.2 * extent, 2.0 * phase)]
        sines += [(UP, period, 0.16 * extent, phase), (NEAR, period, 0.1 * extent, phase)]
        for action in _TONIC:
            period, extent, phase = rng.uniform(7.0, 19.0), rng.uniform(0.004, 0.02), rng.random()
            for half in (LEFT, RIGHT):
                share = rng.uniform(0.8, 1.2)
                channel = half + ACTION_INDEX[action]
                # Never below nothing.
                rest[channel] = extent * share
                sines.append((channel, period, extent * share, phase))
        columns = list(zip(*sines, strict=True))
        return cls(
            rest,
            np.array(columns[0], np.int64),
            np.array([round(period * SECOND) for period in columns[1]], np.int64),
            np.array(columns[2], np.float64),
            np.array(columns[3], np.float64),
        )


@njit(cache=True)
def blink(key: int, length: int, block: int, which: int) -> tuple[int, int, int, int, float, float, float]:
    """A blink that nobody asked for.

    A block of time has none, one or two of them, one on average.

    Args:
        key: of the subject.
        length: of a block, ns.
        block: the time in ns by ``length``.
        which: 0 or 1.

    Returns:
        begin, shut, opens, end in ns (0 where there is no such blink); shares closed on the left and right;
        a number from 0 to 1 by which it gives way to a performance.
    """
    kind = uniform(key, _BLINK, block, 0)
    count = 0 if kind < 0.2 else 2 if kind > 0.8 else 1
    if which >= count:
        return 0, 0, 0, 0, 0.0, 0.0, 0.0
    at = 8 * which
    room = length // count
    place = uniform(key, _BLINK, block, at + 1)
    begin = block * length + which * room + int(place * (room - _LONGEST_BLINK))
    shut = begin + int((70.0 + 30.0 * uniform(key, _BLINK, block, at + 2)) * MILLISECOND)
    opens = shut + int((5.0 + 25.0 * uniform(key, _BLINK, block, at + 3)) * MILLISECOND)
    end = opens + int((150.0 + 130.0 * uniform(key, _BLINK, block, at + 4)) * MILLISECOND)
    closed = 0.86 + 0.14 * uniform(key, _BLINK, block, at + 5)
    right = closed * (0.97 + 0.03 * uniform(key, _BLINK, block, at + 6))
    return begin, shut, opens, end, closed, right, uniform(key, _BLINK, block, at + 7)


@njit(cache=True)
def _blinks(state: NDArray[np.float64], time: int, key: int, length: int, held: NDArray[np.int64]) -> None:
    block = time // length
    for which in range(2):
        begin, shut, opens, end, left, right, _ = blink(key, length, block, which)
        if not begin < time < end:
            continue
        name = 2 * block + which
        kept = True
        for k in range(held.shape[0]):
            kept = kept and held[k] != name
        if kept:
            share = height(time, begin, shut, opens, end)
            close_lid(state, LID_LEFT, left * share)
            close_lid(state, LID_RIGHT, right * share)


@njit(cache=True)
def _jumping(key: int, stream: int, time: int, slot: int, takes: int) -> tuple[float, float]:
    """Where eyes look that jump once in each slot, in standard deviations; a jump takes ``takes`` ns."""
    place = time // slot
    since = time - place * slot - int(0.8 * uniform(key, stream, place, 0) * (slot - takes))
    share = covered(since, takes)
    old_x, old_y = about_normal(key, stream, place - 1, 1), about_normal(key, stream, place - 1, 2)
    new_x, new_y = about_normal(key, stream, place, 1), about_normal(key, stream, place, 2)
    return old_x + (new_x - old_x) * share, old_y + (new_y - old_y) * share


@njit(cache=True)
def _turned(time: int, begins: NDArray[np.int64], steps: NDArray[np.float64], takes: int) -> float:
    total = 0.0
    for k in range(begins.shape[0]):
        if begins[k] < time:
            total += steps[k] * covered(time - begins[k], takes)
    return total


@njit(cache=True)
def add_life(
    state: NDArray[np.float64],
    time: int,
    key: int,
    slots: tuple[int, int, int],
    screen: tuple[float, float],
    channels: NDArray[np.int64],
    periods: NDArray[np.int64],
    extents: NDArray[np.float64],
    phases: NDArray[np.float64],
    held: NDArray[np.int64],
    begins: NDArray[np.int64],
    steps: NDArray[np.float64],
) -> None:
    """Add what the subject does unasked to a state.

    Args:
        state: float64 ``[CHANNELS]``.
        time: ns, host clock.
        key: of the subject.
        slots: ns between blinks, between microsaccades, between looks at the screen; on average.
        screen: degrees (to the left, up) from the camera.
        channels: of `Waves`.
        periods: of `Waves`.
        extents: of `Waves`.
        phases: of `Waves`.
        held: blinks that gave way to a performance, ``2 * block + which``, int64 ``[N]``.
        begins: when the subject turned from the camera to the screen or back, ns, int64 ``[M]``.
        steps: 1 to the screen, -1 back, float64 ``[M]``.
    """
    for k in range(channels.shape[0]):
        phase = (time % periods[k]) / periods[k] + phases[k]
        state[channels[k]] += extents[k] * math.sin(2.0 * math.pi * phase)
    _blinks(state, time, key, slots[0], held)
    x, y = _jumping(key, _FIXATION, time, slots[1], _MICROSACCADE)
    state[GAZE_X] += _FIXATION_DEGREES * x
    state[GAZE_Y] += _FIXATION_DEGREES * y
    away = _turned(time, begins, steps, _GAZE_TURNS)
    head = _HEAD_SHARE * _turned(time, begins, steps, _HEAD_TURNS)
    if away != 0.0 or head != 0.0:
        x, y = _jumping(key, _READING, time, slots[2], _SACCADE)
        state[GAZE_X] += away * (screen[0] + _READING_DEGREES[0] * x) - head * screen[0]
        state[GAZE_Y] += away * (screen[1] + _READING_DEGREES[1] * y) - head * screen[1]
        state[YAW] += head * screen[0]
        state[PITCH] += head * screen[1]


@njit(cache=True)
def lids_follow_gaze(state: NDArray[np.float64]) -> None:
    """Move the upper lids with the eyes: 0.4 of AU 5 at 20 degrees up, a third closed at 27 down."""
    gaze = state[GAZE_Y]
    # With a slope of 0 where the gaze crosses the horizon, and soon straight.
    way = gaze * gaze / (abs(gaze) + _LID_ROUNDING)
    lift, closed = (_UP_LIFTS * way, 0.0) if gaze > 0.0 else (0.0, _DOWN_CLOSES * way)
    state[_LIFT_LEFT] += lift
    state[_LIFT_RIGHT] += lift
    close_lid(state, LID_LEFT, closed)
    close_lid(state, LID_RIGHT, closed)
