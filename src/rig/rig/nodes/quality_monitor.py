"""Says how good the recording is: /quality once a second, /quality/take of each finished take.

It listens best effort, so that no publisher ever waits for it, decodes only a sample of the events, and
leaves whatever takes time to the assessor, a process of low priority.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from evface.dataset.recordings import session_takes
from evface.privacy import volume_of
from evface.quality import QUALITY, TakeFacts, load_thresholds
from evface.quality.disk_checks import free_space
from evface.quality.streams import Stream
from evface.quality.watch import Look, Watch
from rig.parameters import declare
from rig.quality import to_message
from rig.quality.helper import Helper
from rig.quality.requests import Assessed, AssessTake, DiskMeasured, LookAt, Looked, MeasureDisk
from rig.spinning import Process, run
from rig.stamps import SECOND, host_now, to_time
from rig.transport import LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import FaceBox, QualityReport, RecorderStatus, SessionState, SyncStatus

LISTENING_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=100,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""A publisher does not wait for who listens so."""

NICE = 5
"""Cameras and recorder come first."""

PATIENCE = 80.0
"""s in which the last takes are looked through when the rig goes down."""

RECENT = 10 * SECOND
"""ns in which a driver's loss is of the present moment."""


class QualityParameters(BaseModel):
    """Parameters of the quality monitor."""

    cameras: list[str] = Field(default=["davis346", "webcam"], description="cameras that must be there")
    silent_cameras: list[str] = Field(
        default=[], description="cameras of these that say nothing before a take begins: files"
    )
    thresholds: str = Field(
        default="", description="YAML file with thresholds, as config/quality.yaml; empty: all as declared"
    )
    output: str = Field(default="", description="folder of the recordings, whose disk is measured")
    davis346_rate: float = Field(
        default=0.0,
        description="frames that were asked of the DAVIS346; 0: the median of what comes",
        ge=0.0,
        le=1000.0,
        json_schema_extra={"unit": "Hz"},
    )
    webcam_rate: float = Field(
        default=0.0,
        description="frames that were asked of the webcam; 0: the median of what comes",
        ge=0.0,
        le=1000.0,
        json_schema_extra={"unit": "Hz"},
    )
    look: float = Field(
        default=2.0,
        description="time between two looks for a face, outside takes; 0: none",
        ge=0.0,
        le=3600.0,
        json_schema_extra={"unit": "s"},
    )


class QualityMonitor(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("quality_monitor")
        os.nice(NICE)
        parameters = self.parameters = declare(self, QualityParameters)
        self._thresholds = load_thresholds(Path(parameters.thresholds) if parameters.thresholds else None)
        rates = {"davis346": parameters.davis346_rate, "webcam": parameters.webcam_rate}
        self._nominal = {sensor: rate for sensor, rate in rates.items() if rate > 0}
        self._watch = Watch(parameters.cameras, self._thresholds, self._nominal, parameters.silent_cameras)
        if parameters.output:
            volume = volume_of(Path(parameters.output))
            self._watch.around.volume = volume.state, volume.detail
        self._helper = Helper()
        self._frames: dict[str, tuple[type, bytes]] = {}
        self._looked = 0
        self._lost: dict[str, deque[tuple[int, int]]] = {}
        self._gaps: dict[str, list[tuple[int, int]]] = {}
        self._lost_at_begin: dict[str, int] = {}
        self._take = ""
        self._facts: dict[str, TakeFacts] = {}
        self._asked: set[str] = set()
        self._session: Path | None = None
        self._recording = False
        self._disk_asked = False
        self._live = self.create_publisher(QualityReport, "/quality", LATCHED_QOS)
        self._of_take = self.create_publisher(QualityReport, "/quality/take", LATCHED_QOS)
        self._boxes = {
            stream.sensor: self.create_publisher(FaceBox, f"/{stream.sensor}/face_box", LATCHED_QOS)
            for stream in self._watch.streams
            if stream.kind == "frames"
        }
        for stream in self._watch.streams:
            kind = _message(stream)
            self.create_subscription(kind, stream.topic, self._hears(stream, kind), LISTENING_QOS, raw=True)
        self.create_subscription(SessionState, "/session/state", self._on_state, LATCHED_QOS)
        self.create_subscription(RecorderStatus, "/recorder/status", self._on_recorder, LATCHED_QOS)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, SMALL_QOS)
        self.create_subscription(SyncStatus, "/sync", self._on_sync, LATCHED_QOS)
        self.create_timer(1.0, self._every_second)

    def release(self) -> None:
        """Look through what is left, as far as patience goes."""
        self._ask_for_takes()
        self._helper.finish(PATIENCE)
        for answer in self._helper.answers():
            if isinstance(answer, Assessed):
                _say(answer)

    # --- what comes in -----------------------------------------------------------------------------

    def _hears(self, stream: Stream, kind: type) -> Callable[[bytes], None]:
        def hear(message: bytes) -> None:
            self._watch.hear(stream.topic, host_now(), message)
            if stream.kind == "frames":
                self._frames[stream.sensor] = kind, message

        return hear

    def _on_state(self, state: SessionState) -> None:
        self._recording = state.recording
        if self._session is None and state.output:
            self._session = Path(state.output) / f"sub-{state.subject}" / f"ses-{state.session}"

    def _on_recorder(self, status: RecorderStatus) -> None:
        around = self._watch.around
        around.lost = int(status.lost)
        if status.free:
            around.free = int(status.free)
        if status.folder:
            self._session = Path(status.folder)
        if status.take != self._take:
            if self._take:
                self._facts[self._take] = self._facts_now()
            self._take = status.take
            self._lost_at_begin = {sensor: counts[-1][1] for sensor, counts in self._lost.items()}
        if status.last_take and status.last_take not in self._asked:
            self._ask_for_takes()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now = host_now()
        for status in message.status:
            camera = status.name.partition(":")[0].strip("/ ")
            if camera not in self.parameters.cameras:
                continue
            for entry in status.values:
                if entry.key == "lost" and entry.value.isdigit():
                    self._lost.setdefault(camera, deque(maxlen=60)).append((now, int(entry.value)))
                elif entry.key == "illuminance":
                    self._watch.around.lux = _number(entry.value)
                elif entry.key == "gaps":
                    self._gaps[camera] = [(gap["begin"], gap["end"]) for gap in json.loads(entry.value)]

    def _on_sync(self, status: SyncStatus) -> None:
        self._watch.around.offsets = list(status.offsets)

    # --- once a second -----------------------------------------------------------------------------

    def _every_second(self) -> None:
        now = host_now()
        self._take_answers()
        self._ask_for_looks(now)
        around = self._watch.around
        around.driver_lost = self._driver_lost(now)
        if around.free < 0 and self.parameters.output:
            around.free = free_space(Path(self.parameters.output))
        self._live.publish(to_message(self._watch.report(now)))

    def _driver_lost(self, now: int) -> dict[str, int]:
        """In the open take; outside takes in the last seconds."""
        lost = {}
        for sensor, counts in self._lost.items():
            if self._take:
                before = self._lost_at_begin.get(sensor, counts[0][1])
            else:
                before = min(count for time, count in counts if now - time < RECENT or count is counts[-1][1])
            lost[sensor] = max(0, counts[-1][1] - before)
        return lost

    def _facts_now(self) -> TakeFacts:
        return TakeFacts(
            cameras=tuple(self.parameters.cameras),
            nominal=self._nominal,
            driver_lost=self._driver_lost(host_now()),
            lux=self._watch.around.lux,
            gaps=dict(self._gaps),
        )

    # --- the assessor ------------------------------------------------------------------------------

    def _ask_for_looks(self, now: int) -> None:
        """Measure the disk once, then look for faces in turn, while nothing is recorded.

        Not before every camera speaks: they start faster when nobody else wants the machine.
        """
        if self._recording or self._take or not self._helper.idle or not self._watch.complete:
            return
        if not self._disk_asked and self.parameters.output:
            self._disk_asked = True
            self._helper.ask(MeasureDisk(Path(self.parameters.output)))
        elif self._frames and 0 < self.parameters.look * SECOND < now - self._looked:
            sensor, (kind, message) = next(iter(self._frames.items()))
            # To the end of the line: another camera's turn is next.
            del self._frames[sensor]
            self._looked = now
            self._helper.ask(LookAt(sensor, _fields(kind, message), self._thresholds))

    def _ask_for_takes(self) -> None:
        """Have every take of the manifest looked through that was not yet."""
        if self._session is None:
            return
        manifest = self._session / "manifest.jsonl"
        if not manifest.exists():
            return
        for take in session_takes(manifest, lambda name, why: None):
            name = take.id.name
            if name not in self._asked:
                self._asked.add(name)
                if not (take.bag / QUALITY).exists():
                    facts = self._facts.pop(name, None) or self._facts_now()
                    self._helper.ask(AssessTake(manifest, name, facts, self._thresholds))

    def _take_answers(self) -> None:
        around = self._watch.around
        for answer in self._helper.answers():
            if isinstance(answer, Assessed):
                _say(answer)
                if answer.report is not None:
                    self._of_take.publish(to_message(answer.report, answer.redo_suggested))
            elif isinstance(answer, Looked):
                around.why_no_face = answer.error
                if answer.look is not None:
                    around.looks[answer.sensor] = answer.look
                    self._publish_box(answer.sensor, answer.look)
            elif isinstance(answer, DiskMeasured):
                around.speed = answer.speed

    def _publish_box(self, sensor: str, look: Look) -> None:
        """Where the face is, for whoever watches its part of the picture."""
        if look.box is None:
            return
        x, y, width, height = look.box.as_tuple()
        box = FaceBox(
            x=x,
            y=y,
            width=width,
            height=height,
            probability=look.box.probability,
            sensor_width=look.width,
            sensor_height=look.height,
        )
        box.header.stamp, box.header.frame_id = to_time(host_now()), sensor
        self._boxes[sensor].publish(box)


def _message(stream: Stream) -> type:
    if stream.kind == "events":
        return EventPacket
    return CompressedImage if stream.topic.endswith("/compressed") else Image


def _fields(kind: type, message: bytes) -> Any:
    """What the assessor needs of a picture's message; it knows no ROS."""
    found: Any = deserialize_message(message, kind)
    if kind is CompressedImage:
        return SimpleNamespace(format=found.format, data=bytes(found.data))
    return SimpleNamespace(
        height=found.height,
        width=found.width,
        step=found.step,
        encoding=found.encoding,
        data=bytes(found.data),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _say(answer: Assessed) -> None:
    if answer.report is None:
        print(f"error: {answer.name}: {answer.error}", file=sys.stderr, flush=True)
        return
    line = f"{answer.name}: {answer.report.level.name.lower()}"
    if answer.redo_suggested:
        line += f", redo suggested: {'; '.join(answer.report.reds)}"
    print(line, flush=True)


def main() -> None:
    """Entry point of ``ros2 run rig quality_monitor``."""
    sys.exit(run(QualityMonitor))
