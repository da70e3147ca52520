"""One recorded take into the files of the dataset."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box, FaceDetector, default_box, median_box
from evface.dataset.clock import MinimumDelayOffset
from evface.dataset.cues import CueRecord, write_cues
from evface.dataset.event_file import EventFile, EventFileWriter
from evface.dataset.recordings import (
    DAVIS_FRAMES,
    EVENT_TOPICS,
    WEBCAM_FRAMES,
    EventBlock,
    Picture,
    Take,
    TakeBag,
)
from evface.dataset.trimming import ClipWindow, clip_by_cues
from evface.dataset.video import VideoWriter, decode_jpeg
from evface.errors import DatasetError, FormatError

LOOKS = 8
"""Pictures of a clip that are searched for the face."""

BOX_COLUMNS = ("recording", "x", "y", "width", "height", "probability", "method", "detections", "looked_at")
"""Of boxes.csv; x, y, width and height in px of the recording's sensor."""

DONE = "quality.json"
"""The file of a take that appears last: a take that has it is whole."""


def convert_take(take: Take, out: Path, detector: FaceDetector | None) -> dict[str, Any]:
    """Convert one take; its files appear when all are whole, quality.json last.

    Args:
        take: what was recorded.
        out: root of the dataset.
        detector: of faces; None: default boxes.

    Returns:
        What its quality.json says.

    Raises:
        FormatError: the bag is broken.
        DatasetError: events were lost on the way.
    """
    folder = take.id.folder(out)
    work = folder / f".{take.id.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with TakeBag(take.bag) as bag:
            quality = _Conversion(take, bag, work, detector).run()
        for stale in folder.glob(f"{take.id.name}_*"):
            stale.unlink()
        for path in sorted(work.iterdir(), key=lambda path: path.name.endswith(DONE)):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return quality


class _Conversion:
    """The steps of one take; each fills in its part of sync, quality and boxes."""

    def __init__(self, take: Take, bag: TakeBag, work: Path, detector: FaceDetector | None) -> None:
        self.take, self.bag, self.work, self.detector = take, bag, work, detector
        self.cues = _cues(take, bag)
        self.origin = self.cues[0].start if self.cues else bag.span[0]
        self.end = take.ended or bag.span[1]
        self.flags: list[str] = [] if take.outcome == "complete" else [take.outcome]
        self.window = self._window()
        self.boxes: dict[str, dict[str, Any]] = {}
        self.sync: dict[str, Any] = {}
        self.sensors: dict[str, dict[str, Any]] = {}

    def run(self) -> dict[str, Any]:
        """Write every file; quality.json's content."""
        topics = self.bag.topics
        for sensor, topic in EVENT_TOPICS.items():
            if topic in topics:
                self._events(sensor)
        if DAVIS_FRAMES in topics:
            self._frames("davis", self.bag.davis_frames())
        if WEBCAM_FRAMES in topics:
            self._frames("rgb", self.bag.webcam_frames())
        for sensor in EVENT_TOPICS:
            if f"{sensor} events" in self.sensors and sensor not in self.boxes:
                self._box_without_frames(sensor)
        write_cues(self._path("events.tsv"), self.cues, self.origin, self.end)
        self._write_boxes()
        self._write_json("sync.json", self._sync())
        quality = self._quality()
        self._write_json(DONE, quality)
        return quality

    def _path(self, suffix: str) -> Path:
        return self.work / f"{self.take.id.name}_{suffix}"

    def _window(self) -> ClipWindow | None:
        try:
            return clip_by_cues(self.cues, (min(self.origin, self.bag.span[0]), self.end))
        except DatasetError as error:
            self.flags.append(str(error))
            return None

    # --- events ------------------------------------------------------------------------------------

    def _events(self, sensor: str) -> None:
        blocks = self.bag.events(sensor)
        first = next(blocks, None)
        if first is None:
            self.flags.append(f"{sensor}: no events")
            return
        path = self._path(f"recording-{sensor}_dvs.h5")
        width, height = first.events.width, first.events.height
        clock = MinimumDelayOffset()
        facts = {
            "width": width,
            "height": height,
            "packets": 0,
            "packets_lost": 0,
            "events_in": 0,
            "events_dropped": 0,
        }
        with EventFileWriter(path, width, height) as writer:
            end = _pass_on(chain([first], blocks), writer, clock, facts)
            writer.finish(clock.offset, end)
        if writer.count == 0:
            path.unlink()
            self.flags.append(f"{sensor}: no events")
            return
        with EventFile(path) as file:
            facts["events_out"] = file.count
        if facts["events_out"] != facts["events_in"]:
            raise DatasetError(f"{path.name}: {facts['events_out']} events of {facts['events_in']} arrived")
        if facts["packets_lost"]:
            self.flags.append(f"{sensor}: {facts['packets_lost']} packets lost")
        if facts["events_dropped"]:
            self.flags.append(f"{sensor}: {facts['events_dropped']} events could not be decoded")
        self.sync[f"{sensor} events"] = clock.report() | {"sensor_time_us": writer.zero}
        self.sensors[f"{sensor} events"] = facts | {
            "source": self.take.sources[sensor], "on": writer.on, "clock_steps_back": writer.stepped_back
        }  # fmt: skip

    # --- frames ------------------------------------------------------------------------------------

    def _frames(self, camera: str, pictures: Iterator[Picture]) -> None:
        video, table = (
            self._path(f"recording-{camera}_video.mkv"),
            self._path(f"recording-{camera}_timestamps.csv"),
        )
        looks = _Looks(self.window, self.detector)
        times: list[int] = []
        unreadable = 0
        with VideoWriter(video, table, self.origin) as writer:
            for picture in pictures:
                try:
                    writer.add(picture)
                    looks.look(picture)
                except FormatError:
                    unreadable += 1
                times.append(picture.host_time)
        if unreadable:
            self.flags.append(f"{camera}: {unreadable} frames unreadable")
        if writer.frames == 0:
            return
        self._box_of_frames(camera, writer.width, writer.height, looks)
        intervals = np.diff(times) / 1e6
        self.sync[f"{camera} frames"] = {
            "method": "stamps of the camera's node",
            "uncertainty_ms": None,
            "uncertainty_note": "unknown: the camera's latency is not observable from stamps",
        }
        self.sensors[f"{camera} frames"] = {
            "source": self.take.sources[camera],
            "width": writer.width,
            "height": writer.height,
            "frames": writer.frames,
            "unreadable": unreadable,
            "interval_median_ms": round(float(np.median(intervals)), 3) if len(intervals) else None,
            "interval_longest_ms": round(float(intervals.max()), 3) if len(intervals) else None,
        }

    # --- boxes -------------------------------------------------------------------------------------

    def _box_of_frames(self, recording: str, width: int, height: int, looks: _Looks) -> None:
        if looks.found:
            self._box(recording, median_box(looks.found), "detected", len(looks.found), looks.count)
            return
        if looks.count:
            self.flags.append(f"{recording}: no face seen")
        self._box(recording, default_box(width, height), "default", 0, looks.count)

    def _box_without_frames(self, sensor: str) -> None:
        """The webcam's face where the picture has the same shape, else the middle of the sensor."""
        own, webcam = self.sensors[f"{sensor} events"], self.sensors.get("rgb frames")
        seen = self.boxes.get("rgb", {})
        if (
            webcam
            and seen["method"] == "detected"
            and own["width"] * webcam["height"] == own["height"] * webcam["width"]
        ):
            scale = own["width"] / webcam["width"]
            box = Box(*(seen[key] for key in ("x", "y", "width", "height", "probability"))).scaled(
                scale, scale
            )
            self.flags.append(f"{sensor}: face box taken over from the webcam, not calibrated")
            self._box(sensor, box, "webcam", seen["detections"], seen["looked_at"])
            return
        self.flags.append(f"{sensor}: no frames to find the face in")
        self._box(sensor, default_box(own["width"], own["height"]), "default", 0, 0)

    def _box(self, recording: str, box: Box, method: str, detections: int, looked_at: int) -> None:
        place = (round(value, 3) for value in box.as_tuple())
        values = (recording, *place, round(box.probability, 6), method, detections, looked_at)
        self.boxes[recording] = dict(zip(BOX_COLUMNS, values, strict=True))

    # --- tables ------------------------------------------------------------------------------------

    def _write_boxes(self) -> None:
        with self._path("boxes.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, BOX_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.boxes.values())

    def _sync(self) -> dict[str, Any]:
        window = self.window
        clip = None
        if window is not None:
            clip = {"start_ns": window.start, "end_ns": window.end, "method": window.method}
        return {"clock": "host, unix ns", "take_start_ns": self.origin, "clip": clip, "sensors": self.sync}

    def _quality(self) -> dict[str, Any]:
        used = {facts["source"] for facts in self.sensors.values()}
        return {
            "take": self.take.id.name,
            "au": self.take.au,
            "trial": self.take.trial,
            "run": self.take.run,
            "outcome": self.take.outcome,
            "simulated": "virtual" in used,
            "flags": self.flags,
            "sensors": self.sensors,
            "bag_sha256": self.take.sha256,
        }

    def _write_json(self, suffix: str, content: dict[str, Any]) -> None:
        self._path(suffix).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _pass_on(
    blocks: Iterator[EventBlock], writer: EventFileWriter, clock: MinimumDelayOffset, facts: dict[str, int]
) -> int:
    """Packets into the file, counted; us, sensor clock, that the stream reached."""
    end = 0
    for block in blocks:
        clock.add(block.host_time, block.sensor_time * 1000)
        writer.append(block.events)
        facts["packets"] += 1
        facts["packets_lost"] += block.lost
        facts["events_in"] += len(block.events)
        facts["events_dropped"] = block.dropped
        end = block.sensor_time
    return end


class _Looks:
    """Searches a few pictures of a clip for the face, evenly spaced in time."""

    def __init__(self, window: ClipWindow | None, detector: FaceDetector | None) -> None:
        self.count = 0
        self.found: list[Box] = []
        self._window, self._detector = window, detector
        self._next = 0

    def look(self, picture: Picture) -> None:
        """Search this picture if it is its turn.

        Raises:
            FormatError: it is a JPEG that cannot be read.
        """
        if self._detector is None or not self._due(picture.host_time):
            return
        image: NDArray[np.uint8] | bytes = picture.image
        pixels = decode_jpeg(image) if isinstance(image, bytes) else np.ascontiguousarray(image)
        self.count += 1
        box = self._detector.detect(pixels)
        if box is not None:
            self.found.append(box)

    def _due(self, time: int) -> bool:
        if self._window is None:
            return self.count < LOOKS
        if not self._window.start <= time < self._window.end or time < self._next:
            return False
        self._next = time + (self._window.end - self._window.start) // LOOKS
        return True


def _cues(take: Take, bag: TakeBag) -> list[CueRecord]:
    """The manifest's, with the times of the bag's markers; the bag's states where it has none."""
    if not take.cues:
        return bag.cues(take.id)
    commanded = bag.commanded(take.id)
    return [replace(cue, commanded=commanded.get(cue.phase)) for cue in take.cues]
