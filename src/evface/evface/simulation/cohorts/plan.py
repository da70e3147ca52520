"""Who performs what before which cameras, and when: a plan that follows from a few numbers.

What differs from one subject or session to the next comes from seeds of the subject; nothing of it knows the
Action Unit. Every subject has an order of their own, so that what drifts in the course of a session, light
or the time itself, does not tell the Action Unit either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, cast, get_args

import numpy as np

from evface.cameras.options import SIZES
from evface.cameras.source import Cue
from evface.dataset.naming import TakeId
from evface.errors import ConfigError
from evface.protocol.action_units import AU_NUMBERS, action_unit
from evface.simulation.subject.timing import Style

SECOND = 1_000_000_000
"""ns."""

EPOCH = 1_735_722_000 * SECOND
"""ns since 1970 (2025-01-01 09:00 UTC) when the first subject sits down: no file knows the real time."""

DAY = 86_400 * SECOND
"""From one subject to the next."""

Sensor = Literal["davis346", "webcam", "evk4"]

SENSORS: tuple[Sensor, ...] = get_args(Sensor)
"""Cameras that a cohort may have."""

WEBCAM_SIZE = (1280, 720)
"""px."""

EVK4_SCALE = 0.5
"""Of the EVK4's width and height where nobody says otherwise: it has ten times the pixels, and each costs."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the phases of a take last; ns.

    Attributes:
        countdown: the neutral face before.
        perform: long enough for the slowest performance.
        rest: the face afterwards.
    """

    countdown: int = 1_000_000_000
    perform: int = 2_600_000_000
    rest: int = 800_000_000

    @property
    def total(self) -> int:
        """Of a take."""
        return self.countdown + self.perform + self.rest


@dataclass(frozen=True, slots=True)
class PlannedTake:
    """One take to be.

    Attributes:
        id: who, when, what.
        trial: index in the subject's order, from 0.
        sensors: cameras that look.
        session: ns, host clock, when the session began.
        start: ns, host clock, of the countdown.
        timing: of its phases.
        subject_seed: of the person, their light and their surroundings.
        session_seed: of the cameras: thresholds, hot pixels, clocks.
        noise_seed: of this take alone: delays of packets, the frames' phase.
    """

    id: TakeId
    trial: int
    sensors: tuple[Sensor, ...]
    session: int
    start: int
    timing: Timing
    subject_seed: int
    session_seed: int
    noise_seed: int

    @property
    def end(self) -> int:
        """ns, host clock, when the rest is over."""
        return self.start + self.timing.total

    def cues(self) -> list[Cue]:
        """What the subject is asked, phase by phase."""
        start, cues = self.start, []
        for phase in ("countdown", "perform", "rest"):
            duration = getattr(self.timing, phase)
            cues.append(Cue(phase, self.id.au, start, duration, self.trial, self.id.run))
            start += duration
        return cues


@dataclass(frozen=True)
class SimulationPlan:
    """A cohort.

    Attributes:
        cohort: its name.
        subjects: how many.
        aus: FACS numbers; every subject performs each of them once.
        sensors: cameras.
        evk4_subjects: how many of them, from the first, have the EVK4 before them.
        seed: of everything.
        scale: of the EVK4's width and height.
        style: posed, or micro: weaker and over within half a second.
        timing: of a take.
    """

    cohort: str
    subjects: int
    aus: tuple[int, ...]
    sensors: tuple[Sensor, ...]
    evk4_subjects: int
    seed: int = 0
    scale: float = EVK4_SCALE
    style: Style = "posed"
    timing: Timing = Timing()

    def as_json(self) -> dict[str, Any]:
        """For simulation.json."""
        return asdict(self) | {"aus": list(self.aus), "sensors": list(self.sensors)}

    @cached_property
    def takes(self) -> tuple[PlannedTake, ...]:
        """All takes, subject by subject, in the order in which they are performed."""
        return tuple(take for number in range(self.subjects) for take in self._takes_of(number))

    def _takes_of(self, number: int) -> list[PlannedTake]:
        subject_seed, session_seed = self._seeds(number)
        rng = np.random.default_rng([session_seed, 0x5E5510])
        subject = f"S{number + 1:0{max(2, len(str(self.subjects)))}d}"
        session = start = EPOCH + number * DAY + int(rng.integers(0, 8 * 3600 * SECOND))
        sensors = self.sensors_of(number)
        takes = []
        for trial, au in enumerate(rng.permutation(self.aus)):
            # About 20 s for a trial, as in the protocol: the film, the countdown, the pause.
            start += round(rng.uniform(18.0, 24.0) * SECOND)
            seeds = subject_seed, session_seed, _seed(session_seed, trial)
            take = TakeId(subject, "01", int(au), 1)
            takes.append(PlannedTake(take, trial, sensors, session, start, self.timing, *seeds))
        return takes

    def _seeds(self, number: int) -> tuple[int, int]:
        """Of the subject with this number, and of the session."""
        return _seed(self.seed, number, 0), _seed(self.seed, number, 1)

    def sensors_of(self, number: int) -> tuple[Sensor, ...]:
        """Cameras before the subject with this number, from 0."""
        return tuple(name for name in self.sensors if name != "evk4" or number < self.evk4_subjects)

    def size(self, sensor: Sensor) -> tuple[int, int]:
        """Width and height of a camera's pictures, px."""
        if sensor == "webcam":
            return WEBCAM_SIZE
        width, height = SIZES[sensor]
        if sensor == "evk4":
            return 2 * round(width * self.scale / 2), 2 * round(height * self.scale / 2)
        return width, height

    def counts(self) -> dict[Sensor, int]:
        """Takes of each sensor."""
        return {name: sum(name in take.sensors for take in self.takes) for name in self.sensors}


def _seed(*of: int) -> int:
    """A seed that follows from others, 0 to 2^31 - 1."""
    return int(np.random.SeedSequence(of).generate_state(1)[0] >> 1)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort with a name.

    Attributes:
        subjects: how many.
        evk4_subjects: how many of them also have the EVK4 before them.
        meaning: of the name.
    """

    subjects: int
    evk4_subjects: int
    meaning: str


COHORTS = {
    "paper7": Cohort(7, 3, "as in the paper: 7 subjects, the EVK4 with 3 of them"),
    "large": Cohort(64, 64, "64 subjects, every camera with all of them"),
}
"""By name."""


def planned(
    *,
    cohort: str = "",
    subjects: int | None = None,
    aus: Sequence[int] = AU_NUMBERS,
    sensors: Sequence[str] = SENSORS,
    seed: int = 0,
    scale: float = EVK4_SCALE,
    style: str = "posed",
    timing: Timing = Timing(),
) -> SimulationPlan:
    """The plan that somebody asks for.

    Args:
        cohort: one of `COHORTS`, or "" for as many subjects as asked for, each before every camera.
        subjects: how many; None: as the cohort has, else 7.
        aus: FACS numbers.
        sensors: cameras: davis346, webcam, evk4.
        seed: of everything, 0 or above.
        scale: of the EVK4's width and height, 0.1 to 1.
        style: posed or micro.
        timing: of a take.

    Raises:
        ConfigError: one of them cannot be.
    """
    if cohort and cohort not in COHORTS:
        raise ConfigError(f"cohort: expected {' or '.join(COHORTS)}, found {cohort!r}")
    if not aus or len(set(aus)) != len(aus):
        found = ", ".join(map(str, aus)) or "none"
        raise ConfigError(f"aus: expected Action Units, each once, found {found}")
    for au in aus:
        action_unit(au)
    if unknown := [name for name in sensors if name not in SENSORS]:
        raise ConfigError(f"sensors: there is no {unknown[0]!r}; there are: {', '.join(SENSORS)}")
    if not sensors:
        raise ConfigError(f"sensors: expected some of {', '.join(SENSORS)}")
    if style not in get_args(Style):
        raise ConfigError(f"style: expected {' or '.join(get_args(Style))}, found {style!r}")
    if not 0.1 <= scale <= 1.0:
        raise ConfigError(f"scale: expected 0.1 to 1, found {scale:g}")
    if seed < 0:
        raise ConfigError(f"seed: expected 0 or above, found {seed}")
    known = COHORTS.get(cohort)
    count = subjects if subjects is not None else known.subjects if known else 7
    if not 1 <= count <= 999:
        raise ConfigError(f"subjects: expected 1 to 999, found {count}")
    with_evk4 = min(count, known.evk4_subjects) if known else count
    if set(sensors) == {"evk4"}:
        # Nobody sits down before no camera.
        count = with_evk4
    return SimulationPlan(
        cohort=cohort or "own",
        subjects=count,
        aus=tuple(aus),
        sensors=tuple(name for name in SENSORS if name in sensors),
        evk4_subjects=with_evk4 if "evk4" in sensors else 0,
        seed=seed,
        scale=scale,
        style=cast(Style, style),
        timing=timing,
    )
