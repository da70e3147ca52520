"""A node inside a command's own process, beside the graph that the command runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions

from rig.transport import apply_environment, make_executor

LOOK = 0.2
"""s at most between two looks at whether it is enough."""


class Visitor:
    """Hears topics, or asks services, without a process of its own; a context manager.

    Args:
        name: of the node.

    Attributes:
        node: to make clients with, and what else a node makes.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> Visitor:
        apply_environment()
        # Ctrl-C stays Python's: the graph is brought down in order before anything of ROS goes.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(self._name)
        self._executor = make_executor()
        self._executor.add_node(self.node)
        return self

    def hear(self, topic: str, kind: type[Any], qos: QoSProfile, heard: Callable[[Any], None]) -> None:
        """Have ``heard`` called, from `spin`, with each message of a topic."""
        self.node.create_subscription(kind, topic, heard, qos)

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Serve callbacks for a while, or ``until`` says that it is enough."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0 and rclpy.ok() and not until():
            self._executor.spin_once(timeout_sec=min(left, LOOK))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.node.destroy_node()
        rclpy.try_shutdown()
