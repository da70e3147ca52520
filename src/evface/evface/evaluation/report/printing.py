"""How numbers are printed in tables."""

from __future__ import annotations

import math


def percent(share: float | None) -> str | None:
    """A share as "51.2"; None where there is none."""
    return None if share is None or math.isnan(share) else f"{100 * share:.1f}"


def percent_interval(interval: tuple[float, float] | None) -> str | None:
    """Two shares as "43.1–59.2"."""
    return None if interval is None else f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"


def signed_percent(share: float) -> str:
    """A difference of shares as "+6.1" or "−2.0"."""
    return signed(100 * share, 1)


def signed_interval(
    interval: tuple[float, float] | None, scale: float = 100.0, digits: int = 1
) -> str | None:
    """Two differences as "−1.2 to +9.8"."""
    if interval is None:
        return None
    return f"{signed(scale * interval[0], digits)} to {signed(scale * interval[1], digits)}"


def signed(value: float, digits: int) -> str:
    """With its sign, a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def probability(p: float) -> str:
    """Of a test: two digits that count."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def mean_and_deviation(mean: float, deviation: float | None) -> str:
    """Two shares as "51.0 ± 6.2", the deviation where there is one."""
    return f"{100 * mean:.1f}" if deviation is None else f"{100 * mean:.1f} ± {100 * deviation:.1f}"


def count(number: int) -> str:
    """A number as "4,312,470"."""
    return f"{number:,}"
