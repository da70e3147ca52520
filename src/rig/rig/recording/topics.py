"""What is recorded of each camera, and beside the cameras."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu

from event_camera_msgs.msg import EventPacket
from rig.errors import RecordingError
from rig.transport import EVENTS_QOS, FRAMES_QOS, SMALL_QOS
from rig_interfaces.msg import FaceBox, Marker, QualityReport, SyncStatus

STATE = "/session/state"
MARKER = "/session/marker"
DIAGNOSTICS = "/diagnostics"

Topics = dict[str, tuple[type, QoSProfile]]
"""Topic to message class and how it is subscribed."""

SENSOR_TOPICS: dict[str, Topics] = {
    "davis346": {
        "/davis346/events": (EventPacket, EVENTS_QOS),
        "/davis346/image_raw": (Image, FRAMES_QOS),
        "/davis346/imu": (Imu, SMALL_QOS),
        "/davis346/camera_info": (CameraInfo, SMALL_QOS),
        "/davis346/face_box": (FaceBox, SMALL_QOS),
    },
    "evk4": {
        "/evk4/events": (EventPacket, EVENTS_QOS),
        "/evk4/camera_info": (CameraInfo, SMALL_QOS),
    },
    "webcam": {
        "/webcam/image_raw/compressed": (CompressedImage, FRAMES_QOS),
        "/webcam/camera_info": (CameraInfo, SMALL_QOS),
    },
}
"""What is recorded of each camera."""

COMMON_TOPICS: Topics = {
    MARKER: (Marker, SMALL_QOS),
    "/session/shown": (Marker, SMALL_QOS),
    DIAGNOSTICS: (DiagnosticArray, SMALL_QOS),
    "/sync": (SyncStatus, SMALL_QOS),
    "/quality": (QualityReport, SMALL_QOS),
}
"""What is recorded beside the cameras, where somebody publishes it; the session's states come on top."""

REQUIRED = {
    "davis346": ["/davis346/events"],
    "evk4": ["/evk4/events"],
    "webcam": ["/webcam/image_raw/compressed"],
}
"""Topics that must have been heard before a session may begin."""


def topics_of(cameras: list[str]) -> Topics:
    """What is recorded with these cameras.

    Raises:
        RecordingError: there is no such camera.
    """
    topics = dict(COMMON_TOPICS)
    for camera in cameras:
        if camera not in SENSOR_TOPICS:
            raise RecordingError(f"unknown camera {camera!r}; there are: {', '.join(SENSOR_TOPICS)}")
        topics |= SENSOR_TOPICS[camera]
    return topics


def required_of(cameras: list[str]) -> list[str]:
    """Topics without which these cameras are not there."""
    return [topic for camera in cameras for topic in REQUIRED[camera]]


def ros_type_name(kind: type) -> str:
    """``std_msgs/msg/Header`` of a message class."""
    package, _, _ = kind.__module__.partition(".")
    return f"{package}/msg/{kind.__name__}"
