"""A credible event sensor: each pixel with its own thresholds, a bandwidth that follows the light, and noise.

Per pixel, in this order (after v2e, Hu et al. 2021, and the literature it builds on): linear light in lux;
logarithm above a dark level; a first-order low-pass whose cut-off grows with the light; on and off thresholds
that differ from pixel to pixel; leak, which makes on events in the dark; shot noise, more of it in the dark;
a refractory time after each event; then jitter, hot pixels and the bus, which hands out only so many events
a second. Each event has its own time, from the crossing of its threshold.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError
from evface.events.container import Events
from evface.simulation.sensor.ordering import LARGEST, LONGEST_STEP, TimeSorter
from evface.simulation.sensor.pixel_kernel import (
    ABOVE,
    AWAKE,
    BLOCK,
    FIELDS,
    OFF,
    ON,
    add_noise,
    advance,
    delay,
    start,
)
from evface.simulation.sensor.presets import CLEAN, NOISY, PRESETS, PixelModel
from evface.simulation.sensor.specimen import Bus, Specimen
from evface.simulation.sensor.threshold import EventSensor, ThresholdSensor

__all__ = ["CLEAN", "NOISY", "PixelModel", "PixelSensor", "make_sensor"]


class PixelSensor:
    """An event sensor after a `PixelModel`; the seam is that of `EventSensor`.

    Args:
        width: px.
        height: px.
        model: of its pixels.
        lux: light on the sensor's scene where a picture is 1.
        seed: of thresholds and noise; the same pictures and seed give the same events.
        threads: that share the pixels; the events do not depend on their number.
    """

    def __init__(
        self,
        width: int,
        height: int,
        model: PixelModel = CLEAN,
        lux: float = 500.0,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        count = width * height
        if count > LARGEST:
            raise GeometryError(f"a sensor of {width}x{height} px has more than {LARGEST} pixels")
        self.width = width
        self.height = height
        self.model = model
        self._lux = lux
        born = Specimen.draw(model, count, seed)
        blocks = len(born.on)
        self._cells = np.zeros((blocks, FIELDS, BLOCK), np.float32)
        self._cells[:, ON], self._cells[:, OFF], self._cells[:, ABOVE] = born.on, born.off, born.above
        self._rest = np.full(count, -1e18)
        self._resting_until = np.full(blocks, -1e18)
        self._current = np.zeros(blocks)
        self._due = np.full(blocks, AWAKE)
        self._hot, self._hot_gaps = born.hot, born.hot_gaps
        self._random = born.random.integers(0, 1 << 63, 1, np.uint64)
        # When the next event of each hot pixel comes and, last, the next one of shot noise.
        self._shot_rate = model.shot_hz * count / 1e6
        shot = born.random.exponential(1.0 / self._shot_rate) if self._shot_rate else np.inf
        self._clocks = np.append(born.random.uniform(0.0, self._hot_gaps), shot)
        self._time: int | None = None
        self._bus = Bus(model, width, height)
        self._sorter = TimeSorter(width, height)
        edges = np.linspace(0, blocks, max(1, threads) + 1).astype(int).tolist()
        self._bands = list(itertools.pairwise(edges))
        self._words = [np.empty(1 << 14, np.int64) for _ in self._bands]
        self._pool = ThreadPoolExecutor(len(self._bands) - 1, "pixels") if len(self._bands) > 1 else None

    @property
    def lost(self) -> int:
        """Events that the bus could not hand out."""
        return self._bus.lost

    def step(self, image: NDArray[np.float32], time_us: int) -> Events:
        """Go on to the next picture; between two pictures the logarithm of the light changes evenly.

        Args:
            image: linear light, float32 ``[H, W]``, 0 to 1.
            time_us: sensor clock, later than the step before.

        Returns:
            The events up to ``time_us`` in the order of their times; none at the first step.

        Raises:
            GeometryError: the picture has another size or type, or the time does not go on.
        """
        if image.shape != (self.height, self.width) or image.dtype != np.float32:
            raise GeometryError(
                f"picture is {image.dtype}{list(image.shape)}, expected float32[{self.height}, {self.width}]"
            )
        light = np.ascontiguousarray(image).reshape(-1)
        before, self._time = self._time, time_us
        if before is None:
            self._begin(light, time_us)
            return Events.empty(self.width, self.height)
        span = time_us - before
        if not 0 < span <= LONGEST_STEP:
            raise GeometryError(f"a picture at {time_us} us after one at {before} us")
        words = self._advance(light, float(before), float(span))
        return self._bus.hand_out(self._sorter.sort(words, span, before), time_us)

    def _begin(self, light: NDArray[np.float32], time_us: int) -> None:
        start(light, np.float32(self._lux), np.float32(self.model.dark_lux), self._cells.reshape(-1))
        self._clocks += time_us
        self._current[:] = time_us

    def _optics(self, span: float) -> NDArray[np.float32]:
        """What the light goes through in a step of ``span`` us; see `advance`."""
        model = self.model
        steps, lag = 1e9, 0.0
        if model.cutoff_hz:
            tau = 1e6 / (2.0 * math.pi * model.cutoff_hz)
            steps, lag = span / tau / math.log(2.0), tau / span
        return np.array([self._lux, model.dark_lux, self._lux / model.lux_at_cutoff, steps, lag], np.float32)

    def _advance(self, light: NDArray[np.float32], now: float, span: float) -> NDArray[np.int64]:
        """The words of a step's events; of them those of the signal first, in the order of the pixels."""
        model, optics = self.model, self._optics(span)
        leak, cells = model.leak_hz / 1e6, self._cells.reshape(-1)

        def band(index: int) -> NDArray[np.int64]:
            self._words[index], n = advance(
                light, optics, leak, model.refractory_us, now, span, cells, self._rest, self._resting_until,
                self._current, self._due, *self._bands[index], self._words[index],
            )  # fmt: skip
            return self._words[index][:n]

        if self._pool is None:
            words = band(0)
        else:
            others = [self._pool.submit(band, index) for index in range(1, len(self._bands))]
            words = np.concatenate([band(0), *(other.result() for other in others)])
        if model.jitter_us:
            delay(words, span, model.jitter_us, self._random)
        room, n = add_noise(
            light, self._lux / model.lux_at_cutoff, self._shot_rate, self._hot, self._hot_gaps, self._clocks,
            leak, model.refractory_us, now, span, cells, self._rest, self._resting_until,
            self._current, self._due, self._random, words, len(words),
        )  # fmt: skip
        return room[:n]


def make_sensor(
    width: int,
    height: int,
    pixels: str,
    *,
    on: float | None = None,
    off: float | None = None,
    lux: float = 500.0,
    seed: int = 0,
    threads: int = 1,
) -> EventSensor:
    """The sensor that a virtual camera's options ask for.

    Args:
        width: px.
        height: px.
        pixels: "ideal", or one of `PRESETS`.
        on: threshold of on events; None: the preset's, of ideal pixels 0.2.
        off: threshold of off events, likewise.
        lux: light where a picture is 1; the ideal sensor does not care.
        seed: of thresholds and noise.
        threads: that share the pixels; the events do not depend on their number.

    Raises:
        ConfigError: there are no such pixels.
    """
    if pixels == "ideal":
        return ThresholdSensor(width, height, 0.2 if on is None else on, 0.2 if off is None else off)
    if pixels not in PRESETS:
        raise ConfigError(f"no pixels {pixels!r}, expected ideal, {', '.join(PRESETS)}")
    wanted = {"threshold_on": on, "threshold_off": off}
    model = PRESETS[pixels].model_copy(
        update={name: value for name, value in wanted.items() if value is not None}
    )
    return PixelSensor(width, height, model, lux, seed, threads)
