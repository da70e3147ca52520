"""From a sensor's clock to the host's."""

from __future__ import annotations

import numpy as np

from evface.errors import DatasetError


class MinimumDelayOffset:
    """Offset between two clocks from pairs of times, taken where the delay was shortest.

    A packet arrives some delay after its events: ``host = sensor + offset + delay``, and the delay is
    never negative. The smallest difference seen is therefore the best bound of the offset; what remains
    in it is the shortest delay, which stamps alone cannot tell. Drift is not modelled: over a take of
    20 s, 50 ppm are 1 ms.
    """

    def __init__(self) -> None:
        self._differences: list[int] = []
        self._offset: int | None = None

    def add(self, host: int, sensor: int) -> None:
        """One more pair: ns on the host's clock at arrival, ns on the sensor's clock."""
        difference = host - sensor
        if self._offset is None or difference < self._offset:
            self._offset = difference
        self._differences.append(difference)
        if len(self._differences) > 65_536:
            # A live stream never ends: half of the samples describe the delays as well.
            self._differences = self._differences[::2]

    @property
    def offset(self) -> int:
        """ns to add to a sensor time for a host time.

        Raises:
            DatasetError: no pair was seen yet.
        """
        if self._offset is None:
            raise DatasetError("the clocks cannot be compared: no packet with a host and a sensor time was seen")
        return self._offset

    def to_host(self, sensor: int) -> int:
        """ns on the host's clock of a time on the sensor's.

        Raises:
            DatasetError: no pair was seen yet.
        """
        return sensor + self.offset

    def report(self) -> dict[str, float | int | str]:
        """For sync.json: the offset, its method, and how the delays scatter above the shortest."""
        delays = (np.asarray(self._differences, np.int64) - self.offset) / 1e6
        return {
            "method": "minimum delay of packets",
            "offset_ns": self.offset,
            "packets": len(self._differences),
            "delay_median_ms": round(float(np.median(delays)), 3),
            "delay_p99_ms": round(float(np.percentile(delays, 99)), 3),
            "uncertainty": "unknown: the shortest delay is not observable from stamps",
        }
