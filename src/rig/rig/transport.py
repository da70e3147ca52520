"""How messages travel: the environment every process of the rig gets, QoS profiles, the executor.

The choices were measured, see docs/performance.md. Without them Fast DDS moves a 1 MB message in 12 ms
instead of 0.5 ms, and the allocator maps and unmaps memory for each one.
"""

from __future__ import annotations

import os

from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from rig.resources import config_file, prefix_path

ALLOCATOR = {
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
}
"""glibc keeps the memory of a message for the next one instead of giving it back to the kernel."""


PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"


def environment() -> dict[str, str]:
    """Variables for every process of the rig; both starters merge them into the child's environment.

    What the user has set stays: a lab that spreads cameras over hosts sets its own discovery range.
    """
    # Fast DDS 3 (Kilted on) renamed the variable and warns of the old name.
    profile = "FASTRTPS_DEFAULT_PROFILES_FILE" if os.environ.get("ROS_DISTRO") == "jazzy" else PROFILE
    ours = {
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
        profile: str(config_file("transport/fastdds.xml")),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        # Compiled and OpenMP kernels wait asleep between two slices instead of burning a core.
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        **ALLOCATOR,
    }
    chosen = {name: os.environ.get(name, value) for name, value in ours.items()}
    chosen["AMENT_PREFIX_PATH"] = prefix_path()
    return chosen


def apply_environment() -> None:
    """Give this process the rig's environment; must run before rclpy.init()."""
    os.environ.update(environment())


def stream_qos(depth: int) -> QoSProfile:
    """Reliable, the newest ``depth`` kept: a subscriber may stall for that many messages and lose none."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


EVENTS_QOS = stream_qos(1000)
"""Event packets: 5 s of 5 ms packets."""

FRAMES_QOS = stream_qos(200)
"""Pictures and event frames: some seconds of them."""

SMALL_QOS = stream_qos(5000)
"""IMU samples (5 s of them at 1 kHz), scores, markers."""

NEWEST_QOS = stream_qos(1)
"""For whoever only wants the newest picture."""

LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""State: whoever comes late gets the last one."""


def make_executor() -> Executor:
    """The cheapest executor this rclpy has: callbacks run as events, without a wait set."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:  # a Jazzy without the back-port
        return SingleThreadedExecutor()
    return EventsExecutor()
