"""From where on something is doubtful or wrong, declared once."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from evface.validation import number, read_yaml, validated


class Thresholds(BaseModel):
    """Everything that separates green, amber and red; config/quality.yaml sets some of it anew."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset_green: float = number(5.0, "ms", 0.0, 1000.0, "largest uncertainty of an offset that is green")
    offset_red: float = number(16.7, "ms", 0.0, 1000.0, "from here on it is red: a frame at 60 per second")
    drift_green: float = number(50.0, "ppm", 0.0, 10_000.0, "largest drift of a clock that is green")
    drift_red: float = number(200.0, "ppm", 0.0, 10_000.0, "from here on it is red")
    interval_green: float = number(
        1.5, "", 1.0, 10.0, "largest p99 of the frame intervals that is green, over the nominal interval"
    )
    interval_red: float = number(2.5, "", 1.0, 20.0, "from here on it is red")
    frame_rate_green: float = number(0.9, "", 0.0, 1.0, "least frame rate that is green, over the nominal")
    frame_rate_red: float = number(0.5, "", 0.0, 1.0, "below it is red")
    event_rate_least: float = number(
        100.0, "events/s", 0.0, 1e9, "below it is red: the lens is covered or the sensor does not work"
    )
    rate_amber: float = number(0.5, "", 0.0, 1.0, "event rate over the sensor's limit that is amber")
    rate_red: float = number(0.8, "", 0.0, 1.0, "event rate over the sensor's limit that is red")
    davis346_limit: float = number(12e6, "events/s", 1e3, 1e10, "most that a DAVIS346 sends")
    evk4_limit: float = number(
        50e6, "events/s", 1e3, 1e10, "most that the rig is made to record of an EVK4, in bursts"
    )
    rest_change: float = number(
        3.0, "", 1.0, 100.0, "times that the rate at rest may differ from the subject's usual one, else amber"
    )
    hot_pixel: float = number(
        20.0, "", 1.0, 1000.0, "times the median rate at rest from which a pixel is called hot"
    )
    exposure_green: float = number(1.0, "%", 0.0, 100.0, "of the face, too dark or too bright, green")
    exposure_red: float = number(5.0, "%", 0.0, 100.0, "from here on it is red")
    black: int = Field(default=5, ge=0, le=255, description="grey value up to which a pixel is too dark")
    white: int = Field(default=250, ge=0, le=255, description="grey value from which a pixel is too bright")
    centre_green: float = number(
        0.15, "", 0.0, 1.0, "farthest that the face's centre may lie from the picture's, over its width"
    )
    centre_red: float = number(0.3, "", 0.0, 1.0, "from here on it is red")
    size_green: float = number(0.3, "", 0.0, 1.0, "least height of the face over the picture's, green")
    size_red: float = number(0.15, "", 0.0, 1.0, "below it is red")
    lux_least: float = number(150.0, "lux", 0.0, 200_000.0, "less light than this is red")
    lux_most: float = number(1400.0, "lux", 0.0, 200_000.0, "more light than this is red")
    flicker_green: float = number(
        5.0, "%", 0.0, 200.0, "of the event rate that may come and go with one frequency of 50 to 500 Hz"
    )
    flicker_red: float = number(20.0, "%", 0.0, 200.0, "from here on it is red")
    stamp_age: float = number(1.0, "s", 0.0, 60.0, "farthest that a stamp may lie from the moment it came")
    silence: float = number(1.0, "s", 0.1, 60.0, "longest that a required stream may say nothing")
    session_length: float = number(
        600.0, "s", 1.0, 100_000.0, "recorded time of one session, for the space on the disk"
    )
    sessions: float = number(2.0, "", 0.0, 1000.0, "sessions that the disk must have room for")
    write_speed: float = number(2.0, "", 1.0, 100.0, "times the need that the disk must write")
    headroom: float = number(
        3.0, "", 1.0, 100.0, "times that a face sends more when it performs than at rest, for the disk"
    )

    def limit(self, sensor: str) -> float:
        """Events/s from which a sensor may lose some."""
        return {"davis346": self.davis346_limit, "evk4": self.evk4_limit}[sensor]


def load_thresholds(path: Path | None) -> Thresholds:
    """The thresholds of a YAML file; those not named in it stay as declared.

    Args:
        path: of the file; None: all as declared.

    Raises:
        ConfigError: it cannot be read, names something unknown, or a value is out of range.
    """
    return Thresholds() if path is None else validated(Thresholds, read_yaml(path), str(path))
