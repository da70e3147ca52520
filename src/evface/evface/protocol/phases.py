"""The phases, stages and blocks of a session, in the order in which they come (paper, §3.3).

A stage is a stretch of the session, a phase what happens at the moment: the main run is a stage, of trials
that each walk from demonstration to rest.
"""

from __future__ import annotations

from typing import Literal, get_args

Phase = Literal[
    "waiting",
    "introduction",
    "consent",
    "description",
    "settle",
    "demonstration",
    "countdown",
    "perform",
    "rest",
    "paused",
    "finished",
    "aborted",
]

PHASES: tuple[Phase, ...] = get_args(Phase)
"""Phases of a session, as in SessionState.phase."""

Stage = Literal[
    "waiting",
    "introduction",
    "consent",
    "familiarisation",
    "settle",
    "rehearsal",
    "ready",
    "main",
    "closing",
    "over",
]

STAGES: tuple[Stage, ...] = get_args(Stage)
"""Stages of a session in their order."""

Block = Literal["", "familiarisation", "rehearsal", "main"]

BLOCK: dict[Stage, Block] = {
    "familiarisation": "familiarisation",
    "rehearsal": "rehearsal",
    "ready": "main",
    "main": "main",
}
"""SessionState.block of the stages that belong to a run."""

TAKE_PHASES: frozenset[Phase] = frozenset({"countdown", "perform", "rest"})
"""Phases of which a take consists; it is recorded in the main run alone."""

OVER: frozenset[Phase] = frozenset({"finished", "aborted"})
"""Phases that nothing leads out of."""
