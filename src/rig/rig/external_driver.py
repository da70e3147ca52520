"""Cameras that a lab reads with another package's node: its topics become ours.

dv-ros2's capture node, metavision_driver and libcaer_driver publish on topics of their own, the last two as
best effort, which a reliable subscriber such as the recorder does not get at all. So they are listened to
here and published again: messages of types that we record stay the bytes that they are, with their stamps
and sequence numbers; dv-ros2's EventArray becomes an evt3 packet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from evface.cameras import EncodedEvents, packing
from evface.errors import ConfigError, DeviceError, FormatError
from evface.events import parse_event_packet
from evface.events.codecs import event_array

LISTENING_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""Matches publishers of either reliability."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What another package's node publishes.

    Attributes:
        namespace: of its topics as its own launch file starts it.
        topics: ours by theirs: below the namespace, and below the camera's name.
        events: type of its event messages.
    """

    namespace: str
    topics: dict[str, str]
    events: str


DRIVERS = {
    "dv_ros2": Driver(
        "/", {"events": "events", "frame": "image_raw", "imu": "imu"}, event_array.TYPE
    ),
    "metavision_driver": Driver(
        "/event_camera", {"events": "events"}, "event_camera_msgs/msg/EventPacket"
    ),
    "libcaer_driver": Driver(
        "/event_camera",
        {"events": "events", "image_raw": "image_raw", "imu": "imu"},
        "event_camera_msgs/msg/EventPacket",
    ),
}  # fmt: skip
"""The drivers by the value of the parameter ``driver``."""

_TYPES = {"image_raw": "sensor_msgs/msg/Image", "imu": "sensor_msgs/msg/Imu"}
_COUNTS = {"events": "packets", "image_raw": "frames", "imu": "imu"}


def message_class(name: str) -> Any:
    """The class of a message such as sensor_msgs/msg/Image.

    Raises:
        DeviceError: its package is not installed.
    """
    package, _, kind = name.split("/")
    try:
        return getattr(import_module(f"{package}.msg"), kind)
    except ImportError as error:
        raise DeviceError(
            f"messages of {package} are not installed ({error}): `make setup` builds them"
        ) from error


class Relay:
    """Listens to another driver and publishes what it says on a camera's topics.

    Args:
        node: that subscribes.
        camera: davis346 or evk4.
        driver: a name of `DRIVERS`.
        namespace: of its topics; "" for its own.
        publishers: ours by their topic's last name; events, image_raw, imu.
        deliver: publishes a packet that was converted.

    Attributes:
        counts: packets, bytes, events, frames and imu samples so far.
        lost: packets missing by the driver's sequence numbers.
        unreadable: messages that could not be understood.
        unpublished: messages that DDS did not take in time.
        size: width and height of the sensor, px; (0, 0) before the first packet.
        last: s, monotonic, when something came last.
        topic: that the driver's events come on.

    Raises:
        ConfigError: the driver's topic is ours.
        DeviceError: its messages are not installed.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        driver: str,
        namespace: str,
        publishers: dict[str, Publisher],
        deliver: Callable[[EncodedEvents], None],
    ) -> None:
        self._node = node
        self._deliver = deliver
        self._next_seq = -1
        self.counts = dict.fromkeys(("packets", "bytes", "events", "frames", "imu"), 0)
        self.lost = self.unreadable = self.unpublished = 0
        self.size = (0, 0)
        self.last = time.monotonic()
        self._subscriptions: list[Any] = []
        chosen = DRIVERS[driver]
        self._plan = []
        for theirs, ours in chosen.topics.items():
            topic = f"{(namespace or chosen.namespace).rstrip('/')}/{theirs}"
            if topic == f"/{camera}/{ours}":
                raise ConfigError(
                    f"topics: {driver} publishes on {topic} itself, where this node publishes: give its "
                    "node another name"
                )
            kind = message_class(chosen.events if ours == "events" else _TYPES[ours])
            if ours != "events":
                listen = self._pass(publishers[ours], _COUNTS[ours])
            elif chosen.events == event_array.TYPE:
                packing.warm_up()
                event_array.warm_up()
                listen = self._convert
            else:
                listen = self._pass_events(publishers[ours])
            self._plan.append((kind, topic, listen))
        self.topic = self._plan[0][1]

    def listen(self) -> None:
        """Begin to listen."""
        self.last = time.monotonic()
        self._subscriptions = [
            self._node.create_subscription(kind, topic, listen, LISTENING_QOS, raw=True)
            for kind, topic, listen in self._plan
        ]

    def close(self) -> None:
        """Listen no longer."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _heard(self, name: str, size: int) -> None:
        self.last = time.monotonic()
        self.counts[name] += 1
        if name == "packets":
            self.counts["bytes"] += size

    def _send(self, publisher: Publisher, message: bytes) -> None:
        try:
            publisher.publish(message)
        except RCLError as error:
            if rclpy.ok():  # on the way down the context goes first
                self.unpublished += 1
                self._node.get_logger().error(
                    f"a message was not published: {error}", throttle_duration_sec=1.0
                )

    def _pass(self, publisher: Publisher, name: str) -> Callable[[bytes], None]:
        def listen(message: bytes) -> None:
            self._heard(name, len(message))
            self._send(publisher, message)

        return listen

    def _pass_events(self, publisher: Publisher) -> Callable[[bytes], None]:
        def listen(message: bytes) -> None:
            self._send(publisher, message)
            try:
                packet = parse_event_packet(message)
            except FormatError:
                self.unreadable += 1
                return
            self._heard("packets", len(packet.events))
            self.size = (packet.width, packet.height)
            if 0 <= self._next_seq < packet.seq:
                self.lost += packet.seq - self._next_seq
            self._next_seq = packet.seq + 1

        return listen

    def _convert(self, message: bytes) -> None:
        arrival = time.time_ns()
        try:
            events = event_array.decode_event_array(message)
            if not len(events):
                return
            packet = packing.pack(events, int(events.t[-1]), arrival)
        except FormatError:
            self.unreadable += 1
            return
        self._heard("packets", len(packet.data))
        self.counts["events"] += len(events)
        self.size = (events.width, events.height)
        self._deliver(packet)
