"""The files of one take of the dataset, written from its streams: recorded and simulated takes alike."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from evface.calibration import Calibration
from evface.calibration.mapping import BoxMapping
from evface.clocks.envelope import MinimumDelay
from evface.dataset.activity import face_activity
from evface.dataset.annotations import ANNOTATIONS
from evface.dataset.boxes import Box, FaceDetector, default_box, median_box
from evface.dataset.coactivation import COACTIVATIONS, coactivations, flag_of
from evface.dataset.cues import INSTANTS, CueRecord, write_cues
from evface.dataset.event_file import EventFile, EventFileWriter
from evface.dataset.looks import Looks
from evface.dataset.naming import TakeId
from evface.dataset.onsets import Movement, find_movement
from evface.dataset.recordings import CAMERAS, EVENT_TOPICS, EventBlock, Picture
from evface.dataset.trimming import ClipWindow, clip_by_cues, clip_by_movement
from evface.dataset.truth import TRUTH, with_seconds
from evface.dataset.video import VideoWriter
from evface.errors import DatasetError, FormatError

BOX_COLUMNS = ("recording", "x", "y", "width", "height", "probability", "method", "detections", "looked_at")
"""Of boxes.csv; x, y, width and height in px of the recording's sensor."""

DONE = "quality.json"
"""The file of a take that appears last: a take that has it is whole."""

PARTIAL = ".partial"
"""Ending of the hidden folder in which a take's files are made."""


@contextmanager
def files_of(take: TakeId, out: Path) -> Iterator[Path]:
    """A folder to write a take's files in; when the block is left they appear, quality.json last.

    Left by an exception, nothing appears, and what was there before stays. What people said of the take stays
    in any case.

    Args:
        take: whose files they are; their names begin with its name.
        out: root of the dataset.
    """
    folder = take.folder(out)
    work = folder / f".{take.name}{PARTIAL}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        for stale in folder.glob(f"{take.name}_*"):
            if not stale.name.endswith(ANNOTATIONS):
                stale.unlink()
        for path in sorted(work.iterdir(), key=lambda path: path.name.endswith(DONE)):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class TakeFiles:
    """Writes the streams of one take; each fills in its part of sync, quality and boxes.

    Args:
        take: who, when, what.
        work: folder of the files.
        cues: what was asked when; [] where nobody knows.
        span: ns, host clock: first instant of the streams, and when the last phase was over.
        detector: of faces; None: default boxes.
        focal: of the virtual cameras' lenses ("evk4", "rgb"), in heights of the picture; None: unknown.
        calibration: of the rig that recorded; None: not calibrated.

    Attributes:
        flags: what a user of the take should know, a line each.
        origin: ns, host clock, that tables and videos count from.
        offsets: between the sensors' stamps, as sync.json has them.
    """

    def __init__(
        self,
        take: TakeId,
        work: Path,
        cues: Sequence[CueRecord],
        span: tuple[int, int],
        detector: FaceDetector | None,
        focal: Mapping[str, float] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.take = take
        self._focal, self._calibration = focal, calibration
        self.flags: list[str] = []
        self.origin = cues[0].start if cues else span[0]
        self._work, self._cues, self._end, self._detector = work, cues, span[1], detector
        self._start = min(self.origin, span[0])
        self._window = self._clip()
        self._boxes: dict[str, dict[str, Any]] = {}
        self._sync: dict[str, Any] = {}
        self.offsets: list[dict[str, Any]] = []
        self._truth: dict[str, Any] | None = None
        self._sensors: dict[str, dict[str, Any]] = {}

    def _clip(self) -> ClipWindow | None:
        try:
            return clip_by_cues(self._cues, (self._start, self._end))
        except DatasetError as error:
            self.flags.append(str(error))
            return None

    def path(self, suffix: str) -> Path:
        """Where a file of the take is made, such as ``recording-davis_dvs.h5``."""
        return self._work / f"{self.take.name}_{suffix}"

    # --- events ------------------------------------------------------------------------------------

    def events(self, sensor: str, blocks: Iterable[EventBlock], source: str) -> None:
        """Write the event file of a sensor; none where it has no events.

        Args:
            sensor: "davis" or "evk4".
            blocks: its packets.
            source: live, file, virtual or unknown.

        Raises:
            DatasetError: events were lost on the way.
            FormatError: the sensor's clock jumped back.
        """
        blocks = iter(blocks)
        first = next(blocks, None)
        if first is None:
            self.flags.append(f"{sensor}: no events")
            return
        path = self.path(f"recording-{sensor}_dvs.h5")
        width, height = first.events.width, first.events.height
        clock = MinimumDelay()
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
            writer.finish(clock.fit().offset_ns, end)
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
        self._sync[f"{sensor} events"] = clock.fit().report() | {"sensor_time_us": writer.zero}
        self._sensors[f"{sensor} events"] = facts | {
            "source": source, "on": writer.on, "clock_steps_back": writer.stepped_back
        }  # fmt: skip

    # --- frames ------------------------------------------------------------------------------------

    def frames(self, camera: str, pictures: Iterable[Picture], source: str) -> None:
        """Write the video of a camera and find the face in it.

        Args:
            camera: "davis" or "rgb".
            pictures: its frames.
            source: live, file, virtual or unknown.
        """
        video, table = (
            self.path(f"recording-{camera}_video.mkv"),
            self.path(f"recording-{camera}_timestamps.csv"),
        )
        looks = Looks(self._window, self._detector)
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
        self._sync[f"{camera} frames"] = {
            "method": "stamps of the camera's node",
            "uncertainty_ms": None,
            "uncertainty_note": "unknown: the camera's latency is not observable from stamps",
        }
        self._sensors[f"{camera} frames"] = {
            "source": source,
            "width": writer.width,
            "height": writer.height,
            "frames": writer.frames,
            "unreadable": unreadable,
            "interval_median_ms": round(float(np.median(intervals)), 3) if len(intervals) else None,
            "interval_longest_ms": round(float(intervals.max()), 3) if len(intervals) else None,
        }

    def withhold_videos(self) -> None:
        """Take the videos out again: the subject did not agree to their release; the face boxes stay."""
        for path in [*self._work.glob("*_video.mkv"), *self._work.glob("*_timestamps.csv")]:
            path.unlink()
        self.flags.append("videos withheld: no consent to their release")

    # --- boxes -------------------------------------------------------------------------------------

    def look(self, recording: str, pictures: Iterable[Picture]) -> None:
        """Find the face of an event camera without frames in pictures that are not recorded.

        Args:
            recording: "evk4".
            pictures: what it sees, rendered; uint8 ``[H, W, 3]`` of its size.
        """
        looks = Looks(self._window, self._detector)
        for picture in pictures:
            looks.look(picture)
        if looks.found:
            self._box(recording, median_box(looks.found), "rendered", len(looks.found), looks.count)

    def _box_of_frames(self, recording: str, width: int, height: int, looks: Looks) -> None:
        if looks.found:
            self._box(recording, median_box(looks.found), "detected", len(looks.found), looks.count)
            return
        if looks.count:
            self.flags.append(f"{recording}: no face seen")
        self._box(recording, default_box(width, height), "default", 0, looks.count)

    def _calibrated_box(self, sensor: str) -> bool:
        """The face that a camera with frames saw, brought here by the calibration; False without one."""
        calibration, own = self._calibration, self._sensors[f"{sensor} events"]
        if calibration is None or not calibration.fits(CAMERAS[sensor], own["width"], own["height"]):
            return False
        for camera in ("rgb", "davis"):
            frames, seen = self._sensors.get(f"{camera} frames"), self._boxes.get(camera, {})
            if frames is None or seen.get("method") != "detected":
                continue
            if calibration.fits(CAMERAS[camera], frames["width"], frames["height"]):
                found = Box(*(seen[key] for key in ("x", "y", "width", "height", "probability")))
                mapped = BoxMapping(calibration, CAMERAS[camera], CAMERAS[sensor]).box(found)
                self.flags.append(f"{sensor}: face box from {camera} by calibration, ± {mapped.error:.0f} px")
                self._box(sensor, mapped.box, "calibrated", seen["detections"], seen["looked_at"])
                return True
        return False

    def _box_without_frames(self, sensor: str) -> None:
        """The webcam's face, where it is known how much larger it is here; else the sensor's middle."""
        if self._calibrated_box(sensor):
            return
        own, webcam = self._sensors[f"{sensor} events"], self._sensors.get("rgb frames")
        seen = self._boxes.get("rgb", {})
        scale = self._scale(own, webcam, sensor) if webcam and seen["method"] == "detected" else None
        if webcam is None or scale is None:
            self.flags.append(f"{sensor}: no frames to find the face in")
            self._box(sensor, default_box(own["width"], own["height"]), "default", 0, 0)
            return
        x, y, width, height, probability = (seen[key] for key in ("x", "y", "width", "height", "probability"))
        box = Box(
            own["width"] / 2 + scale * (x - webcam["width"] / 2),
            own["height"] / 2 + scale * (y - webcam["height"] / 2),
            scale * width,
            scale * height,
            probability,
        )
        self.flags.append(f"{sensor}: face box taken over from the webcam, not calibrated")
        self._box(sensor, box, "webcam", seen["detections"], seen["looked_at"])

    def _scale(self, own: dict[str, Any], webcam: dict[str, Any], sensor: str) -> float | None:
        """How much larger the sensor's picture is than the webcam's: by their lenses, else by their sizes."""
        if self._focal and own["source"] == webcam["source"] == "virtual":
            return float(self._focal[sensor] * own["height"] / (self._focal["rgb"] * webcam["height"]))
        if own["width"] * webcam["height"] == own["height"] * webcam["width"]:
            return float(own["width"] / webcam["width"])
        return None

    def _box(self, recording: str, box: Box, method: str, detections: int, looked_at: int) -> None:
        place = (round(value, 3) for value in box.as_tuple())
        values = (recording, *place, round(box.probability, 6), method, detections, looked_at)
        self._boxes[recording] = dict(zip(BOX_COLUMNS, values, strict=True))

    # --- tables ------------------------------------------------------------------------------------

    def finish(self, trial: int, outcome: str, **facts: Any) -> dict[str, Any]:
        """Write cues, boxes, sync.json and quality.json, after all streams.

        Args:
            trial: index in the script, from 0.
            outcome: complete, redone, interrupted or aborted.
            facts: more for quality.json.

        Returns:
            What quality.json says.
        """
        for sensor in EVENT_TOPICS:
            if f"{sensor} events" in self._sensors and sensor not in self._boxes:
                self._box_without_frames(sensor)
        sensor, movement = self._movement()
        write_cues(self.path("events.tsv"), self._cues, self.origin, self._end, movement)
        self._write_boxes()
        if along := coactivations(self.take.au, self._truth, self._cues):
            self.flags.append(flag_of(along))
        window = self._window
        if movement is not None and movement.good:
            window = clip_by_movement(movement.onset, movement.end, (self._start, self._end))
        clip = window and {"start_ns": window.start, "end_ns": window.end, "method": window.method}
        self.write_json(
            "sync.json",
            {
                "clock": "host, unix ns",
                "take_start_ns": self.origin,
                "clip": clip,
                "sensors": self._sync,
                "offsets": self.offsets,
            },
        )
        used = {sensor["source"] for sensor in self._sensors.values()}
        quality = {
            "take": self.take.name,
            "au": self.take.au,
            "trial": trial,
            "run": self.take.run,
            "outcome": outcome,
            "simulated": "virtual" in used,
            "flags": ([] if outcome == "complete" else [outcome]) + self.flags,
            COACTIVATIONS: along,
            "movement": movement and _report(movement, sensor),
            "sensors": self._sensors,
            **facts,
        }
        self.write_json(DONE, quality)
        return quality

    def _movement(self) -> tuple[str, Movement | None]:
        """Which sensor's events tell what the subject did, the DAVIS346's where there are some, and what."""
        for sensor in EVENT_TOPICS:
            if f"{sensor} events" not in self._sensors:
                continue
            place = self._boxes[sensor]
            box = Box(*(place[key] for key in ("x", "y", "width", "height")))
            activity = face_activity(self.path(f"recording-{sensor}_dvs.h5"), box)
            found = find_movement(activity, self.take.au, self._cues)
            self.flags += [f"movement: {flag}" for flag in found.flags] if found else []
            return sensor, found
        return "", None

    def truth(self, told: dict[str, Any]) -> None:
        """Write what a virtual subject really did.

        Args:
            told: as the simulator tells it.

        Raises:
            FormatError: an instant is missing.
        """
        self._truth = with_seconds(told, self.origin)
        self.write_json(TRUTH, self._truth)

    def write_json(self, suffix: str, content: dict[str, Any]) -> None:
        """Write one of the take's JSON files."""
        self.path(suffix).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def _write_boxes(self) -> None:
        with self.path("boxes.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, BOX_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._boxes.values())


def _report(movement: Movement, sensor: str) -> dict[str, Any]:
    instants = {f"{name}_ns": getattr(movement, name) for name in INSTANTS}
    return {"sensor": sensor, **instants, "score": movement.score, "flags": list(movement.flags)}


def _pass_on(
    blocks: Iterator[EventBlock], writer: EventFileWriter, clock: MinimumDelay, facts: dict[str, int]
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
