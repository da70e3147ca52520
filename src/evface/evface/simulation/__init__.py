"""Subjects and cameras that are not there: scenes that act on cues, and models of event sensors."""

from evface.simulation.scene import PhotographScene, Scene
from evface.simulation.threshold import EventSensor, ThresholdSensor
from evface.simulation.video import VIDEO_SUFFIXES, VideoScene

__all__ = ["VIDEO_SUFFIXES", "EventSensor", "PhotographScene", "Scene", "ThresholdSensor", "VideoScene"]
