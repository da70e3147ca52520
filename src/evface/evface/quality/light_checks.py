"""Light: enough of it, and steady."""

from __future__ import annotations

from evface.quality.finding import Check, Level, advice, graded
from evface.quality.flicker import HIGHEST, LOWEST, Flicker
from evface.quality.thresholds import Thresholds


def illuminance(lux: float, t: Thresholds) -> Check:
    """Whether there is enough light and not too much.

    Args:
        lux: as the EVK4 measures it; NaN: nobody measures.
        t: the range.
    """
    expected = f"{t.lux_least:g} to {t.lux_most:g} lux"
    if lux != lux:
        return Check("illuminance", Level.UNKNOWN, "nobody measures it", expected)
    if lux < t.lux_least:
        return Check("illuminance", Level.RED, f"{lux:.0f} lux", expected, "more light")
    if lux > t.lux_most:
        return Check("illuminance", Level.RED, f"{lux:.0f} lux", expected, "less light: close the blinds")
    return Check("illuminance", Level.GREEN, f"{lux:.0f} lux", expected)


def flicker(sensor: str, found: Flicker | None, t: Thresholds) -> Check:
    """Whether lamps or screens make events by themselves.

    Args:
        sensor: davis346 or evk4.
        found: in its event rate; None: too few events, or too short, to tell.
        t: how strong it may be.
    """
    expected = f"up to {t.flicker_green:g} % at {LOWEST:g}-{HIGHEST:g} Hz"
    if found is None:
        return Check("flicker", Level.UNKNOWN, "too little to tell", expected, "", sensor)
    percent = 100 * found.depth
    level = graded(percent, t.flicker_green, t.flicker_red)
    value = f"{percent:.0f} % at {found.frequency:.0f} Hz" if found.depth else "none"
    reason = advice(level, "a lamp or a screen flickers: daylight, or lamps that do not")
    return Check("flicker", level, value, expected, reason, sensor)
