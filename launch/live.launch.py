"""Starts recognition while the person is in the chair.

Arguments: ``ros2 launch rig live.launch.py --show-args``.
"""

from launch import LaunchDescription
from rig.graph import LiveOptions, live_graph
from rig.starting.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Called by ROS 2's launch."""
    return describe(LiveOptions, live_graph)
