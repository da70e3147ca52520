"""Finds the face in a sensor's frames and publishes its box, latched."""

from __future__ import annotations

import sys
from collections import deque

import numpy as np
from pydantic import BaseModel, Field
from rclpy.node import Node
from sensor_msgs.msg import Image

from evface.dataset.boxes import Box, FaceDetector, median_box
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import to_ns
from rig.transport import LATCHED_QOS, NEWEST_QOS
from rig_interfaces.msg import FaceBox


class FaceTrackerParameters(BaseModel):
    """Parameters of the face tracker."""

    sensor: str = Field(default="davis346", description="camera whose frames are looked at")
    period: float = Field(
        default=0.5,
        description="shortest time between two looks",
        ge=0.0,
        le=60.0,
        json_schema_extra={"unit": "s"},
    )
    smoothing: int = Field(default=5, description="detections whose median is the box", ge=1, le=100)


class FaceTracker(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("face_tracker")
        self.parameters = declare(self, FaceTrackerParameters)
        sensor = self.parameters.sensor
        # One thread: the recogniser's slices come first. The first look costs as much as the next ten.
        self._detector = FaceDetector(threads=1)
        self._detector.detect(np.zeros((260, 346), np.uint8))
        self._boxes: deque[Box] = deque(maxlen=self.parameters.smoothing)
        self._last = 0
        self._publisher = self.create_publisher(FaceBox, f"/{sensor}/face_box", LATCHED_QOS)
        self.create_subscription(Image, f"/{sensor}/image_raw", self._on_image, NEWEST_QOS)

    def _on_image(self, message: Image) -> None:
        stamp = to_ns(message.header.stamp)
        if 0 <= stamp - self._last < self.parameters.period * 1e9:
            return
        self._last = stamp
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[
            :, : message.width
        ]
        found = self._detector.detect(image)
        if found is None:
            return
        self._boxes.append(found)
        box = median_box(list(self._boxes))
        answer = FaceBox(
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            probability=box.probability,
            sensor_width=message.width,
            sensor_height=message.height,
        )
        answer.header.stamp = message.header.stamp
        answer.header.frame_id = self.parameters.sensor
        self._publisher.publish(answer)


def main() -> None:
    """Entry point of ``ros2 run rig face_tracker``."""
    sys.exit(run(FaceTracker))
