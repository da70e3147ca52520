"""What a session says of one take: whose it is, its cues, how it ended.

The recorder follows the session live; after a crash the same facts come from the states in the bag.
"""

from __future__ import annotations

from typing import Any, Protocol

from evface.bags import stamp
from evface.protocol import Outcome, Phase, take_outcome


class State(Protocol):
    """A rig_interfaces/msg/SessionState, of ROS or out of a bag."""

    header: Any
    subject: str
    session: str
    phase: Phase
    duration: Any
    au: int
    trial: int
    take: int
    recording: bool


class TakeFacts:
    """Facts of the take that a state opened.

    Args:
        state: the first one, with ``recording`` set.
        run: which take of the Action Unit its name says, from 1.
    """

    def __init__(self, state: State, run: int) -> None:
        self._state = state
        self._run = run
        self._cues: list[dict[str, Any]] = []
        self.begun = stamp(state)
        self.ended: int | None = None
        self.outcome: Outcome = "interrupted"
        self.follow(state)

    @property
    def key(self) -> tuple[int, int, int]:
        """Action Unit, trial and take as the session counts them."""
        return _key(self._state)

    def follow(self, state: State) -> None:
        """Take in the next state: another cue of this take, or its end."""
        if self.ended is not None:
            return
        if not self.holds(state):
            self.ended = stamp(state)
            self.outcome = self._outcome(state)
            return
        planned = int(state.duration.sec) * 1_000_000_000 + int(state.duration.nanosec)
        self._cues.append({"phase": state.phase, "stamp_ns": stamp(state), "planned_ns": planned})

    def holds(self, state: State) -> bool:
        """Whether in this state the take is still to be recorded."""
        return state.recording and _key(state) == _key(self._state)

    def _outcome(self, following: State) -> Outcome:
        # Outside trials the Action Unit is 0, and so is the trial.
        again = _key(following)[:2] == self.key[:2] and following.take != self._state.take
        return take_outcome(self._performed(stamp(following)), following.phase, again)

    def _performed(self, when: int) -> bool:
        """Whether the time to perform was over at a moment, ns, host clock."""
        begun = {cue["phase"]: cue["stamp_ns"] + cue["planned_ns"] for cue in self._cues}
        return "rest" in begun or ("perform" in begun and when >= begun["perform"])

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        state = self._state
        facts = {
            "subject": state.subject,
            "session": state.session,
            "au": int(state.au),
            "trial": int(state.trial),
            "run": self._run,
            "cues": self._cues,
            "outcome": self.outcome,
            "ended_ns": self.ended,
        }
        if self._run != state.take:
            facts["announced_take"] = int(state.take)
        for name in ("block", "script", "language"):
            if getattr(state, name, ""):
                facts[name] = getattr(state, name)
        return facts


def _key(state: State) -> tuple[int, int, int]:
    return int(state.au), int(state.trial), int(state.take)
