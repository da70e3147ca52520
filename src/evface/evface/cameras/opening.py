"""From a camera's name and options to its source."""

from __future__ import annotations

from typing import Any

from evface.cameras.options import (
    EXTERNAL_DRIVERS,
    Davis346Options,
    Evk4Options,
    WebcamOptions,
    options_of,
)
from evface.cameras.source import CameraSource
from evface.errors import ConfigError
from evface.validation import validated


def open_source(camera: str, **options: Any) -> CameraSource:
    """The source that a camera's options ask for, not opened yet.

    Args:
        camera: davis346, evk4 or webcam.
        options: fields of `options_of(camera)`.

    Raises:
        ConfigError: no such camera, or an option is unknown, of a wrong type or out of range.
    """
    chosen = validated(options_of(camera), options, camera)
    assert isinstance(chosen, Davis346Options | Evk4Options | WebcamOptions)
    if chosen.source == "file":
        from evface.cameras.file import FileCamera

        return FileCamera(camera, chosen)
    if isinstance(chosen, WebcamOptions):
        if chosen.source == "virtual":
            from evface.cameras.virtual import VirtualWebcam

            return VirtualWebcam(chosen)
        from evface.cameras.live_webcam import LiveWebcam

        return LiveWebcam(chosen)
    if chosen.source == "virtual":
        from evface.cameras.virtual import VirtualEventCamera

        return VirtualEventCamera(camera, chosen)
    if chosen.driver in EXTERNAL_DRIVERS:
        raise ConfigError(
            f"{camera}: driver: {chosen.driver} is a node of another ROS package: only the rig's node "
            f"`{camera}` can listen to it"
        )
    if isinstance(chosen, Davis346Options):
        from evface.cameras.live_davis346 import open_davis346

        return open_davis346(chosen)
    from evface.cameras.live_evk4 import open_evk4

    return open_evk4(chosen)
