"""Finds the face in a sensor's frames and publishes its box, latched.

With a calibration it publishes the box of other sensors too, which have no frames of their own.
"""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from evface.calibration import Calibration, read_calibration
from evface.calibration.mapping import DISTANCE, DISTANCE_SIGMA, BoxMapping
from evface.dataset.boxes import Box, FaceDetector, median_box
from evface.errors import GeometryError
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
    boxes_for: list[str] = Field(
        default=[], description="other sensors whose boxes are wanted, such as evk4; needs a calibration"
    )
    calibration: str = Field(default="", description="folder of the rig's calibration, by `rig calibrate`")
    distance: float = Field(
        default=DISTANCE,
        ge=100.0,
        le=5000.0,
        description="of the subject from the sensor, for the boxes of others",
        json_schema_extra={"unit": "mm"},
    )
    distance_sigma: float = Field(
        default=DISTANCE_SIGMA,
        ge=0.0,
        le=1000.0,
        description="how far from there the subject may sit, standard deviation",
        json_schema_extra={"unit": "mm"},
    )


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
        self._calibration: Calibration | None = None
        self._others: dict[str, BoxMapping] = {}
        self._other_boxes = {
            name: self.create_publisher(FaceBox, f"/{name}/face_box", LATCHED_QOS)
            for name in self.parameters.boxes_for
        }
        if self._other_boxes:
            self._calibrate(Path(self.parameters.calibration).expanduser())
        if sensor == "webcam":
            topic = f"/{sensor}/image_raw/compressed"
            self.create_subscription(CompressedImage, topic, self._on_jpeg, NEWEST_QOS)
        else:
            self.create_subscription(Image, f"/{sensor}/image_raw", self._on_image, NEWEST_QOS)

    def _calibrate(self, folder: Path) -> None:
        asked = self.parameters
        self._calibration = read_calibration(folder)
        self._others = {
            name: BoxMapping(self._calibration, asked.sensor, name, asked.distance, asked.distance_sigma)
            for name in self._other_boxes
        }

    def _on_image(self, message: Image) -> None:
        if self._is_due(message):
            rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
            self._look(rows[:, : message.width], message)

    def _on_jpeg(self, message: CompressedImage) -> None:
        if self._is_due(message):
            image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                self._look(np.asarray(image, np.uint8), message)

    def _is_due(self, message: Image | CompressedImage) -> bool:
        stamp = to_ns(message.header.stamp)
        if 0 <= stamp - self._last < self.parameters.period * 1e9:
            return False
        self._last = stamp
        return True

    def _look(self, image: NDArray[np.uint8], message: Image | CompressedImage) -> None:
        found = self._detector.detect(image)
        if found is None:
            return
        height, width = image.shape[:2]
        if self._calibration is not None and not self._calibration.fits(
            self.parameters.sensor, width, height
        ):
            raise GeometryError(
                f"face_tracker: {self._calibration.place}: {self.parameters.sensor} is not calibrated for "
                f"{width}x{height} px"
            )
        self._boxes.append(found)
        box = median_box(list(self._boxes))
        self._publisher.publish(self._message(box, self.parameters.sensor, (width, height), message))
        for name, mapping in self._others.items():
            assert self._calibration is not None
            lens = self._calibration.camera(name).lens
            mapped = mapping.box(box)
            self.get_logger().info(f"{name}: box off by some {mapped.error:.0f} px", once=True)
            self._other_boxes[name].publish(
                self._message(mapped.box, name, (lens.width, lens.height), message)
            )

    def _message(
        self, box: Box, sensor: str, size: tuple[int, int], seen_in: Image | CompressedImage
    ) -> FaceBox:
        answer = FaceBox(
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            probability=box.probability,
            sensor_width=size[0],
            sensor_height=size[1],
        )
        answer.header.stamp = seen_in.header.stamp
        answer.header.frame_id = sensor
        return answer


def main() -> None:
    """Entry point of ``ros2 run rig face_tracker``."""
    sys.exit(run(FaceTracker))
