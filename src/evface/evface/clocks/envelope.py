"""From a sensor's clock to the host's: the line under all delays.

A packet arrives some delay after its events: ``host = sensor + offset + delay``, and the delay is never
negative. The line that lies under all differences and closest to them is therefore the best bound of how the
two clocks go beside each other. What remains in its height is the shortest delay itself, which stamps alone
cannot tell; its slope, the drift, is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.errors import DatasetError

SECOND = 1_000_000_000
"""ns."""

BLOCK = SECOND // 4
"""ns of the sensor's clock of which the pair with the shortest delay is kept."""

BLOCKS = 1024
"""Blocks that are kept; where all count, each then becomes twice as long."""

SAMPLES = 8192
"""Pairs that are kept to describe the delays."""

SHORTEST = 2 * SECOND
"""ns of pairs from which on a drift is told."""

STEEPEST = 1000.0
"""ppm; no clock drifts so far, and what looks like it is a machine that caught up with its queue."""

QUANTUM = 1_000
"""ns to which sensors count."""

_GROUPS = 8


@dataclass(frozen=True, slots=True)
class ClockFit:
    """A line from a sensor's clock to the host's.

    Attributes:
        sensor_ns: sensor clock, in the middle of the pairs.
        offset_ns: to add there for the host's time.
        drift_ppm: how much faster the sensor's clock runs than the host's; None: unknown.
        drift_uncertainty_ppm: half width of the 95 % interval; None: unknown.
        span_ns: from the first pair to the last.
        pairs: that it rests on.
        residual_ms: median distance of the pairs from the line.
        residual_p99_ms: the distance that one of a hundred exceeds.
    """

    sensor_ns: int
    offset_ns: int
    drift_ppm: float | None
    drift_uncertainty_ppm: float | None
    span_ns: int
    pairs: int
    residual_ms: float
    residual_p99_ms: float

    @property
    def slope(self) -> float:
        """ns of the host's clock more than the sensor's, for each ns of the sensor's."""
        return 0.0 if self.drift_ppm is None else 1.0 / (1.0 + self.drift_ppm * 1e-6) - 1.0

    def to_host(self, sensor_ns: int) -> int:
        """ns on the host's clock of a time on the sensor's."""
        return sensor_ns + self.offset_ns + round(self.slope * (sensor_ns - self.sensor_ns))

    def all_to_host(self, sensor_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `to_host`, of many times."""
        more = np.rint(self.slope * (sensor_ns - self.sensor_ns)).astype(np.int64)
        return np.asarray(sensor_ns + self.offset_ns + more, np.int64)

    def report(self) -> dict[str, Any]:
        """For sync.json."""
        return {
            "method": "minimum delay",
            "offset_ns": self.offset_ns,
            "at_sensor_ns": self.sensor_ns,
            "drift_ppm": _rounded(self.drift_ppm),
            "drift_uncertainty_ppm": _rounded(self.drift_uncertainty_ppm),
            "packets": self.pairs,
            "seconds": round(self.span_ns / SECOND, 3),
            "residual_median_ms": round(self.residual_ms, 3),
            "residual_p99_ms": round(self.residual_p99_ms, 3),
            "uncertainty_ms": None,
            "uncertainty_note": "unknown: the shortest delay is not observable from stamps",
        }


class MinimumDelay:
    """Fits a sensor's clock to the host's while pairs of times come; of bounded size.

    Args:
        window: ns of the newest pairs that count, so that a live stream follows a drift that changes and a
            host's clock that was set; None: all of them.
    """

    def __init__(self, window: int | None = None) -> None:
        self._block = BLOCK if window is None else max(BLOCK, window // BLOCKS)
        self._window = window
        self._origin: tuple[int, int] | None = None
        self._minima: dict[int, tuple[int, int]] = {}
        self._samples: list[tuple[int, int]] = []
        self._stride = self._pairs = self._newest = 0
        self._line: tuple[int, int, float] | None = None

    def add(self, host_ns: int, sensor_ns: int) -> None:
        """One more pair: ns on the host's clock at arrival, ns on the sensor's clock."""
        if self._origin is None:
            self._origin = sensor_ns, host_ns - sensor_ns
        x, y = sensor_ns - self._origin[0], host_ns - sensor_ns - self._origin[1]
        if x < self._newest - SECOND:
            # The sensor's clock began anew.
            self._minima, self._samples, self._line = {}, [], None
        self._newest = x
        at = x // self._block
        known = self._minima.get(at)
        if known is None or y < known[1]:
            self._minima[at] = x, y
        if known is None or self._line is None:
            self._trim(at)
            self._line = self._fitted()
        else:
            middle, height, slope = self._line
            under = y - height - slope * (x - middle)
            if under < 0:
                self._line = middle, height + int(np.floor(under)), slope
        self._sample(x, y)

    def to_host(self, sensor_ns: int) -> int:
        """ns on the host's clock of a time on the sensor's.

        Raises:
            DatasetError: no pair was seen yet.
        """
        (zero, offset), (middle, height, slope) = self._known()
        return sensor_ns + offset + height + round(slope * (sensor_ns - zero - middle))

    def fit(self) -> ClockFit:
        """The line as it is now.

        Raises:
            DatasetError: no pair was seen yet.
        """
        zero, offset = self._known()[0]
        self._line = middle, height, slope = self._fitted()
        x, y = np.array(self._samples, np.float64).T
        above = y - height - slope * (x - middle)
        # Within a block the line was held against one pair only.
        height += int(np.floor(min(0.0, above.min())))
        above = (above - min(0.0, above.min())) / 1e6
        first, last = min(self._minima.values())[0], max(self._minima.values())[0]
        drift, uncertainty = None, None
        if last - first >= SHORTEST and self._steepness() <= STEEPEST:
            drift = (1.0 / (1.0 + slope) - 1.0) * 1e6
            uncertainty = self._slope_uncertainty(middle, height, slope, last - first)
        return ClockFit(
            zero + middle, offset + height, drift, uncertainty, last - first, self._pairs,
            float(np.median(above)), float(np.percentile(above, 99)),
        )  # fmt: skip

    def _known(self) -> tuple[tuple[int, int], tuple[int, int, float]]:
        if self._origin is None or self._line is None:
            raise DatasetError(
                "the clocks cannot be compared: no packet with a host and a sensor time was seen"
            )
        return self._origin, self._line

    def _trim(self, newest: int) -> None:
        if self._window is not None:
            oldest = newest - self._window // self._block
            self._minima = {at: pair for at, pair in self._minima.items() if at > oldest}
            if self._samples and self._samples[0][0] // self._block <= oldest:
                self._samples = [pair for pair in self._samples if pair[0] // self._block > oldest]
        elif len(self._minima) > BLOCKS:
            self._block *= 2
            merged: dict[int, tuple[int, int]] = {}
            for x, y in self._minima.values():
                at = x // self._block
                if at not in merged or y < merged[at][1]:
                    merged[at] = x, y
            self._minima = merged

    def _sample(self, x: int, y: int) -> None:
        if self._pairs % (1 << self._stride) == 0:
            self._samples.append((x, y))
        self._pairs += 1
        if len(self._samples) > SAMPLES:
            # A live stream never ends: every second pair describes the delays as well.
            self._samples = self._samples[::2]
            self._stride += 1

    def _fitted(self) -> tuple[int, int, float]:
        """The line: where its height holds (ns from the first pair), the height, and the slope."""
        x, y = np.array(sorted(self._minima.values()), np.float64).T
        middle = round((x[0] + x[-1]) / 2)
        if x[-1] - x[0] < SHORTEST:
            return middle, int(y.min()), 0.0
        slope, at, height = line_under(x, y)
        if abs(slope) * 1e6 > STEEPEST:
            return middle, int(y.min()), 0.0
        return middle, int(np.floor(height + slope * (middle - at))), slope

    def _steepness(self) -> float:
        x, y = np.array(sorted(self._minima.values()), np.float64).T
        return abs(line_under(x, y)[0]) * 1e6

    def _slope_uncertainty(self, middle: int, height: int, slope: float, span: int) -> float:
        """ppm: how far the line may turn within what the shortest delays scatter."""
        x, y = np.array(sorted(self._minima.values()), np.float64).T
        above = y - height - slope * (x - middle)
        groups = np.array_split(above, min(_GROUPS, len(above)))
        scatter = float(np.mean([group.min() for group in groups])) + QUANTUM / 2
        return 4.0 * scatter / span * 1e6


def line_under(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """The line that lies under all points and closest to them in sum.

    Args:
        x: float64 ``[N]``, rising; two or more.
        y: float64 ``[N]``.

    Returns:
        Its slope, and x and y of a point on it.
    """
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) > 1 and _turns_right(x, y, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    # Among all lines under the points, the hull's edge below their mean is the closest in sum.
    mean = x.mean()
    first = max(k for k in range(len(hull) - 1) if x[hull[k]] <= mean)
    a, b = hull[first], hull[first + 1]
    return float((y[b] - y[a]) / (x[b] - x[a])), float(x[a]), float(y[a])


def _turns_right(x: NDArray[np.float64], y: NDArray[np.float64], a: int, b: int, c: int) -> bool:
    return bool((x[b] - x[a]) * (y[c] - y[a]) <= (y[b] - y[a]) * (x[c] - x[a]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
