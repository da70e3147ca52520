"""The Prophesee EVK4: events."""

from rig.camera_node import run_camera


def main() -> None:
    """Entry point of ``ros2 run rig evk4``."""
    run_camera("evk4")
