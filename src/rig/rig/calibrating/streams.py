"""Messages of the cameras' topics into a collector: the same for live topics and for bags."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from evface.bags import grey_picture
from evface.calibration.board import Board
from evface.calibration.collecting import Collector, Stretch
from evface.errors import FormatError
from evface.events import Decoder, make_decoder
from rig.stamps import to_ns
from rig.transport import EVENTS_QOS, FRAMES_QOS

EVENTS, GREY, JPEG = "events", "image_raw", "image_raw/compressed"
"""Endings of the cameras' topics."""

_WIRE: dict[str, tuple[type[Any], QoSProfile]] = {
    EVENTS: (EventPacket, EVENTS_QOS),
    GREY: (Image, FRAMES_QOS),
    JPEG: (CompressedImage, FRAMES_QOS),
}


def topic_of(camera: str, davis_by: str) -> str:
    """The topic that a camera is calibrated by.

    Args:
        camera: davis346, evk4 or webcam.
        davis_by: "frames" or "events".
    """
    if camera == "webcam":
        return f"/{camera}/{JPEG}"
    return f"/{camera}/{GREY if camera == 'davis346' and davis_by == 'frames' else EVENTS}"


def wire_of(topic: str) -> tuple[type[Any], QoSProfile]:
    """Message type and quality of service of a camera's topic."""
    return _WIRE[topic.split("/", 2)[2]]


class Streams:
    """Takes in messages; once every camera has been heard it knows their sizes and looks for the board.

    Args:
        cameras: that are waited for.
        board: that is shown.
    """

    def __init__(self, cameras: list[str], board: Board) -> None:
        self._cameras, self._board = cameras, board
        self.sizes: dict[str, tuple[int, int]] = {}
        self._collector: Collector | None = None
        self._decoders: dict[str, Decoder] = {}
        self._following: dict[str, int] = {}

    @property
    def waiting_for(self) -> list[str]:
        """Cameras that were not heard yet."""
        return [camera for camera in self._cameras if camera not in self.sizes]

    def add(self, camera: str, message: Any) -> None:
        """A message of a camera's topic: EventPacket, Image (mono8) or CompressedImage.

        Raises:
            FormatError: it cannot be read.
        """
        if hasattr(message, "events"):
            self._add_packet(camera, message)
        elif hasattr(message, "format"):
            data = np.frombuffer(message.data, np.uint8)
            if camera not in self.sizes:
                self._found(camera, *decoded(data, camera).shape[::-1])
            if self._collector is not None:
                self._collector.add_frame(camera, to_ns(message.header.stamp), lambda: decoded(data, camera))
        else:
            try:
                image = grey_picture(message)
            except FormatError as error:
                raise FormatError(f"{camera}: {error}") from error
            self._found(camera, message.width, message.height)
            if self._collector is not None:
                self._collector.add_frame(camera, to_ns(message.header.stamp), lambda: image)

    def _add_packet(self, camera: str, packet: Any) -> None:
        if camera not in self._decoders:
            self._decoders[camera] = make_decoder(packet.encoding, packet.width, packet.height)
        decoder = self._decoders[camera]
        if self._following.get(camera, packet.seq) != packet.seq:
            decoder.lost()
        self._following[camera] = packet.seq + 1
        events = decoder.decode(np.frombuffer(packet.events, np.uint8), packet.time_base)
        self._found(camera, packet.width, packet.height)
        if self._collector is not None:
            # The decoder's arrays are overwritten by its next packet.
            self._collector.add_events(camera, to_ns(packet.header.stamp), events.copy())

    def _found(self, camera: str, width: int, height: int) -> None:
        if camera in self.sizes:
            return
        self.sizes[camera] = (width, height)
        if not self.waiting_for:
            self.sizes = {camera: self.sizes[camera] for camera in self._cameras}
            self._collector = Collector(self._board, self.sizes)

    def look(self) -> Stretch | None:
        """See `Collector.look`."""
        return None if self._collector is None else self._collector.look()


def decoded(jpeg: NDArray[np.uint8], camera: str) -> NDArray[np.uint8]:
    """A JPEG as a grey picture, uint8 ``[H, W]``.

    Raises:
        FormatError: it is none.
    """
    image = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise FormatError(f"{camera}: a frame that is no JPEG")
    return np.asarray(image, np.uint8)
