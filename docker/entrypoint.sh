#!/bin/bash
# Runs a command with ROS 2 and the workspace sourced: `rig ...`, `evface ...`, `ros2 launch rig ...`.
source /opt/ros/jazzy/setup.bash
source /opt/evface/.venv/local_setup.bash
exec "$@"
