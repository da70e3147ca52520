"""How a take ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evface.protocol.phases import Phase

Outcome = Literal["complete", "redone", "interrupted", "aborted"]


@dataclass(frozen=True, slots=True)
class EndedTake:
    """A take that is over, or that a later one has replaced.

    Attributes:
        au: FACS number.
        trial: index in the main run, from 0.
        take: number, from 1.
        outcome: how it ended.
    """

    au: int
    trial: int
    take: int
    outcome: Outcome


def take_outcome(performed: bool, following: Phase, again: bool) -> Outcome:
    """How a take ended, from what came after it.

    Args:
        performed: the time to perform was over when it ended.
        following: the phase that came then.
        again: what follows is another take of the same trial.
    """
    if following == "aborted":
        return "aborted"
    if following == "paused":
        return "interrupted"
    if again:
        return "redone"
    return "complete" if performed else "interrupted"
