"""The DAVIS346: events, frames and IMU."""

from rig.camera_node import run_camera


def main() -> None:
    """Entry point of ``ros2 run rig davis346``."""
    run_camera("davis346")
