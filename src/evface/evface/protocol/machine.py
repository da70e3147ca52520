"""The state machine of a session: pure, told the time by whoever runs it.

introduction, then for each trial demonstration, countdown, perform, rest; then finished. A take begins with
each countdown and lasts to the end of rest; takes are only ever added: whatever breaks one off, the next
countdown of that trial has the next number.

Each phase begins when the one before was planned to end, however late the clock is looked at: looking late
adds no drift. Only after a stall of more than `STALL` (the machine slept) does a phase begin at the moment
itself, so that no phase is cut short.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from evface.protocol.script import Phase, Script

Command = Literal["start", "pause", "resume", "redo", "skip", "stop"]

COMMANDS: tuple[Command, ...] = get_args(Command)
"""What a person can tell a session."""

RECORDED: frozenset[Phase] = frozenset({"countdown", "perform", "rest"})
"""Phases in which a take is recorded."""

OVER: frozenset[Phase] = frozenset({"finished", "aborted"})
"""Phases that nothing leads out of."""

STALL = 250_000_000
"""ns between a deadline and the look at the clock from which on the schedule is given up and begun anew."""

_NEXT: dict[Phase, Phase] = {"demonstration": "countdown", "countdown": "perform", "perform": "rest"}
_NO_TRIAL = -1


@dataclass(frozen=True, slots=True)
class Transition:
    """Where the session stands: the fields of a SessionState message.

    Attributes:
        phase: one of `evface.protocol.PHASES`.
        start: ns, host clock, when the phase began; ``scheduled`` but for a stall.
        scheduled: ns, host clock, when the script wanted it to begin; ``start`` where a person asked for it.
        duration: ns planned, 0 when open-ended.
        au: FACS number of the trial, 0 outside a trial.
        trial: index of the trial in the script, from 0.
        trials: how many trials the script has.
        take: of this trial, from 1 (the coming one before its countdown); 0 outside a trial.
        recording: the take is to be recorded now.
        text: what the subject reads.
        subject: pseudonym.
        session: label.
    """

    phase: Phase
    start: int
    scheduled: int
    duration: int
    au: int
    trial: int
    trials: int
    take: int
    recording: bool
    text: str
    subject: str
    session: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command.

    Attributes:
        accepted: it was obeyed.
        reason: why not, in words for the operator; "" when accepted.
        transitions: what it led to.
    """

    accepted: bool
    reason: str = ""
    transitions: tuple[Transition, ...] = ()


class SessionMachine:
    """One session of one subject.

    Args:
        script: what is to be done.
        subject: pseudonym.
        session: label of the session.
    """

    def __init__(self, script: Script, subject: str, session: str) -> None:
        self.script = script
        self.subject = subject
        self.session = session
        self._phase: Phase = "waiting"
        self._trial = _NO_TRIAL
        self._takes: Counter[int] = Counter()
        self._start: int | None = None
        self._scheduled: int | None = None
        self._interrupted: Phase = "waiting"

    @property
    def phase(self) -> Phase:
        """The phase that the session is in."""
        return self._phase

    @property
    def takes(self) -> dict[int, int]:
        """Takes begun so far, by FACS number."""
        return {self.script.aus[trial]: count for trial, count in self._takes.items()}

    def next_deadline(self) -> int | None:
        """When `advance` has something to do, ns, host clock; None while only a command leads on."""
        duration = self.script.duration(self._phase)
        return None if self._start is None or duration == 0 else self._start + duration

    def transition(self, now_ns: int) -> Transition:
        """Where the session stands, for whoever comes late; ``now_ns`` is used before anything has begun."""
        start = now_ns if self._start is None else self._start
        in_trial = self._trial != _NO_TRIAL and self._phase not in OVER
        au = self.script.aus[self._trial] if in_trial else 0
        return Transition(
            phase=self._phase,
            start=start,
            scheduled=start if self._scheduled is None else self._scheduled,
            duration=self.script.duration(self._phase),
            au=au,
            trial=self._trial if in_trial else 0,
            trials=len(self.script.aus),
            take=self._take() if in_trial else 0,
            recording=self._phase in RECORDED,
            text=self.script.texts.of(self._phase, au),
            subject=self.subject,
            session=self.session,
        )

    def advance(self, now_ns: int) -> list[Transition]:
        """Go on to the next phase if the present one is over.

        Args:
            now_ns: host clock, ns.

        Returns:
            The transitions made, oldest first; more than one only where phases are shorter than the wait.
        """
        made = []
        while (deadline := self.next_deadline()) is not None and now_ns >= deadline:
            stalled = now_ns - deadline > STALL
            made.append(self._go_on(now_ns if stalled else deadline, deadline))
        return made

    def command(self, name: str, now_ns: int) -> Answer:
        """Obey the operator, or say why not.

        ``pause`` breaks a take off; ``resume`` then begins a new take of the same trial, or repeats the
        introduction or demonstration that was paused. ``redo`` begins a new take of the trial at hand, or,
        while the next one is being introduced, of the trial before. ``skip`` leaves the introduction or the
        trial at hand. ``stop`` ends the session.

        Args:
            name: one of `COMMANDS`.
            now_ns: host clock, ns.
        """
        if name not in COMMANDS:
            return Answer(False, f"unknown command {name!r}; there are: {', '.join(COMMANDS)}")
        if self._phase in OVER:
            return Answer(False, f"the session is {self._phase}")
        if name == "start" and self._phase != "waiting":
            return Answer(False, "the session has begun already")
        if name != "stop" and name != "start" and self._phase == "waiting":
            return Answer(False, "the session has not begun")
        if name == "pause" and self._phase == "paused":
            return Answer(False, "the session is paused already")
        if name == "resume" and self._phase != "paused":
            return Answer(False, f"the session is not paused but in {self._phase}")
        if name == "redo" and self._trial_to_redo() is None:
            return Answer(False, "there is no take yet that could be done again")
        return Answer(True, "", (self._obey(name, now_ns),))

    def _obey(self, name: str, now: int) -> Transition:
        if name == "start":
            return (
                self._enter("introduction", now) if self.script.introduction else self._next_trial(now, now)
            )
        if name == "pause":
            self._interrupted = self._phase
            return self._enter("paused", now)
        if name == "resume":
            return self._enter("countdown" if self._interrupted in RECORDED else self._interrupted, now)
        if name == "redo":
            trial = self._trial_to_redo()
            assert trial is not None
            self._trial = trial
            return self._enter("countdown", now)
        if name == "skip":
            return self._next_trial(now, now)
        return self._enter("aborted", now)

    def _trial_to_redo(self) -> int | None:
        """The trial at hand once it has a take, else the one before."""
        here = self._interrupted if self._phase == "paused" else self._phase
        trial = self._trial if here in RECORDED else self._trial - 1
        return trial if trial >= 0 and self._takes[trial] else None

    def _take(self) -> int:
        here = self._interrupted if self._phase == "paused" else self._phase
        made = self._takes[self._trial]
        return made if here in RECORDED else made + 1

    def _go_on(self, now: int, scheduled: int) -> Transition:
        following = _NEXT.get(self._phase)
        if following is None or (following == "rest" and not self.script.rest):
            return self._next_trial(now, scheduled)
        return self._enter(following, now, scheduled)

    def _next_trial(self, now: int, scheduled: int) -> Transition:
        if self._trial + 1 == len(self.script.aus):
            return self._enter("finished", now, scheduled)
        self._trial += 1
        shown = self.script.duration("demonstration") > 0
        return self._enter("demonstration" if shown else "countdown", now, scheduled)

    def _enter(self, phase: Phase, now: int, scheduled: int | None = None) -> Transition:
        self._phase = phase
        self._start = now
        self._scheduled = now if scheduled is None else scheduled
        if phase == "countdown":
            self._takes[self._trial] += 1
        return self.transition(now)
