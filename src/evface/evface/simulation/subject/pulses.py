"""Movements out and back: what a performance is made of.

A pulse moves one channel of a face from rest to an extent, holds it and brings it back, both ways with the
minimum of jerk: its speed and its acceleration never jump.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS

LEFT, RIGHT = 0, len(ACTIONS)
"""First channel of each half's strengths."""

GAZE_X, GAZE_Y = 2 * len(ACTIONS), 2 * len(ACTIONS) + 1
"""Degrees to the left and up."""

YAW, PITCH, ROLL = GAZE_Y + 1, GAZE_Y + 2, GAZE_Y + 3
"""Degrees."""

ASIDE, UP, NEAR = ROLL + 1, ROLL + 2, ROLL + 3
"""Place of the head, mm."""

BREATH = NEAR + 1
"""Shoulders, mm."""

CHANNELS = BREATH + 1
"""How many numbers a face's state has."""

LID_LEFT, LID_RIGHT = LEFT + ACTION_INDEX[43], RIGHT + ACTION_INDEX[43]
"""Shares of the aperture that are closed."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A movement out and back; times in ns of the host's clock.

    Attributes:
        channel: that moves.
        extent: at its height, in the channel's unit.
        begin: it leaves rest.
        top: it is at its height.
        fall: it begins to go back.
        end: it is at rest again.
    """

    channel: int
    extent: float
    begin: int
    top: int
    fall: int
    end: int


@dataclass(frozen=True, slots=True)
class PulseTable:
    """Pulses as a kernel reads them.

    Attributes:
        channels: int64 ``[N]``.
        extents: float64 ``[N]``.
        times: begin, top, fall, end; int64 ``[N, 4]``, ns of the host's clock.
    """

    channels: NDArray[np.int64]
    extents: NDArray[np.float64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, pulses: list[Pulse]) -> PulseTable:
        """The table of some pulses."""
        return cls(
            np.array([pulse.channel for pulse in pulses], np.int64),
            np.array([pulse.extent for pulse in pulses], np.float64),
            np.array([(p.begin, p.top, p.fall, p.end) for p in pulses], np.int64).reshape(-1, 4),
        )

    def __add__(self, other: PulseTable) -> PulseTable:
        return PulseTable(
            np.concatenate((self.channels, other.channels)),
            np.concatenate((self.extents, other.extents)),
            np.concatenate((self.times, other.times)),
        )


@njit(cache=True)
def covered(since: int, duration: int) -> float:
    """The way covered, 0 to 1, so long after a movement began that takes ``duration``; both ns."""
    if since <= 0:
        return 0.0
    if since >= duration:
        return 1.0
    s = since / duration
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


@njit(cache=True)
def height(time: int, begin: int, top: int, fall: int, end: int) -> float:
    """How far out a pulse is at a time, 0 to 1; all in ns."""
    if time <= begin or time >= end:
        return 0.0
    if time <= fall:
        return covered(time - begin, top - begin)
    return 1.0 - covered(time - fall, end - fall)


@njit(cache=True)
def close_lid(state: NDArray[np.float64], channel: int, share: float) -> None:
    """Close a lid by a share of what is still open: several reasons never close it more than wholly."""
    state[channel] += (1.0 - state[channel]) * share


@njit(cache=True)
def add_pulses(
    state: NDArray[np.float64],
    time: int,
    channels: NDArray[np.int64],
    extents: NDArray[np.float64],
    times: NDArray[np.int64],
) -> None:
    """Add what the pulses of a table do at a time (ns) to a state, float64 ``[CHANNELS]``."""
    for k in range(channels.shape[0]):
        if times[k, 0] < time < times[k, 3]:
            moved = extents[k] * height(time, times[k, 0], times[k, 1], times[k, 2], times[k, 3])
            if channels[k] in (LID_LEFT, LID_RIGHT):
                close_lid(state, channels[k], moved)
            else:
                state[channels[k]] += moved
