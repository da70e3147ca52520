"""Compares the sensors' clocks while they run and publishes what is known of their offsets, once a second.

Event packets are scanned, not decoded, and counted by the millisecond; of JPEGs an eighth of the size is
decoded. It listens without asking for repetition: a packet that it misses is no packet lost.
"""

from __future__ import annotations

import sys
from functools import partial

from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from evface.bags import grey_picture
from evface.clocks import EventClock, SensorOffset, offsets_of
from evface.clocks.frames import FrameIntervals
from evface.clocks.history import OffsetHistory
from evface.clocks.pairs import FRAMES, look_at
from evface.errors import EvfaceError
from evface.events import parse_event_packet
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import host_now, to_ns, to_time
from rig.transport import LATCHED_QOS
from rig_interfaces.msg import ClockOffset, FaceBox, SyncStatus

QUEUE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Nobody is held up by this node."""

LONGEST_PACKETS = 60_000_000_000
"""ns of packets that tell how a sensor's clock goes beside the host's."""


class SyncMonitorParameters(BaseModel):
    """Parameters of the sync monitor."""

    cameras: list[str] = Field(
        default=["davis346", "evk4", "webcam"],
        description="cameras whose clocks are compared; the first one heard is the reference",
    )
    window: float = Field(
        default=40.0,
        description="signals that an offset is found from",
        ge=5.0,
        le=120.0,
        json_schema_extra={"unit": "s"},
    )
    period: float = Field(
        default=5.0,
        description="from one comparison to the next",
        ge=1.0,
        le=60.0,
        json_schema_extra={"unit": "s"},
    )


class SyncMonitor(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("sync_monitor")
        self.parameters = declare(self, SyncMonitorParameters)
        self._clocks: dict[str, EventClock] = {}
        self._frames: dict[str, FrameIntervals] = {}
        self._history = OffsetHistory(self.parameters.window)
        self._publisher = self.create_publisher(SyncStatus, "/sync", LATCHED_QOS)
        for camera in self.parameters.cameras:
            self._listen(camera)
        self.create_timer(self.parameters.period, self._compare)
        self.create_timer(1.0, self._report)

    def _listen(self, camera: str) -> None:
        if camera in FRAMES:
            kind = CompressedImage if FRAMES[camera].endswith("compressed") else Image
            seen = partial(self._on_frame, camera)
            self.create_subscription(kind, f"/{camera}/{FRAMES[camera]}", seen, QUEUE)
        self.create_subscription(FaceBox, f"/{camera}/face_box", partial(self._on_box, camera), LATCHED_QOS)
        if camera == "webcam":
            return
        heard = partial(self._on_packet, camera)
        self.create_subscription(EventPacket, f"/{camera}/events", heard, QUEUE, raw=True)

    def _on_packet(self, camera: str, message: bytes) -> None:
        try:
            packet = parse_event_packet(message)
            clock = self._clocks.get(camera)
            if clock is None:
                clock = self._clocks[camera] = EventClock(
                    camera,
                    packet.encoding,
                    packet.width,
                    packet.height,
                    self.parameters.window,
                    LONGEST_PACKETS,
                )
            clock.add(packet.stamp, packet.events, packet.time_base)
        except EvfaceError as error:
            self.get_logger().error(f"{camera}: packet left out: {error}", throttle_duration_sec=5.0)

    def _on_frame(self, camera: str, message: CompressedImage | Image) -> None:
        own = self._frames.setdefault(camera, FrameIntervals(camera, self.parameters.window))
        try:
            grey = isinstance(message, Image)
            own.add(to_ns(message.header.stamp), grey_picture(message) if grey else bytes(message.data))
        except EvfaceError as error:
            self.get_logger().error(f"{camera}: frame left out: {error}", throttle_duration_sec=5.0)

    def _on_box(self, camera: str, box: FaceBox) -> None:
        look_at(camera, box, self._clocks, self._frames)

    def _compare(self) -> None:
        for offset in offsets_of(self._clocks, self._frames):
            self._history.add(host_now(), offset)

    def _report(self) -> None:
        now = host_now()
        status = SyncStatus(offsets=[_message(offset) for offset in self._history.newest(now)])
        status.header.stamp = to_time(now)
        self._publisher.publish(status)


def _message(offset: SensorOffset) -> ClockOffset:
    """As it is published."""
    names = list(ClockOffset.get_fields_and_field_types())
    return ClockOffset(**{name: getattr(offset, name) for name in names})


def main() -> None:
    """Entry point of ``ros2 run rig sync_monitor``."""
    sys.exit(run(SyncMonitor))
