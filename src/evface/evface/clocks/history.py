"""Offsets as they were found one after the other: which one counts now, and what drift they show."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

from evface.clocks.offsets import STAMPED_BY_CAMERA, SensorOffset, drift_of

REMEMBERED = 600.0
"""s that an offset is of use."""

WORST_DRIFT = 200.0
"""ppm that clocks drift at worst where nobody knows better."""

SECOND = 1_000_000_000
"""ns."""


class OffsetHistory:
    """The offsets of a session so far; of bounded size.

    A face does not move all the time. What was known before stays known, less and less surely.

    Args:
        window: s of data that one offset rests on: only those as far apart as that tell a drift.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._found: dict[tuple[str, str], deque[tuple[float, SensorOffset]]] = {}
        self._last: dict[tuple[str, str], SensorOffset] = {}

    def add(self, now_ns: int, offset: SensorOffset) -> None:
        """One more, found at this moment of the host's clock, ns, from the window before it."""
        pair = offset.sensor, offset.reference
        self._last[pair] = offset
        if offset.known:
            found = self._found.setdefault(pair, deque(maxlen=1000))
            found.append((now_ns / SECOND - offset.window / 2, offset))

    def newest(self, now_ns: int) -> list[SensorOffset]:
        """What is known now of each pair, ns on the host's clock."""
        now = now_ns / SECOND
        return [self._of(pair, now) for pair in self._last]

    def _of(self, pair: tuple[str, str], now: float) -> SensorOffset:
        newest = last = self._last[pair]
        known = [(at, one) for at, one in self._found.get(pair, ()) if now - at <= REMEMBERED]
        if not known:
            return last
        last = self._with_drift(last, known)
        rate = WORST_DRIFT if math.isnan(last.drift_uncertainty) else last.drift_uncertainty
        uncertain = [math.hypot(one.uncertainty, rate * 1e-6 * (now - at)) for at, one in known]
        least = min(range(len(known)), key=uncertain.__getitem__)
        at, best = known[least]
        stamped = best.method in STAMPED_BY_CAMERA and not math.isnan(last.drift_ppm)
        return replace(
            best,
            offset=best.offset - (last.drift_ppm * 1e-6 * (now - at) if stamped else 0.0),
            uncertainty=uncertain[least],
            reason="" if best is newest else f"as of {now - at:.0f} s ago",
            drift_ppm=last.drift_ppm,
            drift_uncertainty=last.drift_uncertainty,
        )

    def _with_drift(self, last: SensorOffset, known: list[tuple[float, SensorOffset]]) -> SensorOffset:
        if not math.isnan(last.drift_ppm):
            return last
        apart: list[tuple[float, SensorOffset]] = []
        for at, one in known:
            if not apart or at - apart[-1][0] >= self._window:
                apart.append((at, one))
        drift, uncertainty = drift_of([at for at, _ in apart], [one for _, one in apart])
        return replace(last, drift_ppm=drift, drift_uncertainty=uncertainty)
