"""What a camera delivered, as ROS messages: stamped with the host's clock, framed by the camera's name."""

from __future__ import annotations

import array

from sensor_msgs.msg import CompressedImage, Image, Imu

from event_camera_msgs.msg import EventPacket
from evface.cameras import EncodedEvents, Frame, ImuSample
from rig.stamps import to_time

# Data go in as an array: an ndarray or a list would be copied element by element.


def event_packet(packet: EncodedEvents, seq: int, camera: str) -> EventPacket:
    """A packet of events, its bytes untouched.

    Args:
        packet: as the source delivered it.
        seq: its number in the stream, lost packets counted.
        camera: the frame's name.
    """
    message = EventPacket(
        height=packet.height,
        width=packet.width,
        seq=seq,
        time_base=packet.sensor_time,
        encoding=packet.encoding,
        events=array.array("B", packet.data),
    )
    message.header.stamp, message.header.frame_id = to_time(packet.host_time), camera
    return message


def image(frame: Frame, camera: str) -> Image:
    """A frame of pixels."""
    assert not isinstance(frame.image, bytes)
    message = Image(height=frame.height, width=frame.width, encoding=frame.encoding)
    message.step = frame.image.strides[0]
    message.data = array.array("B", frame.image.tobytes())
    message.header.stamp, message.header.frame_id = to_time(frame.host_time), camera
    return message


def compressed_image(frame: Frame, camera: str) -> CompressedImage:
    """A frame that is a JPEG."""
    assert isinstance(frame.image, bytes)
    message = CompressedImage(format="jpeg", data=array.array("B", frame.image))
    message.header.stamp, message.header.frame_id = to_time(frame.host_time), camera
    return message


def imu(sample: ImuSample, camera: str) -> Imu:
    """A sample of the IMU; nothing knows the orientation (REP 145: its covariance begins with -1)."""
    message = Imu()
    message.header.stamp, message.header.frame_id = to_time(sample.host_time), camera
    a, w = message.linear_acceleration, message.angular_velocity
    a.x, a.y, a.z = sample.acceleration
    w.x, w.y, w.z = sample.angular_velocity
    message.orientation_covariance[0] = -1.0
    return message
