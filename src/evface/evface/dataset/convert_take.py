"""One recorded take into the files of the dataset."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box, FaceDetector, default_box, median_box
from evface.dataset.clock import MinimumDelayOffset
from evface.dataset.cues import CueRecord, write_cues
from evface.dataset.event_file import EventFileWriter
from evface.dataset.recordings import DAVIS_FRAMES, EVENT_TOPICS, WEBCAM_FRAMES, Picture, RecordedTake, TakeBag
from evface.dataset.trimming import ClipWindow, clip_by_cues
from evface.dataset.video import VideoWriter, decode_jpeg
from evface.errors import DatasetError

LOOKS = 8
"""Pictures of a clip that are searched for the face."""

BOXES = ["recording", "x", "y", "width", "height", "probability", "detections", "looked_at", "default"]
"""Columns of boxes.csv."""


def convert_take(take: RecordedTake, out: Path, detector: FaceDetector) -> None:
    """Convert one take; its files appear when all are whole, quality.json last.

    Args:
        take: what was recorded.
        out: root of the dataset.
        detector: of faces.

    Raises:
        FormatError: the bag is broken.
    """
    folder = take.id.folder(out)
    work = folder / f".{take.id.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with TakeBag(take.bag) as bag:
            _Conversion(take, bag, work, detector).run()
        names = sorted((path.name for path in work.iterdir()), key=lambda name: name.endswith("_quality.json"))
        for name in names:
            (work / name).replace(folder / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Conversion:
    """The steps of one take; each fills in its part of sync, quality and boxes."""

    def __init__(self, take: RecordedTake, bag: TakeBag, work: Path, detector: FaceDetector) -> None:
        self.take, self.bag, self.work, self.detector = take, bag, work, detector
        self.cues: list[CueRecord] = bag.cues(take.id) or _cues_of_manifest(take)
        self.origin = self.cues[0].start if self.cues else bag.span[0]
        self.flags: list[str] = [] if take.outcome == "complete" else [take.outcome]
        self.window = self._window()
        self.boxes: list[dict[str, Any]] = []
        self.sync: dict[str, Any] = {}
        self.sensors: dict[str, Any] = {}

    def run(self) -> None:
        for sensor, topic in EVENT_TOPICS.items():
            if topic in self.bag.topics:
                self._events(sensor)
        if DAVIS_FRAMES in self.bag.topics:
            self._frames("davis", self.bag.davis_frames())
        if WEBCAM_FRAMES in self.bag.topics:
            self._frames("rgb", self.bag.webcam_frames())
        for sensor in EVENT_TOPICS:
            self._default_box(sensor)
        write_cues(self._path("events.tsv"), self.cues, self.origin)
        self._write_boxes()
        self._write_json("sync.json", self._sync())
        self._write_json("quality.json", self._quality())

    def _path(self, suffix: str) -> Path:
        return self.work / f"{self.take.id.name}_{suffix}"

    def _window(self) -> ClipWindow | None:
        try:
            return clip_by_cues(self.cues, self.bag.span)
        except DatasetError:
            self.flags.append("no perform cue")
            return None

    def _events(self, sensor: str) -> None:
        clock = MinimumDelayOffset()
        writer: EventFileWriter | None = None
        lost = packets = 0
        try:
            for block in self.bag.events(sensor):
                if writer is None:
                    width, height = block.events.width, block.events.height
                    writer = EventFileWriter(self._path(f"recording-{sensor}_dvs.h5"), width, height)
                clock.add(block.host_time, block.sensor_time * 1000)
                writer.append(block.events)
                lost += block.lost
                packets += 1
            if writer is not None:
                writer.finish(clock.offset)
        finally:
            if writer is not None:
                writer.__exit__(None, None, None)
        if writer is None or writer.count == 0:
            self._path(f"recording-{sensor}_dvs.h5").unlink(missing_ok=True)
            self.flags.append(f"{sensor}: no events")
            return
        if lost:
            self.flags.append(f"{sensor}: {lost} packets lost")
        self.sync[sensor] = clock.report() | {"sensor_time_us": writer.zero}
        self.sensors[sensor] = {
            "width": width,
            "height": height,
            "events": writer.count,
            "on": writer.on,
            "packets": packets,
            "packets_lost": lost,
            "clock_steps_back": writer.stepped_back,
        }

    def _frames(self, camera: str, pictures: Iterator[Picture]) -> None:
        video, table = self._path(f"recording-{camera}_video.mkv"), self._path(f"recording-{camera}_timestamps.csv")
        looks = _Looks(self.window)
        times: list[int] = []
        with VideoWriter(video, table, self.origin) as writer:
            for picture in pictures:
                writer.add(picture)
                times.append(picture.host_time)
                if looks.due(picture.host_time):
                    looks.add(self.detector, picture.image)
        self._add_box(camera, writer.width, writer.height, looks)
        intervals = np.diff(times) / 1e6
        self.sync[f"{camera} frames"] = {
            "method": "stamps of the camera's node",
            "uncertainty": "unknown: the camera's latency is not observable from stamps",
        }
        self.sensors[f"{camera} frames"] = {
            "width": writer.width,
            "height": writer.height,
            "frames": writer.frames,
            "interval_median_ms": round(float(np.median(intervals)), 3) if len(intervals) else None,
            "interval_longest_ms": round(float(intervals.max()), 3) if len(intervals) else None,
        }

    def _add_box(self, recording: str, width: int, height: int, looks: _Looks) -> None:
        found = looks.found
        if not found:
            self.flags.append(f"{recording}: no face seen")
        box = median_box(found) if found else default_box(width, height)
        self._box_row(recording, box, len(found), looks.count)

    def _default_box(self, sensor: str) -> None:
        """Events without frames of the same optics: no face can be looked for."""
        known = {row["recording"] for row in self.boxes}
        if sensor in self.sensors and sensor not in known:
            shape = self.sensors[sensor]
            self.flags.append(f"{sensor}: no frames to find the face in")
            self._box_row(sensor, default_box(shape["width"], shape["height"]), 0, 0)

    def _box_row(self, recording: str, box: Box, detections: int, looked_at: int) -> None:
        values = (recording, *box.as_tuple(), round(box.probability, 6), detections, looked_at, int(detections == 0))
        self.boxes.append(dict(zip(BOXES, values)))

    def _write_boxes(self) -> None:
        with self._path("boxes.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, BOXES, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.boxes)

    def _sync(self) -> dict[str, Any]:
        window = self.window
        clip = None
        if window is not None:
            clip = {"start_ns": window.start, "end_ns": window.end, "method": window.method}
        return {"clock": "host, unix ns", "take_start_ns": self.origin, "clip": clip, "sensors": self.sync}

    def _quality(self) -> dict[str, Any]:
        return {
            "au": self.take.id.au,
            "outcome": self.take.outcome,
            "flags": self.flags,
            "sensors": self.sensors,
            "bag_sha256": self.take.line.get("sha256"),
        }

    def _write_json(self, suffix: str, content: dict[str, Any]) -> None:
        self._path(suffix).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class _Looks:
    """Searches a few pictures of a clip, evenly spaced in time."""

    def __init__(self, window: ClipWindow | None) -> None:
        self.count = 0
        self.found: list[Box] = []
        self._window = window
        self._next = 0

    def due(self, time: int) -> bool:
        """Whether the picture of this time, ns on the host's clock, is one to look at."""
        if self._window is None:
            return self.count < LOOKS
        if not self._window.start <= time < self._window.end or time < self._next:
            return False
        self._next = time + (self._window.end - self._window.start) // LOOKS
        return True

    def add(self, detector: FaceDetector, image: NDArray[np.uint8] | bytes) -> None:
        """Look at a picture."""
        self.count += 1
        box = detector.detect(decode_jpeg(image) if isinstance(image, bytes) else np.ascontiguousarray(image))
        if box is not None:
            self.found.append(box)


def _cues_of_manifest(take: RecordedTake) -> list[CueRecord]:
    """For bags without session states."""
    trial = int(take.line.get("trial", 0))
    return [
        CueRecord(str(cue["phase"]), take.id.au, trial, take.id.run, int(cue["stamp_ns"]), int(cue["planned_ns"]))
        for cue in take.line.get("cues", [])
        if cue["phase"] in ("countdown", "perform", "rest")
    ]
