"""sensor_msgs/CameraInfo from a lens."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo

from evface.calibration import Lens


def camera_info(width: int, height: int, lens: Lens | None) -> CameraInfo:
    """The message of a camera, without stamp; only its size where the lens is not known.

    Args:
        width: px.
        height: px.
        lens: of pictures of this size, None where the camera is not calibrated.
    """
    info = CameraInfo(width=width, height=height)
    if lens is not None:
        info.distortion_model = "plumb_bob"
        info.d = list(lens.distortion)
        info.k = lens.matrix.ravel().tolist()
        info.r = np.eye(3).ravel().tolist()
        info.p = np.column_stack([lens.matrix, np.zeros(3)]).ravel().tolist()
    return info
