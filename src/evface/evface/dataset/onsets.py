"""When a subject moved: onset, apex, offset and end of a take's movement, found in its events.

What is known beforehand: the cues, which Action Unit was asked for (so where on the face and how quickly it
may move, see `evface.dataset.face_parts`), and that nobody reacts sooner than a tenth of a second. How a
movement is told from sway, breath and noise: see `evface.dataset.movements`. Blinks have a shape of their
own, close and open within a third of a second; they are looked for first, and left out where they cross
the area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evface.dataset.activity import STEP, FaceActivity
from evface.dataset.cues import CueRecord
from evface.dataset.face_parts import BLINK, Part, part_of
from evface.dataset.movements import (
    STEP_MS,
    UNSEEN_BACK,
    UNSEEN_FIRST,
    UNSEEN_LAST,
    Amount,
    Floats,
    Pattern,
    lobes,
)

REACTION, USUAL = 100.0, 500.0
"""ms after the cue: sooner nobody reacts; most have begun by then, and later beginnings are believed less."""

PATIENCE, LEAST_BELIEF = 1000.0, 0.3
"""ms in which that belief falls by e, and how far at most."""

AFTER_REST = 300.0
"""ms after the cue to rest that a movement may still go back."""

COARSE, RATIO = 20.0, 1.3
"""ms between starts that are tried, and between lengths the factor; the best pair is refined from there."""

FINER = ((10.0, 1.14), (5.0, 1.07))
"""The same of each refinement."""

HALF_BELIEVED = 20.0
"""Energy, in standard deviations of noise, at which a movement is as likely as not to be one."""

GOOD = 0.5
"""Score from which a clip is trimmed by what was found."""

RIVAL, APART = 0.9, 300.0
"""Share of the best movement's energy that another one needs to be a rival, and ms that lie between them."""

NEARBY = 150 * 1_000_000
"""ns around a movement within which a blink is near it."""

_BLINK_LENGTHS, _BLINK_HOLD, _BLINK_SPAN = (85.0, 210.0), 20.0, (-20.0, 350.0)
_BLINK_LIKENESS, _BLINK_BALANCE, _BLINK_CLEARNESS = 0.5, 4.0, 8.0


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement that was found; times in ns of the host's clock.

    Attributes:
        onset: it leaves rest.
        apex: it is at its height.
        offset: it begins to go back.
        end: it is at rest again.
        score: 0 (nothing seen) to 1 (sure).
        flags: what a person should look at: "no movement seen", "several movements", "blink nearby".
    """

    onset: int
    apex: int
    offset: int
    end: int
    score: float
    flags: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether a clip may be trimmed by it."""
        return self.score >= GOOD


def find_movement(activity: FaceActivity, au: int, cues: Sequence[CueRecord]) -> Movement | None:
    """Find when the subject did what was asked.

    Args:
        activity: of the take, in the face box.
        au: FACS number that was asked for.
        cues: of the take, in order; the rest cue may be missing.

    Returns:
        The movement; None where there is no perform cue or the recording ends before anybody could react.

    Raises:
        ConfigError: the Action Unit is not one of the 21.
    """
    part = part_of(au)
    performing = next((cue for cue in cues if cue.phase == "perform"), None)
    if performing is None:
        return None
    last = len(activity.counts) * STEP_MS
    cue = (performing.start - activity.start) / 1e6
    rest = min([(c.start - activity.start) / 1e6 for c in cues if c.start > performing.start] or [last])
    starts = np.arange(cue + REACTION, min(rest + AFTER_REST, last - part.lengths[0]), COARSE)
    if len(starts) < 2 or cue + REACTION < 0:
        return None
    blinks = find_blinks(activity)
    search = _Search(activity, part, blinks, cue, rest)
    found = search.best(starts)
    if found is None:
        return None
    times = [activity.start + round(instant * 1e6) for instant in found.instants]
    onset, apex, offset, end = (min(max(time, activity.start), activity.end) for time in times)
    flags = []
    if found.score < GOOD:
        flags.append("no movement seen")
    elif found.rival:
        flags.append("several movements")
    if not part.whole and au not in (43, 45) and _near(blinks, onset, end):
        flags.append("blink nearby")
    return Movement(onset, apex, offset, end, round(found.score, 3), tuple(flags))


def find_blinks(activity: FaceActivity) -> list[tuple[int, int]]:
    """The blinks of a take: begin and end in ns of the host's clock, in order."""
    counts = activity.counts[(slice(None), slice(None), *BLINK.cells)]
    if len(counts) * STEP_MS < 2 * _BLINK_SPAN[1]:
        return []
    pattern = Pattern(counts, np.ones(len(counts), np.bool_))
    starts = np.arange(0.0, len(counts) * STEP_MS - _BLINK_LENGTHS[0], STEP_MS)
    closing = lobes(starts, np.full(len(starts), _BLINK_LENGTHS[0]), len(counts))
    opening = lobes(
        starts + _BLINK_LENGTHS[0] + _BLINK_HOLD, np.full(len(starts), _BLINK_LENGTHS[1]), len(counts)
    )
    energy, likeness, balance = pattern.pairwise(closing, opening)
    slow = _slower(pattern, starts)
    both = (
        (energy > slow)
        & (likeness > _BLINK_LIKENESS)
        & (balance > 1 / _BLINK_BALANCE)
        & (balance < _BLINK_BALANCE)
    )
    clear = max(_BLINK_CLEARNESS * float(np.median(np.abs(energy))), 2 * HALF_BELIEVED * pattern.scatter)
    found: list[float] = []
    for k in np.argsort(-energy):
        if energy[k] < clear:
            break
        if both[k] and all(abs(starts[k] - other) > _BLINK_SPAN[1] for other in found):
            found.append(float(starts[k]))
    return [
        (
            activity.start + round((at + _BLINK_SPAN[0]) * 1e6),
            activity.start + round((at + _BLINK_SPAN[1]) * 1e6),
        )
        for at in sorted(found)
    ]


def _slower(pattern: Pattern, starts: Floats) -> Floats:
    """Energy explained by a movement like a blink of twice the length that begins at about these times."""
    early = [
        pattern.pairwise(
            lobes(starts - lead, np.full(len(starts), 2 * _BLINK_LENGTHS[0]), pattern.steps),
            lobes(
                starts - lead + 2 * (_BLINK_LENGTHS[0] + _BLINK_HOLD),
                np.full(len(starts), 2 * _BLINK_LENGTHS[1]),
                pattern.steps,
            ),
        )[0]
        for lead in (0.0, _BLINK_LENGTHS[0] / 2, _BLINK_LENGTHS[0])
    ]
    return np.asarray(np.max(early, axis=0))


def _near(spans: Sequence[tuple[int, int]], begin: int, end: int) -> bool:
    return any(first < end + NEARBY and last > begin - NEARBY for first, last in spans)


_Times = tuple[float, float, float, float]
"""Start and length of the way out, start and length of the way back, ms."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Instants in ms from the activity's start; the score; whether another movement is as good."""

    instants: tuple[float, float, float, float]
    score: float
    rival: bool


class _Search:
    """Tries movements of a part of the face on the events of a take."""

    def __init__(
        self,
        activity: FaceActivity,
        part: Part,
        blinks: Sequence[tuple[int, int]],
        cue: float,
        rest: float,
    ) -> None:
        self._part, self._cue, self._rest = part, cue, rest
        counts = activity.counts[(slice(None), slice(None), *part.cells)]
        self._steps = len(counts)
        self._amount = Amount(counts) if part.whole else None
        seen = np.ones(self._steps, np.bool_)
        for begin, end in blinks if part.blinks else ():
            seen[max((begin - activity.start) // STEP, 0) : max((end - activity.start) // STEP, 0)] = False
        self._pattern = None if part.whole else Pattern(counts, seen)

    def best(self, starts: Floats) -> _Found | None:
        """The movement that explains most, of those that begin and go back at these moments (ms)."""
        shortest, longest = self._part.lengths
        lengths = np.geomspace(
            shortest, longest, int(np.ceil(np.log(longest / shortest) / np.log(RATIO))) + 1
        )
        backs = [grid.ravel() for grid in np.meshgrid(starts, lengths, indexing="ij")]
        begins = starts[starts < self._rest]
        best, movement = 0.0, None
        # Most that a movement explains which begins at each moment.
        most = np.zeros(len(begins))
        # One length out after the other: all pairs at once would fill the memory for long takes.
        for length in lengths:
            energy = self._possible(begins, np.full(len(begins), length), backs[0], backs[1])
            most = np.maximum(most, energy.max(axis=1))
            believed = energy * self._belief(begins)[:, None]
            row, column = np.unravel_index(believed.argmax(), believed.shape)
            if believed[row, column] > best:
                best = float(believed[row, column])
                movement = float(begins[row]), float(length), float(backs[0][column]), float(backs[1][column])
        if movement is None:
            return None
        away = np.abs(begins - movement[0]) > (longest if self._part.whole else APART)
        rival = bool((most[away] > RIVAL * most[begins == movement[0]]).any())
        for step, factor in FINER:
            movement = self._refined(movement, step, factor)
        return self._judged(movement, rival)

    def _refined(self, movement: _Times, step: float, factor: float) -> _Times:
        sides = []
        for start, length in (movement[:2], movement[2:]):
            near, lengths = start + step * np.arange(-3, 4), length * factor ** np.arange(-2.0, 3.0)
            sides.append([grid.ravel() for grid in np.meshgrid(near, lengths, indexing="ij")])
        (out, out_length), (back, back_length) = sides
        believed = self._possible(out, out_length, back, back_length) * self._belief(out)[:, None]
        if believed.max() <= 0.0:
            return movement
        row, column = np.unravel_index(believed.argmax(), believed.shape)
        return float(out[row]), float(out_length[row]), float(back[column]), float(back_length[column])

    def _belief(self, onsets: Floats) -> Floats:
        """How much a movement is believed that begins at these moments (ms): some are slow, few very slow."""
        late = np.maximum(0.0, onsets - self._cue - USUAL) / PATIENCE
        return np.asarray(np.maximum(np.exp(-late), LEAST_BELIEF))

    def _possible(self, out: Floats, out_length: Floats, back: Floats, back_length: Floats) -> Floats:
        """Energy of all pairs; 0 where the movement would be held shorter or longer than it can be."""
        energy, _ = self._energy(out, out_length, back, back_length)
        hold = back[None] - (out + out_length)[:, None]
        return np.asarray(np.where((hold >= self._part.hold[0]) & (hold <= self._part.hold[1]), energy, 0.0))

    def _energy(
        self, out: Floats, out_length: Floats, back: Floats, back_length: Floats
    ) -> tuple[Floats, Floats]:
        """Energy of all pairs, and the likeness of their patterns."""
        if self._amount is not None:
            energy = self._amount.explained(
                lobes(out, out_length, self._steps), lobes(back, back_length, self._steps)
            )
            return energy, np.ones_like(energy)
        assert self._pattern is not None
        explained = self._pattern.explained(
            lobes(out, out_length, self._steps, UNSEEN_FIRST, UNSEEN_LAST),
            lobes(back, back_length, self._steps, UNSEEN_BACK, UNSEEN_LAST),
        )
        return explained.energy, explained.likeness

    def _judged(self, movement: _Times, rival: bool) -> _Found:
        out, out_length, back, back_length = (np.array([value]) for value in movement)
        energy, likeness = (float(value[0, 0]) for value in self._energy(out, out_length, back, back_length))
        if self._amount is not None:
            score = energy / self._amount.energy
        else:
            assert self._pattern is not None
            clearness = max(0.0, energy) / self._pattern.scatter
            # Eyes that jump far leave no pattern that comes back: likeness helps, and lacks little.
            score = clearness / (clearness + HALF_BELIEVED) * (0.75 + 0.25 * max(0.0, likeness))
        instants = movement[0], movement[0] + movement[1], movement[2], movement[2] + movement[3]
        return _Found(instants, min(1.0, max(0.0, score)), rival)
