"""From a sensor's clock to the host's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.errors import DatasetError

KEPT = 65_536
"""Pairs that are kept to describe the delays and the drift."""


class MinimumDelayOffset:
    """Offset between two clocks from pairs of times, taken where the delay was shortest.

    A packet arrives some delay after its events: ``host = sensor + offset + delay``, and the delay is
    never negative. The smallest difference seen is therefore the best bound of the offset; what remains
    in it is the shortest delay, which stamps alone cannot tell. Drift is reported, not corrected: over a
    take of 20 s, 50 ppm are 1 ms.
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = []
        self._stride = self._count = 0
        self._offset: int | None = None

    def add(self, host_ns: int, sensor_ns: int) -> None:
        """One more pair: ns on the host's clock at arrival, ns on the sensor's clock."""
        difference = host_ns - sensor_ns
        if self._offset is None or difference < self._offset:
            self._offset = difference
        if self._count % (1 << self._stride) == 0:
            self._pairs.append((sensor_ns, difference))
        self._count += 1
        if len(self._pairs) > KEPT:
            # A live stream never ends: every second pair describes the delays as well.
            self._pairs = self._pairs[::2]
            self._stride += 1

    @property
    def offset(self) -> int:
        """ns to add to a sensor time for a host time.

        Raises:
            DatasetError: no pair was seen yet.
        """
        if self._offset is None:
            raise DatasetError(
                "the clocks cannot be compared: no packet with a host and a sensor time was seen"
            )
        return self._offset

    def to_host(self, sensor_ns: int) -> int:
        """ns on the host's clock of a time on the sensor's.

        Raises:
            DatasetError: no pair was seen yet.
        """
        return sensor_ns + self.offset

    def report(self) -> dict[str, Any]:
        """For sync.json: the offset, its method, how the delays scatter above the shortest, and the drift.

        Raises:
            DatasetError: no pair was seen yet.
        """
        delays = np.array([difference - self.offset for _, difference in self._pairs]) / 1e6
        drift, residual = drift_of(*np.array(self._pairs, np.int64).T)
        return {
            "method": "minimum delay of packets",
            "offset_ns": self.offset,
            "packets": self._count,
            "delay_median_ms": round(float(np.median(delays)), 3),
            "delay_p99_ms": round(float(np.percentile(delays, 99)), 3),
            "drift_ppm": None if drift is None else round(drift, 3),
            "drift_method": "line under the delays (lower convex hull)",
            "residual_median_ms": None if residual is None else round(residual, 3),
            "uncertainty_ms": None,
            "uncertainty_note": "unknown: the shortest delay is not observable from stamps",
        }


def drift_of(
    sensor_ns: NDArray[np.int64], difference_ns: NDArray[np.int64]
) -> tuple[float | None, float | None]:
    """How fast two clocks part, from the line that lies under all differences and closest to them.

    Args:
        sensor_ns: int64 ``[N]``, sensor clock.
        difference_ns: int64 ``[N]``, host minus sensor.

    Returns:
        Drift in ppm (positive: the host's clock is the faster one) and the median distance from the line in
        ms; None where all pairs lie at one instant.
    """
    x, y = (sensor_ns - sensor_ns[0]) / 1e9, (difference_ns - difference_ns[0]) / 1e6
    if len(x) < 2 or x.min() == x.max():
        return None, None
    hull: list[int] = []
    for i in np.lexsort((y, x)):
        while len(hull) > 1 and _turns_right(x, y, hull[-2], hull[-1], i):
            hull.pop()
        if hull and x[hull[-1]] == x[i]:
            continue
        hull.append(int(i))
    # Among all lines under the points, the hull's edge below their mean is the closest in sum.
    middle = x.mean()
    first = max(k for k in range(len(hull) - 1) if x[hull[k]] <= middle)
    a, b = hull[first], hull[first + 1]
    slope = (y[b] - y[a]) / (x[b] - x[a])
    return float(slope * 1e3), float(np.median(y - y[a] - slope * (x - x[a])))


def _turns_right(x: NDArray[np.float64], y: NDArray[np.float64], a: int, b: int, c: int) -> bool:
    return bool((x[b] - x[a]) * (y[c] - y[a]) <= (y[b] - y[a]) * (x[c] - x[a]))
