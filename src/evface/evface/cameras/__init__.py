"""Cameras as sources of packets and frames: live devices, files, virtual ones."""

from evface.cameras.opening import open_source
from evface.cameras.options import (
    OPTIONS,
    Camera,
    CameraOptions,
    Davis346Options,
    EventCameraOptions,
    Evk4Options,
    WebcamOptions,
    options_of,
)
from evface.cameras.source import (
    CameraDescription,
    CameraSource,
    Cue,
    EncodedEvents,
    Frame,
    ImuSample,
    Reading,
    SourceKind,
)

__all__ = [
    "OPTIONS",
    "Camera",
    "CameraDescription",
    "CameraOptions",
    "CameraSource",
    "Cue",
    "Davis346Options",
    "EncodedEvents",
    "EventCameraOptions",
    "Evk4Options",
    "Frame",
    "ImuSample",
    "Reading",
    "SourceKind",
    "WebcamOptions",
    "open_source",
    "options_of",
]
