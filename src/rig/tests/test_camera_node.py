"""The camera nodes' lifecycle, transition by transition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage

from evface.calibration import Lens, write_camera_info
from evface.errors import ConfigError
from rig.camera_node import CameraNode
from rig.transport import FRAMES_QOS, LATCHED_QOS, SMALL_QOS

SUCCESS = TransitionCallbackReturn.SUCCESS
Make = Callable[..., CameraNode]


@pytest.fixture
def make() -> Iterator[Make]:
    """A camera's node with parameters as its command line would give them; released afterwards."""
    made: list[CameraNode] = []

    def node(camera: str, **parameters: str) -> CameraNode:
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        rclpy.init(args=["--ros-args", *given])
        made.append(CameraNode(camera))
        return made[-1]

    yield node
    for one in made:
        one.release()
        one.destroy_node()
    rclpy.try_shutdown()


class Listener:
    """Counts what a node publishes."""

    def __init__(self, node: CameraNode) -> None:
        self.pictures = 0
        self.diagnosis: dict[str, str] = {}
        self._ears = Node("ears")
        self._ears.create_subscription(
            CompressedImage, "/webcam/image_raw/compressed", self._on_picture, FRAMES_QOS
        )
        self._ears.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnosis, SMALL_QOS)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._executor.add_node(self._ears)

    def _on_picture(self, _: CompressedImage) -> None:
        self.pictures += 1

    def _on_diagnosis(self, message: DiagnosticArray) -> None:
        self.diagnosis = {entry.key: entry.value for entry in message.status[0].values}

    def until(self, there: Callable[[], bool], timeout: float = 20.0) -> bool:
        limit = time.monotonic() + timeout
        while not there() and time.monotonic() < limit:
            self._executor.spin_once(timeout_sec=0.1)
        return there()


def test_pictures_come_exactly_while_active(make: Make) -> None:
    node = make("webcam", source="virtual", autostart="false", width="320", height="240")
    listener = Listener(node)
    assert node.trigger_configure() == SUCCESS
    assert not listener.until(lambda: listener.pictures > 0, timeout=0.5)
    assert node.trigger_activate() == SUCCESS
    assert listener.until(lambda: listener.pictures > 5)
    assert listener.until(lambda: listener.diagnosis.get("source") == "virtual")
    assert node.trigger_deactivate() == SUCCESS
    listener.until(lambda: False, timeout=0.3)
    seen = listener.pictures
    assert not listener.until(lambda: listener.pictures > seen, timeout=0.5)
    assert node.trigger_cleanup() == SUCCESS


def test_a_cleaned_up_camera_can_be_used_again(make: Make) -> None:
    node = make("webcam", source="virtual", autostart="false", width="320", height="240")
    listener = Listener(node)
    for _ in range(2):
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        listener.pictures = 0
        assert listener.until(lambda: listener.pictures > 0)
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS


def test_a_device_that_is_not_there_fails_to_configure_with_its_reason(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    node = make("webcam", source="live", device="/dev/video-none", autostart="false")
    assert node.trigger_configure() != SUCCESS
    error = capsys.readouterr().err
    assert error.startswith("error: webcam: ")
    assert "/dev/video-none" in error


def test_a_wrong_parameter_names_itself(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"webcam: .*quality"):
        make("webcam", source="virtual", quality="1000")


def test_a_calibrated_camera_says_its_lens(make: Make, tmp_path: Path) -> None:
    lens = Lens(320, 240, (230.0, 231.0), (160.0, 118.0), (0.05, -0.1, 0.001, 0.0, 0.0))
    write_camera_info(tmp_path / "webcam.yaml", "webcam", lens)
    node = make(
        "webcam", source="virtual", scene="photograph", width="320", height="240", calibration=str(tmp_path)
    )
    heard: list[CameraInfo] = []
    node.create_subscription(CameraInfo, "/webcam/camera_info", heard.append, LATCHED_QOS)
    listener = Listener(node)
    node.start()
    assert listener.until(lambda: bool(heard))
    assert (heard[0].width, heard[0].height, heard[0].distortion_model) == (320, 240, "plumb_bob")
    assert list(heard[0].d) == list(lens.distortion)
    assert list(heard[0].k) == [230.0, 0.0, 160.0, 0.0, 231.0, 118.0, 0.0, 0.0, 1.0]
    assert list(heard[0].p) == [230.0, 0.0, 160.0, 0.0, 0.0, 231.0, 118.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_a_calibration_of_another_size_is_refused_in_one_line(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_camera_info(tmp_path / "w.yaml", "webcam", Lens(640, 480, (500.0, 500.0), (320.0, 240.0)))
    node = make(
        "webcam", source="virtual", scene="photograph", width="320", height="240", autostart="false",
        calibration=str(tmp_path / "w.yaml"),
    )  # fmt: skip
    assert node.trigger_configure() != SUCCESS
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "w.yaml: calibrated for 640x480 px, but webcam delivers 320x240 px" in line
