"""Lenses and places of a rig's cameras, from a checkerboard that is shown to them."""

from evface.calibration.board import Board
from evface.calibration.camera_info import lens_for, read_camera_info, write_camera_info
from evface.calibration.folder import CalibratedCamera, Calibration, copy_calibration, read_calibration
from evface.calibration.lens import Lens, Pose

__all__ = [
    "Board",
    "CalibratedCamera",
    "Calibration",
    "Lens",
    "Pose",
    "copy_calibration",
    "lens_for",
    "read_calibration",
    "read_camera_info",
    "write_camera_info",
]
