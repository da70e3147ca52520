"""Writes one bag per take, exactly while /session/state asks for it.

Subscribes raw: a message goes from the wire to the bag without being deserialized.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from pydantic import BaseModel, Field
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import String

import evface
from event_camera_msgs.msg import EventPacket
from evface.errors import EvfaceError, FormatError
from evface.events import stamp_of
from rig.errors import RecordingError
from rig.parameters import declare
from rig.recording import TRUTH, Manifest, PreRoll, TakeWriter, Truths, take_name
from rig.recording.take import missing
from rig.spinning import Process, run
from rig.stamps import SECOND, host_now, to_ns, to_time
from rig.transport import EVENTS_QOS, FRAMES_QOS, LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import Marker, RecorderStatus, SessionState

STATE = "/session/state"
MARKER = "/session/marker"

SENSOR_TOPICS: dict[str, dict[str, tuple[type, Any]]] = {
    "davis346": {
        "/davis346/events": (EventPacket, EVENTS_QOS),
        "/davis346/image_raw": (Image, FRAMES_QOS),
        "/davis346/imu": (Imu, SMALL_QOS),
        "/davis346/camera_info": (CameraInfo, SMALL_QOS),
    },
    "evk4": {
        "/evk4/events": (EventPacket, EVENTS_QOS),
        "/evk4/camera_info": (CameraInfo, SMALL_QOS),
    },
    "webcam": {
        "/webcam/image_raw/compressed": (CompressedImage, FRAMES_QOS),
        "/webcam/camera_info": (CameraInfo, SMALL_QOS),
    },
}
"""What is recorded of each camera."""

REQUIRED = {
    "davis346": ["/davis346/events"],
    "evk4": ["/evk4/events"],
    "webcam": ["/webcam/image_raw/compressed"],
}
"""Topics that must have been heard before a session may begin."""

PREROLL = 2 * SECOND, 256 << 20
"""ns and bytes that are remembered outside takes, so that a take begins with its countdown to the message."""

GRACE = 0.4
"""s after the end of a take in which messages from before the end are still written."""


class RecorderParameters(BaseModel):
    """Parameters of the recorder."""

    cameras: list[str] = Field(
        default=["davis346", "webcam"],
        description="cameras whose topics are recorded and must be heard first",
    )
    required_topics: list[str] = Field(
        default=[],
        description="topics that must be heard before a session may begin; empty: the cameras' main ones",
    )


def ros_type_name(kind: type) -> str:
    """``std_msgs/msg/Header`` of a message class."""
    package, _, _ = kind.__module__.partition(".")
    return f"{package}/msg/{kind.__name__}"


class Recorder(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.parameters = declare(self, RecorderParameters)
        unknown = [camera for camera in self.parameters.cameras if camera not in SENSOR_TOPICS]
        if unknown:
            raise RecordingError(f"unknown camera {unknown[0]!r}; there are: {', '.join(SENSOR_TOPICS)}")
        self._topics = {
            topic: entry
            for camera in self.parameters.cameras
            for topic, entry in SENSOR_TOPICS[camera].items()
        }
        self._required = self.parameters.required_topics or [
            topic for camera in self.parameters.cameras for topic in REQUIRED[camera]
        ]
        self._heard: set[str] = set()
        self._manifest: Manifest | None = None
        self._take: TakeWriter | None = None
        self._preroll = PreRoll(*PREROLL)
        self._truths = Truths()
        self._facts: dict[str, Any] = {}
        self._end: int | None = None
        self._finishing: list[threading.Thread] = []
        self._finished = 0
        self._last_take = ""
        self._error = ""
        self._cameras: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._status = self.create_publisher(RecorderStatus, "/recorder/status", LATCHED_QOS)
        for topic, (kind, qos) in self._topics.items():
            self.create_subscription(kind, topic, self._sensor(topic), qos, raw=True)
        self.create_subscription(SessionState, STATE, self._on_state, LATCHED_QOS)
        self.create_subscription(Marker, MARKER, self._sensor(MARKER), SMALL_QOS, raw=True)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, SMALL_QOS)
        self.create_subscription(String, TRUTH, self._on_truth, SMALL_QOS)
        self.create_timer(1.0, self._publish_status)
        self._closing = self.create_timer(GRACE / 2, self._close_when_due)

    def start(self) -> None:
        """Say what is waited for."""
        self._publish_status()

    def release(self) -> None:
        """Finish what is open: whoever stops the recorder keeps the take."""
        self._close_take(complete=self._end is not None)
        for thread in self._finishing:
            thread.join()
        if self._manifest is not None:
            self._manifest.close()

    # --- what comes in -----------------------------------------------------------------------------

    def _sensor(self, topic: str) -> Callable[[bytes], None]:
        def write(message: bytes) -> None:
            if topic not in self._heard:
                self._heard.add(topic)
                self._publish_status()
            self._write(topic, message)

        return write

    def _write(self, topic: str, message: bytes) -> None:
        if self._take is None or self._is_behind_the_end(message):
            self._preroll.add(topic, host_now(), message)
            return
        try:
            self._take.write(topic, host_now(), message)
        except RecordingError as error:
            self._fail(error)

    def _is_behind_the_end(self, message: bytes) -> bool:
        """Whether a message no longer belongs to the take that is being closed: it may be the next one's."""
        try:
            return self._end is not None and stamp_of(message) > self._end
        except FormatError:
            return False

    def _on_state(self, state: SessionState) -> None:
        try:
            self._follow(state)
        except EvfaceError as error:
            self._fail(error)

    def _follow(self, state: SessionState) -> None:
        if self._manifest is None and state.output:
            self._open_session(state)
        key = (state.trial, state.take)
        current = (self._facts.get("trial"), self._facts.get("run"))
        if self._take is not None and self._end is None and (not state.recording or key != current):
            self._end = to_ns(state.header.stamp)
            self._facts["outcome"] = _outcome(state, current)
        if self._take is not None and self._end is not None and state.recording:
            self._close_take(complete=True)
        if state.recording and self._take is None and not self._error:
            self._open_take(state)
        elif self._take is not None:
            self._write(STATE, _serialized(state))
        if self._take is not None and state.recording:
            self._facts["cues"].append(
                {
                    "phase": state.phase,
                    "stamp_ns": to_ns(state.header.stamp),
                    "planned_ns": to_ns(state.duration),
                }
            )
        self._publish_status()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            camera = status.name.partition(":")[0].strip("/ ")
            if camera in self.parameters.cameras:
                self._cameras[camera] = {entry.key: entry.value for entry in status.values}

    def _on_truth(self, message: String) -> None:
        complaint = self._truths.hear(message.data)
        if complaint:
            print(f"warning: {complaint}", flush=True)

    # --- takes -------------------------------------------------------------------------------------

    def _open_session(self, state: SessionState) -> None:
        folder = Path(state.output) / f"sub-{state.subject}" / f"ses-{state.session}"
        self._manifest = Manifest(folder)
        self._session_facts = {
            "subject": state.subject,
            "session": state.session,
            "trials": state.trials,
            "started_ns": to_ns(state.header.stamp),
            "software": f"rig {evface.__version__}",
            "required_topics": self._required,
        }

    def _open_take(self, state: SessionState) -> None:
        assert self._manifest is not None
        name = take_name(state.subject, state.session, state.au, state.take)
        topics = {topic: ros_type_name(kind) for topic, (kind, _) in self._topics.items()}
        topics |= {STATE: ros_type_name(SessionState), MARKER: ros_type_name(Marker)}
        self._take = TakeWriter(self._manifest.folder, name, topics)
        begin = to_ns(state.header.stamp)
        # First in the bag: whoever plays it hears of the countdown before anything that came after it.
        self._take.write(STATE, begin, _serialized(state))
        for topic, received, message in self._preroll.since(begin):
            self._take.write(topic, received, message)
        self._end = None
        self._facts = {
            "subject": state.subject,
            "session": state.session,
            "au": state.au,
            "trial": state.trial,
            "run": state.take,
            "cues": [],
        }

    def _close_when_due(self) -> None:
        if self._take is not None and self._end is not None and host_now() > self._end + GRACE * SECOND:
            self._close_take(complete=True)
            self._publish_status()
        for thread in [thread for thread in self._finishing if not thread.is_alive()]:
            self._finishing.remove(thread)
            self._publish_status()

    def _close_take(self, complete: bool) -> None:
        if self._take is None:
            return
        take, self._take = self._take, None
        facts = self._facts | {"ended_ns": self._end or host_now()}
        self._end = None
        if not complete:
            facts["outcome"] = "interrupted"
        thread = threading.Thread(target=self._bring_home, args=(take, facts), name=f"finish {take.name}")
        self._finishing.append(thread)
        thread.start()

    def _bring_home(self, take: TakeWriter, facts: dict[str, Any]) -> None:
        assert self._manifest is not None
        try:
            line = take.finish(facts)
            truth = self._truths.of(facts["au"], facts["trial"], facts["run"])
            with self._lock:
                if truth is not None:
                    self._manifest.append_truth(take.name, truth)
                self._manifest.append(line)
                self._manifest.write_session(self._session_facts | {"cameras": self._cameras})
                self._finished += 1
                self._last_take = take.name
        except EvfaceError as error:
            self._fail(error)

    # --- what goes out -----------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        if not self._error:
            self._error = str(error)
            print(f"error: {error}", file=sys.stderr, flush=True)
        self._take = None
        self._publish_status()

    def _state(self) -> str:
        if self._error:
            return "failed"
        if missing(self._required, self._heard):
            return "waiting"
        if self._take is not None:
            return "recording"
        return "finishing" if self._finishing else "ready"

    def _publish_status(self) -> None:
        take = self._take
        status = RecorderStatus(
            state=self._state(),
            waiting_for=missing(self._required, self._heard),
            take=take.name if take else "",
            takes_finished=self._finished,
            last_take=self._last_take,
            bytes=take.size if take else 0,
            messages=take.messages if take else 0,
            lost=take.lost if take else 0,
            safe_to_leave=take is None and not self._finishing and not self._error,
            error=self._error,
        )
        status.header.stamp = to_time(host_now())
        self._status.publish(status)


def _outcome(state: SessionState, current: tuple[int | None, int | None]) -> str:
    """How the open take ended: the phase that followed tells."""
    if state.phase in ("aborted", "paused"):
        return "aborted" if state.phase == "aborted" else "interrupted"
    if state.trial == current[0] and state.take != current[1]:
        return "redone"
    return "complete"


def _serialized(message: Any) -> bytes:
    from rclpy.serialization import serialize_message

    return bytes(serialize_message(message))


def main() -> None:
    """Entry point of ``ros2 run rig recorder``."""
    sys.exit(run(Recorder))
