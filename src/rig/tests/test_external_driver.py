"""Other packages' drivers: what they publish comes out on our topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, Imu

from dv_ros2_msgs.msg import Event, EventArray
from event_camera_msgs.msg import EventPacket
from evface.errors import ConfigError
from evface.events import Events, make_decoder, open_recording
from rig.camera_node import CameraNode
from rig.external_driver import DRIVERS, Relay
from rig.transport import EVENTS_QOS, FRAMES_QOS, SMALL_QOS

SUCCESS = TransitionCallbackReturn.SUCCESS
DRIVER_QOS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
"""As metavision_driver and libcaer_driver publish events."""


class Bench:
    """A camera's node that listens, a driver that speaks, and a recorder's ears."""

    def __init__(self, camera: str, driver: str) -> None:
        rclpy.init(
            args=["--ros-args", "-p", "source:=live", "-p", f"driver:={driver}", "-p", "autostart:=false"]
        )
        self.node = CameraNode(camera)
        self.driver, self.ears = Node("somebodys_driver"), Node("ears")
        self.heard: list[bytes] = []
        kinds = {
            "events": (EventPacket, EVENTS_QOS),
            "image_raw": (Image, FRAMES_QOS),
            "imu": (Imu, SMALL_QOS),
        }
        self.others: dict[str, list[bytes]] = {"image_raw": [], "imu": []}
        for name in DRIVERS[driver].topics.values():
            kind, qos = kinds[name]
            listen = self.heard.append if name == "events" else self.others[name].append
            self.ears.create_subscription(kind, f"/{camera}/{name}", listen, qos, raw=True)
        self._executor = SingleThreadedExecutor()
        for one in (self.node, self.driver, self.ears):
            self._executor.add_node(one)
        assert self.node.trigger_configure() == SUCCESS
        assert self.node.trigger_activate() == SUCCESS

    def publisher(self, kind: type, topic: str, qos: Any = DRIVER_QOS) -> Any:
        """A publisher of the driver's, once it is heard."""
        found: Any = self.driver.create_publisher(kind, topic, qos)
        assert self.until(lambda: found.get_subscription_count() > 0)
        return found

    def until(self, there: Callable[[], bool], timeout: float = 20.0) -> bool:
        limit = time.monotonic() + timeout
        while not there() and time.monotonic() < limit:
            self._executor.spin_once(timeout_sec=0.05)
        return there()

    def close(self) -> None:
        self.node.release()
        for one in (self.node, self.driver, self.ears):
            one.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def bench() -> Iterator[Callable[[str, str], Bench]]:
    made: list[Bench] = []

    def make(camera: str, driver: str) -> Bench:
        made.append(Bench(camera, driver))
        return made[-1]

    yield make
    for one in made:
        one.close()


def packets_of(path: Path, count: int) -> list[bytes]:
    """Messages as a driver would publish the packets of a bag."""
    messages = []
    for seq, packet in zip(range(count), open_recording(path).packets(), strict=False):
        message = EventPacket(
            height=260, width=346, seq=seq + 7, time_base=packet.sensor_time, encoding="libcaer_cmp",
            events=bytes(packet.data),
        )  # fmt: skip
        message.header.stamp, message.header.frame_id = Time(sec=1_700_000_000, nanosec=seq), "camera"
        messages.append(bytes(serialize_message(message)))
    return messages


def test_a_libcaer_driver_s_messages_are_passed_on_to_the_byte(
    bench: Callable[[str, str], Bench], recording: Callable[[str], Path]
) -> None:
    here = bench("davis346", "libcaer_driver")
    events = here.publisher(EventPacket, "/event_camera/events")
    image, imu = here.publisher(Image, "/event_camera/image_raw"), here.publisher(Imu, "/event_camera/imu")
    sent = packets_of(recording("events/davis346_libcaer_cmp_bag"), 20)
    for number, message in enumerate(sent):
        if number != 11:  # lost on the way
            events.publish(message)
    picture, sample = Image(height=2, width=2, encoding="mono8", step=2, data=b"abcd"), Imu()
    picture.header.stamp = sample.header.stamp = Time(sec=5, nanosec=6)
    image.publish(picture)
    imu.publish(sample)
    assert here.until(lambda: len(here.heard) == 19 and all(here.others.values()))
    assert here.heard == sent[:11] + sent[12:]
    assert deserialize_message(here.others["image_raw"][0], Image) == picture
    assert deserialize_message(here.others["imu"][0], Imu) == sample
    # The driver's own count tells of the one that was lost.
    assert here.node._relay is not None
    assert (here.node._relay.lost, here.node._relay.size) == (1, (346, 260))


def test_dv_ros2_s_arrays_become_evt3_packets_of_the_same_events(
    bench: Callable[[str, str], Bench], recording: Callable[[str], Path]
) -> None:
    here = bench("davis346", "dv_ros2")
    publisher = here.publisher(EventArray, "/events", 10)
    events = open_recording(recording("events/davis346.aedat4")).read()[:3000]
    for begin in range(0, 3000, 1000):
        publisher.publish(event_array(events[begin : begin + 1000]))
    assert here.until(lambda: len(here.heard) == 3)
    packets = [deserialize_message(message, EventPacket) for message in here.heard]
    assert [packet.seq for packet in packets] == [0, 1, 2]
    found = [
        make_decoder("evt3", packet.width, packet.height).decode(bytes(packet.events), packet.time_base)
        for packet in packets
    ]
    joined = Events.concatenate(found)
    for name in "xypt":
        assert np.array_equal(getattr(joined, name), getattr(events, name)), name
    assert abs(packets[0].header.stamp.sec - time.time()) < 60
    publisher.publish(EventArray())  # no events, no sensor: nothing to pass on
    assert here.node._relay is not None
    assert here.node._relay.counts["events"] == 3000


def event_array(events: Events) -> EventArray:
    listed = [
        Event(
            x=int(x), y=int(y), polarity=bool(p),
            ts=Time(sec=int(t) // 1_000_000, nanosec=int(t) % 1_000_000 * 1000),
        )
        for x, y, t, p in zip(events.x, events.y, events.t, events.p, strict=True)
    ]  # fmt: skip
    return EventArray(height=260, width=346, events=listed)


def test_a_driver_that_publishes_where_we_do_is_not_listened_to() -> None:
    rclpy.init()
    node = Node("nobody")
    publishers = dict.fromkeys(("events", "image_raw", "imu"))
    with pytest.raises(ConfigError, match="another name"):
        Relay(node, "davis346", "libcaer_driver", "/davis346", publishers, lambda _: None)
    node.destroy_node()
    rclpy.try_shutdown()
