"""Decodes the event stream once and bins it, 33 ms at a time, straight into the face box.

It subscribes to the events when the first subscriber of its event frames is there.
"""

from __future__ import annotations

import array
import sys

import numpy as np
from pydantic import BaseModel, Field
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from event_camera_msgs.msg import EventPacket
from evface.clocks import MinimumDelay
from evface.dataset.boxes import default_box
from evface.errors import ConfigError, EvfaceError
from evface.events import (
    Decoder,
    EventPacketView,
    Events,
    Slice,
    Slicer,
    encode_evt3,
    make_decoder,
    parse_event_packet,
)
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import to_time
from rig.transport import EVENTS_QOS, FRAMES_QOS, LATCHED_QOS
from rig_interfaces.msg import EventFrame, FaceBox

LOOK = 0.05
"""s between two looks for a subscriber."""

RESTART = 100_000
"""us by which a packet behind a loss may begin before what was known: more is a clock that began anew."""

REMEMBERED = 60_000_000_000
"""ns of packets that tell how the sensor's clock goes: it drifts with its warmth."""


class SlicerParameters(BaseModel):
    """Parameters of the slicer."""

    sensor: str = Field(default="davis346", description="camera whose events are sliced")
    duration: int = Field(
        default=33_000,
        description="length of a slice",
        ge=1_000,
        le=1_000_000,
        json_schema_extra={"unit": "us"},
    )
    size: int = Field(
        default=64,
        description="width and height of an event frame",
        ge=8,
        le=1024,
        json_schema_extra={"unit": "px"},
    )
    box: list[float] = Field(
        default=[],
        description="fixed face box x, y, width, height; empty: the face tracker's, before its first one the "
        "largest centred square",
        json_schema_extra={"unit": "px"},
    )


class SlicerNode(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("slicer")
        self.parameters = declare(self, SlicerParameters)
        if self.parameters.box and len(self.parameters.box) != 4:
            raise ConfigError(f"slicer: box: expected x, y, width, height, found {self.parameters.box}")
        self._decoder: Decoder | None = None
        self._slicer: Slicer | None = None
        self._offset = MinimumDelay(REMEMBERED)
        self._next_seq = -1
        self._box = FaceBox()
        sensor = self.parameters.sensor
        _warm_up(self.parameters.size)
        self._publisher = self.create_publisher(EventFrame, f"/{sensor}/event_frame", FRAMES_QOS)
        if not self.parameters.box:
            self.create_subscription(FaceBox, f"/{sensor}/face_box", self._on_box, LATCHED_QOS)
        # In a replay simulated time stands still until somebody plays: this clock does not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._waiting = self.create_timer(LOOK, self._begin_when_heard, clock=steady)

    def _begin_when_heard(self) -> None:
        """Ask for events once somebody wants frames: a recogniser that has just come misses none of them."""
        if self._publisher.get_subscription_count() == 0:
            return
        self._waiting.cancel()
        topic = f"/{self.parameters.sensor}/events"
        self.create_subscription(EventPacket, topic, self._on_packet, EVENTS_QOS, raw=True)

    def _on_box(self, box: FaceBox) -> None:
        self._box = box
        if self._slicer is not None:
            self._slicer.box = (box.x, box.y, box.width, box.height)

    def _on_packet(self, message: bytes) -> None:
        try:
            packet = parse_event_packet(message)
            self._slice(packet)
        except EvfaceError as error:
            self.get_logger().error(f"packet left out: {error}", throttle_duration_sec=1.0)

    def _slice(self, packet: EventPacketView) -> None:
        if self._decoder is None or self._slicer is None:
            self._decoder, self._slicer = self._begin(packet)
        if self._next_seq >= 0 and packet.seq != self._next_seq:
            self._decoder.lost()
            lost = packet.seq - self._next_seq
            self.get_logger().warning(f"{lost} event packets lost", throttle_duration_sec=1.0)
            if self._has_restarted(packet):
                self._decoder.reset()
                self._slicer.flush()
                self._offset = MinimumDelay(REMEMBERED)
        self._next_seq = packet.seq + 1
        events = self._decoder.decode(packet.events, packet.time_base)
        if self._decoder.time is None:
            return
        self._offset.add(packet.stamp, self._decoder.time * 1000)
        for piece in self._slicer.push(events, self._decoder.time):
            self._publish(piece, packet)

    def _has_restarted(self, packet: EventPacketView) -> bool:
        """Whether the sensor's clock began anew: its camera was unplugged, and is back."""
        assert self._decoder is not None
        known = self._decoder.time
        return known is not None and 0 < packet.time_base // 1000 < known - RESTART

    def _begin(self, packet: EventPacketView) -> tuple[Decoder, Slicer]:
        decoder = make_decoder(packet.encoding, packet.width, packet.height)
        box = self.parameters.box
        if not box:
            box = [self._box.x, self._box.y, self._box.width, self._box.height]
        if box[2] == 0:
            box = list(default_box(packet.width, packet.height).as_tuple())
        size = self.parameters.size
        slicer = Slicer(
            packet.width,
            packet.height,
            self.parameters.duration,
            box=(box[0], box[1], box[2], box[3]),
            size=(size, size),
        )
        return decoder, slicer

    def _publish(self, piece: Slice, packet: EventPacketView) -> None:
        interleaved = np.ascontiguousarray(piece.counts.transpose(1, 2, 0))
        frame = EventFrame(
            slice=piece.index,
            duration=self.parameters.duration,
            events=int(piece.counts.sum()),
            box=self._box_of(piece, packet),
        )
        frame.header.stamp = to_time(self._offset.to_host(piece.end * 1000))
        frame.header.frame_id = self.parameters.sensor
        image = frame.image
        image.header = frame.header
        image.height, image.width = interleaved.shape[:2]
        image.encoding, image.is_bigendian, image.step = "16UC2", 0, image.width * 4
        image.data = array.array("B", interleaved.tobytes())
        self._publisher.publish(frame)

    def _box_of(self, piece: Slice, packet: EventPacketView) -> FaceBox:
        x, y, width, height = piece.box
        box = FaceBox(
            x=x,
            y=y,
            width=width,
            height=height,
            probability=self._box.probability,
            sensor_width=packet.width,
            sensor_height=packet.height,
        )
        box.header = self._box.header
        return box


def _warm_up(size: int) -> None:
    """Load the compiled kernels before the first packet is waited for: they take a second."""
    one = np.ones(1, np.uint16)
    events = Events(one, one, np.ones(1, np.uint8), np.ones(1, np.int64), 16, 16)
    for encoding in ("evt3", "libcaer_cmp"):
        make_decoder(encoding, 16, 16).decode(encode_evt3(events), 1_000)
    Slicer(16, 16, 1_000, box=(0.0, 0.0, 16.0, 16.0), size=(size, size)).push(events, 2_000)


def main() -> None:
    """Entry point of ``ros2 run rig slicer``."""
    sys.exit(run(SlicerNode))
