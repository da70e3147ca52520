"""A credible event sensor: each pixel with its own thresholds, a bandwidth that follows the light, and noise.

Per pixel, in this order (after v2e, Hu et al. 2021, and the literature it builds on): linear light in lux;
logarithm above a dark level; a first-order low-pass whose cut-off grows with the light; on and off thresholds
that differ from pixel to pixel; leak, which makes on events in the dark; shot noise, more of it in the dark;
a refractory time after each event; then jitter, hot pixels and the bus, which hands out only so many events
a second. Each event has its own time, from the crossing of its threshold.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from evface.errors import GeometryError
from evface.events.container import Events
from evface.simulation.ordering import TimeSorter
from evface.simulation.threshold import EventSensor, ThresholdSensor

SHOT_IN_LIGHT = 0.25
"""Share of the shot noise that is left at the light of ``lux_at_cutoff`` and above (v2e)."""

SLOWEST = 0.02
"""Share of the cut-off that a pixel in the dark keeps."""


class PixelModel(BaseModel):
    """What the pixels of a sensor are like. The defaults are v2e's "clean" ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_on: float = Field(default=0.2, ge=0.02, le=2.0, description="rise of log intensity, on event")
    threshold_off: float = Field(default=0.2, ge=0.02, le=2.0, description="fall of log intensity, off event")
    threshold_sigma: float = Field(default=0.03, ge=0.0, le=0.5, description="spread of both among pixels")
    dark_lux: float = Field(
        default=2.0, gt=0.0, le=1000.0, description="light below which the response is linear"
    )
    cutoff_hz: float = Field(
        default=300.0, ge=0.0, le=1e5, description="of the low-pass in bright light; 0: none"
    )
    lux_at_cutoff: float = Field(
        default=500.0, gt=0.0, le=1e5, description="light from which it has that cut-off"
    )
    leak_hz: float = Field(
        default=0.01, ge=0.0, le=100.0, description="on events of a pixel that sees no change"
    )
    shot_hz: float = Field(
        default=0.001, ge=0.0, le=1000.0, description="noise events of a pixel in the dark"
    )
    refractory_us: float = Field(default=0.0, ge=0.0, le=1e5, description="a pixel's rest after an event")
    jitter_us: float = Field(
        default=0.0, ge=0.0, le=1e4, description="standard deviation of the readout's delay"
    )
    hot_share: float = Field(default=0.0, ge=0.0, le=0.1, description="of the pixels that fire by themselves")
    hot_hz: float = Field(default=50.0, ge=0.0, le=1e4, description="on events of such a pixel")
    bus_mevs: float = Field(
        default=0.0, ge=0.0, le=1e4, description="Mev/s that the readout hands out; 0: all"
    )
    bus_delay_us: float = Field(
        default=2000.0, gt=0.0, le=1e6, description="waiting longer, an event is lost"
    )


CLEAN = PixelModel()
"""v2e's clean preset."""

NOISY = PixelModel(threshold_sigma=0.05, cutoff_hz=30.0, leak_hz=0.1, shot_hz=5.0)
"""v2e's noisy preset: a sensor in the dark."""


# Rows of the state of all pixels: log light at the last picture, its low-passed signal, the signal above the
# level of the last event, the time of that event in us, both thresholds.
_LIGHT, _SIGNAL, _ABOVE, _EVENT, _ON, _OFF = range(6)


@njit(cache=True, nogil=True)
def _advance(light, optics, state, time, span, start, where, signs, when):  # type: ignore[no-untyped-def]
    """Let pixels from ``start`` on live through a step; events noted, and the pixel where room ran out."""
    lux, dark, cutoff, bright, leak, refractory = optics
    n = 0
    for i in range(start, light.size):
        room = len(when) - n
        new = math.log(light[i] * lux + dark)
        old = state[_LIGHT, i]
        begin = state[_SIGNAL, i]
        end = new
        if cutoff > 0.0:
            share = min(1.0, max(SLOWEST, light[i] * lux / bright))
            tau = 1e6 / (2.0 * math.pi * cutoff * share)
            slope = (new - old) / span
            # The exact answer of a first-order low-pass to a ramp.
            end = new - slope * tau + (begin - old + slope * tau) * math.exp(-span / tau)
        # What the comparators see: signal above the level of the last event, which leaks away.
        change = (end - begin) / span + leak * state[_ON, i] / 1e6
        t = 0.0
        value = state[_ABOVE, i]
        rest = state[_EVENT, i] + refractory - time
        if rest > 0.0:
            t = min(rest, span)
            value = 0.0
        first = n
        moment = state[_EVENT, i]
        while change != 0.0:
            bound = state[_ON, i] if change > 0.0 else -state[_OFF, i]
            crossing = t + max(0.0, (bound - value) / change)
            if crossing > span:
                break
            if room == n - first:
                # Nothing of this pixel is kept: it lives through the step again, with more room.
                return first, i
            where[n] = i
            signs[n] = change > 0.0
            when[n] = max(1, min(np.int64(span), np.int64(math.ceil(crossing))))
            n += 1
            moment = time + crossing
            t = crossing + refractory
            value = 0.0
            if t >= span:
                break
        state[_ABOVE, i] = value + change * (span - t) if t < span else 0.0
        state[_EVENT, i] = moment
        state[_LIGHT, i] = new
        state[_SIGNAL, i] = end
    return n, light.size


@njit(cache=True, nogil=True)
def _queue(t, kept, gap, patience, free):  # type: ignore[no-untyped-def]
    """Hand events out one by one, ``gap`` us apart; how many got through, and when the bus is free."""
    n = 0
    for i in range(len(t)):
        out = max(float(t[i]), free)
        if out - t[i] > patience:
            continue
        t[i] = np.int64(out)
        kept[n] = i
        n += 1
        free = out + gap
    return n, free


class PixelSensor:
    """An event sensor after a `PixelModel`; the seam is that of `EventSensor`.

    Args:
        width: px.
        height: px.
        model: of its pixels.
        lux: light on the sensor's scene where a picture is 1.
        seed: of thresholds and noise; the same pictures and seed give the same events.

    Attributes:
        lost: events that the bus could not hand out.
    """

    def __init__(
        self, width: int, height: int, model: PixelModel = CLEAN, lux: float = 500.0, seed: int = 0
    ) -> None:
        self.width = width
        self.height = height
        self.model = model
        self.lost = 0
        self._lux = lux
        self._random = np.random.default_rng(seed)
        count = width * height
        self._state = np.zeros((6, count))
        for row, mean in ((_ON, model.threshold_on), (_OFF, model.threshold_off)):
            self._state[row] = np.maximum(self._random.normal(mean, model.threshold_sigma, count), 0.01)
        # Where between its thresholds a pixel stands when the world begins is chance.
        least = np.minimum(self._state[_ON], self._state[_OFF])
        self._state[_ABOVE] = self._random.uniform(-0.5, 0.5, count) * least
        self._state[_EVENT] = -1e18
        self._hot = self._random.choice(count, round(model.hot_share * count), replace=False)
        self._time: int | None = None
        self._free = 0.0
        self._waiting = Events.empty(width, height)
        self._sorter = TimeSorter(width, height)
        self._reserve(1 << 16)

    def _reserve(self, capacity: int) -> None:
        self._pixels = np.empty(capacity, np.int64)
        self._signs = np.empty(capacity, np.uint8)
        self._times = np.empty(capacity, np.int64)

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
        before, self._time = self._time, time_us
        light = np.ascontiguousarray(image).ravel()
        if before is None:
            self._state[_LIGHT] = np.log(light.astype(np.float64) * self._lux + self.model.dark_lux)
            self._state[_SIGNAL] = self._state[_LIGHT]
            return Events.empty(self.width, self.height)
        span = time_us - before
        if span <= 0:
            raise GeometryError(f"a picture at {time_us} us after one at {before} us")
        pixels, signs, times = self._live(light, before, span)
        pixels, signs, times = self._add_noise(light, span, pixels, signs, times)
        return self._read_out(self._sorter.sort(pixels, signs, times, span, before), time_us)

    def _live(
        self, light: NDArray[np.float32], before: int, span: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        model, parts, start = self.model, [], 0
        optics = (
            self._lux, model.dark_lux, model.cutoff_hz, model.lux_at_cutoff,
            model.leak_hz, model.refractory_us,
        )  # fmt: skip
        while start < len(light):
            n, start = _advance(
                light, optics, self._state, float(before), float(span),
                start, self._pixels, self._signs, self._times,
            )  # fmt: skip
            parts.append((self._pixels[:n], self._signs[:n], self._times[:n]))
            if start < len(light):
                self._reserve(4 * len(self._times))
        if len(parts) == 1:
            return parts[0]
        pixels, signs, times = (np.concatenate(column) for column in zip(*parts, strict=True))
        return pixels, signs, times

    def _add_noise(
        self,
        light: NDArray[np.float32],
        span: int,
        pixels: NDArray[np.int64],
        signs: NDArray[np.uint8],
        times: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        model, random = self.model, self._random
        shots = random.poisson(model.shot_hz * len(light) * span / 1e6)
        shot = random.integers(0, len(light), shots)
        brightness = np.minimum(light[shot] * self._lux / model.lux_at_cutoff, 1.0)
        shot = shot[random.random(shots) < 1.0 - (1.0 - SHOT_IN_LIGHT) * brightness]
        fired = random.poisson(model.hot_hz * len(self._hot) * span / 1e6)
        hot = random.choice(self._hot, fired) if fired else shot[:0]
        extra = np.concatenate([shot, hot])
        # An event is an event to the pixel, whatever caused it: its level begins anew.
        self._state[_ABOVE, extra] = 0.0
        polarity = np.concatenate([random.integers(0, 2, len(shot)), np.ones(len(hot), np.int64)])
        moments = random.integers(1, span + 1, len(extra))
        if model.jitter_us and len(times):
            delay = np.rint(random.normal(0.0, model.jitter_us, len(times))).astype(np.int64)
            times = np.clip(times + delay, 1, span)
        if not len(extra):
            return pixels, signs, times
        return (
            np.concatenate([pixels, extra]),
            np.concatenate([signs, polarity.astype(np.uint8)]),
            np.concatenate([times, moments]),
        )

    def _read_out(self, events: Events, time_us: int) -> Events:
        if self.model.bus_mevs == 0.0:
            return events
        # Events that still wait keep their places at the head of the queue.
        waited = Events.concatenate([self._waiting, events])
        t, kept = waited.t.copy(), np.empty(len(waited), np.int64)
        n, self._free = _queue(t, kept, 1.0 / self.model.bus_mevs, self.model.bus_delay_us, self._free)
        self.lost += len(waited) - n
        kept = kept[:n]
        out = Events(waited.x[kept], waited.y[kept], waited.p[kept], t[kept], self.width, self.height)
        ready = int(np.searchsorted(out.t, time_us, "right"))
        self._waiting = out[ready:].copy()
        if len(self._waiting):
            self._free = float(self._waiting.t[0])
        return out[:ready]


def make_sensor(
    width: int,
    height: int,
    pixels: str,
    *,
    on: float = 0.2,
    off: float = 0.2,
    lux: float = 500.0,
    seed: int = 0,
) -> EventSensor:
    """The sensor that a virtual camera's options ask for.

    Args:
        width: px.
        height: px.
        pixels: "ideal", "clean" or "noisy".
        on: threshold of on events.
        off: threshold of off events.
        lux: light where a picture is 1; the ideal sensor does not care.
        seed: of thresholds and noise.
    """
    if pixels == "ideal":
        return ThresholdSensor(width, height, on, off)
    preset = CLEAN if pixels == "clean" else NOISY
    model = preset.model_copy(update={"threshold_on": on, "threshold_off": off})
    return PixelSensor(width, height, model, lux, seed)
