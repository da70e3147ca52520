"""A moving face before the event sensors: simulated seconds a second of the wall clock.

v2e's own code runs on the same pictures where the environment variable V2E names a checkout of
https://github.com/SensorsINI/v2e (`make bench V2E=path`); modules that it has for windows and video alone are
left empty. Of evlib it is the ESIM of its Python package. torch, which both peers use, has one thread, as
ours has; with two on a busy machine they would only wait for each other.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measurement import Measurement
from benchmarks.timing import medians
from evface.cameras.source import Cue
from evface.protocol import AU_NUMBERS
from evface.simulation.ahead import render_ahead
from evface.simulation.face import FaceScene
from evface.simulation.scene import Scene
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.stepping import Steps

MILLISECOND = 1_000_000
"""ns."""

SECOND = 1000 * MILLISECOND
BEGIN = 10 * SECOND
"""ns, when the person is asked to smile."""

SMILE = 12
PEOPLE = (0, 1, 4)
"""Seeds of people who are measured: the first has long hair, the second glasses."""

PUBLISHED = {"v2e published, at best": 1 / 50, "v2e published, at worst": 1 / 200}
"""Hu et al. 2021: 50 to 200 times slower than real time, at 346x260 on a GTX 1050."""


def run() -> list[Measurement]:
    """Measure both event sensors.

    Returns:
        Simulated s a s of wall clock (above 1: faster than real time), and ms of processor time of a picture
        and of a step. "whole": rendering and sensor.
    """
    cv2.setNumThreads(1)
    threads_of_torch = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _rows()
    finally:
        torch.set_num_threads(threads_of_torch)


def _rows() -> list[Measurement]:
    rows: list[Measurement] = []
    for camera, width, height, span, threads in (
        ("davis346", 346, 260, 300 * MILLISECOND, 1),
        ("evk4", 1280, 720, 40 * MILLISECOND, 2),
    ):
        rows += _camera(camera, width, height, span, threads)
    return rows


def moving_face(
    camera: str, span: int, seed: int = PEOPLE[0], au: int = SMILE, threads: int = 1
) -> tuple[FaceScene, int]:
    """A person who moves, and where a span begins in the middle of which they are halfway there; ns."""
    scene = FaceScene(seed, camera, threads=threads)
    scene.cue(Cue("perform", au, BEGIN, 3 * SECOND, 0, 1))
    done = scene.behaviour.performances[0]
    return scene, (done.onset + done.apex - span) // 2


def _camera(camera: str, width: int, height: int, span: int, threads: int) -> list[Measurement]:
    scene, begin = moving_face(camera, span)
    times = list(range(begin, begin + span, MILLISECOND))
    pictures = [scene.render(moment, width, height) for moment in times]
    where = f"simulation {width}x{height}"
    peers = {name: make(pictures) for name, make in {"v2e": _v2e, "evlib": _evlib}.items()}
    alone: dict[str, Callable[[], object]] = {
        "ours": lambda: _sensor(camera, pictures, scene.lux, 1),
        "limit": lambda: _copy(pictures),
        **{name: task for name, task in peers.items() if task is not None},
    }
    missing = ", ".join(name for name, task in peers.items() if task is None)
    cores = f"{threads} core{'s' if threads > 1 else ''}"
    sensor = _row(f"{where}, sensor alone, 1 core{f' ({missing} absent)' if missing else ''}", alone, span)
    with _on_cores(threads):
        whole = [
            *_smiles(where, camera, span, threads, cores),
            *_all_actions(where, camera, span, threads, cores),
        ]
    if camera == "davis346":
        for row in whole:
            row["peers"] = dict(PUBLISHED)
    return [sensor, *whole, *_costs(where, scene, camera, times, pictures)]


@contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """The calling thread and all that it starts on so many cores, however many there are."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _smiles(where: str, camera: str, span: int, threads: int, cores: str) -> list[Measurement]:
    """Rendering and sensor while people smile: a picture a ms, and as many as the motion asks for."""
    width, height = SIZES[camera]
    dense, sparse = [], []
    for seed in PEOPLE:
        scene, begin = moving_face(camera, span, seed, threads=threads)
        scene.render(begin, width, height)
        every = range(begin, begin + span, MILLISECOND)
        dense.append(_rate(lambda: _whole(scene, every, camera, threads), span))  # noqa: B023
        sparse.append(
            _rate(lambda: _whole(scene, _adaptive(scene, begin, span, width, height), camera, threads), span)  # noqa: B023
        )
    people = f"median of {len(PEOPLE)} people who smile, {cores}"
    return [
        _whole_row(f"{where}, whole, 1,000 pictures/s, {people}", median(dense)),
        _whole_row(f"{where}, whole, adaptive steps, {people}", median(sparse)),
    ]


def _all_actions(where: str, camera: str, span: int, threads: int, cores: str) -> list[Measurement]:
    """One person's 21 Action Units, each halfway to its apex: where the most moves, the most is drawn."""
    rates: dict[int, float] = {}
    for au in AU_NUMBERS:
        scene, begin = moving_face(camera, span, PEOPLE[-1], au, threads)
        scene.render(begin, *SIZES[camera])
        steps = list(_adaptive(scene, begin, span, *SIZES[camera]))
        rates[au] = _rate(lambda: _whole(scene, steps, camera, threads), span)  # noqa: B023
    slowest = min(rates, key=rates.__getitem__)
    what = f"{where}, whole, adaptive steps, of 21 AUs the"
    return [
        _whole_row(f"{what} median, {cores}", median(rates.values())),
        _whole_row(f"{what} slowest (AU {slowest}), {cores}", rates[slowest]),
    ]


def _rate(task: Callable[[], object], span: int) -> float:
    return span / SECOND / medians({"ours": task}, 3)["ours"]


def _whole_row(name: str, rate: float) -> Measurement:
    return Measurement(name=name, ours=rate, unit="s/s", limit=None, peers={})


def _costs(
    where: str, scene: Scene, camera: str, times: list[int], pictures: list[NDArray[np.float32]]
) -> list[Measurement]:
    """Processor time of a step's two parts, which other work on the machine disturbs less."""
    width, height = SIZES[camera]
    drawn, stepped = [], []
    for _ in range(3):
        began = time.process_time()
        for moment in times:
            scene.render(moment, width, height)
        drawn.append(time.process_time() - began)
        sensor = make_sensor(width, height, camera, lux=scene.lux)
        # At the second picture everything is looked at.
        sensor.step(pictures[0], 0)
        sensor.step(pictures[1], 1000)
        began = time.process_time()
        for index, picture in enumerate(pictures[2:], 2):
            sensor.step(picture, 1000 * index)
        stepped.append((time.process_time() - began) * len(times) / (len(times) - 2))
    return [
        Measurement(
            name=f"{where}, {name}, CPU",
            ours=1000 * median(taken) / len(times),
            unit="ms",
            peers={},
            limit=None,
        )
        for name, taken in (("a picture", drawn), (f"a step of the {camera} sensor", stepped))
    ]


def _copy(pictures: list[NDArray[np.float32]]) -> None:
    room = np.empty_like(pictures[0])
    for picture in pictures:
        np.copyto(room, picture)


def _row(name: str, tasks: dict[str, Callable[[], object]], span: int) -> Measurement:
    rates = {task: span / SECOND / seconds for task, seconds in medians(tasks, 3).items()}
    limit = rates.pop("limit", None)
    return Measurement(name=name, ours=rates.pop("ours"), unit="s/s", limit=limit, peers=rates)


SIZES = {"davis346": (346, 260), "evk4": (1280, 720)}


def _sensor(camera: str, pictures: list[NDArray[np.float32]], lux: float, threads: int) -> int:
    """How many events there are: with clean pixels, as v2e's are set."""
    sensor = make_sensor(*SIZES[camera], "clean", lux=lux, threads=threads)
    return sum(len(sensor.step(picture, 1000 * index)) for index, picture in enumerate(pictures))


def _whole(scene: Scene, times: Any, camera: str, threads: int) -> int:
    """Rendering and the camera's own pixels; with two threads one renders ahead."""
    width, height = SIZES[camera]
    sensor = make_sensor(width, height, camera, lux=scene.lux)
    if threads > 1:
        return sum(
            len(sensor.step(seen, moment // 1000))
            for moment, seen in render_ahead(scene, times, width, height)
        )
    return sum(len(sensor.step(scene.render(moment, width, height), moment // 1000)) for moment in times)


def _adaptive(scene: Scene, begin: int, span: int, width: int, height: int) -> Any:
    return Steps().times(scene, begin, begin + span, width, height)


def _v2e(pictures: list[NDArray[np.float32]]) -> Callable[[], object] | None:
    """v2e's emulator with the same parameters, its times and pictures as it wants them."""
    emulator = _v2e_emulator()
    if emulator is None:
        return None
    bytes_ = [picture * 255.0 for picture in pictures]

    def task() -> int:
        made = emulator(
            pos_thres=0.2, neg_thres=0.2, sigma_thres=0.03, cutoff_hz=300.0, leak_rate_hz=0.01,
            shot_noise_rate_hz=0.001, seed=1, device="cpu",
        )  # fmt: skip
        parts = [made.generate_events(picture, index / 1000) for index, picture in enumerate(bytes_)]
        return sum(len(part) for part in parts if part is not None)

    return task


def _v2e_emulator() -> Any:
    """Its class, from the checkout that V2E names; None without one."""
    path = os.environ.get("V2E", "")
    if not path:
        return None
    for name in ("screeninfo", "easygui", "engineering_notation", "tkinter"):
        try:
            importlib.import_module(name)
        except ImportError:
            empty: Any = ModuleType(name)
            empty.get_monitors, empty.EngNumber, empty.filedialog = list, str, None
            sys.modules[name] = empty
    sys.path.append(path)
    import logging

    emulator = importlib.import_module("v2ecore.emulator").EventEmulator
    logging.getLogger("v2ecore").setLevel(logging.ERROR)
    return emulator


def _evlib(pictures: list[NDArray[np.float32]]) -> Callable[[], object] | None:
    try:
        simulation = importlib.import_module("evlib.simulation")
    except ImportError:
        return None
    config = simulation.ESIMConfig(
        positive_threshold=0.2, negative_threshold=0.2, refractory_period_ms=0.0, device="cpu"
    )
    bytes_ = [picture * 255.0 for picture in pictures]

    def task() -> int:
        made = simulation.ESIMSimulator(config)
        return sum(len(made.process_frame(picture, index / 1000)[0]) for index, picture in enumerate(bytes_))

    return task
