"""The lifecycle node that every camera is: a source of evface in front, topics behind.

configure opens the source, activate starts the thread that reads it, deactivate stops that thread,
cleanup closes the source. With ``autostart`` (the default) the node walks to active by itself. A live device
that is unplugged is looked for until it is back; the node stays active meanwhile and says so.
"""

from __future__ import annotations

import json
import math
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from pydantic import BaseModel, create_model
from pydantic.fields import Field
from rclpy._rclpy_pybind11 import RCLError
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import String

from event_camera_msgs.msg import EventPacket
from evface.calibration import Lens, lens_for
from evface.cameras import (
    EXTERNAL_DRIVERS,
    CameraDescription,
    Cue,
    EncodedEvents,
    ImuSample,
    LiveSource,
    Reading,
    adjustable,
    options_of,
)
from evface.cameras.reading import Reader
from evface.errors import DeviceError, EvfaceError
from rig.camera_info import camera_info
from rig.camera_messages import compressed_image, event_packet, image, imu
from rig.diagnosis import Health, diagnose
from rig.external_driver import Relay
from rig.parameters import declare
from rig.recording import TRUTH, announcement
from rig.spinning import Process, run
from rig.stamps import host_now, to_ns, to_time
from rig.transport import EVENTS_QOS, FRAMES_QOS, LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import SessionState

MODELS = {"davis346": "DAVIS346", "evk4": "EVK4"}
"""What a camera is called whose driver does not say it."""


class NodeParameters(BaseModel):
    """What every camera node has besides the options of its camera."""

    autostart: bool = Field(default=True, description="configure and activate by itself")
    calibration: str = Field(
        default="",
        description="camera_info YAML file, or a folder with one named after the camera, as `rig calibrate` "
        "makes it; empty: not calibrated",
    )


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
        self._reader: Reader | None = None
        self._relay: Relay | None = None
        self._description: CameraDescription | None = None
        self._active = False
        self._lens: Lens | None = None
        self._seq = 0
        self._counts: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._previous_time = host_now()
        self._previous_lost = 0
        self._last = time.monotonic()
        self._ended_because = ""
        self._gaps_told: list[Any] = []
        self._settings: dict[str, Any] = {}
        self._reading_back = False
        model: Any = parameters_model(camera)
        self.parameters = declare(self, model, self._on_change)
        self.add_post_set_parameters_callback(lambda _: self._read_back())
        virtual = self.parameters.source == "virtual"
        self._truth = self.create_publisher(String, TRUTH, SMALL_QOS) if virtual else None
        self._told = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", SMALL_QOS)
        self._info = self.create_publisher(CameraInfo, f"/{camera}/camera_info", LATCHED_QOS)
        self._ours: dict[str, Publisher] = {}
        if camera == "webcam":
            self._jpeg = self.create_publisher(CompressedImage, f"/{camera}/image_raw/compressed", FRAMES_QOS)
        else:
            self._ours["events"] = self.create_publisher(EventPacket, f"/{camera}/events", EVENTS_QOS)
        if camera == "davis346":
            self._ours["image_raw"] = self.create_publisher(Image, f"/{camera}/image_raw", FRAMES_QOS)
            self._ours["imu"] = self.create_publisher(Imu, f"/{camera}/imu", SMALL_QOS)
        self.create_subscription(SessionState, "/session/state", self._on_state, LATCHED_QOS)
        self.create_timer(1.0, self._report)

    # --- lifecycle ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Walk to active when asked to start by itself; end the process when that fails."""
        if not self.parameters.autostart:
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
            self._close()
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it without a word
            traceback.print_exc()
            return TransitionCallbackReturn.ERROR
        return super().on_configure(state)

    def _open(self) -> None:
        options = self.parameters.model_dump(exclude=set(NodeParameters.model_fields))
        self._told, self._gaps_told, self._ended_because, self._previous_lost = 0, [], "", 0
        if options["source"] == "live" and options.get("driver") in EXTERNAL_DRIVERS:
            driver, namespace = options["driver"], options["topics"]
            self._relay = Relay(self, self.camera, driver, namespace, self._ours, self._deliver)
            self.get_logger().info(f"listening to {driver} on {self._relay.topic}")
            return
        self._reader = Reader(self.camera, options, self._deliver, self._on_end)
        self._description = self._reader.open()
        found = self._description
        self._lens = self._lens_for(found)
        self.get_logger().info(f"{found.model} {found.width}x{found.height} ({found.kind}) {found.detail}")
        if isinstance(self._reader.source, LiveSource):
            self._settings = self._reader.source.settings()
            self._read_back()

    def _lens_for(self, found: CameraDescription) -> Lens | None:
        """The lens of the parameters' calibration, which must be one for pictures of this size."""
        place = _absolute(self.parameters.calibration)
        return lens_for(Path(place), self.camera, found.width, found.height) if place else None

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start reading."""
        self._active, self._last = True, time.monotonic()
        if self._relay is not None:
            self._relay.listen()
        if self._reader is not None:
            self._reader.start()
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
        if self._relay is not None:
            self._relay.close()
        if self._reader is not None:
            self._reader.stop()
        if self._active:
            summary = getattr(self._reader and self._reader.source, "summary", None)
            if summary is not None:
                # Not the logger: on the way down its topic is gone before.
                print(summary(), flush=True)
        self._active = False

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._relay = self._description = None
        self._settings = {}

    # --- parameters --------------------------------------------------------------------------------

    def _on_change(self, proposed: Any, changes: dict[str, Any]) -> None:
        """Hand a change at run time to the device.

        Raises:
            DeviceError: the device refuses it, or only takes it when it is opened.
        """
        if not self._reading_back and (self._reader is not None or self._relay is not None):
            fixed = sorted(set(changes) - adjustable(options_of(self.camera)) - {"autostart"})
            if fixed:
                raise DeviceError(
                    f"{self.camera}: {', '.join(fixed)} can be changed before the camera is opened only: "
                    "clean the node up first"
                )
            if self._relay is not None:
                raise DeviceError(
                    f"{self.camera}: {self.parameters.driver} reads the camera: set {', '.join(changes)} of "
                    "its own node"
                )
            if self._reader is not None:
                self._settings = self._reader.adjust(changes)
        self.parameters = proposed

    def _read_back(self) -> None:
        """Let the parameters say what the device took."""
        if self._reading_back:
            return
        taken = [
            Parameter(name, value=value)
            for name, value in self._settings.items()
            if not _same(value, getattr(self.parameters, name))
        ]
        self._reading_back = True
        try:
            for parameter, result in zip(taken, self.set_parameters(taken), strict=True):
                if not result.successful:
                    self.get_logger().warning(
                        f"the camera has {parameter.name} {parameter.value}, which no one may ask for: "
                        f"{result.reason}"
                    )
        finally:
            self._reading_back = False

    # --- data --------------------------------------------------------------------------------------

    def _on_state(self, state: SessionState) -> None:
        if self._reader is not None:
            self._reader.cue(
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

    def _source(self) -> Any:
        return self._reader and self._reader.source

    def _tell_the_truth(self) -> None:
        """Say what a virtual subject does, once for each performance."""
        truths: list[dict[str, Any]] = getattr(self._source(), "truths", list)()
        for truth in truths[self._told :]:
            if self._truth is not None:
                self._truth.publish(String(data=announcement(self.camera, truth)))
        self._told = len(truths)

    def _deliver(self, reading: Reading) -> None:
        self._last = time.monotonic()
        try:
            self._publish(reading)
        except RCLError as error:
            if rclpy.ok():  # on the way down the context goes before the threads do
                self._miss(error)

    def _miss(self, error: RCLError) -> None:
        """DDS did not take a message in time: it is lost, its number is missing, the next one is tried."""
        self._counts["unpublished"] += 1
        self.get_logger().error(f"a message was not published: {error}", throttle_duration_sec=1.0)

    def _on_end(self, error: Exception | None) -> None:
        """The source has ended, or failed for good."""
        if error is None:
            self._ended_because = "the source has ended"
            self.get_logger().info(f"the source has ended: {dict(self._counts)}")
            return
        self._ended_because = str(error)
        if isinstance(error, EvfaceError):
            print(f"error: {self.camera}: {error}", file=sys.stderr, flush=True)
        else:
            traceback.print_exception(error)
        self.finish(2)

    def _publish(self, reading: Reading) -> None:
        if isinstance(reading, EncodedEvents):
            self._publish_events(reading)
        elif isinstance(reading, ImuSample):
            self._counts["imu"] += 1
            self._ours["imu"].publish(imu(reading, self.camera))
        else:
            self._counts["frames"] += 1
            if isinstance(reading.image, bytes):
                self._jpeg.publish(compressed_image(reading, self.camera))
            else:
                self._ours["image_raw"].publish(image(reading, self.camera))

    def _publish_events(self, packet: EncodedEvents) -> None:
        message = event_packet(packet, self._seq + packet.lost, self.camera)
        self._seq += packet.lost + 1
        self._counts["packets"] += 1
        self._counts["bytes"] += len(packet.data)
        if packet.count >= 0:
            self._counts["events"] += packet.count
        self._ours["events"].publish(message)

    # --- once a second -----------------------------------------------------------------------------

    def _report(self) -> None:
        try:
            self._report_now()
        except RCLError:
            if rclpy.ok():  # on the way down the context goes before the timers do
                raise

    def _report_now(self) -> None:
        now = host_now()
        relay = self._relay
        if relay is not None:
            self._counts = Counter({name: count for name, count in relay.counts.items() if count})
            self._last = max(self._last, relay.last)
            if relay.size != (0, 0):
                self._description = CameraDescription(
                    MODELS[self.camera], "", *relay.size, "live", f"{self.parameters.driver} on {relay.topic}"
                )
                self._learn_lens()
        found = self._description
        if found is not None:
            self._publish_info(found, now)
        lost = self._lost()
        level, text = diagnose(self._health(lost or 0))
        facts = self._facts(now, lost)
        self._tell_news()
        self._previous, self._previous_time, self._previous_lost = self._counts.copy(), now, lost or 0
        status = DiagnosticStatus(
            name=f"{self.camera}: source",
            level=level,
            message=text,
            hardware_id=f"{found.model} {found.serial}".strip() if found else "",
            values=[KeyValue(key=key, value=str(value)) for key, value in facts.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = to_time(now)
        self._diagnostics.publish(message)

    def _lost(self) -> int | None:
        """Packets that the driver knows to be lost; None where it cannot tell."""
        if self._relay is not None:
            return self._relay.lost
        return self._reader.lost if self._reader is not None else None

    def _health(self, lost: int) -> Health:
        reader = self._reader
        return Health(
            configured=reader is not None or self._relay is not None,
            active=self._active,
            live=self.parameters.source == "live",
            away=reader.gaps[-1].reason if reader is not None and reader.away else "",
            ended=self._ended_because,
            silent=time.monotonic() - self._last,
            lost=lost - self._previous_lost,
        )

    def _facts(self, now: int, lost: int | None) -> dict[str, Any]:
        """What the status tells beside its level; the session's metadata keep the last one."""
        found, source = self._description, self._source()
        seconds = max(1e-3, (now - self._previous_time) / 1e9)
        facts: dict[str, Any] = {
            "model": found.model if found else "",
            "serial": found.serial if found else "",
            "size": f"{found.width}x{found.height}" if found else "",
            "source": found.kind if found else "",
            "detail": found.detail if found else "",
            "calibration": _absolute(self.parameters.calibration),
            **self._counts,
            **{
                f"{name}/s": f"{(count - self._previous[name]) / seconds:.1f}"
                for name, count in self._counts.items()
            },
        }
        late = getattr(source, "late", None)
        if late is not None:
            facts["late"] = late
        if lost is not None:
            facts["lost"] = lost
        if self._relay is not None:
            facts |= {"unreadable": self._relay.unreadable, "unpublished": self._relay.unpublished}
        if self._reader is not None and self._reader.gaps:
            facts["gaps"] = json.dumps([asdict(gap) for gap in self._reader.gaps])
        return facts | self._settings | getattr(source, "facts", dict)()

    def _tell_news(self) -> None:
        """Say what the operator should hear of."""
        news = getattr(self._source(), "news", str)()
        if news:
            self.get_logger().warning(news)
        gaps = list(self._reader.gaps) if self._reader is not None else []
        for gap in gaps[max(0, len(self._gaps_told) - 1) :]:
            if gap in self._gaps_told:
                continue
            if gap.end:
                self.get_logger().warning(f"the camera is back after {(gap.end - gap.begin) / 1e9:.1f} s")
            else:
                self.get_logger().error(f"{gap.reason}; looking for it")
        self._gaps_told = gaps

    def _learn_lens(self) -> None:
        """The lens of a camera that another driver reads: how large its pictures are is known late."""
        assert self._description is not None
        try:
            self._lens = self._lens or self._lens_for(self._description)
        except EvfaceError as error:
            print(f"error: {self.camera}: {error}", file=sys.stderr, flush=True)
            self.finish(2)

    def _publish_info(self, found: CameraDescription, now: int) -> None:
        info = camera_info(found.width, found.height, self._lens)
        info.header.stamp, info.header.frame_id = to_time(now), self.camera
        self._info.publish(info)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve()) if path else ""


def run_camera(camera: str) -> None:
    """Entry point of a camera's executable."""
    sys.exit(run(lambda: CameraNode(camera)))
