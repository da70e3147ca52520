"""What can be set of each camera, declared once: name, type, default, range, unit and description.

Every field is also a parameter of the camera's node; ``source`` says which of the others matter.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evface.errors import ConfigError

Camera = Literal["davis346", "evk4", "webcam"]

Pixels = Literal["ideal", "clean", "noisy", "davis346", "evk4"]

LEAST_THRESHOLD = 0.02
"""Of log intensity; what makes an event of less than that is no pixel's threshold."""


def _pixels(own: Pixels) -> Any:
    return Field(
        default=own,
        description="virtual, video file: those of a sensor, v2e's clean or noisy ones, or ideal ones, which "
        "have no noise and no bandwidth",
    )


def _number(default: float, unit: str, low: float, high: float, description: str) -> Any:
    return Field(default=default, ge=low, le=high, description=description, json_schema_extra={"unit": unit})


class CameraOptions(BaseModel):
    """What every camera has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["live", "file", "virtual"] = Field(
        default="live", description="the device itself, a file in its place, or a virtual one"
    )
    serial: str = Field(
        default="", description="live: serial number of the device; empty: the first one found"
    )
    path: str = Field(default="", description="file: recording or video to play")
    start: Literal["open", "take"] = Field(
        default="open", description="file: play at once, or from the beginning at each take's countdown"
    )
    speed: float = Field(default=1.0, ge=0.05, le=20.0, description="file: 2 plays in half the time")
    loop: bool = Field(
        default=False,
        description="file, scene that is a video: begin again at the end, whatever the session does",
    )
    scene: str = Field(
        default="face",
        description="virtual: what is in front of the camera: face (a person who performs), photograph "
        "(scikit-image's astronaut, moved), or the path of an image or a video",
    )
    seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="virtual: of the person and of the camera's noise"
    )
    lux: float = _number(
        0.0, "lux", 0.0, 100_000.0, "virtual, video file: light on the scene; 0: what the scene says"
    )


class EventCameraOptions(CameraOptions):
    """What event cameras have."""

    packet_ms: float = _number(5.0, "ms", 0.5, 100.0, "length of an event packet, where this side makes them")
    threshold_on: float = Field(
        default=0.0,
        ge=0.0,
        le=2.0,
        description="virtual, video file: rise of log intensity that makes an on event; 0: the pixels' own",
    )
    threshold_off: float = Field(
        default=0.0,
        ge=0.0,
        le=2.0,
        description="virtual, video file: fall of log intensity that makes an off event; 0: the pixels' own",
    )

    @field_validator("threshold_on", "threshold_off")
    @classmethod
    def _not_too_small(cls, value: float) -> float:
        if 0.0 < value < LEAST_THRESHOLD:
            raise ValueError(f"expected 0, or {LEAST_THRESHOLD} and above")
        return value


class Davis346Options(EventCameraOptions):
    """The DAVIS346: events, frames and IMU."""

    pixels: Pixels = _pixels("davis346")
    step_rate: float = _number(
        1000.0, "Hz", 50.0, 2000.0, "virtual: the most pictures that events are made from; video file: all"
    )
    frame_rate: float = _number(25.0, "Hz", 1.0, 40.0, "live, virtual: grey frames")
    auto_exposure: bool = Field(
        default=False, description="live, virtual: the camera chooses the exposure of its frames"
    )
    exposure: float = _number(
        5.0, "ms", 0.01, 100.0, "live, virtual: exposure of its frames without auto_exposure"
    )
    biases: list[str] = Field(
        default=[],
        description="live: biases that differ from the driver's, as NAME=coarse/fine, such as DiffBn=4/39",
    )


class Evk4Options(EventCameraOptions):
    """The Prophesee EVK4 (IMX636): events."""

    pixels: Pixels = _pixels("evk4")
    step_rate: float = _number(
        60.0, "Hz", 20.0, 1000.0, "virtual: the most pictures that events are made from; video file: all"
    )
    driver: Literal["auto", "metavision", "neuromorphic"] = Field(
        default="auto",
        description="live: library that reads the camera; auto: Metavision where it is installed",
    )
    bias_diff_on: int = Field(
        default=0, ge=-85, le=140, description="live: threshold of on events, from the factory's"
    )
    bias_diff_off: int = Field(
        default=0, ge=-35, le=190, description="live: threshold of off events, from the factory's"
    )
    bias_fo: int = Field(default=0, ge=-35, le=55, description="live: low-pass filter, from the factory's")
    bias_hpf: int = Field(default=0, ge=0, le=120, description="live: high-pass filter, from the factory's")
    bias_refr: int = Field(
        default=0, ge=-20, le=235, description="live: refractory period, from the factory's"
    )


class WebcamOptions(CameraOptions):
    """A webcam: its own JPEGs."""

    device: str = Field(
        default="", description="live: its V4L2 node, such as /dev/video0; empty: the first that gives MJPEG"
    )
    width: int = Field(
        default=1280,
        ge=160,
        le=3840,
        description="live, virtual: of the picture",
        json_schema_extra={"unit": "px"},
    )
    height: int = Field(
        default=720,
        ge=120,
        le=2160,
        description="live, virtual: of the picture",
        json_schema_extra={"unit": "px"},
    )
    frame_rate: float = _number(30.0, "Hz", 1.0, 120.0, "live, virtual: pictures")
    quality: int = Field(default=85, ge=10, le=100, description="virtual, file: of the JPEG")
    readout: float = _number(
        16.0, "ms", 0.0, 100.0, "virtual: from the first row to the last; 0: all rows at once"
    )
    pictures: int = Field(
        default=2, ge=1, le=16, description="virtual: the most that one frame of a moving scene is made from"
    )


OPTIONS: dict[Camera, type[CameraOptions]] = {
    "davis346": Davis346Options,
    "evk4": Evk4Options,
    "webcam": WebcamOptions,
}
"""The options of each camera."""

SIZES: dict[Camera, tuple[int, int]] = {"davis346": (346, 260), "evk4": (1280, 720)}
"""Width and height of the event cameras' sensors, px."""


def options_of(camera: str) -> type[CameraOptions]:
    """The options of a camera.

    Raises:
        ConfigError: there is no such camera.
    """
    for name, options in OPTIONS.items():
        if name == camera:
            return options
    raise ConfigError(f"unknown camera {camera!r}; there are: {', '.join(OPTIONS)}")
