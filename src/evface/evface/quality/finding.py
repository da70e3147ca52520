"""What a check finds, and what several of them say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How good it is; the numbers are those of rig_interfaces/msg/QualityCheck."""

    GREEN = 0
    AMBER = 1
    RED = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: "frame interval", "disk space", ...
        level: what was found is worth.
        value: as found, with its unit.
        expected: what would be green, with its unit.
        reason: what to do about it, in words for the operator; "" when green.
        sensor: davis346, evk4, webcam; "" where it is of no sensor.
    """

    name: str
    level: Level
    value: str
    expected: str
    reason: str = ""
    sensor: str = ""

    @property
    def line(self) -> str:
        """Sensor, name, value and reason on one line."""
        what = f"{self.sensor} {self.name}".strip()
        return f"{what}: {self.value}" + (f", {self.reason}" if self.reason else "")

    def as_dict(self) -> dict[str, Any]:
        """For quality.json."""
        return {
            "name": self.name,
            "sensor": self.sensor,
            "level": self.level.name.lower(),
            "value": self.value,
            "expected": self.expected,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Checks together.

    Attributes:
        checks: in the order of reading.
        take: name of the take; "" for the present moment.
    """

    checks: tuple[Check, ...]
    take: str = ""

    @property
    def level(self) -> Level:
        """The worst of the checks; what is unknown does not count beside what is known."""
        return worst(check.level for check in self.checks)

    @property
    def reds(self) -> list[str]:
        """A line for each red check."""
        return [check.line for check in self.checks if check.level == Level.RED]


def worst(levels: Iterable[Level]) -> Level:
    """The worst of what is known; unknown when nothing is."""
    known = [level for level in levels if level != Level.UNKNOWN]
    return max(known, default=Level.UNKNOWN)


def graded(value: float, green: float, red: float) -> Level:
    """Green up to ``green``, red from above ``red``, amber between; unknown for NaN.

    Args:
        value: found; the larger the worse.
        green: last green value.
        red: last one that is not red.
    """
    if value != value:
        return Level.UNKNOWN
    return Level.GREEN if value <= green else Level.AMBER if value <= red else Level.RED


def advice(level: Level, text: str) -> str:
    """The text where something is amiss, else ""."""
    return text if level in (Level.AMBER, Level.RED) else ""
