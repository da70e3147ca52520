"""Starts a recorded take in the live graph.

Arguments: ``ros2 launch rig replay.launch.py --show-args``.
"""

from launch import LaunchDescription
from rig.graph import ReplayOptions, replay_graph
from rig.starting.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Called by ROS 2's launch."""
    return describe(ReplayOptions, replay_graph)
