"""What pixels are like, by the names of sensors, and where that is from.

What a threshold, a bandwidth or a refractory time is depends on a camera's biases, and differs from one
specimen to the next: these are a camera's as it comes, as far as public sources and two short recordings of a
DAVIS346 tell (docs/sensor_model.md has the comparison). Sources, in short:

- survey: Gallego et al., Event-based Vision: A Survey (2020), table 1.
- v2e: Hu, Liu, Delbruck, v2e: From Video Frames to Realistic DVS Events (2021).
- Graca: Graca, McReynolds, Delbruck, Shining light on the DVS pixel (2023).
- IMX636: Sony's and Prophesee's public product pages of that sensor.
- recordings: statistics of real ones, made with `python -m benchmarks.sensor_figures`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PixelModel(BaseModel):
    """What the pixels of a sensor are like. The defaults are v2e's "clean" ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_on: float = Field(default=0.2, ge=0.02, le=2.0, description="rise of log intensity, on event")
    threshold_off: float = Field(default=0.2, ge=0.02, le=2.0, description="fall of log intensity, off event")
    threshold_sigma: float = Field(default=0.03, ge=0.0, le=0.5, description="spread of both among pixels")
    dark_lux: float = Field(
        default=2.0, gt=0.0, le=1000.0, description="light below which the response is linear"
    )
    cutoff_hz: float = Field(
        default=300.0, ge=0.0, le=1e5, description="of the low-pass in bright light; 0: none"
    )
    lux_at_cutoff: float = Field(
        default=500.0, gt=0.0, le=1e5, description="light from which it has that cut-off"
    )
    leak_hz: float = Field(
        default=0.01, ge=0.0, le=100.0, description="on events of a pixel that sees no change"
    )
    shot_hz: float = Field(
        default=0.001, ge=0.0, le=1000.0, description="noise events of a pixel in the dark"
    )
    refractory_us: float = Field(default=0.0, ge=0.0, le=1e5, description="a pixel's rest after an event")
    jitter_us: float = Field(
        default=0.0, ge=0.0, le=1e4, description="standard deviation of the readout's delay"
    )
    hot_share: float = Field(default=0.0, ge=0.0, le=0.1, description="of the pixels that fire by themselves")
    hot_hz: float = Field(default=50.0, ge=0.0, le=1e4, description="on events of such a pixel, on average")
    bus_mevs: float = Field(
        default=0.0, ge=0.0, le=1e4, description="Mev/s that the readout hands out; 0: all"
    )
    bus_delay_us: float = Field(
        default=2000.0, gt=0.0, le=1e6, description="waiting longer, an event is lost"
    )


CLEAN = PixelModel()
"""v2e's clean preset."""

NOISY = PixelModel(threshold_sigma=0.05, cutoff_hz=30.0, leak_hz=0.1, shot_hz=5.0)
"""v2e's noisy preset: a sensor in the dark."""

DAVIS346 = PixelModel(
    # v2e's nominal ones; the survey gives 14.3 to 22.5 % of contrast as the least that can be set.
    threshold_on=0.2,
    threshold_off=0.2,
    threshold_sigma=0.03,
    dark_lux=2.0,
    # v2e's 300 Hz at the 300 lux of a room; proportional to the light (Graca).
    cutoff_hz=1000.0,
    lux_at_cutoff=1000.0,
    # Recording: a still part has 0.04 on and 0.02 off events a second and pixel; the survey has 0.1 in all.
    leak_hz=0.04,
    shot_hz=0.05,
    # Recording: under a flickering lamp one interval of a thousand is shorter than 282 us.
    refractory_us=280.0,
    # No more than the recording allows: its shortest intervals differ by so little.
    jitter_us=8.0,
    # Recording: 5 of 89,960 pixels, 32 to 163 events a second, on only.
    hot_share=6e-5,
    hot_hz=100.0,
    # Survey.
    bus_mevs=12.0,
)
"""iniVation's DAVIS346."""

EVK4 = PixelModel(
    # IMX636: 25 % of contrast, nominal; ln 1.25.
    threshold_on=0.22,
    threshold_off=0.22,
    threshold_sigma=0.03,
    dark_lux=1.0,
    # So that latency is below 100 us at 1000 lux (IMX636), and it follows the light (Graca).
    cutoff_hz=3000.0,
    lux_at_cutoff=1000.0,
    # Assumed to be as the DAVIS346's.
    leak_hz=0.04,
    shot_hz=0.05,
    # Recording of its forerunner, Gen4.1: no interval is shorter than 101 us.
    refractory_us=100.0,
    # Assumed.
    jitter_us=20.0,
    # Assumed: fewer than the DAVIS346 has; the recording is too short to tell.
    hot_share=1e-5,
    hot_hz=100.0,
    # IMX636: 1.06 Gev/s; the camera's USB is narrower, by how much depends on how well events can be packed.
    bus_mevs=1066.0,
)
"""Prophesee's EVK4, with Sony's IMX636."""

PRESETS: dict[str, PixelModel] = {"clean": CLEAN, "noisy": NOISY, "davis346": DAVIS346, "evk4": EVK4}
"""Models of pixels by the name that `make_sensor` knows them by."""
