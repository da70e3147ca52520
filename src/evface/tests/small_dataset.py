"""A small dataset in the published tree, made in a second: two subjects, two takes each, with truths."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evface.dataset.cues import CueRecord
from evface.dataset.description import describe
from evface.dataset.naming import TakeId
from evface.dataset.recordings import EventBlock, Picture
from evface.dataset.take_files import TakeFiles, files_of
from evface.events import Events

START = 1_700_000_000_000_000_000
"""ns, host clock, of the first take's countdown."""
SENSOR_START = 7_654_321
"""us, DAVIS clock, at that moment."""
MILLISECOND = 1_000_000
COUNTDOWN, PERFORM, REST = 200 * MILLISECOND, 700 * MILLISECOND, 300 * MILLISECOND
LENGTH = COUNTDOWN + PERFORM + REST


@dataclass(frozen=True)
class SmallPlan:
    """What to make."""

    subjects: tuple[str, ...] = ("S01", "S02")
    aus: tuple[int, ...] = (12, 45)
    evk4: bool = False
    purpose: str = "research"
    session: dict[str, Any] = field(default_factory=dict)


def make_dataset(root: Path, plan: SmallPlan = SmallPlan()) -> Path:
    """Write the takes of a plan as convert and simulate do, and describe them."""
    sessions = {}
    for number, subject in enumerate(plan.subjects):
        for trial, au in enumerate(plan.aus):
            start = START + (number * 1000 + trial) * 10**10
            make_take(root, TakeId(subject, "01", au, 1), start, trial, plan)
        sessions[subject, "01"] = {"subject": subject, "session": "01", **plan.session}
    describe(root, sessions)
    return root


def make_take(root: Path, take: TakeId, start: int, trial: int, plan: SmallPlan) -> None:
    cues, at = [], start
    for phase, length in (("countdown", COUNTDOWN), ("perform", PERFORM), ("rest", REST)):
        cues.append(CueRecord(phase, take.au, at, length, at))
        at += length
    with files_of(take, root) as work:
        files = TakeFiles(take, work, cues, (start, at), None)
        files.events("davis", blocks(start, take.au, 346, 260), "virtual")
        if plan.evk4:
            files.events("evk4", blocks(start, take.au, 1280, 720), "virtual")
        files.frames("davis", [picture(start, n, False) for n in range(24)], "virtual")
        files.frames("rgb", [picture(start, n, True) for n in range(24)], "virtual")
        files.truth(truth(take.au, start))
        files.finish(trial, "complete", purpose=plan.purpose)


def blocks(start: int, au: int, width: int, height: int) -> list[EventBlock]:
    """20 000 events in packets of 10 ms, most of them while the subject performs."""
    rng = np.random.default_rng([au, width])
    quiet = rng.integers(0, LENGTH // 1000, 4_000)
    moving = rng.integers(COUNTDOWN // 1000, (COUNTDOWN + PERFORM) // 1000, 16_000)
    t = np.sort(np.concatenate([quiet, moving])) + SENSOR_START
    events = Events(
        rng.integers(0, width, len(t)).astype(np.uint16), rng.integers(0, height, len(t)).astype(np.uint16),
        rng.integers(0, 2, len(t)).astype(np.uint8), t, width, height,
    )  # fmt: skip
    found = []
    for number in range(LENGTH // (10 * MILLISECOND)):
        first, last = np.searchsorted(t, SENSOR_START + np.array([number, number + 1]) * 10_000)
        end = SENSOR_START + (number + 1) * 10_000
        host = start + (number + 1) * 10 * MILLISECOND + 1_500_000
        found.append(EventBlock(host, end, events[first:last], 0, 0))
    return found


def picture(start: int, number: int, color: bool) -> Picture:
    """The ``number``-th of a camera: every 50 ms, a little brighter each; the webcam's are JPEGs."""
    gray = np.full((260, 346), 50 + 4 * number, np.uint8)
    time = start + number * 50 * MILLISECOND + 123_456
    if not color:
        return Picture(time, gray)
    return Picture(time, cv2.imencode(".jpg", cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))[1].tobytes())


def truth(au: int, start: int) -> dict[str, Any]:
    """As the simulator tells it; of 12, the cheeks (6) rise along."""
    at = {
        name: start + milliseconds * MILLISECOND
        for name, milliseconds in (("onset", 300), ("apex", 500), ("offset", 700), ("end", 900))
    }
    strength = {"intensity": 0.9, "left": 0.8, "right": 1.0, "failed": False}
    return {"au": au, "trial": 0, "take": 1, **at, **strength, "others": {"6": 0.2} if au == 12 else {}}
