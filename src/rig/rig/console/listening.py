"""The console's ROS node: hears what the rig says of itself, in a thread beside the web server's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy._rclpy_pybind11 import RCLError
from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from rig.console.previews import Gallery, Stream, streams_of
from rig.parameters import Model, declare
from rig.stamps import to_ns, to_time
from rig.transport import LATCHED_QOS, SMALL_QOS, make_executor
from rig_interfaces.msg import FaceBox, Marker, QualityReport, RecorderStatus, SessionState, SyncStatus
from rig_interfaces.srv import SessionCommand

SHOWN = "/session/shown"
"""What the subject's page did with each cue, and when."""

PATIENCE = 5.0
"""s that the conductor has to answer a command."""

INTEREST = 3.0
"""s after the last look at a preview in which its topic stays subscribed."""

PREVIEW_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=8,
    # Nobody waits for a page: a publisher that keeps everything would hold its sensor up for a slow reader.
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)


@dataclass(slots=True)
class Heard:
    """The newest of what the rig said; each with the monotonic time, s, at which it came.

    Attributes:
        state: of the session.
        recorder: its status.
        quality: of the present moment.
        takes: quality of each take, by its name.
        sync: offsets between the clocks.
        diagnostics: of each camera.
        boxes: of the face, by camera.
    """

    state: tuple[float, SessionState] | None = None
    recorder: tuple[float, RecorderStatus] | None = None
    quality: tuple[float, QualityReport] | None = None
    takes: dict[str, QualityReport] = field(default_factory=dict)
    sync: tuple[float, SyncStatus] | None = None
    diagnostics: dict[str, tuple[float, DiagnosticStatus]] = field(default_factory=dict)
    boxes: dict[str, tuple[float, FaceBox]] = field(default_factory=dict)


class Listener(Generic[Model]):
    """Subscribes, publishes and calls for the web server; use as a context manager.

    Args:
        parameters: model of the node's parameters.

    Attributes:
        heard: so far.
        changed: called, in the node's thread, whenever something new was heard; set before `listen`.
        gallery: previews of the cameras.
    """

    def __init__(self, parameters: type[Model]) -> None:
        self.heard = Heard()
        self.changed: Callable[[], None] = lambda: None
        self._states: deque[SessionState] = deque(maxlen=8)
        self._node = Node("console")
        self.parameters: Model = declare(self._node, parameters)
        self._wanted: dict[str, float] = {}
        self._subscribed: dict[str, Subscription] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="console listens")
        self.gallery = Gallery({})

    def listen(self, cameras: list[str]) -> None:
        """Subscribe to everything that is small; previews wait until they are asked for."""
        self.gallery = Gallery(streams_of(cameras))
        node, heard = self._node, self.heard
        node.create_subscription(SessionState, "/session/state", self._on_state, LATCHED_QOS)
        node.create_subscription(
            RecorderStatus, "/recorder/status", self._into(heard, "recorder"), LATCHED_QOS
        )
        node.create_subscription(QualityReport, "/quality", self._into(heard, "quality"), LATCHED_QOS)
        node.create_subscription(QualityReport, "/quality/take", self._on_take, LATCHED_QOS)
        node.create_subscription(SyncStatus, "/sync", self._into(heard, "sync"), LATCHED_QOS)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, SMALL_QOS)
        for camera in cameras:
            node.create_subscription(FaceBox, f"/{camera}/face_box", self._on_box(camera), LATCHED_QOS)
        self._commands: Client = node.create_client(SessionCommand, "/conductor/command")
        self._shown = node.create_publisher(Marker, SHOWN, SMALL_QOS)
        # Subscriptions come and go in the executor's own thread.
        node.create_timer(0.2, self._follow_interest)
        self._thread.start()

    def __enter__(self) -> Listener[Model]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._node.destroy_node()

    def stop(self) -> None:
        """Hear nothing more, call nobody: whoever is told of news calls it before they go."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _spin(self) -> None:
        executor = make_executor()
        executor.add_node(self._node)
        # publish() from the server's thread hangs beside EventsExecutor.spin(); a loop of spin_once does not.
        while rclpy.ok() and not self._stop.is_set():
            executor.spin_once(timeout_sec=0.2)

    # --- what comes in -----------------------------------------------------------------------------

    def _into(self, heard: Heard, name: str) -> Callable[[Any], None]:
        def remember(message: Any) -> None:
            setattr(heard, name, (time.monotonic(), message))
            self.changed()

        return remember

    def _on_state(self, state: SessionState) -> None:
        self._states.append(state)
        self.heard.state = (time.monotonic(), state)
        self.changed()

    def _on_take(self, report: QualityReport) -> None:
        self.heard.takes.pop(report.take, None)  # the newest is last
        self.heard.takes[report.take] = report
        self.changed()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            camera = status.name.partition(":")[0].strip("/ ")
            self.heard.diagnostics[camera] = (time.monotonic(), status)
        self.changed()

    def _on_box(self, camera: str) -> Callable[[FaceBox], None]:
        def remember(box: FaceBox) -> None:
            self.heard.boxes[camera] = (time.monotonic(), box)
            self.changed()

        return remember

    # --- previews ----------------------------------------------------------------------------------

    def look_at(self, name: str) -> None:
        """Somebody looks at a stream now."""
        self._wanted[name] = time.monotonic()

    def _follow_interest(self) -> None:
        now = time.monotonic()
        for name, stream in self.gallery.streams.items():
            wanted = now - self._wanted.get(name, -INTEREST) < INTEREST
            if wanted and name not in self._subscribed:
                self._subscribed[name] = self._subscribe(stream)
            elif not wanted and name in self._subscribed:
                self._node.destroy_subscription(self._subscribed.pop(name))

    def _subscribe(self, stream: Stream) -> Subscription:
        return self._node.create_subscription(stream.kind, stream.topic, stream.add, PREVIEW_QOS, raw=True)

    # --- what goes out -----------------------------------------------------------------------------

    async def command(self, name: str, argument: str, by: str) -> tuple[bool, str]:
        """Tell the conductor something.

        Returns:
            Whether it obeyed, and why not.
        """
        if not self._commands.service_is_ready():
            return False, "the conductor is not there"
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def settle(answer: Any) -> None:
            if not answered.done():
                answered.set_result(answer)

        def hand_over(future: Any) -> None:
            loop.call_soon_threadsafe(settle, future.result())

        request = SessionCommand.Request(command=name, argument=argument, by=by)
        self._commands.call_async(request).add_done_callback(hand_over)
        try:
            answer = await asyncio.wait_for(answered, PATIENCE)
        except TimeoutError:
            return False, f"the conductor did not answer within {PATIENCE:.0f} s"
        return bool(answer.accepted), str(answer.reason)

    def acknowledge(self, phase: int, name: str, stamp: int) -> bool:
        """Publish that the subject's page has drawn or sounded a cue.

        Args:
            phase: ns, host clock, at which the phase of the cue began, as in the state that announced it.
            name: of the cue, such as "countdown drawn".
            stamp: ns, host clock, at which it was drawn or is to sound.

        Returns:
            Whether it was published: there was such a phase lately.
        """
        state = next((state for state in self._states if to_ns(state.header.stamp) == phase), None)
        if state is None:
            return False
        marker = Marker(
            name=name, scheduled=state.header.stamp, au=state.au, trial=state.trial, take=state.take
        )
        marker.header.stamp, marker.header.frame_id = to_time(stamp), "subject page"
        try:
            self._shown.publish(marker)
        except RCLError:  # a starved neighbour holds the transport's lock: the page has drawn all the same
            return False
        return True
