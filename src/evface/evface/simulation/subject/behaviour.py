"""What a virtual person does: a function of seed, cues and time, the same in every process that asks.

A performance on each cue to perform, as this person does it, with what comes along; and all the time blinks,
sway, breath and eyes that are never quite still. Times are ns of the host's clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import ConfigError
from evface.protocol.action_units import CLASS_OF_AU
from evface.simulation.subject.face_state import FaceState, Performance
from evface.simulation.subject.performing import perform
from evface.simulation.subject.personality import Personality
from evface.simulation.subject.pulses import BREATH, GAZE_X, RIGHT, PulseTable, add_pulses
from evface.simulation.subject.spontaneous import SECOND, Waves, add_life, blink, lids_follow_gaze
from evface.simulation.subject.timing import Style

CAMERA_PHASES = frozenset({"countdown", "perform", "rest"})
"""Phases in which the subject looks into the camera; in the others it looks at the screen."""

_TURNS_AFTER = 150_000_000
# Shares of the blinks that would begin during a performance and do not; all of them when lids are asked for.
_HELD_BACK, _HELD_BACK_WITH_LIDS = 0.7, 1.0


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the cues so far come to; replaced as a whole, as another thread may ask meanwhile."""

    performances: tuple[Performance, ...]
    pulses: PulseTable
    held: NDArray[np.int64]
    turns: NDArray[np.int64]
    steps: NDArray[np.float64]

    @classmethod
    def nothing(cls) -> _Heard:
        """No cue yet."""
        none = np.zeros(0, np.int64)
        return cls((), PulseTable.of([]), none, none, np.zeros(0))


class Behaviour:
    """A virtual person's movements over time.

    Args:
        seed: of everything that differs from one subject to the next, 0 or above.
        style: "posed" as on request, or "micro": weaker, and over within half a second.

    Attributes:
        personality: how this subject moves.

    Raises:
        ConfigError: the seed is below 0, or there is no such style.
    """

    def __init__(self, seed: int, style: Style = "posed") -> None:
        if seed < 0:
            raise ConfigError(f"behaviour: expected a seed of 0 or above, found {seed}")
        if style not in ("posed", "micro"):
            raise ConfigError(f"behaviour: expected the style posed or micro, found {style!r}")
        self.personality = Personality.of(seed)
        self._seed = seed
        self._style: Style = style
        rng = np.random.default_rng([seed, 0x11FE])
        self._key = int(rng.integers(2**62))
        pace = self.personality
        self._slots = (
            round(60.0 / pace.blinks * SECOND),
            round(rng.uniform(0.5, 0.9) * SECOND),
            round(rng.uniform(0.35, 0.6) * SECOND),
        )
        self._waves = Waves.of(seed)
        self._lock = threading.Lock()
        self._cues: dict[Cue, None] = {}
        self._heard = _Heard.nothing()

    @property
    def performances(self) -> list[Performance]:
        """The truth of every take that was asked for so far, in the order in which their cues were heard."""
        return list(self._heard.performances)

    def cue(self, cue: Cue) -> None:
        """Act on a cue; it may come late, twice, out of order, and from another thread than `state`.

        Raises:
            ConfigError: a cue to perform what is not an Action Unit of the protocol.
        """
        with self._lock:
            if cue in self._cues:
                return
            heard = self._heard
            if cue.phase == "perform":
                truth, pulses, held = self._performance(cue)
                heard = replace(
                    heard,
                    performances=(*heard.performances, truth),
                    pulses=heard.pulses + pulses,
                    held=np.concatenate((heard.held, held)),
                )
            self._cues[cue] = None
            turns, steps = _turns(list(self._cues))
            self._heard = replace(heard, turns=turns, steps=steps)

    def performance(self, cue: Cue) -> Performance:
        """The truth that a ``perform`` cue would give; nothing is acted on.

        Raises:
            ConfigError: it asks for what is not an Action Unit of the protocol.
        """
        return self._performance(cue)[0]

    def state(self, time_ns: int) -> FaceState:
        """What the face does at a moment of the host's clock."""
        heard, waves = self._heard, self._waves
        state = waves.rest.copy()
        add_life(
            state, time_ns, self._key, self._slots, self.personality.screen,
            waves.channels, waves.periods, waves.extents, waves.phases,
            heard.held, heard.turns, heard.steps,
        )  # fmt: skip
        pulses = heard.pulses
        add_pulses(state, time_ns, pulses.channels, pulses.extents, pulses.times)
        lids_follow_gaze(state)
        gaze_x, gaze_y, yaw, pitch, roll, aside, up, near, breath = state[GAZE_X : BREATH + 1].tolist()
        return FaceState(
            left=state[:RIGHT],
            right=state[RIGHT:GAZE_X],
            gaze=(gaze_x, gaze_y),
            head=(yaw, pitch, roll),
            position=(aside, up, near),
            breath=breath,
        )

    def _performance(self, cue: Cue) -> tuple[Performance, PulseTable, NDArray[np.int64]]:
        """Truth, pulses, and the blinks that give way to it."""
        if cue.au not in CLASS_OF_AU:
            raise ConfigError(f"behaviour: trial {cue.trial} asks for AU {cue.au}, which nobody here knows")
        take = perform(cue, self.personality, self._seed, self._style)
        truth, others, held = take.truth, dict(take.truth.others), []
        length = self._slots[0]
        limit = _HELD_BACK_WITH_LIDS if cue.au in (43, 45) else _HELD_BACK
        for block in range(truth.onset // length - 1, truth.end // length + 1):
            for which in range(2):
                begin, _, _, end, left, right, gives_way = blink(self._key, length, block, which)
                if begin == end or end <= truth.onset or begin >= truth.end:
                    continue
                # One that has begun before goes on: to take it back would be a jump.
                if begin >= truth.onset and gives_way < limit:
                    held.append(2 * block + which)
                else:
                    others[45] = max(others.get(45, 0.0), (left + right) / 2.0)
        return replace(truth, others=others), PulseTable.of(take.pulses), np.array(held, np.int64)


def _turns(cues: list[Cue]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """When the subject turns to the screen (1) and back to the camera (-1)."""
    times, steps, at_screen = [], [], False
    for cue in sorted(cues, key=lambda cue: (cue.start, cue.phase)):
        to_screen = cue.phase not in CAMERA_PHASES
        if to_screen != at_screen:
            times.append(cue.start + _TURNS_AFTER)
            steps.append(1.0 if to_screen else -1.0)
            at_screen = to_screen
    return np.array(times, np.int64), np.array(steps, np.float64)
