"""The webcam: its own JPEGs."""

from rig.camera_node import run_camera


def main() -> None:
    """Entry point of ``ros2 run rig webcam``."""
    run_camera("webcam")
