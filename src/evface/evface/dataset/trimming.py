"""Which part of a take is the clip that a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evface.dataset.cues import CueRecord
from evface.errors import DatasetError

MARGIN = 500_000_000
"""ns kept before the perform cue and after the rest cue, or before the onset and after the end."""


@dataclass(frozen=True, slots=True)
class ClipWindow:
    """A span of a take, ns on the host's clock.

    Attributes:
        start: first instant.
        end: first instant after it.
        method: how it was found.
    """

    start: int
    end: int
    method: str


def clip_by_cues(cues: Sequence[CueRecord], span: tuple[int, int], margin: int = MARGIN) -> ClipWindow:
    """From the perform cue to the start of rest, with a margin on both sides.

    Args:
        cues: of the take, in order.
        span: ns, host clock, of the take's first and last message: a clip does not reach beyond.
        margin: ns.

    Raises:
        DatasetError: the take has no perform cue, or ends before it.
    """
    performing = [cue for cue in cues if cue.phase == "perform"]
    if not performing:
        raise DatasetError("the take has no perform cue: what was elicited cannot be found in it")
    start = performing[0].start
    after = [cue.start for cue in cues if cue.start > start]
    end = after[0] if after else span[1]
    if span[1] <= start:
        raise DatasetError("the take ends before its perform cue")
    return ClipWindow(max(start - margin, span[0]), min(end + margin, span[1]), "cues")


def clip_by_movement(onset: int, end: int, span: tuple[int, int], margin: int = MARGIN) -> ClipWindow:
    """From the onset of a movement to its end, with a margin on both sides.

    Args:
        onset: ns, host clock.
        end: ns, host clock.
        span: ns, host clock, of the take: a clip does not reach beyond.
        margin: ns.
    """
    return ClipWindow(max(onset - margin, span[0]), min(end + margin, span[1]), "events")
