"""The reconstructor: event frames in, pictures out, over real topics."""

from __future__ import annotations

import array
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
import torch
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from evface.errors import ConfigError, FormatError, GeometryError
from evface.evaluation import StreamingReconstructor
from evface.models.unet import RecurrentUnet, UnetConfig
from evface.training.reconstruction_checkpoint import save_reconstructor
from evface.training.reconstruction_config import ReconstructionConfig
from rig.nodes.reconstructor import Reconstructor
from rig.stamps import to_ns, to_time
from rig.transport import FRAMES_QOS
from rig_interfaces.msg import EventFrame

SIZE = 16
CONFIG = ReconstructionConfig(name="test", model=UnetConfig(size=SIZE, maps=4, levels=1))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_reconstructor(path, RecurrentUnet(CONFIG.model), CONFIG)
    return path


@pytest.fixture
def ros() -> Iterator[None]:
    yield
    rclpy.try_shutdown()


def start(checkpoint: Path, *parameters: str) -> Reconstructor:
    words = (f"checkpoint:={checkpoint}", *parameters)
    rclpy.init(args=["--ros-args", *(word for one in words for word in ("-p", one))])
    return Reconstructor()


def event_frame(number: int, counts: np.ndarray) -> EventFrame:
    message = EventFrame(slice=number, duration=33_000)
    message.header.stamp, message.header.frame_id = to_time((number + 1) * 33_000_000), "davis346"
    image = message.image
    image.height, image.width = counts.shape[1:]
    image.encoding, image.step = "16UC2", counts.shape[2] * 4
    image.data = array.array("B", np.ascontiguousarray(counts.transpose(1, 2, 0)).tobytes())
    return message


def test_a_picture_comes_of_every_event_frame_as_offline(checkpoint: Path, ros: None) -> None:
    counts = np.random.default_rng(1).poisson(0.5, (6, 2, SIZE, SIZE)).astype(np.uint16)
    counts[2, 0, 3, 3] = 1000
    node = start(checkpoint)
    heard: list[Image] = []
    ears = Node("ears")
    ears.create_subscription(Image, "/reconstruction/image", heard.append, FRAMES_QOS)
    mouth = ears.create_publisher(EventFrame, "/davis346/event_frame", FRAMES_QOS)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(ears)
    limit = time.monotonic() + 30.0
    while time.monotonic() < limit and not (
        mouth.get_subscription_count() and node._publisher.get_subscription_count()
    ):
        executor.spin_once(timeout_sec=0.05)
    for number, frame in enumerate(counts):
        mouth.publish(event_frame(number, frame))
        while time.monotonic() < limit and len(heard) <= number:
            executor.spin_once(timeout_sec=0.05)
    offline = StreamingReconstructor(checkpoint)
    expected = [offline.step(frame) for frame in counts]
    assert len(heard) == len(expected)
    for number, (message, picture) in enumerate(zip(heard, expected, strict=True)):
        assert (message.encoding, message.width, message.height, message.step) == ("mono8", SIZE, SIZE, SIZE)
        assert to_ns(message.header.stamp) == (number + 1) * 33_000_000
        np.testing.assert_array_equal(np.frombuffer(message.data, np.uint8).reshape(SIZE, SIZE), picture)
    assert (np.diff(np.stack(expected).astype(int), axis=0) != 0).any(axis=(1, 2)).all()


def test_a_clock_that_begins_anew_forgets_what_was_seen(
    checkpoint: Path, ros: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.random.default_rng(1).poisson(0.5, (3, 2, SIZE, SIZE)).astype(np.uint16)
    node, found = start(checkpoint), []
    monkeypatch.setattr(node._publisher, "publish", lambda message: found.append(bytes(message.data)))
    for _ in range(2):
        for number, frame in enumerate(counts):
            node._on_frame(event_frame(number, frame))
    assert found[:3] == found[3:]


def test_what_does_not_fit_the_network_is_said(checkpoint: Path, ros: None) -> None:
    node = start(checkpoint)
    with pytest.raises(GeometryError, match=r"event frames of 8x8 px came, .* wants 16x16"):
        node._on_frame(event_frame(0, np.zeros((2, 8, 8), np.uint16)))
    other = event_frame(0, np.zeros((2, SIZE, SIZE), np.uint16))
    other.duration = 10_000
    with pytest.raises(GeometryError, match="slices of 10000 us came"):
        node._on_frame(other)


def test_a_missing_model_or_gpu_is_said(checkpoint: Path, ros: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatError, match="none"):
        StreamingReconstructor(checkpoint.with_name("none.safetensors"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no GPU"):
        start(checkpoint, "device:=cuda")
