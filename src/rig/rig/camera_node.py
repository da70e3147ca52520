"""The lifecycle node that every camera is: a source of evface in front, topics behind.

configure opens the source, activate starts the thread that reads it, deactivate stops that thread,
cleanup closes the source. With ``autostart`` (the default) the node walks to active by itself.
"""

from __future__ import annotations

import array
import sys
import threading
import traceback
from collections import Counter
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from pydantic import BaseModel, create_model
from pydantic.fields import Field
from rclpy._rclpy_pybind11 import RCLError
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import String

from event_camera_msgs.msg import EventPacket
from evface.cameras import (
    CameraDescription,
    CameraSource,
    Cue,
    EncodedEvents,
    Frame,
    ImuSample,
    Reading,
    open_source,
    options_of,
)
from evface.errors import EvfaceError
from rig.parameters import declare
from rig.recording import TRUTH, announcement
from rig.spinning import Process, run
from rig.stamps import host_now, to_ns, to_time
from rig.transport import EVENTS_QOS, FRAMES_QOS, LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import SessionState

READ_TIMEOUT = 0.1
"""s that one read of the source may wait: how quickly a deactivation is noticed."""


class NodeParameters(BaseModel):
    """What every camera node has besides the options of its camera."""

    autostart: bool = Field(default=True, description="configure and activate by itself")


def parameters_model(camera: str) -> type[BaseModel]:
    """The parameters of a camera's node: those of any camera node and the options of its source."""
    return create_model(f"{camera.capitalize()}Parameters", __base__=(NodeParameters, options_of(camera)))


class CameraNode(LifecycleNode, Process):
    """Publishes what a camera delivers, untouched.

    Args:
        camera: davis346, evk4 or webcam; also the node's name and the prefix of its topics.
    """

    def __init__(self, camera: str) -> None:
        super().__init__(camera)
        self.camera = camera
        self.parameters = declare(self, parameters_model(camera))
        self._source: CameraSource | None = None
        self._description: CameraDescription | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._seq = 0
        self._counts: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._previous_time = host_now()
        self._trouble = ""
        virtual = self.parameters.source == "virtual"  # type: ignore[attr-defined]
        self._truth = self.create_publisher(String, TRUTH, SMALL_QOS) if virtual else None
        self._told = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", SMALL_QOS)
        self._info = self.create_publisher(CameraInfo, f"/{camera}/camera_info", LATCHED_QOS)
        if camera == "webcam":
            self._jpeg = self.create_publisher(CompressedImage, f"/{camera}/image_raw/compressed", FRAMES_QOS)
        else:
            self._events = self.create_publisher(EventPacket, f"/{camera}/events", EVENTS_QOS)
        if camera == "davis346":
            self._image = self.create_publisher(Image, f"/{camera}/image_raw", FRAMES_QOS)
            self._imu = self.create_publisher(Imu, f"/{camera}/imu", SMALL_QOS)
        self.create_subscription(SessionState, "/session/state", self._on_state, LATCHED_QOS)
        self.create_timer(1.0, self._report)

    # --- lifecycle ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Walk to active when asked to start by itself; end the process when that fails."""
        if not self.parameters.autostart:  # type: ignore[attr-defined]
            return
        for step in (self.trigger_configure, self.trigger_activate):
            if step() != TransitionCallbackReturn.SUCCESS:
                self.finish(2)
                return

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the source."""
        try:
            self._open()
        except EvfaceError as error:
            print(f"error: {self.camera}: {error}", file=sys.stderr, flush=True)
            self._source = None
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it without a word
            traceback.print_exc()
            return TransitionCallbackReturn.ERROR
        return super().on_configure(state)

    def _open(self) -> None:
        options = self.parameters.model_dump(exclude=set(NodeParameters.model_fields))
        self._source = open_source(self.camera, **options)
        self._description = self._source.open()
        found = self._description
        self._told = 0
        self.get_logger().info(f"{found.model} {found.width}x{found.height} ({found.kind}) {found.detail}")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start reading."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._read, name=f"read {self.camera}")
        self._thread.start()
        self._report()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop reading."""
        self._halt()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the source."""
        self._close()
        return super().on_cleanup(state)

    def release(self) -> None:
        """Stop reading and close the source, whatever the state."""
        self._halt()
        self._close()

    def _halt(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            summary = getattr(self._source, "summary", None)
            if summary is not None:
                # Not the logger: on the way down its topic is gone before.
                print(summary(), flush=True)

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    # --- data --------------------------------------------------------------------------------------

    def _on_state(self, state: SessionState) -> None:
        if self._source is not None:
            self._source.cue(
                Cue(
                    phase=state.phase,
                    au=state.au,
                    start=to_ns(state.header.stamp),
                    duration=to_ns(state.duration),
                    trial=state.trial,
                    take=state.take,
                )
            )
            self._tell_the_truth()

    def _tell_the_truth(self) -> None:
        """Say what a virtual subject does, once for each performance."""
        truths: list[dict[str, Any]] = getattr(self._source, "truths", list)()
        for truth in truths[self._told :]:
            if self._truth is not None:
                self._truth.publish(String(data=announcement(self.camera, truth)))
        self._told = len(truths)

    def _read(self) -> None:
        assert self._source is not None
        try:
            while not self._stop.is_set():
                readings = self._source.read(READ_TIMEOUT)
                if readings is None:
                    self._trouble = "the source has ended"
                    self.get_logger().info(f"the source has ended: {dict(self._counts)}")
                    return
                for reading in readings:
                    self._publish(reading)
        except RCLError:
            if rclpy.ok():  # on the way down the context goes before the threads do
                raise
        except EvfaceError as error:
            self._trouble = str(error)
            print(f"error: {self.camera}: {error}", file=sys.stderr, flush=True)
            self.finish(2)

    def _publish(self, reading: Reading) -> None:
        if isinstance(reading, EncodedEvents):
            self._publish_events(reading)
        elif isinstance(reading, Frame):
            self._publish_frame(reading)
        else:
            self._publish_imu(reading)

    def _publish_events(self, packet: EncodedEvents) -> None:
        message = EventPacket(
            height=packet.height,
            width=packet.width,
            seq=self._seq,
            time_base=packet.sensor_time,
            encoding=packet.encoding,
            # an ndarray or a list is copied element by element, an array at once
            events=array.array("B", packet.data),
        )
        message.header.stamp = to_time(packet.host_time)
        message.header.frame_id = self.camera
        self._seq += 1
        self._counts["packets"] += 1
        self._counts["bytes"] += len(packet.data)
        if packet.count >= 0:
            self._counts["events"] += packet.count
        self._events.publish(message)

    def _publish_frame(self, frame: Frame) -> None:
        self._counts["frames"] += 1
        stamp = to_time(frame.host_time)
        if isinstance(frame.image, bytes):
            compressed = CompressedImage(format="jpeg", data=array.array("B", frame.image))
            compressed.header.stamp, compressed.header.frame_id = stamp, self.camera
            self._jpeg.publish(compressed)
            return
        image = Image(height=frame.height, width=frame.width, encoding=frame.encoding)
        image.step = frame.image.strides[0]
        image.data = array.array("B", frame.image.tobytes())
        image.header.stamp, image.header.frame_id = stamp, self.camera
        self._image.publish(image)

    def _publish_imu(self, sample: ImuSample) -> None:
        self._counts["imu"] += 1
        message = Imu()
        message.header.stamp, message.header.frame_id = to_time(sample.host_time), self.camera
        a, w = message.linear_acceleration, message.angular_velocity
        a.x, a.y, a.z = sample.acceleration
        w.x, w.y, w.z = sample.angular_velocity
        # REP 145: the first element of an unknown orientation's covariance is -1.
        message.orientation_covariance[0] = -1.0
        self._imu.publish(message)

    # --- once a second -----------------------------------------------------------------------------

    def _report(self) -> None:
        now = host_now()
        found = self._description
        status = DiagnosticStatus(
            name=f"{self.camera}: source", level=DiagnosticStatus.OK, message="streaming"
        )
        if found is None:
            status.level, status.message = DiagnosticStatus.STALE, "not configured"
        else:
            status.hardware_id = f"{found.model} {found.serial}".strip()
            self._publish_info(found, now)
        if self._trouble:
            status.level, status.message = DiagnosticStatus.WARN, self._trouble
        seconds = max(1e-3, (now - self._previous_time) / 1e9)
        facts = {
            "model": found.model if found else "",
            "serial": found.serial if found else "",
            "size": f"{found.width}x{found.height}" if found else "",
            "source": found.kind if found else "",
            "detail": found.detail if found else "",
            **{name: str(count) for name, count in self._counts.items()},
            **{
                f"{name}/s": f"{(count - self._previous[name]) / seconds:.1f}"
                for name, count in self._counts.items()
            },
        }
        # Virtual sources count steps that came too late, some drivers packets that they lost.
        for name in ("late", "lost"):
            count = getattr(self._source, name, None)
            if count is not None:
                facts[name] = str(count)
        facts |= {name: str(value) for name, value in getattr(self._source, "facts", dict)().items()}
        news = getattr(self._source, "news", str)()
        if news:
            self.get_logger().warning(news)
        status.values = [KeyValue(key=key, value=value) for key, value in facts.items()]
        self._previous, self._previous_time = self._counts.copy(), now
        message = DiagnosticArray(status=[status])
        message.header.stamp = to_time(now)
        self._diagnostics.publish(message)

    def _publish_info(self, found: CameraDescription, now: int) -> None:
        info = CameraInfo(width=found.width, height=found.height)
        info.header.stamp, info.header.frame_id = to_time(now), self.camera
        self._info.publish(info)


def run_camera(camera: str) -> None:
    """Entry point of a camera's executable."""
    sys.exit(run(lambda: CameraNode(camera)))
