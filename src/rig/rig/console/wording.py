"""Numbers and levels as an operator reads them; "unknown" where nobody has said."""

from __future__ import annotations

import math
from typing import Literal, get_args

Level = Literal["green", "amber", "red", "unknown"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""In the order of rig_interfaces/QualityCheck: its constants are the indices."""

UNKNOWN = "unknown"

OFFSET_GREEN, OFFSET_RED = 5e-3, 16.7e-3
"""s of uncertainty of an offset: still green up to, red from (one frame at 60 fps)."""

DRIFT_GREEN, DRIFT_RED = 50.0, 200.0
"""ppm: still green up to, red from."""


def level_of(number: int | str) -> Level:
    """A level from a message's number or a file's word."""
    if isinstance(number, str):
        return number if number in LEVELS else "unknown"
    return LEVELS[number] if 0 <= number < len(LEVELS) else "unknown"


def judged(value: float, green: float, red: float) -> Level:
    """The level of a magnitude; NaN is unknown."""
    if math.isnan(value):
        return "unknown"
    return "green" if abs(value) <= green else "red" if abs(value) >= red else "amber"


def amount(value: float, unit: str) -> str:
    """Three digits and a prefix: ``4.21 Mev/s``."""
    if not math.isfinite(value):
        return UNKNOWN
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * factor:
            return f"{_three(value / factor)} {prefix}{unit}"
    return f"{_three(value) if value % 1 else int(value)} {unit}"


def _three(value: float) -> str:
    return f"{value:.{max(0, 2 - math.floor(math.log10(max(1.0, abs(value)))))}f}"


def seconds(value: float) -> str:
    """A span: ``4.2 s``, ``3 min 05 s``."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def offset(value: float, uncertainty: float) -> str:
    """``+3.2 ± 1.1 ms``; unknown where either is."""
    if math.isnan(value) or math.isnan(uncertainty):
        return UNKNOWN
    return f"{value * 1e3:+.1f} ± {uncertainty * 1e3:.1f} ms"


def drift(value: float, uncertainty: float) -> str:
    """``+12 ± 3 ppm``; without what is not known of it."""
    if math.isnan(value):
        return ""
    return f"{value:+.0f} ppm" if math.isnan(uncertainty) else f"{value:+.0f} ± {uncertainty:.0f} ppm"
