"""Clocks that are wrong on purpose, and what is said of them: is the truth where it is said to be?

`python -m benchmarks.clocks --sessions 100` (an hour on two cores, most of it to render what the cameras see;
that is kept in out/clocks). Every session has another person, other Action Units and other faults: offsets to
200 ms and drifts to 200 ppm of each camera, jitter of its stamps to 5 ms.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from benchmarks.clock_sessions import CELLS, SECONDS, STRETCHES, Seen, Session, watched
from benchmarks.measurement import Measurement
from evface.cameras.clock_faults import ClockFaults
from evface.clocks.activity import FACE, MILLISECOND, Activity
from evface.clocks.envelope import ClockFit, MinimumDelay
from evface.clocks.frames import FrameIntervals
from evface.clocks.offsets import SensorOffset, correlated, with_drift
from evface.clocks.pairs import of_webcam

FOLDER = Path("out/clocks")
HOST = 1_700_000_000_000_000_000
"""ns, host clock, when every session begins."""

SENSOR_START = 5_000_000_000
"""ns that the sensors' clocks show then."""

PACKET = 5 * MILLISECOND
"""ns of an event packet."""

LIMIT = 5.0
"""ms that an error should not exceed."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was said of a pair of sensors in a session, and what is true.

    Attributes:
        session: which.
        said: offset and drift.
        offset_ms: the truth, as `SensorOffset.offset` says it.
        drift_ppm: the truth.
    """

    session: Session
    said: SensorOffset
    offset_ms: float
    drift_ppm: float

    @property
    def error_ms(self) -> float:
        """Said less true; NaN where nothing was said."""
        return self.said.offset * 1e3 - self.offset_ms

    @property
    def inside(self) -> bool:
        """Whether the truth lies within the 95 % interval."""
        return abs(self.error_ms) <= self.said.uncertainty * 1e3


PAIRS = ("EVK4 and DAVIS346", "webcam and DAVIS346", "webcam and DAVIS346 without its frames")


def trials(seen: Seen) -> tuple[Trial, Trial, Trial]:
    """Give a session's cameras clocks that are wrong, and have them compared: of each of `PAIRS`."""
    rng = np.random.default_rng([seen.session.number, 0xFA117])
    faults = {
        camera: ClockFaults(
            round(rng.uniform(-200, 200) * MILLISECOND),
            rng.uniform(-200, 200),
            round(rng.uniform(0, 5) * MILLISECOND),
        )
        for camera in ("davis346", "evk4", "webcam")
    }  # fmt: skip
    chance = random.Random(seen.session.number)
    davis, evk4, webcam = (faults[camera] for camera in ("davis346", "evk4", "webcam"))
    clock, own = _fit(davis, chance), _fit(evk4, chance)
    against = _activity("davis346", seen.davis, davis, clock)
    events = correlated(
        "evk4",
        "davis346",
        "event rate correlation",
        _activity("evk4", seen.evk4, evk4, own).intervals(),
        against,
    )
    own_frames, others = FrameIntervals("webcam"), FrameIntervals("davis346")
    for time, image in zip(seen.webcam_times.tolist(), seen.webcam, strict=True):
        own_frames.add(webcam.stamp(HOST + webcam.shown(time - BEGIN), chance), image)
    for time, image in zip(seen.davis_times.tolist(), seen.davis_frames, strict=True):
        others.add(HOST + davis.stamp(time - BEGIN, chance), image)
    pictures, alone = (of_webcam(own_frames, "davis346", them, against) for them in (others, None))
    middle = (int(seen.webcam_times[0]) + int(seen.webcam_times[-1])) / 2 - BEGIN
    apart = (davis.offset - webcam.offset) / MILLISECOND - webcam.drift * 1e-6 * middle / MILLISECOND
    drift = ((1 + evk4.drift * 1e-6) / (1 + davis.drift * 1e-6) - 1) * 1e6
    return (
        Trial(
            seen.session, with_drift(events, own, clock), (davis.offset - evk4.offset) / MILLISECOND, drift
        ),
        Trial(seen.session, pictures, apart, webcam.drift),
        Trial(seen.session, alone, apart, webcam.drift),
    )


BEGIN = 2_000_000_000
"""ns on the scene's clock when a session begins."""


def _fit(faults: ClockFaults, chance: random.Random) -> ClockFit:
    delay = MinimumDelay()
    for time in range(PACKET, round(STRETCHES * SECONDS * 1e9), PACKET):
        delay.add(HOST + faults.stamp(time, chance), SENSOR_START + faults.shown(time) // 1000 * 1000)
    return delay.fit()


def _activity(camera: str, counts: NDArray[np.uint16], faults: ClockFaults, fit: ClockFit) -> Activity:
    """What the sensor counts in the middle of its picture, as its clock has it, on the host's clock."""
    columns, rows = CELLS
    left, top, right, bottom = FACE[camera]
    inside = counts[
        :, round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)
    ]
    edges = [SENSOR_START + faults.shown(ms * MILLISECOND) for ms in range(len(counts) + 1)]
    return Activity.of_counts(
        fit.all_to_host(np.array(edges, np.int64)), inside.sum((1, 2), dtype=np.float64)
    )


def summary(name: str, found: list[Trial]) -> list[Measurement]:
    """Figures of one pair of sensors."""
    known = [trial for trial in found if trial.said.known]
    moving = [trial for trial in known if trial.session.kind != "rest"]
    errors = np.abs([trial.error_ms for trial in known]) if known else np.array([math.nan])
    inside = [trial.inside for trial in known]
    below = [abs(trial.error_ms) < LIMIT for trial in moving]
    stated = [trial.said.uncertainty * 1e3 for trial in known]
    rows = {
        ("sessions", ""): float(len(found)),
        ("an offset was said", "sessions"): float(len(known)),
        ("truth within the 95 % uncertainty", "%"): 100.0 * float(np.mean(inside or [False])),
        ("error, median", "ms"): float(np.median(errors)),
        ("error, worst", "ms"): float(errors.max()),
        (f"error below {LIMIT:g} ms where somebody is asked to move", "%"):
            100.0 * float(np.mean(below or [False])),
        ("uncertainty, median", "ms"): float(np.median(stated or [0])),
    }  # fmt: skip
    return [
        {"name": f"{name}: {what}", "ours": value, "unit": unit, "peers": {}, "limit": None}
        for (what, unit), value in rows.items()
    ]


def plot(pairs: dict[str, list[Trial]], path: Path) -> None:
    """Every session's error with the interval that was said, a panel for each pair."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(pairs), 1, figsize=(9, 8), sharex=True, layout="constrained")
    for axis, (name, found) in zip(axes, pairs.items(), strict=True):
        axis.axhspan(-LIMIT, LIMIT, color="0.93", lw=0)
        axis.axhline(0, color="0.6", lw=0.8)
        for kind, colour in (("posed", "#1f5f8b"), ("micro", "#c46a00"), ("rest", "#777777")):
            chosen = [t for t in found if t.session.kind == kind and t.said.known]
            axis.errorbar(
                [t.session.number for t in chosen], [t.error_ms for t in chosen],
                [t.said.uncertainty * 1e3 for t in chosen],
                fmt="o", ms=3, lw=0.9, color=colour, label=kind,
            )  # fmt: skip
        unknown = [t.session.number for t in found if not t.said.known]
        axis.plot(unknown, [0.0] * len(unknown), "x", color="#b00020", ms=5, label="unknown")
        known = [t for t in found if t.said.known]
        axis.set_title(
            f"{name}: truth inside in {sum(t.inside for t in known)} of {len(known)}, {len(unknown)} unknown",
            loc="left", fontsize=10,
        )  # fmt: skip
        axis.set_ylabel("said less true, ms")
        axis.set_ylim(-30, 30)
    axes[0].legend(ncols=4, fontsize=8, loc="upper right")
    axes[-1].set_xlabel("session")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def run(sessions: int = 100, jobs: int = 2, picture: Path | None = None) -> list[Measurement]:
    """Render what is not there yet, and compare the clocks of all sessions.

    Returns:
        Coverage and errors of the pairs of sensors.
    """
    found = [trials(seen) for seen in watched(sessions, FOLDER, jobs)]
    pairs = dict(zip(PAIRS, (list(those) for those in zip(*found, strict=True)), strict=True))
    if picture is not None:
        plot(pairs, picture)
    rows = [row for name, those in pairs.items() for row in summary(name, those)]
    drifts = [t for t in pairs[PAIRS[0]] if not math.isnan(t.said.drift_ppm)]
    close = [abs(t.said.drift_ppm - t.drift_ppm) <= t.said.drift_uncertainty for t in drifts]
    rows.append(
        {
            "name": "EVK4 and DAVIS346: drift within the 95 % uncertainty",
            "ours": 100.0 * float(np.mean(close)),
            "unit": "%",
            "peers": {},
            "limit": None,
        }
    )
    return rows


def main() -> None:
    """Print the figures, and every session that was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.clocks", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100, help="default 100")
    parser.add_argument("--jobs", type=int, default=2, help="processes that render; default 2")
    parser.add_argument("--plot", type=Path, default=None, help="picture to write")
    options = parser.parse_args()
    for row in run(options.sessions, options.jobs, options.plot):
        print(f"{row['name']}: {row['ours']:.4g} {row['unit']}")


if __name__ == "__main__":
    main()
