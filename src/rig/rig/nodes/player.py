"""Plays a recorded take: its messages as they were written, at true time, with /clock."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.errors import ReaderError
from rosgraph_msgs.msg import Clock

from rig.errors import RecordingError
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import SECOND, to_time
from rig.transport import EVENTS_QOS, LATCHED_QOS, SMALL_QOS

CLOCK_STEP = 1_000_000
"""ns of simulated time between two messages on /clock at most."""

LATCHED = {"/session/state", "/recorder/status"}


class PlayerParameters(BaseModel):
    """Parameters of the player."""

    bag: str = Field(default="", description="folder of a rosbag2 bag")
    rate: float = Field(default=1.0, description="speed; 2 plays in half the time", ge=0.05, le=20.0)
    wait_for_subscribers: list[str] = Field(
        default=[], description="topics that must have a subscriber before the first message"
    )
    wait_for_publishers: list[str] = Field(
        default=[], description="topics that must have a publisher before the first message"
    )
    patience: float = Field(
        default=120.0,
        description="wait for them before giving up",
        ge=0.0,
        le=3600.0,
        json_schema_extra={"unit": "s"},
    )
    drain: float = Field(
        default=1.0,
        description="time given to the graph after the last message",
        ge=0.0,
        le=60.0,
        json_schema_extra={"unit": "s"},
    )


class Player(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("player")
        self.parameters = declare(self, PlayerParameters)
        self._bag = Path(self.parameters.bag)
        self._clock_publisher = self.create_publisher(Clock, "/clock", SMALL_QOS)
        self._stop = threading.Event()
        self._reader = Reader(self._bag)
        try:
            self._reader.open()
        except (ReaderError, OSError, AssertionError) as error:
            raise RecordingError(f"{self._bag}: not a readable rosbag2 bag: {error}") from error
        self._outlets = {
            connection.topic: self.create_publisher(
                message_class(connection.msgtype), connection.topic, _qos(connection.topic)
            )
            for connection in self._reader.connections
        }
        missing = [topic for topic in self.parameters.wait_for_subscribers if topic not in self._outlets]
        if missing:
            found = ", ".join(sorted(self._outlets)) or "no topic at all"
            raise RecordingError(f"{self._bag}: nothing on {', '.join(missing)} in it, but {found}")
        self._thread = threading.Thread(target=self._play, name="play")

    def start(self) -> None:
        """Begin once the graph is there."""
        self._thread.start()

    def release(self) -> None:
        """Stop playing."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._reader.close()

    def _play(self) -> None:
        try:
            if self._wait_for_graph():
                count = self._publish_all()
                self.get_logger().info(f"played {count} messages of {self._bag.name}")
                self._stop.wait(self.parameters.drain)
                self.finish(0)
        except Exception as error:  # the thread's errors are the process's errors
            print(f"error: {self._bag}: {error}", file=sys.stderr, flush=True)
            self.finish(2)

    def _wait_for_graph(self) -> bool:
        limit = time.monotonic() + self.parameters.patience
        while not self._stop.is_set():
            lacking = [
                f"{topic} has no subscriber"
                for topic in self.parameters.wait_for_subscribers
                if self._outlets[topic].get_subscription_count() == 0
            ] + [
                f"{topic} has no publisher"
                for topic in self.parameters.wait_for_publishers
                if self.count_publishers(topic) == 0
            ]
            if not lacking:
                # Matched on this side; the readers' acknowledgement follows within a heartbeat.
                self._stop.wait(0.3)
                return True
            if time.monotonic() > limit:
                print(f"error: nobody to play to: {'; '.join(lacking)}", file=sys.stderr, flush=True)
                self.finish(2)
                return False
            self._stop.wait(0.05)
        return False

    def _publish_all(self) -> int:
        count = 0
        clock = 0
        for stamp, publisher, message in self._paced():
            if stamp - clock >= CLOCK_STEP:
                clock = stamp
                self._clock_publisher.publish(Clock(clock=to_time(stamp)))
            publisher.publish(message)
            count += 1
        return count

    def _paced(self) -> Iterator[tuple[int, Publisher, bytes]]:
        start: tuple[int, float] | None = None
        for connection, stamp, message in self._reader.messages():
            start = start or (stamp, time.monotonic())
            due = start[1] + (stamp - start[0]) / SECOND / self.parameters.rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            yield stamp, self._outlets[connection.topic], bytes(message)


def message_class(name: str) -> Any:
    """The Python class of ``package/msg/Name``.

    Raises:
        RecordingError: its package is not installed here.
    """
    package, _, kind = name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError) as error:
        raise RecordingError(f"the bag has messages of type {name}, which is not installed here") from error


def _qos(topic: str) -> QoSProfile:
    return LATCHED_QOS if topic in LATCHED else EVENTS_QOS


def main() -> None:
    """Entry point of ``ros2 run rig player``."""
    sys.exit(run(Player))
