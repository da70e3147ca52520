"""The sensors that a camera's options ask for: of virtual cameras, and of a video in a camera's place."""

from __future__ import annotations

from evface.cameras.options import SIZES, Davis346Options, Evk4Options
from evface.simulation.sensor.frame_sensor import GlobalShutter
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.sensor.threshold import EventSensor


def sensor_size(options: Davis346Options | Evk4Options) -> tuple[int, int]:
    """Width and height, px."""
    return SIZES["davis346" if isinstance(options, Davis346Options) else "evk4"]


def event_sensor(options: Davis346Options | Evk4Options, lux: float) -> EventSensor:
    """The pixels; ``lux`` is the light of what is rendered as 1."""
    # 0 says: the pixels' own.
    on, off = options.threshold_on or None, options.threshold_off or None
    return make_sensor(*sensor_size(options), options.pixels, on=on, off=off, lux=lux, seed=options.seed)


def frame_sensor(options: Davis346Options | Evk4Options) -> GlobalShutter | None:
    """The shutter of a DAVIS; the EVK4 has no frames."""
    if not isinstance(options, Davis346Options):
        return None
    exposure = 0.0 if options.auto_exposure else options.exposure
    return GlobalShutter(*sensor_size(options), options.frame_rate, exposure, options.seed)
