"""What is known of the offset between two sensors' stamps: the number, how sure it is, and from what."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evface.clocks import correlation
from evface.clocks.activity import MILLISECOND, Activity, Intervals
from evface.clocks.correlation import LEAST_PEAK, MOST_AMBIGUOUS, WORST, find_peak
from evface.clocks.envelope import ClockFit
from evface.clocks.triggers import match_edges

UNKNOWN = math.nan

Method = Literal[
    "event rate correlation",
    "frame difference correlation",
    "frame and event correlation",
    "trigger",
    "unknown",
]

STAMPED_BY_CAMERA: tuple[Method, ...] = ("frame difference correlation", "frame and event correlation")
"""A frame's stamp drifts with its camera's clock; events are stamped by the host's."""

SYSTEMATIC: dict[Method, int] = {
    "event rate correlation": 4 * MILLISECOND,
    "frame difference correlation": 4 * MILLISECOND,
    "frame and event correlation": 8 * MILLISECOND,
    "trigger": 0,
    "unknown": 0,
}
"""ns, half width of a 95 % interval: what no repetition tells. A pixel in dim light answers some ms late, the
DAVIS346's later than the EVK4's; frames are exposed, and read row by row. From `benchmarks/clocks.py`."""

SLOW: dict[Method, int] = {"frame difference correlation": 1200, "frame and event correlation": 1200}
"""ms of the moving average, where it is not `correlation.SLOW`: there are fewer frames than events."""

LATER: dict[tuple[str, str, Method], float] = {
    ("evk4", "davis346", "event rate correlation"): 2.5 * MILLISECOND,
    ("webcam", "davis346", "frame and event correlation"): 6.0 * MILLISECOND,
}
"""ns that the second one's pixels answer later than the first one's, or than a frame, in the light of a room
(docs/sensor_model.md). It is taken off; how much it varies with the light is in `SYSTEMATIC`."""

SECOND = 1_000_000_000
"""ns."""

WORST_DRIFT = 1000.0
"""ppm of uncertainty from which on a drift is no better than none."""


@dataclass(frozen=True, slots=True)
class SensorOffset:
    """How far one sensor's stamps lie from another's; the fields of rig_interfaces/ClockOffset.

    Attributes:
        sensor: whose stamps.
        reference: compared with whose.
        offset: s to add to the sensor's stamps so that they agree with the reference's; NaN: unknown.
        uncertainty: s, half width of the 95 % interval; NaN: unknown.
        method: how it was found.
        peak: correlation there, 0 to 1.
        width: s, of the peak at half its height.
        ambiguity: second highest peak over the highest, 0 to 1.
        drift_ppm: how much faster the sensor's clock runs than the reference's; NaN: unknown.
        drift_uncertainty: ppm, half width of the 95 % interval; NaN: unknown.
        window: s of data that it rests on.
        reason: why it is unknown or to be doubted, in words; "" otherwise.
        statistical: s, the part of the uncertainty that differs from one stretch to the next.
    """

    sensor: str
    reference: str
    offset: float = UNKNOWN
    uncertainty: float = UNKNOWN
    method: Method = "unknown"
    peak: float = 0.0
    width: float = 0.0
    ambiguity: float = 0.0
    drift_ppm: float = UNKNOWN
    drift_uncertainty: float = UNKNOWN
    window: float = 0.0
    reason: str = ""
    statistical: float = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether there is an offset at all."""
        return not math.isnan(self.offset)

    def report(self) -> dict[str, Any]:
        """For sync.json; what is unknown is null."""
        return {
            key: (None if math.isnan(value) else round(value, 6)) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def correlated(
    sensor: str, reference: str, method: Method, intervals: Intervals, against: Activity
) -> SensorOffset:
    """The offset at which two sensors saw the same movement, or the reason why nobody knows.

    Args:
        sensor: whose stamps the intervals have.
        reference: whose stamps the activity has.
        method: one of the correlations.
        intervals: of the sensor.
        against: of the reference.
    """
    unknown = SensorOffset(sensor, reference)
    peak = find_peak(intervals, against, slow_ms=SLOW.get(method, correlation.SLOW))
    if peak is None:
        return replace(unknown, reason="too little in common: some seconds with movement are needed")
    uncertainty = math.hypot(peak.uncertainty, SYSTEMATIC[method])
    found = replace(
        unknown,
        peak=peak.correlation, width=peak.width / SECOND, ambiguity=peak.ambiguity,
        window=float(against.end - against.begin) / SECOND,
    )  # fmt: skip
    if peak.correlation < LEAST_PEAK:
        return replace(found, reason=f"they hardly move together: correlation {peak.correlation:.2f}")
    if peak.ambiguity > MOST_AMBIGUOUS:
        return replace(found, reason=f"two peaks of nearly the same height: {peak.ambiguity:.2f}")
    if uncertainty > WORST:
        return replace(found, reason=f"stretches contradict each other: +-{uncertainty / MILLISECOND:.0f} ms")
    return replace(
        found,
        offset=(peak.offset - LATER.get((sensor, reference, method), 0.0)) / SECOND,
        uncertainty=uncertainty / SECOND, method=method,
        statistical=peak.uncertainty / SECOND,
    )  # fmt: skip


def triggered(
    sensor: str, reference: str, edges: NDArray[np.int64], others: NDArray[np.int64], near: SensorOffset
) -> SensorOffset | None:
    """The offset between edges that both sensors saw on their trigger inputs.

    Args:
        sensor: whose edges.
        reference: whose edges the others are.
        edges: ns, host clock, as the sensor's events are stamped.
        others: likewise of the reference.
        near: what correlation says, which tells a regular train's edges apart.

    Returns:
        None where there are none, or they fit at several offsets.
    """
    expected = (near.offset, near.uncertainty) if near.known else None
    match = match_edges(edges, others, expected)
    if match is None:
        return None
    return replace(
        near,
        offset=match.offset / SECOND, uncertainty=match.uncertainty / SECOND,
        statistical=match.uncertainty / SECOND, method="trigger", reason="",
        window=float(max(edges.max(), others.max()) - min(edges.min(), others.min())) / SECOND,
    )  # fmt: skip


def with_drift(offset: SensorOffset, sensor: ClockFit | None, reference: ClockFit | None) -> SensorOffset:
    """The drift between two sensors' clocks added, from how each goes beside the host's."""
    if sensor is None or reference is None or sensor.drift_ppm is None or reference.drift_ppm is None:
        return offset
    drift = ((1.0 + sensor.drift_ppm * 1e-6) / (1.0 + reference.drift_ppm * 1e-6) - 1.0) * 1e6
    uncertainty = math.hypot(sensor.drift_uncertainty_ppm or 0.0, reference.drift_uncertainty_ppm or 0.0)
    return replace(offset, drift_ppm=drift, drift_uncertainty=uncertainty)


def drift_of(times: list[float], offsets: list[SensorOffset]) -> tuple[float, float]:
    """How an offset changes over time: a line through several of them, weighted.

    A clock that runs fast stamps later and later, so that less and less is to be added.

    Args:
        times: s, middle of the window of each.
        offsets: as long; those that are unknown are left out.

    Returns:
        ppm that the sensor's clock runs faster than the reference's, and half the 95 % interval; NaN where
        they are too few, too close together or too uncertain.
    """
    known = [(t, o.offset, max(o.statistical, 1e-5)) for t, o in zip(times, offsets, strict=True) if o.known]
    if len(known) < 3:
        return UNKNOWN, UNKNOWN
    t, y, half = np.array(known).T
    weight = (1.96 / half) ** 2
    t = t - np.average(t, weights=weight)
    spread = float((weight * t * t).sum())
    if spread <= 0.0:
        return UNKNOWN, UNKNOWN
    level = np.average(y, weights=weight)
    slope = float((weight * t * (y - level)).sum()) / spread
    # Where they scatter more than they say, the line is as uncertain as they scatter.
    excess = float((weight * (y - level - slope * t) ** 2).sum()) / (len(known) - 2)
    uncertainty = 1.96 * math.sqrt(max(1.0, excess) / spread) * 1e6
    if uncertainty > WORST_DRIFT:
        return UNKNOWN, UNKNOWN
    return -slope * 1e6, uncertainty
