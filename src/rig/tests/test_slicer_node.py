"""What the slicer makes of a stream whose camera was unplugged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from rclpy.serialization import serialize_message

from event_camera_msgs.msg import EventPacket
from evface.events import Events, encode_evt3
from rig.nodes.slicer import SlicerNode
from rig.stamps import SECOND, to_ns, to_time
from rig_interfaces.msg import EventFrame

BEGIN = 1_700_000_000 * SECOND


@pytest.fixture
def slicer() -> Iterator[SlicerNode]:
    rclpy.init()
    node = SlicerNode()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def packet(seq: int, time_us: int, stamp: int) -> bytes:
    """50 events within 10 ms from a time on, there when they are over."""
    times = np.sort(np.random.default_rng(seq).integers(time_us, time_us + 10_000, 50))
    place = np.full(50, 100, np.uint16)
    events = Events(place, place, np.ones(50, np.uint8), times.astype(np.int64), 346, 260)
    message = EventPacket(
        height=260, width=346, seq=seq, time_base=int(times[0]) * 1000, encoding="evt3",
        events=encode_evt3(events),
    )  # fmt: skip
    message.header.stamp = to_time(stamp)
    return bytes(serialize_message(message))


def test_slices_go_on_at_once_when_a_camera_is_back_with_a_clock_that_began_anew(
    slicer: SlicerNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[EventFrame] = []
    monkeypatch.setattr(slicer._publisher, "publish", frames.append)
    for number in range(200):
        slicer._on_packet(packet(number, 5_000_000 + number * 10_000, BEGIN + (number + 1) * SECOND // 100))
    there = len(frames)
    assert there > 50
    back = BEGIN + 10 * SECOND
    for number in range(100):
        slicer._on_packet(packet(201 + number, 1000 + number * 10_000, back + (number + 1) * SECOND // 100))
    later = frames[there:]
    assert len(later) > 25
    assert [frame.slice for frame in later] == list(range(len(later)))
    # The end of the first slice, 33 ms on the new clock.
    assert to_ns(later[0].header.stamp) == pytest.approx(back + 32 * SECOND // 1000, abs=SECOND // 100)
