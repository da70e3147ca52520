"""What three virtual cameras see of a hundred people: the signals that clocks are compared by, made once.

Every session has a person, Action Units and cameras of its own. The cameras look at true time here; what is
wrong with their clocks is put onto the signals afterwards, so that one rendering serves many faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.options import Evk4Options
from evface.clocks.activity import small
from evface.events import Events
from evface.protocol import AU_NUMBERS
from evface.simulation.face import FaceScene
from evface.simulation.recording import ask, film, watch
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.stepping import Steps

Kind = Literal["posed", "micro", "rest"]

SECONDS, STRETCHES = 20.0, 2
"""A session is rendered in stretches of so many s, so that little is lost when it is interrupted."""

BEGIN = 2.0
"""s on the scene's clock when the first one begins."""

ASKED = 5
"""Action Units of a stretch."""

CELLS = (16, 12)
"""Columns and rows of cells in which events are counted: what moves behind a person is left out later."""

DAVIS_RATE = 40.0
"""Hz of the DAVIS346's frames."""

EVK4_SIZE = (640, 360)
"""px: half its width and height, a quarter of the work."""

WEBCAM_SIZE, WEBCAM_RATE = (640, 360), 30.0
"""px, Hz."""

PICTURES = 6
"""The most that a frame of the webcam is made from: of two, a blink in a long exposure seems to come late."""

REDUCED = cv2.IMREAD_REDUCED_GRAYSCALE_4
"""160x90 px, as an eighth of 1280x720 is."""


@dataclass(frozen=True, slots=True)
class Session:
    """What is to be seen.

    Attributes:
        number: from 0; seed of everything.
        kind: full movements on request, weak and short ones, or nobody is asked for anything.
        aus: FACS numbers, `ASKED` for each stretch.
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
        davis_times: middle of each exposure of the DAVIS346's frames, ns, int64 ``[M]``.
        davis_frames: those frames, small, uint8 ``[M, H, W]``.
        webcam_times: middle of each exposure, ns, int64 ``[N]``.
        webcam: the frames, small and grey, uint8 ``[N, H, W]``.
    """

    session: Session
    davis: NDArray[np.uint16]
    evk4: NDArray[np.uint16]
    davis_times: NDArray[np.int64]
    davis_frames: NDArray[np.uint8]
    webcam_times: NDArray[np.int64]
    webcam: NDArray[np.uint8]


def sessions(count: int) -> list[Session]:
    """The plan: of ten sessions seven have posed movements, two weak ones, and in one nobody is asked."""
    plan = []
    for number in range(count):
        kind: Kind = "rest" if number % 10 == 9 else "micro" if number % 10 in (4, 7) else "posed"
        rng, aus = np.random.default_rng([number, 0xC10C]), list[int]()
        for _ in range(0 if kind == "rest" else STRETCHES):
            left = [au for au in AU_NUMBERS if au not in aus]
            aus += [int(au) for au in rng.choice(left, ASKED, replace=False)]
        plan.append(Session(number, kind, tuple(aus)))
    return plan


def _begin(stretch: int) -> float:
    """s on the scene's clock."""
    return BEGIN + SECONDS * stretch


def _scene(session: Session, camera: str, stretch: int) -> FaceScene:
    scene = FaceScene(1000 + session.number, camera, "micro" if session.kind == "micro" else "posed")
    at = _begin(stretch) + np.random.default_rng([session.number, 0xA]).uniform(0.5, 1.5)
    for trial, au in enumerate(session.aus[ASKED * stretch : ASKED * (stretch + 1)]):
        ask(scene, au, at + 3.6 * trial, 2.6, trial)
    return scene


def _davis346(session: Session, stretch: int) -> dict[str, NDArray[Any]]:
    begin, counts, times, frames = _begin(stretch), _none(), [], []
    scene = _scene(session, "davis346", stretch)
    for look in watch(scene, SECONDS, "davis346", begin=begin, seed=session.number, frame_rate=DAVIS_RATE):
        _count(look.events, counts, begin)
        times += [shot.time for shot in look.frames]
        frames += [small(shot.image) for shot in look.frames]
    return {"counts": counts, "times": np.array(times, np.int64), "frames": np.stack(frames)}


def _evk4(session: Session, stretch: int) -> dict[str, NDArray[Any]]:
    begin, counts, (width, height) = _begin(stretch), _none(), EVK4_SIZE
    scene = _scene(session, "evk4", stretch)
    sensor = make_sensor(width, height, "evk4", lux=scene.lux, seed=session.number)
    shortest = round(1e9 / Evk4Options().step_rate)
    steps = Steps(shortest=shortest, longest=max(shortest, Steps().longest))
    for time in steps.times(scene, round(begin * 1e9), round((begin + SECONDS) * 1e9), width, height):
        _count(sensor.step(scene.render(time, width, height), time // 1000), counts, begin)
    return {"counts": counts}


def _none() -> NDArray[np.uint16]:
    columns, rows = CELLS
    return np.zeros((round(SECONDS * 1e3), rows, columns), np.uint16)


def _count(events: Events, counts: NDArray[np.uint16], begin: float) -> None:
    ms = np.clip((events.t - round(begin * 1e6)) // 1000, 0, len(counts) - 1)
    _, rows, columns = counts.shape
    y = events.y.astype(np.int64) * rows // events.height
    x = events.x.astype(np.int64) * columns // events.width
    np.add.at(counts, (ms, y, x), 1)


def _webcam(session: Session, stretch: int) -> dict[str, NDArray[Any]]:
    begin, times, frames = _begin(stretch), [], []
    scene = _scene(session, "webcam", stretch)
    for shot in film(
        scene, SECONDS, begin=begin,
        size=WEBCAM_SIZE, frame_rate=WEBCAM_RATE, seed=session.number, pictures=PICTURES,
    ):  # fmt: skip
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
        davis, evk4, webcam = (_kept(folder, session, camera) for camera in CAMERAS)
        yield Seen(
            session, davis["counts"], evk4["counts"], davis["times"], davis["frames"],
            webcam["times"], webcam["frames"],
        )  # fmt: skip


CAMERAS = {"davis346": _davis346, "evk4": _evk4, "webcam": _webcam}


def _path(folder: Path, session: Session, camera: str, stretch: int) -> Path:
    return folder / f"{camera}-{session.number:03d}-{stretch}.npz"


def _kept(folder: Path, session: Session, camera: str) -> dict[str, NDArray[Any]]:
    """All stretches, one after the other."""
    files = [np.load(_path(folder, session, camera, stretch)) for stretch in range(STRETCHES)]
    return {name: np.concatenate([file[name] for file in files]) for name in files[0].files}


def _keep(session: Session, folder: Path) -> None:
    cv2.setNumThreads(1)
    for stretch, (camera, look) in product(range(STRETCHES), CAMERAS.items()):
        path = _path(folder, session, camera, stretch)
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            np.savez_compressed(partial, allow_pickle=False, **look(session, stretch))
            partial.replace(path)
