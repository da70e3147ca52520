"""Makes a grey picture of the face of every event frame and publishes it on /reconstruction/image."""

from __future__ import annotations

import array
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from rclpy.node import Node
from sensor_msgs.msg import Image

from evface.errors import GeometryError
from evface.evaluation import StreamingReconstructor
from rig.parameters import declare
from rig.spinning import Process, run
from rig.transport import FRAMES_QOS
from rig_interfaces.msg import EventFrame


class ReconstructorParameters(BaseModel):
    """Parameters of the reconstructor."""

    sensor: str = Field(default="davis346", description="camera whose event frames are read")
    checkpoint: str = Field(
        default="", description="model trained by `rig train reconstruction`, a .safetensors file"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where it runs; auto: the GPU where there is one"
    )


class Reconstructor(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("reconstructor")
        self.parameters = declare(self, ReconstructorParameters)
        self._network = StreamingReconstructor(Path(self.parameters.checkpoint), self.parameters.device)
        self._network.warm_up()
        self._last = -1
        # As with /au: the publisher says "ready".
        self._publisher = self.create_publisher(Image, "/reconstruction/image", FRAMES_QOS)
        topic = f"/{self.parameters.sensor}/event_frame"
        self.create_subscription(EventFrame, topic, self._on_frame, FRAMES_QOS)
        self.get_logger().info(f"{self._network.name} is ready")

    def _on_frame(self, frame: EventFrame) -> None:
        wanted, size = self._network.config.slice_us, self._network.size
        if frame.duration != wanted:
            raise GeometryError(f"slices of {frame.duration} us came, {self._network.name} wants {wanted} us")
        image = frame.image
        if (image.width, image.height) != (size, size):
            raise GeometryError(
                f"event frames of {image.width}x{image.height} px came, {self._network.name} wants "
                f"{size}x{size}: set the slicer's parameter size"
            )
        if frame.slice <= self._last:
            self._network.reset()  # the sensor's clock began anew
        self._last = frame.slice
        # 16UC2 is interleaved, the network wants a plane per polarity.
        interleaved = np.frombuffer(image.data, np.uint16).reshape(size, size, 2)
        picture = self._network.step(interleaved.transpose(2, 0, 1))
        message = Image(
            header=frame.header, height=size, width=size, encoding="mono8", is_bigendian=0, step=size
        )
        message.data = array.array("B", picture.tobytes())
        self._publisher.publish(message)


def main() -> None:
    """Entry point of ``ros2 run rig reconstructor``."""
    sys.exit(run(Reconstructor))
