"""The face tracker with a calibration: a face in the webcam's JPEG gives the EVK4 its box."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from skimage.data import astronaut

from evface.calibration import CalibratedCamera, Calibration, Lens, Pose
from evface.errors import ConfigError
from rig.nodes.face_tracker import FaceTracker
from rig.transport import LATCHED_QOS
from rig_interfaces.msg import FaceBox

WEBCAM = Lens(640, 480, (600.0, 600.0), (319.5, 239.5))
EVK4 = Lens(1280, 720, (1500.0, 1500.0), (639.5, 359.5))


def calibration(folder: Path) -> Path:
    cameras = {"webcam": CalibratedCamera(WEBCAM, Pose.none()), "evk4": CalibratedCamera(EVK4, Pose.none())}
    Calibration("webcam", cameras).write(folder)
    return folder


def start(*parameters: str) -> FaceTracker:
    rclpy.init(args=["--ros-args", *(word for one in parameters for word in ("-p", one))])
    return FaceTracker()


def test_a_face_seen_by_the_webcam_is_where_the_calibrated_evk4_sees_it(tmp_path: Path) -> None:
    folder = calibration(tmp_path / "calib")
    try:
        node = start("sensor:=webcam", "boxes_for:=[evk4]", f"calibration:={folder}")
        ears, heard = Node("ears"), {}
        for camera in ("webcam", "evk4"):
            topic = f"/{camera}/face_box"
            ears.create_subscription(
                FaceBox, topic, lambda box, camera=camera: heard.update({camera: box}), LATCHED_QOS
            )
        executor = SingleThreadedExecutor()
        for one in (node, ears):
            executor.add_node(one)
        face = cv2.resize(astronaut()[0:330, 20:460, ::-1], (640, 480))
        jpeg = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", face)[1].tobytes())
        jpeg.header.stamp.sec = 100
        mouth = ears.create_publisher(CompressedImage, "/webcam/image_raw/compressed", 1)
        limit = time.monotonic() + 30.0
        while len(heard) < 2 and time.monotonic() < limit:
            mouth.publish(jpeg)
            jpeg.header.stamp.sec += 1
            executor.spin_once(timeout_sec=0.1)
        assert set(heard) == {"webcam", "evk4"}
        seen, cut = heard["webcam"], heard["evk4"]
        assert (cut.sensor_width, cut.sensor_height) == (1280, 720)
        assert cut.width == pytest.approx(2.5 * seen.width, rel=0.01)
        assert cut.x + cut.width / 2 - 640.0 == pytest.approx(
            2.5 * (seen.x + seen.width / 2 - 320.0), abs=1.0
        )
    finally:
        rclpy.try_shutdown()


def test_boxes_for_others_without_a_calibration_are_refused(tmp_path: Path) -> None:
    try:
        with pytest.raises(ConfigError, match=r"extrinsics\.yaml"):
            start("sensor:=webcam", "boxes_for:=[evk4]", f"calibration:={tmp_path}")
    finally:
        rclpy.try_shutdown()
