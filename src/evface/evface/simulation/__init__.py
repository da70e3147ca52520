"""Virtual subjects and virtual sensors: cameras without a camera.

A person, a photograph, a video or anything that can be rendered is a `Scene`; `record` makes events, frames
and the truth of it. Whole datasets are made by `evface.simulation.cohorts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evface.simulation.ahead import render_ahead
from evface.simulation.face import FaceScene
from evface.simulation.motion import Movement, Pose, Subject, minimum_jerk
from evface.simulation.own_scene import FunctionScene
from evface.simulation.photograph import PhotographScene
from evface.simulation.recording import Look, VirtualRecording, ask, film, record, watch
from evface.simulation.scene import Scene, open_scene, to_grey, to_light
from evface.simulation.sensor.frame_sensor import GlobalShutter, RollingShutter, Shot
from evface.simulation.sensor.pixels import PixelSensor, make_sensor
from evface.simulation.sensor.presets import CLEAN, DAVIS346, EVK4, NOISY, PRESETS, PixelModel
from evface.simulation.sensor.threshold import EventSensor, ThresholdSensor
from evface.simulation.stepping import Steps
from evface.simulation.subject.behaviour import Behaviour
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState, Performance
from evface.simulation.subject.truth import performances_of, truth_of
from evface.simulation.video import VideoFrames, VideoScene

if TYPE_CHECKING:
    from evface.simulation.sensor.torch_pixels import TorchPixelSensor

__all__ = [
    "ACTIONS",
    "ACTION_INDEX",
    "CLEAN",
    "DAVIS346",
    "EVK4",
    "NOISY",
    "PRESETS",
    "Behaviour",
    "EventSensor",
    "FaceScene",
    "FaceState",
    "FunctionScene",
    "GlobalShutter",
    "Look",
    "Movement",
    "Performance",
    "PhotographScene",
    "PixelModel",
    "PixelSensor",
    "Pose",
    "RollingShutter",
    "Scene",
    "Shot",
    "Steps",
    "Subject",
    "ThresholdSensor",
    "TorchPixelSensor",
    "VideoFrames",
    "VideoScene",
    "VirtualRecording",
    "ask",
    "film",
    "make_sensor",
    "minimum_jerk",
    "open_scene",
    "performances_of",
    "record",
    "render_ahead",
    "to_grey",
    "to_light",
    "truth_of",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch, which takes seconds, only when it is asked for."""
    if name == "TorchPixelSensor":
        from evface.simulation.sensor.torch_pixels import TorchPixelSensor

        return TorchPixelSensor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
