"""Scores slice by slice: when an Action Unit begins, and how near its score is to its intensity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError

RISES, FALLS = 0.3, 0.15
"""Score at which an Action Unit has begun, and below which it is over: a strong one reaches 1."""

BEGUN = 0.02
"""Intensity from which on the movement itself is said to have begun."""


class OnsetDetector:
    """Tells the slices in which Action Units begin.

    One has begun when its score reaches ``rises``, and can begin again once the score was below ``falls``.

    Args:
        classes: how many scores there are.
        rises: score from 0 to 1.
        falls: score, at most ``rises``.

    Raises:
        ConfigError: the scores are not in this order.
    """

    def __init__(self, classes: int, rises: float = RISES, falls: float = FALLS) -> None:
        if not 0.0 <= falls <= rises <= 1.0:
            raise ConfigError(f"onsets: expected 0 <= falls <= rises <= 1, found {falls} and {rises}")
        self.rises, self.falls = rises, falls
        self.active = np.zeros(classes, np.bool_)

    def step(self, scores: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Look at the scores of the next slice, ``[classes]``: which Action Units begin in it."""
        begun = ~self.active & (scores >= self.rises)
        self.active = (self.active | begun) & (scores >= self.falls)
        return begun

    def reset(self) -> None:
        """Forget what has begun."""
        self.active[:] = False


@dataclass(frozen=True, slots=True)
class SliceScores:
    """The scores of a clip's slices beside what its Action Unit did.

    Attributes:
        scores: from 0 to 1, float32 ``[T, classes]``.
        label: class of the Action Unit that was performed.
        intensity: of it, from 0 to 1, float32 ``[T]``.
    """

    scores: NDArray[np.float32]
    label: int
    intensity: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StreamJudgement:
    """How good scores are slice by slice.

    Attributes:
        clips: whose intensity is known.
        error: mean distance of the performed Action Unit's score from its intensity.
        error_of_rest: the same had every score been 0.
        correlation: Pearson's, of the performed Action Unit's scores with its intensities; None where
            one of them never changes.
        others: mean score of the Action Units that were not performed.
        onsets_found: share of clips in which the performed one begins after its movement has begun.
        onset_delay_slices: median from the movement's first slice to that, in slices; None without any.
        false_onsets: per clip, beginnings of others, and of the performed one before it moved.
    """

    clips: int
    error: float
    error_of_rest: float
    correlation: float | None
    others: float
    onsets_found: float
    onset_delay_slices: float | None
    false_onsets: float

    def as_dict(self, slice_us: int | None) -> dict[str, Any]:
        """For metrics.json; the delay in ms too, where all slices are of one length (us)."""
        delay = self.onset_delay_slices
        late = None if delay is None or slice_us is None else delay * slice_us / 1000
        return {**asdict(self), "onset_delay_ms": late}


def judge_stream(clips: Sequence[SliceScores]) -> StreamJudgement:
    """Judge the scores of slices.

    Args:
        clips: each from rest.

    Raises:
        GeometryError: no clips.
    """
    if not clips:
        raise GeometryError("no clip whose intensity is known")
    own = np.concatenate([clip.scores[:, clip.label] for clip in clips])
    true = np.concatenate([clip.intensity for clip in clips])
    other = np.concatenate([np.delete(clip.scores, clip.label, 1).ravel() for clip in clips])
    delays, false = [], 0
    for clip in clips:
        delay, others = _onsets(clip)
        false += others
        if delay is not None:
            delays.append(delay)
    varied = own.std() > 0 and true.std() > 0
    return StreamJudgement(
        clips=len(clips),
        error=float(np.abs(own - true).mean()),
        error_of_rest=float(true.mean()),
        correlation=float(np.corrcoef(own, true)[0, 1]) if varied else None,
        others=float(other.mean()),
        onsets_found=len(delays) / len(clips),
        onset_delay_slices=float(np.median(delays)) if delays else None,
        false_onsets=false / len(clips),
    )


def _onsets(clip: SliceScores) -> tuple[int | None, int]:
    """Slices from the movement's beginning to the first onset told of it, and how many others were told."""
    moving = np.flatnonzero(clip.intensity >= BEGUN)
    first = int(moving[0]) if len(moving) else len(clip.scores)
    detector = OnsetDetector(clip.scores.shape[1])
    begun = np.array([detector.step(scores) for scores in clip.scores])
    told = np.flatnonzero(begun[first:, clip.label])
    false = int(begun.sum()) - int(begun[first:, clip.label].sum())
    return (int(told[0]) if len(told) else None), false
