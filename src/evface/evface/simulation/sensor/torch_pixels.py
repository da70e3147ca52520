"""The event sensor's pixels on a torch device: a batch of pictures at a time, of the same model.

Where there is a GPU it is for whole recordings, not for live cameras: events come after the batch. The same
seed gives the same thresholds as `PixelSensor` draws; its noise is the same in distribution only, and times
differ by single precision. Steps follow one another, so each is a handful of operations on all pixels at
once; the host waits for the device once a batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events.container import Events
from evface.simulation.sensor.pixel_kernel import HOT_JITTER, SHOT_IN_LIGHT, SLOWEST
from evface.simulation.sensor.presets import CLEAN, PixelModel
from evface.simulation.sensor.specimen import Bus, Specimen

NEVER = -1e9
"""us; the last event of a pixel that had none."""


@dataclass
class _Noise:
    """Events that a batch's noise would like to have, in the order of their steps.

    Attributes:
        pixel: int64 ``[N]``.
        sign: bool ``[N]``.
        time: us since the step's begin, float32 ``[N]``.
        until: of each step, how many of them come up to its end.
        kept: whether the pixel was free, bool ``[N]``; known when the step is done.
    """

    pixel: torch.Tensor
    sign: torch.Tensor
    time: torch.Tensor
    until: list[int]
    kept: torch.Tensor


class TorchPixelSensor:
    """An event sensor after a `PixelModel` on a torch device.

    Args:
        width: px.
        height: px.
        model: of its pixels.
        lux: light on the sensor's scene where a picture is 1.
        seed: of thresholds and noise.
        device: of torch, such as "cuda"; "cpu" works and is slower than `PixelSensor`.
    """

    def __init__(
        self,
        width: int,
        height: int,
        model: PixelModel = CLEAN,
        lux: float = 500.0,
        seed: int = 0,
        device: str | torch.device = "cuda",
    ) -> None:
        self.width = width
        self.height = height
        self.model = model
        self.device = torch.device(device)
        self._lux = lux
        count = width * height
        born = Specimen.draw(model, count, seed)
        self._on, self._off, self._above = (
            torch.from_numpy(each.astype(np.float32).reshape(-1)[:count]).to(self.device)
            for each in (born.on, born.off, born.above)
        )
        self._hot, self._hot_gaps = born.hot, born.hot_gaps
        self._hot_next = born.random.uniform(0.0, born.hot_gaps)
        self._random = born.random
        self._jitter = torch.Generator(self.device)
        self._jitter.manual_seed(int(born.random.integers(1 << 62)))
        self._last = torch.full((count,), NEVER, device=self.device)
        self._log = self._signal = torch.empty(0, device=self.device)
        self._time: int | None = None
        self._bus = Bus(model, width, height)

    @property
    def lost(self) -> int:
        """Events that the bus could not hand out."""
        return self._bus.lost

    def step(self, images: torch.Tensor, times_us: Sequence[int]) -> Events:
        """Go on through a batch of pictures; between two of them the logarithm of the light changes evenly.

        Args:
            images: linear light, float32 ``[T, H, W]``, 0 to 1, on the sensor's device.
            times_us: sensor clock of each picture, rising, later than the batch before, ``[T]``.

        Returns:
            The events up to the last time, on the host, in the order of their times.

        Raises:
            GeometryError: pictures have another size, type or device, or time does not go on.
        """
        self._check(images, times_us)
        light = images.reshape(len(images), -1)
        logs = torch.log(light * self._lux + self.model.dark_lux)
        if self._time is None:
            self._log = self._signal = logs[0]
            self._time, light, logs, times_us = times_us[0], light[1:], logs[1:], times_us[1:]
            self._hot_next += self._time
        if not len(light):
            return Events.empty(self.width, self.height)
        edges = np.array([self._time, *times_us], np.int64)
        self._time = int(edges[-1])
        noise = self._wanted_noise(light, edges)
        columns: list[list[torch.Tensor]] = [[], [], [], []]
        for index, span in enumerate(np.diff(edges).tolist()):
            change = self._respond(light[index], logs[index], float(span))
            fired = self._fire(change + self.model.leak_hz * 1e-6 * span * self._on, float(span))
            for column, value in zip(columns, fired, strict=True):
                column.append(value)
            self._add_noise(noise, index, float(span))
        signal = self._expand(*map(torch.stack, columns))
        return self._bus.hand_out(self._collect(signal, noise, edges), self._time)

    def _check(self, images: torch.Tensor, times_us: Sequence[int]) -> None:
        if images.dtype != torch.float32 or images.shape[1:] != (self.height, self.width):
            raise GeometryError(
                f"pictures are {images.dtype}{list(images.shape)}, "
                f"expected torch.float32[T, {self.height}, {self.width}]"
            )
        if images.device.type != self.device.type:
            raise GeometryError(f"pictures are on {images.device}, the sensor is on {self.device}")
        if len(times_us) != len(images):
            raise GeometryError(f"{len(times_us)} times of {len(images)} pictures")
        every = [*([] if self._time is None else [self._time]), *times_us]
        if any(b <= a for a, b in itertools.pairwise(every)):
            raise GeometryError(f"times of pictures do not rise: {every[:8]} us")

    def _respond(self, light: torch.Tensor, log: torch.Tensor, span: float) -> torch.Tensor:
        """How much the signal behind the low-pass changes: its exact answer to a ramp."""
        before, self._log = self._log, log
        signal = self._signal
        if self.model.cutoff_hz == 0.0:
            self._signal = log
        else:
            share = (light * (self._lux / self.model.lux_at_cutoff)).clamp(SLOWEST, 1.0)
            tau = 1e6 / (2.0 * math.pi * self.model.cutoff_hz) / share
            lag = (log - before) * tau / span
            self._signal = log - lag + (signal - before + lag) * torch.exp(-span / tau)
        return self._signal - signal

    def _fire(
        self, change: torch.Tensor, span: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Crossings of a step: how many, us to the first and from one to the next, whether they are on."""
        refractory = self.model.refractory_us
        # `_last` counts from the step's begin.
        begin = (self._last + refractory).clamp(0.0, span)
        value = torch.where(begin > 0.0, 0.0, self._above)
        rising = change > 0.0
        bound = torch.where(rising, self._on, -self._off)
        # A signal that stands still crosses nothing.
        pace = torch.where(change != 0.0, span / change, math.inf)
        gap = refractory + bound.abs() * pace.abs()
        first = begin + ((bound - value) * pace).clamp(min=0.0).nan_to_num(nan=math.inf, posinf=math.inf)
        count = torch.where(first <= span, ((span - first) / gap).floor() + 1.0, 0.0)
        last = first + (count - 1.0) * gap
        fired = count > 0.0
        left = (span - torch.where(fired, last + refractory, begin)).clamp(min=0.0)
        self._above = torch.where(fired, 0.0, value) + change * (left / span)
        self._last = torch.where(fired, last, self._last) - span
        self._last.clamp_(min=NEVER)
        return count.to(torch.int32), first, gap, rising

    def _wanted_noise(self, light: torch.Tensor, edges: NDArray[np.int64]) -> _Noise:
        """Shot noise as light lets it be, and hot pixels."""
        random, model = self._random, self.model
        begin, end = int(edges[0]), int(edges[-1])
        shots = int(random.poisson(model.shot_hz * light.shape[1] * (end - begin) / 1e6))
        times = [random.uniform(begin, end, shots)]
        pixels = [random.integers(0, light.shape[1], shots)]
        signs = [random.random(shots) < 0.5]
        for index, pixel in enumerate(self._hot):
            fired = []
            while self._hot_next[index] <= end:
                fired.append(self._hot_next[index])
                self._hot_next[index] += self._hot_gaps[index] * max(0.1, random.normal(1.0, HOT_JITTER))
            times.append(np.array(fired))
            pixels.append(np.full(len(fired), pixel))
            signs.append(np.ones(len(fired), np.bool_))
        time, is_shot = np.concatenate(times), np.arange(sum(map(len, times))) < shots
        order = np.argsort(time, kind="stable")
        time, pixel, sign = time[order], np.concatenate(pixels)[order], np.concatenate(signs)[order]
        step = np.clip(np.searchsorted(edges, time, "left") - 1, 0, len(edges) - 2)
        at, seen = (torch.from_numpy(each).to(self.device) for each in (pixel, step))
        bright = (light[seen, at] * (self._lux / model.lux_at_cutoff)).clamp(max=1.0)
        chance = torch.from_numpy(np.where(is_shot[order], random.random(len(time)), -1.0)).to(self.device)
        kept = chance < 1.0 - (1.0 - SHOT_IN_LIGHT) * bright
        return _Noise(
            at,
            torch.from_numpy(sign).to(self.device),
            torch.from_numpy((time - edges[step]).astype(np.float32)).to(self.device),
            np.searchsorted(step, np.arange(len(edges) - 1), "right").tolist(),
            self._part(at, torch.from_numpy(time - begin).to(self.device), kept),
        )

    def _add_noise(self, noise: _Noise, index: int, span: float) -> None:
        """Begin anew where a noise event comes in a step, unless the pixel rests."""
        events = slice(noise.until[index - 1] if index else 0, noise.until[index])
        if events.start == events.stop:
            return
        pixel, since = noise.pixel[events], noise.time[events] - span
        kept = noise.kept[events] & ((since - self._last[pixel]).abs() >= self.model.refractory_us)
        noise.kept[events] = kept
        # A pixel may come twice: only what does not depend on the order is done.
        self._above.scatter_reduce_(0, pixel, (~kept).float(), "prod")
        self._last.scatter_reduce_(0, pixel, torch.where(kept, since, NEVER), "amax")

    def _part(self, pixel: torch.Tensor, time: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Of the noise events that are kept, those that do not fall into their pixel's rest from another."""
        events = kept.nonzero()[:, 0]
        events = events[torch.argsort(pixel[events], stable=True)]
        near = (pixel[events].diff() == 0) & (time[events].diff() < self.model.refractory_us)
        kept[events[1:][near]] = False
        return kept

    def _expand(
        self, counts: torch.Tensor, firsts: torch.Tensor, gaps: torch.Tensor, rising: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Step, pixel, us since the step's begin and polarity of each crossing."""
        step, pixel = counts.nonzero(as_tuple=True)
        count = counts[step, pixel].long()
        which = torch.arange(len(count), device=self.device).repeat_interleave(count)
        begins = torch.repeat_interleave(count.cumsum(0) - count, count)
        number = torch.arange(len(which), device=self.device) - begins
        step, pixel = step[which], pixel[which]
        # Without this a gap that has no end times 0 would be no number.
        time = firsts[step, pixel] + torch.where(number > 0, number * gaps[step, pixel], 0.0)
        return step, pixel, time, rising[step, pixel]

    def _collect(
        self,
        signal: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor],
        noise: _Noise,
        edges: NDArray[np.int64],
    ) -> Events:
        """Crossings and noise in the order of their times, on the host."""
        step, pixel, time, sign = signal
        begins = torch.from_numpy(edges).to(self.device)
        spans = begins.diff()
        if self.model.jitter_us:
            normal = torch.randn(time.shape, generator=self._jitter, device=self.device)
            time = time.ceil() + (self.model.jitter_us * normal).round()
        noisy = torch.repeat_interleave(
            torch.arange(len(noise.until), device=self.device),
            torch.from_numpy(np.diff(noise.until, prepend=0)).to(self.device),
        )[noise.kept]
        step = torch.cat([step, noisy])
        pixel = torch.cat([pixel, noise.pixel[noise.kept]])
        sign = torch.cat([sign, noise.sign[noise.kept]])
        since = torch.cat([time, noise.time[noise.kept]]).ceil().long()
        t = begins[step] + torch.minimum(since.clamp(min=1), spans[step])
        order = torch.argsort(t, stable=True)
        t, pixel, sign = t[order], pixel[order], sign[order]
        x, y = (pixel % self.width).to(torch.int32), (pixel // self.width).to(torch.int32)
        return Events(
            x.cpu().numpy().astype(np.uint16), y.cpu().numpy().astype(np.uint16),
            sign.to(torch.uint8).cpu().numpy(), t.cpu().numpy(), self.width, self.height,
        )  # fmt: skip
