"""The cameras' topics, heard in this process."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from rig.calibrating.streams import EVENTS, GREY, JPEG, Streams
from rig.transport import EVENTS_QOS, FRAMES_QOS, apply_environment, make_executor

KINDS: dict[str, tuple[type[Any], Any]] = {
    EVENTS: (EventPacket, EVENTS_QOS),
    GREY: (Image, FRAMES_QOS),
    JPEG: (CompressedImage, FRAMES_QOS),
}
"""Type and QoS of the topics by their ending."""


class Ears:
    """Subscribes to topics and hands their messages on; a context manager.

    Args:
        topics: of each camera.
        streams: that take the messages in.
    """

    def __init__(self, topics: dict[str, str], streams: Streams) -> None:
        self._topics, self._streams = topics, streams

    def __enter__(self) -> Ears:
        apply_environment()
        # Ctrl-C stays Python's: the graph is brought down in order before anything of ROS goes.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("calibrate")
        for camera, topic in self._topics.items():
            kind, qos = KINDS[topic.removeprefix(f"/{camera}/")]
            self._node.create_subscription(
                kind, topic, lambda message, camera=camera: self._streams.add(camera, message), qos
            )
        self._executor = make_executor()
        self._executor.add_node(self._node)
        return self

    def spin(self, seconds: float) -> None:
        """Take messages in for a while."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0 and rclpy.ok():
            self._executor.spin_once(timeout_sec=left)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()
