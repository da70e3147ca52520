"""The state machine of a session: pure, told the time by whoever runs it.

Introduction, consent, then each Action Unit described until it is understood, the seat, a demonstration run
that is not recorded, and the main run; in a run for each trial demonstration, countdown, perform, rest. A
take begins with each countdown of the main run and lasts to the end of rest; takes are only ever added:
whatever breaks one off, the next countdown of that Action Unit has the next number.

Each phase begins when the one before was planned to end, however late the clock is looked at: looking late
adds no drift. Only after a stall of more than `STALL` (the machine slept) does a phase begin at the moment
itself, so that no phase is cut short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from evface.errors import ConfigError
from evface.privacy import SCOPES
from evface.protocol.commands import COMMANDS, SUBJECT_COMMANDS, Command, named_au, scopes_of
from evface.protocol.phases import BLOCK, OVER, STAGES, TAKE_PHASES, Phase, Stage
from evface.protocol.script import Script
from evface.protocol.takes import EndedTake, take_outcome
from evface.protocol.transition import Answer, Position, Transition

STALL = 250_000_000
"""ns between a deadline and the look at the clock from which on the schedule is given up and begun anew."""

_ENTRANCE: dict[Stage, Phase] = {
    "introduction": "introduction",
    "consent": "consent",
    "settle": "settle",
    "ready": "settle",
    "closing": "settle",
    "over": "finished",
}
_TRIALS: frozenset[Stage] = frozenset({"familiarisation", "rehearsal", "main"})
_IN_A_TRIAL: dict[Phase, Phase] = {
    "demonstration": "countdown", "countdown": "perform", "perform": "rest",
}  # fmt: skip
_BY_PHASE: dict[Phase, tuple[Command, ...]] = {
    "waiting": ("start", "stop"),
    "introduction": ("confirm", "pause", "skip", "stop"),
    "consent": ("consent", "decline", "stop"),
    "description": ("confirm", "redo", "pause", "skip", "stop"),
    "settle": ("confirm", "redo", "stop"),
    "paused": ("resume", "redo", "skip", "stop"),
    "finished": (),
    "aborted": (),
}
_DURING_A_TRIAL: tuple[Command, ...] = ("pause", "redo", "skip", "stop")
_NONE = -1


class SessionMachine:
    """One session of one subject.

    Args:
        script: what is to be done.
        subject: pseudonym.
        session: label of the session.
        scopes: what the subject has consented to already; () makes the session ask.
        at: where an earlier process left the session: `start` goes on at the trial that was at hand then.
        takes: numbers that are used up, by FACS number, beside those of ``at``.

    Raises:
        ConfigError: a scope is unknown, or ``at`` is the position of a session that is over, that was
            recorded without consent, or of another script.
    """

    def __init__(
        self,
        script: Script,
        subject: str,
        session: str,
        *,
        scopes: tuple[str, ...] = (),
        at: Position | None = None,
        takes: Mapping[int, int] | None = None,
    ) -> None:
        self.script = script
        self.subject = subject
        self.session = session
        self._scopes = scopes or (at.scopes if at else ())
        if self._scopes and (complaint := _complaint(self._scopes)):
            raise ConfigError(f"session {session} of {subject}: {complaint}")
        self._at = at
        if at is not None:
            self._check(at)
        self._takes: Counter[int] = Counter(at.takes if at else {})
        for au, taken in (takes or {}).items():
            self._takes[au] = max(self._takes[au], taken)
        self._stage: Stage = "waiting"
        self._phase: Phase = "waiting"
        self._paused: Phase = "waiting"
        self._trial = _NONE
        self._queue: list[int] = []
        self._last = _NONE
        self._whole: set[int] = set(at.complete if at else ())
        self._start: int | None = None
        self._scheduled: int | None = None

    def _check(self, at: Position) -> None:
        where = f"session {self.session} of {self.subject}"
        if at.stage == "over":
            raise ConfigError(f"{where} is over: begin another one")
        if STAGES.index(at.stage) > STAGES.index("consent") and not self._scopes:
            raise ConfigError(f"{where} was left in {at.stage} without a consent")
        known = len(self.script.aus_of(at.stage))
        if at.stage in _TRIALS and not all(0 <= trial < known for trial in (at.trial, *at.queue)):
            raise ConfigError(f"{where} was left in {at.stage} in another script than {self.script.name}")

    # --- where it stands -----------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """The phase that the session is in."""
        return self._phase

    @property
    def takes(self) -> dict[int, int]:
        """Takes begun so far, by FACS number."""
        return dict(self._takes)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the subject consented to; () without a consent."""
        return self._scopes

    @property
    def last_take(self) -> tuple[int, int]:
        """FACS number and number of the take begun last, (0, 0) before the first."""
        au = self.script.aus[self._last] if self._last != _NONE and self._stage != "rehearsal" else 0
        return au, self._takes[au]

    @property
    def commands(self) -> tuple[Command, ...]:
        """What may be told now."""
        told = _BY_PHASE.get(self._phase, _DURING_A_TRIAL)
        return *(name for name in told if name != "redo" or self._can_redo()), "note"

    def next_deadline(self) -> int | None:
        """When `advance` has something to do, ns, host clock; None while only a command leads on."""
        duration = self.script.duration(self._phase, self._stage)
        return None if self._start is None or duration == 0 else self._start + duration

    def transition(self, now_ns: int, ended: tuple[EndedTake, ...] = ()) -> Transition:
        """Where the session stands, for whoever comes late; ``now_ns`` is used before anything has begun."""
        start = now_ns if self._start is None else self._start
        aus = self.script.aus_of(self._stage)
        in_trial = self._trial != _NONE
        au = aus[self._trial] if in_trial else 0
        template = self._stage if self._stage in ("ready", "closing") else self._phase
        return Transition(
            phase=self._phase,
            block=BLOCK.get(self._stage, ""),
            start=start,
            scheduled=start if self._scheduled is None else self._scheduled,
            duration=self.script.duration(self._phase, self._stage),
            au=au,
            trial=self._trial if in_trial else 0,
            trials=len(aus or self.script.aus),
            take=self._take(au) if in_trial and self._stage == "main" else 0,
            recording=self._records(),
            text=self.script.texts.of(template, au),
            subject=self.subject,
            session=self.session,
            script=self.script.name,
            language=self.script.texts.language,
            aus=self.script.aus,
            takes=tuple(self._takes[number] for number in self.script.aus),
            commands=self.commands,
            ended=ended,
            position=self.position,
        )

    @property
    def position(self) -> Position:
        """For taking the session up again."""
        if self._phase == "waiting" and self._at is not None:
            return replace(self._at, takes=self.takes, scopes=self._scopes)
        return Position(
            stage=self._stage,
            phase=self._here(),
            trial=self._trial,
            queue=tuple(self._queue),
            last=self._last,
            complete=tuple(sorted(self._whole)),
            takes=self.takes,
            scopes=self._scopes,
        )

    def _here(self) -> Phase:
        return self._paused if self._phase == "paused" else self._phase

    def _records(self) -> bool:
        return self._stage == "main" and self._phase in TAKE_PHASES and bool(self._scopes)

    def _take(self, au: int) -> int:
        return self._takes[au] + (self._here() not in TAKE_PHASES)

    # --- what moves it -------------------------------------------------------------------------------

    def shift(self, step_ns: int) -> None:
        """The host's clock was set: what has begun keeps its length.

        Args:
            step_ns: how far the clock has jumped, ns; below 0 backwards.
        """
        if self._start is not None and self._scheduled is not None:
            self._start += step_ns
            self._scheduled += step_ns

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

    def refusal(self, name: str, argument: str = "", by: str = "operator") -> str:
        """Why a command would be refused now, in words for the operator; "" where it would be obeyed."""
        if name not in COMMANDS:
            return f"unknown command {name!r}; there are: {', '.join(COMMANDS)}"
        if by not in ("operator", "subject"):
            return f"expected operator or subject to say so, found {by!r}"
        if by == "subject" and name not in SUBJECT_COMMANDS:
            return f"{name} is for the operator to say"
        if name not in self.commands:
            return self._why_not(name)
        if name == "consent":
            return _complaint(scopes_of(argument))
        if name == "redo":
            return self._why_not_again(argument)
        if name == "skip" and argument == "block" and self._stage not in ("familiarisation", "rehearsal"):
            return "only the familiarisation and the rehearsal can be left as a whole"
        if name == "note" and not argument.strip():
            return "a note needs a text"
        return ""

    def command(self, name: str, now_ns: int, argument: str = "", by: str = "operator") -> Answer:
        """Obey a person, or say why not.

        ``confirm`` goes on from what waits for it. ``pause`` breaks a take off; ``resume`` then begins a new
        take of the same trial, or repeats what was paused. ``redo`` begins a new take of the trial at hand,
        or, while the next one is being introduced, of the trial before; with an Action Unit as its argument,
        of that one; it shows a description again, and rehearses again before the main run. ``skip`` leaves
        the introduction or the trial at hand, or with the argument "block" the whole familiarisation or
        rehearsal. ``stop`` and ``decline`` end the session. A ``note`` changes nothing.

        Args:
            name: one of `COMMANDS`.
            now_ns: host clock, ns.
            argument: of ``consent`` the scopes with commas between; of ``redo`` and ``skip`` see above.
            by: who says so, operator or subject.
        """
        reason = self.refusal(name, argument, by)
        if reason:
            return Answer(False, reason)
        if name == "note":
            return Answer(True)
        return Answer(True, "", (self._obey(name, now_ns, argument),))

    def _obey(self, name: str, now: int, argument: str) -> Transition:
        if name == "start":
            return self._begin(now)
        if name in ("stop", "decline"):
            return self._go("over", _NONE, "aborted", now, now)
        if name == "pause":
            return self._go(self._stage, self._trial, "paused", now, now)
        if name == "resume":
            phase: Phase = "countdown" if self._paused in TAKE_PHASES else self._paused
            return self._go(self._stage, self._trial, phase, now, now)
        if name == "redo":
            return self._again(now, argument)
        if name == "consent":
            self._scopes = scopes_of(argument)
        elif name == "skip" and argument == "block":
            self._queue.clear()
        return self._leave(now, now)

    def _begin(self, now: int) -> Transition:
        at = self._at
        if at is None or STAGES.index(at.stage) <= STAGES.index("consent"):
            return self._enter(self._stage_after("waiting"), now, now)
        self._last = at.last
        if at.stage not in _TRIALS:
            return self._go(at.stage, _NONE, _ENTRANCE[at.stage], now, now)
        self._queue = list(at.queue)
        return self._go(at.stage, at.trial, self._opening(at.stage), now, now)

    def _go_on(self, now: int, scheduled: int) -> Transition:
        following = _IN_A_TRIAL.get(self._phase)
        if following is None or (following == "rest" and not self.script.rest):
            return self._leave(now, scheduled)
        return self._go(self._stage, self._trial, following, now, scheduled)

    def _leave(self, now: int, scheduled: int) -> Transition:
        """On to the next trial, or where there is none to the next stage."""
        if self._stage in _TRIALS and self._queue:
            return self._go(self._stage, self._queue.pop(0), self._opening(self._stage), now, scheduled)
        return self._enter(self._stage_after(self._stage), now, scheduled)

    def _enter(self, stage: Stage, now: int, scheduled: int) -> Transition:
        if stage not in _TRIALS:
            return self._go(stage, _NONE, _ENTRANCE[stage], now, scheduled)
        self._last = _NONE
        first, *self._queue = range(len(self.script.aus_of(stage)))
        return self._go(stage, first, self._opening(stage), now, scheduled)

    def _stage_after(self, stage: Stage) -> Stage:
        to_come = STAGES[STAGES.index(stage) + 1 :]
        return next(
            later for later in to_come if self.script.has(later) and not (later == "consent" and self._scopes)
        )

    def _opening(self, stage: Stage) -> Phase:
        """The phase with which a trial of a stage begins."""
        if stage == "familiarisation":
            return "description"
        return "demonstration" if self.script.duration("demonstration") else "countdown"

    def _go(self, stage: Stage, trial: int, phase: Phase, now: int, scheduled: int) -> Transition:
        """The one place where the session moves."""
        ended = self._ended(stage, trial, phase, now)
        if phase == "paused":
            self._paused = self._phase
        self._stage, self._trial, self._phase = stage, trial, phase
        self._start, self._scheduled = now, scheduled
        if phase == "countdown":
            self._last = trial
            if stage == "main":
                self._takes[self.script.aus[trial]] += 1
        for take in ended:
            (self._whole.add if take.outcome == "complete" else self._whole.discard)(take.au)
        return self.transition(now, ended)

    # --- takes ---------------------------------------------------------------------------------------

    def _ended(self, stage: Stage, trial: int, phase: Phase, now: int) -> tuple[EndedTake, ...]:
        """The take that ends with a move, and the complete one that it replaces."""
        here = stage == "main" and trial == self._trial
        ended = []
        if self._records() and not (here and _IN_A_TRIAL.get(self._phase) == phase):
            au, duration = self.script.aus[self._trial], self.script.duration(self._phase)
            performed = self._phase == "rest" or (
                self._phase == "perform" and self._start is not None and now >= self._start + duration
            )
            outcome = take_outcome(performed, phase, again=here and phase == "countdown")
            ended.append(EndedTake(au, self._trial, self._takes[au], outcome))
        if stage == "main" and phase == "countdown" and not (here and self._records()):
            au = self.script.aus[trial]
            if au in self._whole:
                ended.append(EndedTake(au, trial, self._takes[au], "redone"))
        return tuple(ended)

    def _again(self, now: int, argument: str) -> Transition:
        if self._stage == "ready":
            return self._enter("rehearsal", now, now)
        here = self._here()
        if here == "description":
            return self._go(self._stage, self._trial, "description", now, now)
        trial = self._trial_to_redo(argument)
        assert trial is not None
        if trial in self._queue:
            self._queue.remove(trial)
        if self._stage in _TRIALS and trial != self._trial and here != "rest":
            self._queue.insert(0, self._trial)
        stage: Stage = "main" if self._stage == "closing" else self._stage
        return self._go(stage, trial, "countdown", now, now)

    def _can_redo(self) -> bool:
        if self._stage in ("ready", "familiarisation"):
            return True
        return self._stage in ("rehearsal", "main", "closing") and self._trial_to_redo("") is not None

    def _trial_to_redo(self, argument: str) -> int | None:
        """The trial that is named, else the one at hand once it has a take, else the one before."""
        au = named_au(argument)
        if au is not None and self._stage in ("main", "closing"):
            return self.script.aus.index(au) if au in self.script.aus and self._takes[au] else None
        last = None if self._last == _NONE else self._last
        return self._trial if self._here() in TAKE_PHASES else last

    # --- reasons -------------------------------------------------------------------------------------

    def _why_not(self, name: str) -> str:
        if self._phase in OVER:
            return f"the session is {self._phase}"
        if name == "start":
            return "the session has begun already"
        if self._phase == "waiting":
            return "the session has not begun"
        if name == "pause" and self._phase == "paused":
            return "the session is paused already"
        if name == "resume":
            return f"the session is not paused but in {self._phase}"
        if name == "redo":
            return "there is no take yet that could be done again"
        return f"{name} makes no sense in {self._phase}; now: {', '.join(self.commands)}"

    def _why_not_again(self, argument: str) -> str:
        au = named_au(argument)
        if au is None or self._stage not in ("main", "closing"):
            return ""
        trial = self._trial_to_redo(argument)
        if trial is None:
            return f"there is no take of AU {au} yet that could be done again"
        if self._phase in ("countdown", "perform") and trial != self._trial:
            return f"a take is being recorded: redo AU {au} when it is over, or pause first"
        return ""


def _complaint(scopes: tuple[str, ...]) -> str:
    """What is wrong with the scopes of a consent; "" where nothing is."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        return f"unknown scope {unknown[0]!r} of consent; there are: {', '.join(SCOPES)}"
    if "research" not in scopes:
        return "a consent needs at least the scope research; to say no there is decline"
    return ""
