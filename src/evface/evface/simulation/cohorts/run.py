"""A plan becomes a dataset: takes in parallel, each whole or not there, the same bytes in whatever order."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2

from evface.dataset.boxes import FaceDetector
from evface.dataset.description import describe
from evface.dataset.naming import PLAN
from evface.dataset.progress import Progress, silent
from evface.dataset.take_files import DONE, PARTIAL
from evface.dataset.tree import read_json
from evface.errors import ConfigError, DatasetError
from evface.interrupts import interrupts_ignored
from evface.simulation.cohorts.about import NAME, about, session_facts, simulator
from evface.simulation.cohorts.plan import PlannedTake, SimulationPlan
from evface.simulation.cohorts.take import simulate_take

LOCK = ".lock"
"""At the dataset's root: held while somebody works on it."""

BYTES = {"davis346": 6e6, "webcam": 12e6, "evk4": 40e6}
"""Of a take of each camera, upper estimates; the EVK4's whole."""


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What became of the takes.

    Attributes:
        made: simulated now.
        there: whole already.
    """

    made: int
    there: int


def simulate(
    plan: SimulationPlan, out: Path, *, jobs: int = 1, progress: Progress = silent, boxes: bool = True
) -> SimulationReport:
    """Make or continue the dataset of a plan.

    The same plan and version give the same bytes, whatever ``jobs`` is and however often it was interrupted.

    Args:
        plan: of the cohort.
        out: root of the dataset; made if it is not there.
        jobs: processes.
        progress: told after every take.
        boxes: search the frames for the face; without, every take gets the centred default box.

    Raises:
        DatasetError: ``out`` holds something else, or cannot be written, or the disk is too small.
        ConfigError: boxes are wanted and facenet-pytorch is not installed.
        KeyboardInterrupt: as it came; what is whole stays, and nothing else does.
    """
    if boxes and find_spec("facenet_pytorch") is None:
        raise ConfigError("faces cannot be searched for without facenet-pytorch, which is not installed")
    try:
        with _claimed(plan, out, boxes):
            missing = [take for take in plan.takes if not take.id.file(out, DONE).exists()]
            _check_space(plan, missing, out)
            there = len(plan.takes) - len(missing)
            try:
                for done, name in enumerate(_made(plan, missing, out, jobs, boxes), there + 1):
                    progress(done, len(plan.takes), name)
            finally:
                for left in out.glob(f"sub-*/ses-*/beh/.*{PARTIAL}"):
                    shutil.rmtree(left, ignore_errors=True)
            describe(out, session_facts(plan), NAME, about(plan))
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror or error}") from error
    return SimulationReport(len(missing), there)


@contextmanager
def _claimed(plan: SimulationPlan, out: Path, boxes: bool) -> Iterator[None]:
    """The folder is ours while the block runs: it holds this plan's dataset, and nobody else works on it."""
    content: dict[str, Any] = {"simulator": simulator(), "plan": plan.as_json(), "boxes": boxes}
    # As it is read back: tuples are lists there.
    content = json.loads(json.dumps(content))
    path = out / PLAN
    if path.exists():
        there = read_json(path)
        if there != content:
            raise DatasetError(f"{out}: {_difference(there, content)}; choose another folder")
    elif out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out}: not empty, and without {PLAN}: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"{out}: another process is simulating into it") from error
        if not path.exists():
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)


def _difference(there: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Why the dataset that is there cannot be continued."""
    made, now = there.get("simulator", {}), wanted["simulator"]
    if made != now:
        if made.get("version") != now["version"]:
            return f"made by version {made.get('version')} of the simulator, this is {now['version']}"
        return f"made by another state of the simulator's version {now['version']}"
    old = there.get("plan", {})
    for key, value in wanted["plan"].items():
        if old.get(key) != value:
            return f"made with {key} {old.get(key)}, not {value}"
    return "made by another plan"


def _check_space(plan: SimulationPlan, takes: list[PlannedTake], out: Path) -> None:
    weights = BYTES | {"evk4": BYTES["evk4"] * plan.scale**2}
    needed = sum(weights[sensor] for take in takes for sensor in take.sensors)
    free = shutil.disk_usage(out).free
    if free < needed:
        raise DatasetError(
            f"{out}: {len(takes)} takes need about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        )


def _made(plan: SimulationPlan, takes: list[PlannedTake], out: Path, jobs: int, boxes: bool) -> Iterator[str]:
    """Simulate takes; the name of each when it is whole."""
    if not takes:
        return
    if jobs == 1:
        detector = FaceDetector() if boxes else None
        for take in takes:
            simulate_take(take, plan, out, detector)
            yield take.id.name
        return
    with _workers(min(jobs, len(takes)), boxes) as pool:
        with interrupts_ignored():
            waiting: set[Future[str]] = {pool.submit(_work, take, plan, out) for take in takes}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "a simulating process was killed (memory?); call again to go on, with fewer jobs"
            ) from error


@contextmanager
def _workers(jobs: int, boxes: bool) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, at once where it is left by an exception."""
    # Fresh ones: a copy of a process with the threads of torch and numba may stand still for ever.
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_work, (boxes,))
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_detector: FaceDetector | None = None
"""Of a simulating process."""


def _begin_work(boxes: bool) -> None:
    global _detector
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _detector = FaceDetector() if boxes else None


def _end_with_parent() -> None:
    """A process whose parent was killed waits for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(take: PlannedTake, plan: SimulationPlan, out: Path) -> str:
    simulate_take(take, plan, out, _detector)
    return take.id.name
