"""Clocks: how well the offsets between sensors are known, and how fast they part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from evface.quality.finding import Check, Level, advice, graded
from evface.quality.thresholds import Thresholds


class Offset(Protocol):
    """How one clock lies to another, as in rig_interfaces/msg/ClockOffset."""

    @property
    def sensor(self) -> str:
        """Whose stamps."""
        ...

    @property
    def reference(self) -> str:
        """Compared with whose."""
        ...

    @property
    def offset(self) -> float:
        """s; NaN: unknown."""
        ...

    @property
    def uncertainty(self) -> float:
        """s, half width of the 95 % interval; NaN: unknown."""
        ...

    @property
    def drift_ppm(self) -> float:
        """ppm; NaN: unknown."""
        ...

    @property
    def drift_uncertainty(self) -> float:
        """ppm, half width of the 95 % interval; NaN: unknown."""
        ...

    @property
    def reason(self) -> str:
        """Why it is unknown, or to be doubted; "" otherwise."""
        ...


def offset(
    sensor: str, reference: str, seconds: float, uncertainty: float, t: Thresholds, why: str = ""
) -> Check:
    """How well a sensor's offset is known.

    Args:
        sensor: whose stamps.
        reference: compared with whose.
        seconds: s, the offset; NaN: unknown.
        uncertainty: s, half width of the 95 % interval; NaN: unknown.
        t: what it may be.
        why: it is unknown, or to be doubted.
    """
    level = graded(uncertainty * 1e3, t.offset_green, t.offset_red)
    value = (
        "unknown"
        if level == Level.UNKNOWN
        else f"{seconds * 1e3:+.2f} ± {uncertainty * 1e3:.2f} ms to {reference}"
    )
    reason = (
        why if level == Level.UNKNOWN else advice(level, "let the subject blink a few times: it sharpens")
    )
    return Check("offset", level, value, f"± up to {t.offset_green:g} ms", reason, sensor)


def drift(sensor: str, reference: str, ppm: float, uncertainty: float, t: Thresholds) -> Check:
    """How fast a sensor's clock parts from another.

    A drift that is not known better than the limit it is held against says nothing.

    Args:
        sensor: whose clock.
        reference: compared with whose.
        ppm: drift; NaN: unknown.
        uncertainty: ppm, half width of the 95 % interval; NaN: unknown.
        t: what it may be.
    """
    level = graded(abs(ppm), t.drift_green, t.drift_red)
    if level != Level.GREEN and not uncertainty <= abs(ppm) - t.drift_green:
        level = Level.UNKNOWN
    value = "unknown" if ppm != ppm else f"{ppm:+.0f} ± {uncertainty:.0f} ppm to {reference}"
    reason = advice(level, "one of the clocks runs wrong: correct it offline")
    return Check("drift", level, value, f"up to {t.drift_green:g} ppm", reason, sensor)


def both(offsets: Iterable[Offset], t: Thresholds) -> list[Check]:
    """The checks of every sensor's offset and drift."""
    checks = []
    for known in offsets:
        about = known.sensor, known.reference
        checks.append(offset(*about, known.offset, known.uncertainty, t, known.reason))
        checks.append(drift(*about, known.drift_ppm, known.drift_uncertainty, t))
    return checks
