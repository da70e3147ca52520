"""One recorded take into the files of the dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from evface.calibration import Calibration, copy_calibration, read_calibration
from evface.clocks.take import known_offsets
from evface.dataset.boxes import FaceDetector
from evface.dataset.cues import CueRecord
from evface.dataset.recordings import CAMERAS, DAVIS_FRAMES, EVENT_TOPICS, WEBCAM_FRAMES, Take, TakeBag
from evface.dataset.take_files import TakeFiles, files_of
from evface.dataset.truth import recorded_truth
from evface.errors import DatasetError
from evface.privacy.consent import Purpose
from evface.quality.take import read_quality

CALIBRATION = "calib"
"""Folder of a session, recorded or in a dataset, with the calibration of its cameras."""


def convert_take(
    take: Take, out: Path, detector: FaceDetector | None, purpose: Purpose = "research"
) -> dict[str, Any]:
    """Convert one take; its files appear when all are whole, quality.json last.

    Args:
        take: what was recorded.
        out: root of the dataset.
        detector: of faces; None: default boxes.
        purpose: "research", or "sharing": then no video without consent to its release.

    Returns:
        What its quality.json says.

    Raises:
        FormatError: the bag is broken.
        DatasetError: events were lost on the way, or no camera's topic is in the bag.
        ConfigError: the session's calibration is broken.
    """
    with files_of(take.id, out) as work, TakeBag(take.bag) as bag:
        if not {*EVENT_TOPICS.values(), DAVIS_FRAMES, WEBCAM_FRAMES} & set(bag.topics):
            found = ", ".join(sorted(bag.topics)) or "no topic at all"
            raise DatasetError(f"{take.bag}: no camera of ours in it, but {found}")
        span = (bag.span[0], take.ended or bag.span[1])
        truth = recorded_truth(take.bag)
        focal = _virtual_lenses() if truth else None
        calibration = _calibration(take, out)
        files = TakeFiles(take.id, work, _cues(take, bag), span, detector, focal, calibration)
        for sensor, topic in EVENT_TOPICS.items():
            if topic in bag.topics:
                files.events(sensor, bag.events(sensor), take.sources[sensor])
        if DAVIS_FRAMES in bag.topics:
            files.frames("davis", bag.davis_frames(), take.sources["davis"])
        if WEBCAM_FRAMES in bag.topics:
            files.frames("rgb", bag.webcam_frames(), take.sources["rgb"])
        files.offsets = known_offsets(bag)
        if truth is not None:
            files.truth(truth)
        if purpose == "sharing" and not take.allows("rgb_release"):
            files.withhold_videos()
        recording = _recorded_quality(take, files.flags)
        return files.finish(
            take.trial, take.outcome, bag_sha256=take.sha256, recording=recording, purpose=purpose
        )


def _recorded_quality(take: Take, flags: list[str]) -> dict[str, Any] | None:
    """What was found when the take was recorded; what was red joins the flags."""
    try:
        found = read_quality(take.bag)
    except DatasetError as error:
        flags.append(str(error))
        return None
    if found is None:
        return None
    flags += found["flags"]
    return {name: found[name] for name in ("level", "redo_suggested", "checks", "sensors")}


def _cues(take: Take, bag: TakeBag) -> list[CueRecord]:
    """The manifest's, with the times of the bag's markers; the bag's states where it has none."""
    if not take.cues:
        return bag.cues(take.id)
    commanded = bag.commanded(take.id)
    return [replace(cue, commanded=commanded.get(cue.phase)) for cue in take.cues]


def _calibration(take: Take, out: Path) -> Calibration | None:
    """The session's, which goes into the dataset as it is; None where the cameras were not calibrated."""
    folder = take.bag.parent / CALIBRATION
    if not folder.is_dir():
        return None
    found = read_calibration(folder)
    copy_calibration(folder, take.id.folder(out).parent / CALIBRATION)
    return found


def _virtual_lenses() -> dict[str, float]:
    """Focal lengths of the cameras before a virtual person, in heights of the picture."""
    # Imported here: whoever converts recordings of people does not wait for the simulation.
    from evface.simulation.face.figure import LENSES

    return {sensor: LENSES[name].focal / LENSES[name].rows for sensor, name in CAMERAS.items()}
