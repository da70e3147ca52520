"""One specimen of a sensor: what chance made of its pixels, and the bus that hands out their events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evface.events.container import Events
from evface.simulation.sensor.pixel_kernel import BLOCK, queue
from evface.simulation.sensor.presets import PixelModel

HOT_SPREAD = (0.3, 1.7)
"""Rates of hot pixels, in units of their mean: even between these."""

LEAST_THRESHOLD = 0.01
"""That a pixel's may be drawn as."""


@dataclass(frozen=True)
class Specimen:
    """Pixels in blocks of `BLOCK`, the last one filled up.

    Attributes:
        on: thresholds of log intensity, float64 ``[blocks, BLOCK]``.
        off: likewise.
        above: how far above its last event's level each pixel begins, float64 ``[blocks, BLOCK]``.
        hot: pixels that fire by themselves, int64 ``[hot]``.
        hot_gaps: mean us between their events, float64 ``[hot]``.
        random: goes on with what chance has to decide later.
    """

    on: NDArray[np.float64]
    off: NDArray[np.float64]
    above: NDArray[np.float64]
    hot: NDArray[np.int64]
    hot_gaps: NDArray[np.float64]
    random: np.random.Generator

    @classmethod
    def draw(cls, model: PixelModel, count: int, seed: int) -> Specimen:
        """The specimen of a seed, with ``count`` pixels."""
        random = np.random.default_rng(seed)
        shape = (-(-count // BLOCK), BLOCK)
        on, off = (
            np.maximum(random.normal(mean, model.threshold_sigma, shape), LEAST_THRESHOLD)
            for mean in (model.threshold_on, model.threshold_off)
        )
        # Where between its thresholds a pixel stands when the world begins is chance.
        above = random.uniform(-0.5, 0.5, shape) * np.minimum(on, off)
        hot = random.choice(count, round(model.hot_share * count), replace=False)
        slowest, fastest = HOT_SPREAD
        share = slowest + (fastest - slowest) * (random.permutation(len(hot)) + 0.5) / max(1, len(hot))
        return cls(on, off, above, hot, 1e6 / np.maximum(model.hot_hz * share, 1e-9), random)


class Bus:
    """Hands out so many events a second; what would wait too long is lost.

    Args:
        model: of the sensor.
        width: px.
        height: px.

    Attributes:
        lost: events so far.
    """

    def __init__(self, model: PixelModel, width: int, height: int) -> None:
        self.lost = 0
        self._model = model
        self._free = 0.0
        self._waiting = Events.empty(width, height)

    def hand_out(self, events: Events, time_us: int) -> Events:
        """Take the events up to a time; those that are out by then, each with the time at which it is."""
        if self._model.bus_mevs == 0.0:
            return events
        # Events that still wait keep their places at the head of the queue.
        waited = Events.concatenate([self._waiting, events])
        t, kept = waited.t.copy(), np.empty(len(waited), np.int64)
        n, self._free = queue(t, kept, 1.0 / self._model.bus_mevs, self._model.bus_delay_us, self._free)
        self.lost += len(waited) - n
        kept = kept[:n]
        out = Events(
            waited.x[kept], waited.y[kept], waited.p[kept], t[kept], events.width, events.height
        )  # fmt: skip
        ready = int(np.searchsorted(out.t, time_us, "right"))
        self._waiting = out[ready:].copy()
        if len(self._waiting):
            self._free = float(self._waiting.t[0])
        return out[:ready]
