"""The assessor: a process of low priority that looks through takes and pictures, one after the other.

It reads pickled requests from stdin and answers on stdout; it ends with its input, so it never outlives the
quality monitor. Whatever libraries print goes to stderr.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from functools import cache

import cv2
import numpy as np

from evface.clocks import sync_take
from evface.dataset.boxes import FaceDetector
from evface.dataset.recordings import Take, session_takes
from evface.errors import ConfigError, DatasetError, EvfaceError
from evface.quality import assess_take, redo_suggested
from evface.quality.disk_checks import measured_speed
from evface.quality.measuring import Detect, picture
from evface.quality.picture_checks import exposed
from evface.quality.watch import Look
from rig.quality.requests import (
    Answer,
    Assessed,
    AssessTake,
    DiskMeasured,
    LookAt,
    Looked,
    MeasureDisk,
    Request,
)

NICE = 5
"""On top of the monitor's: recording comes first."""


@cache
def _detector() -> FaceDetector:
    return FaceDetector(threads=1)


def _detect() -> Detect | None:
    try:
        return _detector().detect
    except ConfigError:
        return None


def _find(request: AssessTake) -> Take:
    for take in session_takes(request.manifest, lambda name, why: None):
        if take.id.name == request.name:
            return take
    raise DatasetError(f"{request.manifest}: no take {request.name}")


def assess(request: AssessTake) -> Assessed:
    """See `AssessTake`."""
    try:
        take = _find(request)
        offsets = sync_take(take.bag)
        report = assess_take(take, request.thresholds, request.facts, offsets=offsets, detect=_detect())
    except (EvfaceError, OSError) as error:
        return Assessed(request.name, None, False, str(error))
    return Assessed(request.name, report, redo_suggested(take, report))


def look(request: LookAt) -> Looked:
    """See `LookAt`."""
    try:
        image = picture(request.picture)
        box = _detector().detect(image)
    except EvfaceError as error:
        return Looked(request.sensor, None, str(error))
    height, width = image.shape[:2]
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    exposure = exposed(grey, box, request.thresholds) if box is not None else None
    return Looked(request.sensor, Look(box, width, height, exposure))


def answer(request: Request) -> Answer:
    """Do what is asked."""
    if isinstance(request, AssessTake):
        return assess(request)
    if isinstance(request, LookAt):
        return look(request)
    assert isinstance(request, MeasureDisk)
    try:
        return DiskMeasured(measured_speed(request.folder))
    except OSError as error:
        return DiskMeasured(float("nan"), str(error))


def main() -> None:
    """Serve requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the monitor ends it, when the last take is looked through
    os.nice(NICE)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(answer(request), answers)
        answers.flush()
