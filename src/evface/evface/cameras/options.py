"""What can be set of each camera, declared once: name, type, default, range, unit and description.

Every field is also a parameter of the camera's node; ``source`` says which of the others matter.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from evface.errors import ConfigError
from evface.validation import number

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


def _switch(default: bool, description: str) -> Any:
    """A switch that a live device takes while it runs."""
    return Field(default=default, description=description, json_schema_extra={"adjustable": True})


def _bias(low: int, high: int, what: str) -> Any:
    extra: dict[str, JsonValue] = {"unit": "steps", "adjustable": True}
    description = f"live: {what}, from the factory's"
    return Field(default=0, ge=low, le=high, description=description, json_schema_extra=extra)


class CameraOptions(BaseModel):
    """What every camera has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["live", "file", "virtual"] = Field(
        default="live", description="the device itself, a file in its place, or a virtual one"
    )
    serial: str = Field(
        default="", description="live: serial number of the device; empty: the first one found"
    )
    reconnect: bool = Field(
        default=True, description="live: a device that was unplugged is looked for until it is back"
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
    lux: float = number(
        0.0, "lux", 0.0, 100_000.0, "virtual, video file: light on the scene; 0: what the scene says"
    )

    clock_offset: float = number(
        0.0, "ms", -200.0, 200.0, "virtual: what every stamp on the host's clock is late by"
    )
    clock_drift: float = number(
        0.0,
        "ppm",
        -200.0,
        200.0,
        "virtual: how much too fast the camera's own clock runs; a webcam's stamps too",
    )
    stamp_jitter: float = number(
        0.0, "ms", 0.0, 50.0, "virtual: what a stamp is later by on average, and never earlier"
    )


class EventCameraOptions(CameraOptions):
    """What event cameras have."""

    packet_ms: float = number(5.0, "ms", 0.5, 100.0, "length of an event packet, where this side makes them")
    triggers: bool = Field(
        default=False, description="live: edges at the camera's trigger input go into the event packets"
    )
    topics: str = Field(
        default="",
        description="live, a driver that is a node: namespace of its topics; empty: its own, / for dv_ros2, "
        "/event_camera for metavision_driver and libcaer_driver",
    )
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
    step_rate: float = number(
        1000.0, "Hz", 50.0, 2000.0, "virtual: the most pictures that events are made from; video file: all"
    )
    driver: Literal["auto", "dv_processing", "neuromorphic", "dv_ros2", "libcaer_driver"] = Field(
        default="auto",
        description="live: what reads the camera; auto: dv_processing; neuromorphic: neuromorphic-drivers; "
        "dv_ros2, libcaer_driver: a node of that package, which runs already",
    )
    frame_rate: float = number(25.0, "Hz", 1.0, 40.0, "live, virtual: grey frames", adjustable=True)
    auto_exposure: bool = _switch(
        False, "live with dv_processing, virtual: the camera chooses the exposure of its frames"
    )
    exposure: float = number(
        5.0, "ms", 0.01, 100.0, "live, virtual: exposure of its frames without auto_exposure", adjustable=True
    )
    noise_filter: float = number(
        2.0, "ms", 0.0, 1000.0,
        "live: the camera drops events without an event beside them within this time; 0: it keeps all",
        adjustable=True,
    )  # fmt: skip
    biases: list[str] = Field(
        default=[],
        description="live: biases that differ from the driver's, as NAME=coarse/fine, such as DiffBn=4/39",
        json_schema_extra={"adjustable": True},
    )

    @field_validator("biases")
    @classmethod
    def _known_biases(cls, texts: list[str]) -> list[str]:
        for text in texts:
            parse_bias(text)
        return texts


class Evk4Options(EventCameraOptions):
    """The Prophesee EVK4 (IMX636): events."""

    pixels: Pixels = _pixels("evk4")
    step_rate: float = number(
        60.0, "Hz", 20.0, 1000.0, "virtual: the most pictures that events are made from; video file: all"
    )
    driver: Literal["auto", "metavision", "neuromorphic", "metavision_driver"] = Field(
        default="auto",
        description="live: what reads the camera; auto: metavision where it is installed, else neuromorphic; "
        "metavision: Metavision SDK or OpenEB; neuromorphic: neuromorphic-drivers; metavision_driver: a node "
        "of that package, which runs already",
    )
    bias_diff_on: int = _bias(-85, 140, "threshold of on events")
    bias_diff_off: int = _bias(-35, 190, "threshold of off events")
    bias_fo: int = _bias(-35, 55, "low-pass filter")
    bias_hpf: int = _bias(0, 120, "high-pass filter")
    bias_refr: int = _bias(-20, 235, "refractory period")


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
    frame_rate: float = number(30.0, "Hz", 1.0, 120.0, "live, virtual: pictures", adjustable=True)
    auto_exposure: bool = _switch(True, "live: the camera chooses its exposure")
    exposure: float = number(8.0, "ms", 0.1, 1000.0, "live: exposure without auto_exposure", adjustable=True)
    autofocus: bool = _switch(True, "live: the camera looks for the focus; off: it stays where it is")
    quality: int = Field(default=85, ge=10, le=100, description="virtual, file: of the JPEG")
    readout: float = number(
        16.0, "ms", 0.0, 100.0, "virtual: from the first row to the last; 0: all rows at once"
    )
    pictures: int = Field(
        default=2, ge=1, le=16, description="virtual: the most that one frame of a moving scene is made from"
    )


DAVIS_BIASES = ("DiffBn", "ONBn", "OFFBn", "PrBp", "PrSFBp", "RefrBp")
"""Biases of the DAVIS346 that can be set, by the names of the sensor's manual."""


def parse_bias(text: str) -> tuple[str, int, int]:
    """Name, coarse and fine part of a bias such as DiffBn=4/39.

    Raises:
        ValueError: another form, an unknown bias, or a part out of range.
    """
    found = re.fullmatch(r"(\w+)=(\d+)/(\d+)", text.strip())
    if not found or found[1] not in DAVIS_BIASES or int(found[2]) > 7 or int(found[3]) > 255:
        raise ValueError(
            f"found {text!r}, expected NAME=coarse/fine with coarse 0 to 7, fine 0 to 255, "
            f"and NAME one of {', '.join(DAVIS_BIASES)}"
        )
    return found[1], int(found[2]), int(found[3])


EXTERNAL_DRIVERS = ("dv_ros2", "metavision_driver", "libcaer_driver")
"""Drivers that are nodes of other packages: they have topics, not a library."""

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


def adjustable(options: type[BaseModel]) -> frozenset[str]:
    """Names of the options that a live device takes while it runs."""
    return frozenset(
        name
        for name, field in options.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("adjustable")
    )
