"""Starts a recording session: cameras, conductor and recorder.

Arguments: ``ros2 launch rig record_session.launch.py --show-args``.
"""

from launch import LaunchDescription
from rig.graph import RecordOptions, record_graph
from rig.starting.launching import describe
from rig.starting.preparing import prepare


def generate_launch_description() -> LaunchDescription:
    """Called by ROS 2's launch."""
    return describe(RecordOptions, record_graph, prepare)
