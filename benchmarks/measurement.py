"""What a benchmark module returns, and how two figures compare."""

from __future__ import annotations

from typing import TypedDict


class Measurement(TypedDict):
    """One figure, in ``unit``, of us, of each peer that could be measured, and of the machine.

    ``limit`` is what this machine does at best with the same bytes (a copy, a pipe, a read); None where
    nothing of the kind exists.
    """

    name: str
    ours: float
    unit: str
    peers: dict[str, float]
    limit: float | None


def more_is_better(unit: str) -> bool:
    """Whether the unit is a rate such as ``Mev/s``; all others (``ms``, ``ms/MB``, ``%`` lost) are costs."""
    return unit.endswith("/s")


def advantage(ours: float, other: float, unit: str) -> float | None:
    """How many times better ours is than the other; None when there is nothing to divide by."""
    better, worse = (ours, other) if more_is_better(unit) else (other, ours)
    return better / worse if worse else None
