"""Cameras as sources of packets and frames: live devices, files, virtual ones."""

from evface.cameras.opening import open_source
from evface.cameras.options import (
    EXTERNAL_DRIVERS,
    OPTIONS,
    Camera,
    CameraOptions,
    Davis346Options,
    EventCameraOptions,
    Evk4Options,
    WebcamOptions,
    adjustable,
    options_of,
)
from evface.cameras.source import (
    CameraDescription,
    CameraSource,
    Cue,
    EncodedEvents,
    Frame,
    ImuSample,
    LiveSource,
    Reading,
    SourceKind,
)

__all__ = [
    "EXTERNAL_DRIVERS",
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
    "LiveSource",
    "Reading",
    "SourceKind",
    "WebcamOptions",
    "adjustable",
    "open_source",
    "options_of",
]
