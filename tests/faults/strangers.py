"""Processes that do not behave: a camera that lies, a subscriber that sleeps."""

from __future__ import annotations

import array
import random
import sys
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.serialization import serialize_message

from event_camera_msgs.msg import EventPacket
from evface.events import Events, encode_evt3
from rig.spinning import Process, run
from rig.stamps import host_now, to_time
from rig.transport import EVENTS_QOS, LATCHED_QOS
from rig_interfaces.msg import SessionState

EVENTS = "/davis346/events"

PERIOD = 0.01
"""s of a packet."""

EVERY = 40
"""packets between two lies."""

GAP = 10
"""packets that a lossy camera leaves out."""

STEP = 5_000_000_000
"""ns by which a clock jumps."""


class Stranger(Node, Process):
    """A process that says when it is ready."""

    def start(self) -> None:
        """Say so."""
        print("ready", flush=True)


class Camera(Stranger):
    """In the place of a DAVIS346: a packet every 10 ms, now and then not as it should be.

    Args:
        lie: gap, garbage, truncated, clock or sensor_clock.
    """

    def __init__(self, lie: str) -> None:
        super().__init__("davis346")
        self._lie, self._seq, self._count = lie, 0, 0
        self._random = random.Random(1)
        self._events = self.create_publisher(EventPacket, EVENTS, EVENTS_QOS)
        self.create_timer(PERIOD, self._publish)

    def _publish(self) -> None:
        self._count += 1
        lies = self._count % EVERY == 0
        if lies and self._lie == "gap":
            self._seq += GAP
        if lies and self._lie == "garbage":
            self._events.publish(self._random.randbytes(self._random.randrange(0, 3000)))
        packet = bytes(serialize_message(self._packet()))
        self._seq += 1
        self._events.publish(packet[: len(packet) // 2] if lies and self._lie == "truncated" else packet)

    def _packet(self) -> EventPacket:
        odd = self._count // EVERY % 2
        stamp = host_now() + (STEP if odd and self._lie == "clock" else 0)
        sensor = self._count * 10_000 - (3_000_000 if odd and self._lie == "sensor_clock" else 0) + 4_000_000
        count = 200
        t = np.linspace(sensor, sensor + 9_000, count).astype(np.int64)
        x, y = (np.arange(count) % 346).astype(np.uint16), (np.arange(count) % 260).astype(np.uint16)
        events = Events(x, y, np.ones(count, np.uint8), t, 346, 260)
        message = EventPacket(height=260, width=346, seq=self._seq, time_base=sensor * 1000, encoding="evt3")
        message.events = array.array("B", encode_evt3(events, time=int(t[-1])))
        message.header.stamp = to_time(stamp)
        return message


class Conductor(Stranger):
    """Leads a session of somebody else, over and over, in the same ROS domain."""

    def __init__(self, output: str) -> None:
        super().__init__("other_conductor")
        self._output, self._count = output, 0
        self._state = self.create_publisher(SessionState, "/session/state", LATCHED_QOS)
        self.create_timer(0.3, self._publish)

    def _publish(self) -> None:
        self._count += 1
        state = SessionState(
            subject="S99", session="01", phase="perform", au=4, take=self._count // 3 + 1, output=self._output
        )
        state.recording = self._count % 3 != 0
        state.header.stamp = to_time(host_now())
        self._state.publish(state)


class Sleeper(Stranger):
    """Subscribes to the events and is then stopped by whoever started it."""

    def __init__(self) -> None:
        super().__init__("sleeper")
        self.heard = 0
        self.create_subscription(EventPacket, EVENTS, self._hear, EVENTS_QOS, raw=True)

    def _hear(self, message: bytes) -> None:
        self.heard += 1


def main(what: str, *arguments: str) -> int:
    """Run until killed."""
    kinds: dict[str, Callable[..., Stranger]] = {"camera": Camera, "conductor": Conductor, "sleeper": Sleeper}
    return run(lambda: kinds[what](*arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
