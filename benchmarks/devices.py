"""A DAVIS346 read by dv-ros2's capture node: its arrays into evt3 packets, alone and between processes.

The peer is what a Python node does without a reader of its own: deserialize the message and go through its
events. The limit is copying the same bytes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import psutil

from benchmarks.measurement import Measurement
from benchmarks.timing import medians

RATE = 12_000_000
"""events/s: as many as a DAVIS346 sends at most."""
PER_MESSAGE = RATE // 1000
"""Events in an array: dv-ros2 sends one a millisecond."""
SECONDS = 5.0


def run() -> list[Measurement]:
    """Measure.

    Returns:
        Mev/s of the conversion, and what a camera node loses and costs at the full rate.
    """
    return [*_conversion(), *_between_processes()]


def message(first_us: int = 0) -> bytes:
    """A serialized EventArray of random events of one millisecond from a time on."""
    from rclpy.serialization import serialize_message

    from dv_ros2_msgs.msg import EventArray

    layout = np.dtype(
        {"names": ["x", "y", "s", "ns", "p"], "formats": ["<u2", "<u2", "<i4", "<u4", "u1"],
         "offsets": [0, 2, 6, 10, 14], "itemsize": 16}
    )  # fmt: skip
    rng = np.random.default_rng(0)
    events = np.zeros(PER_MESSAGE, layout)
    events["x"], events["y"] = rng.integers(0, 346, PER_MESSAGE), rng.integers(0, 260, PER_MESSAGE)
    times = first_us + np.sort(rng.integers(0, 1000, PER_MESSAGE))
    events["s"], events["ns"] = times // 1_000_000, times % 1_000_000 * 1000
    events["p"] = rng.integers(0, 2, PER_MESSAGE)
    body = bytearray(events.tobytes())
    # Of the first event x and y lie two bytes further behind; nothing follows the last one's polarity.
    body[2:6] = body[0:4]
    head = bytes(serialize_message(EventArray(height=260, width=346)))[:-4]
    return head + PER_MESSAGE.to_bytes(4, "little") + bytes(body[2:-1])


def _conversion() -> list[Measurement]:
    from rclpy.serialization import deserialize_message

    from dv_ros2_msgs.msg import EventArray
    from evface.cameras.packing import pack
    from evface.events.codecs.event_array import decode_event_array

    data = message()

    def by_field() -> list[tuple[int, int, int, bool]]:
        found = deserialize_message(data, EventArray)
        return [
            (one.x, one.y, one.ts.sec * 1_000_000 + one.ts.nanosec // 1000, one.polarity)
            for one in found.events
        ]

    found = medians(
        {
            "read": lambda: decode_event_array(data),
            "evt3": lambda: pack(decode_event_array(data), 1000, 0),
            "field by field": by_field,
            "copy": lambda: bytearray(data),
        },
        rounds=9,
    )
    speed = {name: PER_MESSAGE / taken / 1e6 for name, taken in found.items()}
    peers = {"rclpy, field by field": speed["field by field"]}
    return [
        Measurement(
            name=name, ours=speed[task], unit="Mev/s", peers=peers, limit=speed["copy"]
        )
        for name, task in (("EventArray into arrays", "read"), ("EventArray into an evt3 packet", "evt3"))
    ]  # fmt: skip


def _between_processes() -> list[Measurement]:
    from rig.transport import environment

    variables = os.environ | environment() | {"ROS_DOMAIN_ID": str(1 + os.getpid() % 100)}
    start = "from rig.nodes.davis346 import main; main()"
    node = subprocess.Popen(
        [sys.executable, "-c", start, "--ros-args", "-p", "driver:=dv_ros2"], env=variables
    )
    speaker = [sys.executable, "-m", "benchmarks.devices", str(node.pid)]
    try:
        found = subprocess.run(speaker, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        node.send_signal(signal.SIGINT)
        node.wait(20)
    sent, heard, used = map(float, found.stdout.split())
    what = f"dv_ros2 to /davis346/events at {RATE / 1e6:.0f} Mev/s"
    return [
        Measurement(name=f"{what}, lost", ours=100 * (1 - heard / sent), unit="%", peers={}, limit=None),
        Measurement(
            name=f"{what}, CPU of the node",
            ours=100 * used / SECONDS,
            unit="% of a core",
            peers={},
            limit=None,
        ),
    ]


def _speak(pid: int) -> None:
    """Publish as dv-ros2 does, listen to what becomes of it.

    Prints how many went, how many came, and s of CPU that the process of the camera's node used for them.
    """
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from dv_ros2_msgs.msg import EventArray
    from event_camera_msgs.msg import EventPacket
    from rig.transport import EVENTS_QOS

    rclpy.init()
    driver, ears = Node("dv_ros2_capture_node"), Node("ears")
    heard: list[int] = []
    publisher = driver.create_publisher(EventArray, "/events", 10)
    ears.create_subscription(
        EventPacket, "/davis346/events", lambda packet: heard.append(len(packet)), EVENTS_QOS, raw=True
    )
    executor: Any = SingleThreadedExecutor()
    executor.add_node(ears)
    while publisher.get_subscription_count() == 0 or ears.count_publishers("/davis346/events") == 0:
        executor.spin_once(timeout_sec=0.1)
    data, sent = message(1_000_000), 0
    for _ in range(20):  # the node's kernels are loaded at the first one
        publisher.publish(data)
        executor.spin_once(timeout_sec=0.2)
    while not _quiet(executor, heard):
        pass
    heard.clear()
    before = _used(pid)
    due = time.monotonic()
    end = due + SECONDS
    while due < end:
        publisher.publish(data)
        sent += 1
        due += 0.001
        while (left := due - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
    while not _quiet(executor, heard):
        pass
    print(sent, len(heard), _used(pid) - before)
    rclpy.shutdown()


def _used(pid: int) -> float:
    """s of CPU that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _quiet(executor: Any, heard: list[int]) -> bool:
    """Whether nothing came for a second."""
    before, end = len(heard), time.monotonic() + 1.0
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
    return len(heard) == before


if __name__ == "__main__":
    _speak(int(sys.argv[1]))
