"""What three virtual cameras see of a hundred people: the signals that clocks are compared by, made once.

Every session has a person, Action Units and cameras of its own. The cameras look at true time here; what is
wrong with their clocks is put onto the signals afterwards, so that one rendering serves many faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.options import SIZES, Evk4Options
from evface.protocol import AU_NUMBERS
from evface.simulation.face import FaceScene
from evface.simulation.recording import ask, film
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.stepping import Steps

Kind = Literal["posed", "micro", "rest"]

SECONDS = 12.0
"""Of a session's stretch."""

BEGIN = 2.0
"""s on the scene's clock when it begins."""

CELLS = (16, 12)
"""Columns and rows of cells in which events are counted: what moves behind a person is left out later."""

WEBCAM_SIZE, WEBCAM_RATE = (640, 360), 30.0
"""px, Hz."""

REDUCED = cv2.IMREAD_REDUCED_GRAYSCALE_4
"""160x90 px, as an eighth of 1280x720 is."""


@dataclass(frozen=True, slots=True)
class Session:
    """What is to be seen.

    Attributes:
        number: from 0; seed of everything.
        kind: full movements on request, weak and short ones, or nobody is asked for anything.
        aus: FACS numbers.
    """

    number: int
    kind: Kind
    aus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """Signals of a session, on true time, ns from the scene's zero.

    Attributes:
        session: whose they are.
        davis: events of each millisecond and cell, uint16 ``[ms, rows, columns]``.
        evk4: likewise.
        webcam_times: middle of each exposure, ns, int64 ``[N]``.
        webcam: the frames, small and grey, uint8 ``[N, H, W]``.
    """

    session: Session
    davis: NDArray[np.uint16]
    evk4: NDArray[np.uint16]
    webcam_times: NDArray[np.int64]
    webcam: NDArray[np.uint8]


def sessions(count: int) -> list[Session]:
    """The plan: of ten sessions seven have posed movements, two weak ones, and in one nobody is asked."""
    plan = []
    for number in range(count):
        kind: Kind = "rest" if number % 10 == 9 else "micro" if number % 10 in (4, 7) else "posed"
        aus = np.random.default_rng([number, 0xC10C]).choice(AU_NUMBERS, 3, replace=False)
        plan.append(Session(number, kind, () if kind == "rest" else tuple(int(au) for au in aus)))
    return plan


def _scene(session: Session, camera: str) -> FaceScene:
    scene = FaceScene(1000 + session.number, camera, "micro" if session.kind == "micro" else "posed")
    at = BEGIN + np.random.default_rng([session.number, 0xA]).uniform(0.5, 1.5)
    for trial, au in enumerate(session.aus):
        ask(scene, au, at + 3.6 * trial, 2.6, trial)
    return scene


def _events(session: Session, camera: Literal["davis346", "evk4"]) -> NDArray[np.uint16]:
    scene, (width, height) = _scene(session, camera), SIZES[camera]
    sensor = make_sensor(width, height, camera, lux=scene.lux, seed=session.number)
    shortest = round(1e9 / Evk4Options().step_rate) if camera == "evk4" else Steps().shortest
    steps = Steps(shortest=shortest, longest=max(shortest, Steps().longest))
    begin, end = round(BEGIN * 1e9), round((BEGIN + SECONDS) * 1e9)
    columns, rows = CELLS
    counts = np.zeros((round(SECONDS * 1e3), rows, columns), np.uint16)
    for time in steps.times(scene, begin, end, width, height):
        events = sensor.step(scene.render(time, width, height), time // 1000)
        ms = np.clip((events.t - begin // 1000) // 1000, 0, len(counts) - 1)
        np.add.at(
            counts,
            (ms, events.y.astype(np.int64) * rows // height, events.x.astype(np.int64) * columns // width),
            1,
        )
    return counts


def _webcam(session: Session) -> dict[str, NDArray[np.int64] | NDArray[np.uint8]]:
    times, frames = [], []
    scene = _scene(session, "webcam")
    for shot in film(
        scene, SECONDS, begin=BEGIN, size=WEBCAM_SIZE, frame_rate=WEBCAM_RATE, seed=session.number
    ):
        _, jpeg = cv2.imencode(".jpg", shot.image, [cv2.IMWRITE_JPEG_QUALITY, 85])
        times.append(shot.time)
        frames.append(np.asarray(cv2.imdecode(jpeg, REDUCED), np.uint8))
    return {"times": np.array(times, np.int64), "frames": np.stack(frames)}


def watched(count: int, folder: Path, jobs: int) -> Iterator[Seen]:
    """The first sessions of the plan, rendered where the folder does not have them yet."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = sessions(count)
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(_keep, plan, [folder] * len(plan)))
    for session in plan:
        with (
            np.load(_path(folder, session, "events")) as events,
            np.load(_path(folder, session, "webcam")) as film,
        ):
            yield Seen(session, events["davis"], events["evk4"], film["times"], film["frames"])


def _path(folder: Path, session: Session, what: str) -> Path:
    return folder / f"{what}-{session.number:03d}.npz"


def _keep(session: Session, folder: Path) -> None:
    cv2.setNumThreads(1)
    for what, make in (("events", _both), ("webcam", _webcam)):
        path = _path(folder, session, what)
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            np.savez_compressed(partial, **make(session))
            partial.replace(path)


def _both(session: Session) -> dict[str, NDArray[np.uint16]]:
    return {"davis": _events(session, "davis346"), "evk4": _events(session, "evk4")}
