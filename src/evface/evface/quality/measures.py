"""What is measured and from where on it is amber or red, as a table for people."""

from __future__ import annotations

from evface.quality.flicker import HIGHEST, LOWEST
from evface.quality.thresholds import Thresholds


def measures(t: Thresholds) -> list[tuple[str, str, str]]:
    """Each measure with what is green and what is red; between the two it is amber."""
    return [
        ("packet gaps, frame gaps, queue drops, losses of the driver", "0", "any: the take is flagged"),
        ("silence of a stream", f"up to {t.silence:g} s", "longer"),
        ("stamps", f"within {t.stamp_age:g} s of their arrival", "farther"),
        ("frame rate", f"{t.frame_rate_green:g} x nominal", f"below {t.frame_rate_red:g} x"),
        ("frame interval p99", f"{t.interval_green:g} x nominal", f"above {t.interval_red:g} x"),
        ("uncertainty of an offset", f"{t.offset_green:g} ms", f"above {t.offset_red:g} ms"),
        ("drift, where it is known that well", f"{t.drift_green:g} ppm", f"above {t.drift_red:g} ppm"),
        (
            "event rate, over 10 ms",
            f"up to {t.rate_amber:.0%} of the sensor's limit",
            f"above {t.rate_red:.0%}, or below {t.event_rate_least:g} events/s",
        ),
        ("event rate at rest", f"within {t.rest_change:g} x of the session's other takes", "never, amber"),
        (f"flicker, {LOWEST:g}-{HIGHEST:g} Hz", f"{t.flicker_green:g} %", f"above {t.flicker_red:g} %"),
        (f"hot pixels ({t.hot_pixel:g} x the median rate at rest)", "listed, kept", "never"),
        ("face over- or underexposed", f"{t.exposure_green:g} %", f"above {t.exposure_red:g} %"),
        ("face", "found", "none"),
        ("face off the middle", f"{t.centre_green:.0%} of the picture", f"above {t.centre_red:.0%}"),
        ("height of the face", f"{t.size_green:.0%} of the picture", f"below {t.size_red:.0%}"),
        ("illuminance", f"{t.lux_least:g} to {t.lux_most:g} lux", "outside"),
        (
            "disk space",
            f"more than {t.sessions:g} sessions of {t.session_length:g} s recorded",
            "less",
        ),
        ("write speed, measured", f"above {t.write_speed:g} x the need", "less"),
        ("volume of the recordings", "encrypted", "never, amber"),
    ]  # fmt: skip


def markdown(t: Thresholds) -> str:
    """The table for docs/acquisition.md."""
    rows = ["| measure | green | red |", "|---|---|---|"]
    return "\n".join(rows + [f"| {' | '.join(row)} |" for row in measures(t)]) + "\n"
