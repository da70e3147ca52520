"""What a session says of itself at each change, and from where it can be taken up again."""

from __future__ import annotations

from dataclasses import dataclass, field

from evface.protocol.commands import Command
from evface.protocol.phases import Block, Phase, Stage
from evface.protocol.takes import EndedTake


@dataclass(frozen=True, slots=True)
class Position:
    """Where a session stands, as far as it is needed to take it up again.

    Attributes:
        stage: one of `evface.protocol.phases.STAGES`.
        phase: the present one; while paused, the one that was paused.
        trial: index of the trial at hand in its stage, -1 where there is none.
        queue: trials of the stage still to come, in order.
        last: the trial whose take was begun last, -1 where there is none.
        complete: FACS numbers whose newest take is complete.
        takes: takes begun so far, by FACS number.
        scopes: what the subject consented to; () before the consent.
    """

    stage: Stage = "waiting"
    phase: Phase = "waiting"
    trial: int = -1
    queue: tuple[int, ...] = ()
    last: int = -1
    complete: tuple[int, ...] = ()
    takes: dict[int, int] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """Where the session stands: the fields of a SessionState message.

    Attributes:
        phase: one of `evface.protocol.PHASES`.
        block: which run the trial belongs to; "" outside.
        start: ns, host clock, when the phase began; ``scheduled`` but for a stall.
        scheduled: ns, host clock, when the script wanted it to begin; ``start`` where a person asked for it.
        duration: ns planned, 0 when open-ended.
        au: FACS number of the trial, 0 outside a trial.
        trial: index of the trial in its block, from 0.
        trials: how many trials the block has; outside a block, how many the main run has.
        take: of this trial, from 1 (the coming one before its countdown); 0 outside a trial of the main run.
        recording: the take is to be recorded now.
        text: what the subject reads.
        subject: pseudonym.
        session: label.
        script: its name.
        language: of the texts.
        aus: FACS numbers of the main run, in its order.
        takes: takes begun of each of them.
        commands: what may be told now.
        ended: the take that ended with this transition, and the complete one that it replaces.
        position: for taking the session up again.
    """

    phase: Phase
    block: Block
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
    script: str
    language: str
    aus: tuple[int, ...]
    takes: tuple[int, ...]
    commands: tuple[Command, ...]
    ended: tuple[EndedTake, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command.

    Attributes:
        accepted: it was obeyed.
        reason: why not, in words for the operator; "" when accepted.
        transitions: what it led to; none where nothing changed, as with a note.
    """

    accepted: bool
    reason: str = ""
    transitions: tuple[Transition, ...] = ()
