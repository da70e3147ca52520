"""Virtual subjects and virtual sensors: cameras without a camera."""

from evface.simulation.motion import Movement, Pose, Subject, minimum_jerk
from evface.simulation.photograph import PhotographScene
from evface.simulation.pixels import CLEAN, NOISY, PixelModel, PixelSensor, make_sensor
from evface.simulation.scene import Scene, open_scene, to_grey, to_light
from evface.simulation.threshold import EventSensor, ThresholdSensor
from evface.simulation.video import VideoFrames, VideoScene

__all__ = [
    "CLEAN",
    "NOISY",
    "EventSensor",
    "Movement",
    "PhotographScene",
    "PixelModel",
    "PixelSensor",
    "Pose",
    "Scene",
    "Subject",
    "ThresholdSensor",
    "VideoFrames",
    "VideoScene",
    "make_sensor",
    "minimum_jerk",
    "open_scene",
    "to_grey",
    "to_light",
]
