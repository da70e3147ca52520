"""Steps the spiking network once per event frame, its membranes carried on, and publishes /au."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field
from rclpy.node import Node

from evface.errors import GeometryError
from evface.evaluation import StreamingRecognizer
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import to_ns, to_time
from rig.transport import FRAMES_QOS, LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import AuScores, EventFrame, SessionState


class RecognizerParameters(BaseModel):
    """Parameters of the recogniser."""

    sensor: str = Field(default="davis346", description="camera whose event frames are read")
    checkpoint: str = Field(default="", description="trained model, a .safetensors file")
    reset_on_take: bool = Field(default=True, description="forget the past when a take's countdown begins")


class Recognizer(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("au_recognizer")
        self.parameters = declare(self, RecognizerParameters)
        self._recognizer = StreamingRecognizer(Path(self.parameters.checkpoint))
        self._recognizer.warm_up()
        self._slices = 0
        self._oldest = 0
        self._reset_at: int | None = None
        sensor = self.parameters.sensor
        # /au appears only now that the model is loaded and warm: its publisher says "ready".
        self._publisher = self.create_publisher(AuScores, "/au", SMALL_QOS)
        self.create_subscription(SessionState, "/session/state", self._on_state, LATCHED_QOS)
        self.create_subscription(EventFrame, f"/{sensor}/event_frame", self._on_frame, FRAMES_QOS)
        self.get_logger().info(f"{self._recognizer.name} is ready")

    def _on_state(self, state: SessionState) -> None:
        if self.parameters.reset_on_take and state.phase == "countdown":
            self._reset_at = to_ns(state.header.stamp)

    def _on_frame(self, frame: EventFrame) -> None:
        end = to_ns(frame.header.stamp)
        if self._reset_at is not None and end > self._reset_at:
            # When the news came late, and all that was seen is of this take, there is nothing to forget.
            if self._slices and self._oldest <= self._reset_at:
                self._recognizer.reset()
                self._slices = 0
            self._reset_at = None
        if self._slices == 0:
            self._oldest = end
        image = frame.image
        trained_on = self._recognizer.config.slice_us
        if frame.duration != trained_on:
            raise GeometryError(
                f"slices of {frame.duration} us came, {self._recognizer.name} wants {trained_on} us"
            )
        # 16UC2 is interleaved, the network wants a plane per polarity.
        interleaved = np.frombuffer(image.data, np.uint16).reshape(image.height, image.width, 2)
        counts = np.ascontiguousarray(interleaved.transpose(2, 0, 1))
        scores, means = self._recognizer.step(counts)
        self._slices += 1
        message = AuScores(
            header=frame.header,
            window_start=to_time(end - frame.duration * 1000),
            window_end=frame.header.stamp,
            slice=frame.slice,
            aus=list(self._recognizer.config.aus),
            scores=scores.tolist(),
            mean_scores=means.tolist(),
            slices_since_reset=self._slices,
            events=frame.events,
            box=frame.box,
            model=self._recognizer.name,
        )
        message.latency = (self.get_clock().now().nanoseconds - end) / 1e9
        self._publisher.publish(message)


def main() -> None:
    """Entry point of ``ros2 run rig au_recognizer``."""
    sys.exit(run(Recognizer))
