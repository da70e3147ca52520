"""Writes one bag per take, exactly while /session/state asks for it.

Subscribes raw: a message goes from the wire to the bag without being deserialized. What comes is taken in at
once and written by the take's own thread; this one never waits for the disk.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String

from evface.errors import EvfaceError, FormatError
from evface.events import stamp_of
from rig.parameters import declare
from rig.recording import TRUTH, PreRoll, Truths
from rig.recording.definitions import definition
from rig.recording.scribe import Budget
from rig.recording.session import OpenTake, RecordingSession
from rig.recording.topics import DIAGNOSTICS, STATE, required_of, ros_type_name, topics_of
from rig.recording.traffic import Traffic
from rig.spinning import Process, run
from rig.stamps import SECOND, host_now, to_time
from rig.transport import LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import RecorderStatus, SessionState

PREROLL = 2 * SECOND, 256 << 20
"""ns and bytes that are remembered outside takes, so that a take begins with its countdown to the message."""

GRACE = 0.1, 2.0
"""s after the news of a take's end, at least and at most, in which messages from before the end are still
written: until every required topic has gone beyond it."""


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
    resume: bool = Field(
        default=False,
        description="go on with a session that has takes already; what a crash left is repaired first",
    )
    queue: int = Field(
        default=1024,
        description="memory for messages that wait for the disk; beyond it they are dropped and counted",
        ge=1,
        le=65536,
        json_schema_extra={"unit": "MiB"},
    )
    reserve: int = Field(
        default=1024,
        description="room to leave on the disk; with less no take begins and an open one is closed",
        ge=1,
        le=1048576,
        json_schema_extra={"unit": "MiB"},
    )


class Recorder(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.parameters = declare(self, RecorderParameters)
        self._topics = topics_of(self.parameters.cameras)
        self._required = set(self.parameters.required_topics or required_of(self.parameters.cameras))
        self._heard: set[str] = set()
        self._session: RecordingSession | None = None
        self._take: OpenTake | None = None
        self._over_since = 0.0
        self._beyond: set[str] = set()
        self._preroll = PreRoll(*PREROLL)
        self._budget = Budget(self.parameters.queue << 20)
        self._traffic = Traffic()
        self._truths = Truths()
        self._error = ""
        self._failed = False
        self._strangers = False
        self._status = self.create_publisher(RecorderStatus, "/recorder/status", LATCHED_QOS)
        for topic, (kind, qos) in self._topics.items():
            self.create_subscription(kind, topic, self._hears(topic), qos, raw=True)
        self.create_subscription(SessionState, STATE, self._on_state, LATCHED_QOS)
        self.create_subscription(String, TRUTH, self._on_truth, SMALL_QOS)
        self.create_timer(1.0, self._every_second)
        self.create_timer(GRACE[0], self._look_after)

    def start(self) -> None:
        """Say what is waited for."""
        for kind, _ in self._topics.values():
            definition(ros_type_name(kind))  # read now, not while a take begins
        definition(ros_type_name(SessionState))
        self._publish_status()

    def release(self) -> None:
        """Finish what is open: whoever stops the recorder keeps the take."""
        self._close_take()
        if self._session is not None:
            error = self._session.close()
            if error:
                print(f"error: {error}", file=sys.stderr, flush=True)

    # --- what comes in -----------------------------------------------------------------------------

    def _hears(self, topic: str) -> Callable[[bytes], None]:
        def hear(message: bytes) -> None:
            received = time.monotonic_ns()
            self._traffic.add(len(message))
            if topic not in self._heard:
                self._heard.add(topic)
                self._publish_status()
            if topic == DIAGNOSTICS:
                self._note_cameras(deserialize_message(message, DiagnosticArray))
            self._take_in(topic, received, message)

        return hear

    def _take_in(self, topic: str, received: int, message: bytes) -> None:
        if self._take is None or self._is_behind_the_end(message):
            self._beyond.add(topic)
            self._preroll.add(topic, received, message)
        elif not self._take.put(topic, received, message) and not self._error and not self._take.scribe.error:
            self._complain(
                f"the disk does not follow: {self._budget.limit >> 20} MiB wait for it, messages are dropped"
            )

    def _is_behind_the_end(self, message: bytes) -> bool:
        """Whether a message no longer belongs to the take that is being closed: it may be the next one's."""
        assert self._take is not None
        ended = self._take.facts.ended
        try:
            return ended is not None and stamp_of(message) > ended
        except FormatError:
            return False

    def _note_cameras(self, message: DiagnosticArray) -> None:
        for status in message.status:
            camera = status.name.partition(":")[0].strip("/ ")
            if self._session is not None and camera in self.parameters.cameras:
                self._session.cameras[camera] = {entry.key: entry.value for entry in status.values}

    def _on_truth(self, message: String) -> None:
        complaint = self._truths.hear(message.data)
        if complaint:
            print(f"warning: {complaint}", flush=True)

    # --- the session -------------------------------------------------------------------------------

    def _on_state(self, state: SessionState) -> None:
        try:
            self._follow(state)
        except EvfaceError as error:
            self._fail(str(error))
        self._publish_status()

    def _follow(self, state: SessionState) -> None:
        if self._session is None and state.output and not self._failed:
            self._open_session(state)
        if self._session is not None and not self._session.is_of(state):
            if not self._strangers:
                self._strangers = True
                print(
                    "warning: another session is led in this ROS domain; it is not recorded here", flush=True
                )
            return
        ending = self._take is not None and self._take.facts.ended is not None
        if ending and state.recording:
            self._close_take()
        if self._take is not None:
            self._follow_in_take(self._take, state)
        if self._take is None and state.recording and self._session is not None and not self._failed:
            self._open_take(self._session, state)

    def _follow_in_take(self, take: OpenTake, state: SessionState) -> None:
        goes_on = take.facts.holds(state)
        if goes_on or not state.recording:
            take.put(STATE, time.monotonic_ns(), bytes(serialize_message(state)))
        was_over = take.facts.ended is not None
        take.facts.follow(state)
        if not was_over and not goes_on:
            self._over_since = time.monotonic()
            if state.recording:
                self._close_take()

    def _open_session(self, state: SessionState) -> None:
        types = {topic: ros_type_name(kind) for topic, (kind, _) in self._topics.items()}
        self._session = RecordingSession(
            state,
            resume=self.parameters.resume,
            topics=types | {STATE: ros_type_name(SessionState)},
            budget=self._budget,
            reserve=self.parameters.reserve << 20,
            truths=self._truths,
            required=sorted(self._required),
        )
        for mended in self._session.mended:
            print(f"{mended.did}: {mended.take}: {mended.detail}", flush=True)

    def _open_take(self, session: RecordingSession, state: SessionState) -> None:
        self._error = ""
        begin = state.header.stamp.sec * SECOND + state.header.stamp.nanosec
        self._beyond.clear()
        self._take = session.open_take(state, bytes(serialize_message(state)), self._preroll.since(begin))

    def _close_take(self) -> None:
        take, self._take = self._take, None
        if take is not None and self._session is not None:
            self._session.close_take(take)

    # --- now and then ------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Close the take whose end has passed; notice what the writing threads have to say."""
        before = self._state()
        take = self._take
        if take is not None and take.facts.ended is not None and self._is_all_there():
            self._close_take()
        if take is not None and take.scribe.error:
            self._fail(take.scribe.error)
        if self._session is not None:
            self._hear_out(self._session)
        if self._state() != before:
            self._publish_status()

    def _is_all_there(self) -> bool:
        """Whether nothing of the take that is over can still come, or it was waited for long enough."""
        # The host's clock may be set anew at any time, so it is not asked.
        waited = time.monotonic() - self._over_since
        return waited > GRACE[1] or (waited > GRACE[0] and self._required <= self._beyond)

    def _hear_out(self, session: RecordingSession) -> None:
        error = session.collect()
        if error:
            self._fail(error)
        while session.warnings:
            print(f"warning: {session.warnings.pop()}", file=sys.stderr, flush=True)

    def _every_second(self) -> None:
        self._traffic.measure()
        if self._take is not None and self._session is not None:
            try:
                self._session.check_room()
            except EvfaceError as error:
                self._fail(str(error))
        self._publish_status()

    # --- what goes out -----------------------------------------------------------------------------

    def _complain(self, error: str) -> None:
        self._error = error
        print(f"error: {error}", file=sys.stderr, flush=True)
        self._publish_status()

    def _fail(self, error: str) -> None:
        """Record no more; what is open is finished as far as that can be."""
        if not self._failed:
            self._failed = True
            self._complain(error)
        self._close_take()

    def _state(self) -> str:
        if self._failed:
            return "failed"
        if self._take is not None:
            return "recording"
        if self._required - self._heard:
            return "waiting"
        return "finishing" if self._session is not None and self._session.finishing else "ready"

    def _publish_status(self) -> None:
        if not self.context.ok():
            return  # on the way down
        session = self._session
        status = RecorderStatus(
            state=self._state(),
            waiting_for=sorted(self._required - self._heard),
            rate=self._traffic.rate,
            queued=self._budget.used,
            safe_to_leave=self._take is None and not self._failed,
            error=self._error,
        )
        if session is not None:
            status.folder, status.last_take = str(session.folder), session.last_take
            status.takes_finished = session.finished
            status.safe_to_leave = status.safe_to_leave and not session.finishing
            status.free = self._free(session)
        if self._take is not None:
            take = self._take.scribe.take
            status.take, status.bytes, status.messages, status.lost = (
                take.name, take.size, take.messages, take.lost,
            )  # fmt: skip
            status.queued += take.pending
        status.header.stamp = to_time(host_now())
        self._status.publish(status)

    @staticmethod
    def _free(session: RecordingSession) -> int:
        try:
            return session.free
        except EvfaceError:
            return 0


def main() -> None:
    """Entry point of ``ros2 run rig recorder``."""
    sys.exit(run(Recorder))
