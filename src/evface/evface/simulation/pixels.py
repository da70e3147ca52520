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


_BLOCK = 64
"""Pixels looked at together: few have an event in one step, and a block without any is passed in vectors."""

_SHARES = 1024
"""Steps in which the cut-off follows the light."""

# log2(1 + x) on [0, 1): a polynomial without constant term, fitted by least squares, right to 2.5e-6.
_P1, _P2, _P3, _P4, _P5, _P6 = (
    np.float32(c) for c in (1.44253478, -0.71803359, 0.45715812, -0.27734165, 0.12147295, -0.02579234)
)
_LN2 = np.float32(math.log(2.0))
_MANTISSA = np.float32(2.0**-23)


@njit(cache=True, nogil=True, fastmath=True)
def _respond(bits, light, gain, decays, tau, span, log_light, signal, change):  # type: ignore[no-untyped-def]
    """Logarithm and low-pass of every pixel, without a branch, so that it is compiled to vectors.

    ``bits`` are those of the light above dark as float32: exponent and mantissa give the logarithm.
    The signal is the exact answer of a first-order low-pass to a ramp of the logarithm.
    """
    for i in range(light.size):
        at = np.uintp(i)
        x = np.float32(bits[at] & 0x7FFFFF) * _MANTISSA
        whole = np.float32((bits[at] >> 23) - 127)
        log2 = whole + x * (_P1 + x * (_P2 + x * (_P3 + x * (_P4 + x * (_P5 + x * _P6)))))
        new = log2 * _LN2
        share = min(np.float32(1.0), max(np.float32(SLOWEST), light[at] * gain))
        lag = (new - log_light[at]) / span * (tau / share)
        decay = decays[np.uintp(share * np.float32(_SHARES - 1) + np.float32(0.5))]
        answer = new - lag + (signal[at] - log_light[at] + lag) * decay
        change[at] = answer - signal[at]
        log_light[at] = new
        signal[at] = answer


@njit(cache=True, nogil=True)
def _stirred(change, above, rest, on, off, leaked, now, begin, end):  # type: ignore[no-untyped-def]
    """How many pixels of a block have an event in this step, or rest from their last one."""
    count = 0
    for i in range(begin, end):
        at = np.uintp(i)
        after = above[at] + change[at] + leaked * on[at]
        count += (after >= on[at]) | (after <= -off[at]) | (rest[at] > now)
    return count


@njit(cache=True, nogil=True)
def _compare(change, above, rest, on, off, leaked, refractory, now, span, start, where, signs, when):  # type: ignore[no-untyped-def]
    """Events of the pixels from ``start`` on; how many, and the pixel where the room ran out.

    ``above`` is what the comparators see: the signal above its value at the last event, which leaks away.
    """
    n = 0
    for begin in range(start, len(change), _BLOCK):
        end = min(begin + _BLOCK, len(change))
        if _stirred(change, above, rest, on, off, leaked, now, begin, end) == 0:
            for i in range(begin, end):
                above[np.uintp(i)] += change[np.uintp(i)] + leaked * on[np.uintp(i)]
            continue
        for i in range(begin, end):
            slope = (change[i] + leaked * on[i]) / span
            t = 0.0
            value = float(above[i])
            until = rest[i]
            if until > now:
                t = min(until - now, span)
                value = 0.0
            first = n
            while slope != 0.0 and t < span:
                bound = on[i] if slope > 0.0 else -off[i]
                crossing = t + max(0.0, (bound - value) / slope)
                if crossing > span:
                    break
                if n == len(when):
                    # Nothing of this pixel is kept: it lives through the step again, with more room.
                    return first, i
                where[n] = i
                signs[n] = slope > 0.0
                when[n] = max(1, min(np.int64(span), np.int64(math.ceil(crossing))))
                n += 1
                t = crossing + refractory
                until = now + t
                value = 0.0
            above[i] = value + slope * (span - t) if t < span else 0.0
            rest[i] = until
    return n, len(change)


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
        self._on = self._thresholds(model.threshold_on, count)
        self._off = self._thresholds(model.threshold_off, count)
        # Where between its thresholds a pixel stands when the world begins is chance.
        chance = self._random.uniform(-0.5, 0.5, count)
        self._above = (chance * np.minimum(self._on, self._off)).astype(np.float32)
        self._rest = np.full(count, -1e18)
        self._log_light = np.empty(count, np.float32)
        self._signal = np.empty(count, np.float32)
        self._change = np.zeros(count, np.float32)
        self._hot = self._random.choice(count, round(model.hot_share * count), replace=False)
        self._time: int | None = None
        self._free = 0.0
        self._waiting = Events.empty(width, height)
        self._sorter = TimeSorter(width, height)
        self._reserve(1 << 16)

    def _thresholds(self, mean: float, count: int) -> NDArray[np.float32]:
        drawn = self._random.normal(mean, self.model.threshold_sigma, count)
        return np.maximum(drawn, 0.01).astype(np.float32)

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
            # With no low-pass yet the signal is the light's.
            self._log_light[:] = self._signal[:] = 0.0
            self._optics(light, 1, still=True)
            self._signal[:] = self._log_light
            return Events.empty(self.width, self.height)
        span = time_us - before
        if span <= 0:
            raise GeometryError(f"a picture at {time_us} us after one at {before} us")
        self._optics(light, span)
        pixels, signs, times = self._compare(before, span)
        pixels, signs, times = self._add_noise(light, span, pixels, signs, times)
        return self._read_out(self._sorter.sort(pixels, signs, times, span, before), time_us)

    def _optics(self, light: NDArray[np.float32], span: int, *, still: bool = False) -> None:
        """From light to the comparators' change of signal in this step."""
        model = self.model
        bits = (light * np.float32(self._lux) + np.float32(model.dark_lux)).view(np.int32)
        tau, decays = 0.0, np.zeros(_SHARES, np.float32)
        if model.cutoff_hz and not still:
            tau = 1e6 / (2.0 * math.pi * model.cutoff_hz)
            decays = np.exp(-span / tau * np.linspace(0.0, 1.0, _SHARES)).astype(np.float32)
        gain = np.float32(self._lux / model.lux_at_cutoff)
        _respond(
            bits, light, gain, decays, np.float32(tau), np.float32(span),
            self._log_light, self._signal, self._change,
        )  # fmt: skip

    def _compare(
        self, before: int, span: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        parts, start = [], 0
        leaked = np.float32(self.model.leak_hz * span / 1e6)
        while start < len(self._change):
            n, start = _compare(
                self._change, self._above, self._rest, self._on, self._off, leaked, self.model.refractory_us,
                float(before), float(span), start, self._pixels, self._signs, self._times,
            )  # fmt: skip
            parts.append((self._pixels[:n], self._signs[:n], self._times[:n]))
            if start < len(self._change):
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
        self._above[extra] = 0.0
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
