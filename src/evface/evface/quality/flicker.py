"""Flicker of lamps and screens, as a line in the spectrum of the event rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BIN = 500
"""us of one count of the event rate: frequencies up to 1 kHz."""

LOWEST, HIGHEST = 50.0, 500.0
"""Hz that are looked at: half the mains' frequency to the tenth harmonic of 50 Hz."""

SEGMENT = 256
"""Counts of one spectrum: 128 ms, lines 7.8 Hz wide."""

LEAST = 2_000
"""Events that a statement needs."""

SIGNIFICANT = 30.0
"""Times the shot noise of as many events that a line must stand above it in one spectrum; in the mean of N
spectra its scatter, and so this, is less by the root of N."""

PROMINENT = 10.0
"""Times the middle of its neighbourhood that a line must have: quick movements have no lines."""

NEIGHBOURHOOD = 40.0
"""Hz on each side."""


@dataclass(frozen=True, slots=True)
class Flicker:
    """What was found.

    Attributes:
        frequency: Hz, of the strongest line; 0 where there is none.
        depth: its amplitude over the mean event rate; 0 where there is none, 1: the rate falls to nothing
            between its peaks, and more where it comes in bursts.
    """

    frequency: float
    depth: float


class FlickerSpectrum:
    """Gathers spectra of the event rate from unbroken stretches.

    Light that comes and goes makes on events as it rises and off events as it falls: their sum comes twice
    a period, their difference once. Both are looked at.
    """

    def __init__(self) -> None:
        self._window = np.hanning(SEGMENT)
        self._sum = np.zeros((2, SEGMENT // 2 + 1))
        self._segments = 0
        self._events = 0

    def add(self, on: NDArray[np.int64], off: NDArray[np.int64]) -> None:
        """One stretch.

        Args:
            on: int64 ``[N]``, on events in each `BIN`.
            off: int64 ``[N]``, off events.
        """
        series = np.stack([on + off, on - off]).astype(np.float64)
        for start in range(0, series.shape[1] - SEGMENT + 1, SEGMENT // 2):
            part = series[:, start : start + SEGMENT]
            total = int(part[0].sum())
            if not total:
                continue
            part = (part - part.mean(axis=1, keepdims=True)) * self._window
            # In multiples of shot noise: as many events at random would give 1.
            power = np.abs(np.fft.rfft(part)) ** 2 / (self._window**2).sum() / (total / SEGMENT)
            self._sum += power * total
            self._segments += 1
            self._events += total

    def flicker(self) -> Flicker | None:
        """The strongest line; None where there was too little to tell."""
        if not self._segments or self._events < LEAST:
            return None
        power = self._sum / self._events
        frequencies = np.fft.rfftfreq(SEGMENT, BIN * 1e-6)
        least = 1.0 + SIGNIFICANT / np.sqrt(self._segments)
        wide = round(NEIGHBOURHOOD / frequencies[1])
        best = Flicker(0.0, 0.0)
        for line in np.flatnonzero((frequencies >= LOWEST) & (frequencies <= HIGHEST)):
            for spectrum in power:
                around = np.median(spectrum[max(1, line - wide) : line + wide + 1])
                if spectrum[line] < max(least, PROMINENT * around):
                    continue
                depth = self._depth(float(spectrum[line]))
                if depth > best.depth:
                    beside = slice(line - 1, line + 2)
                    best = Flicker(float(np.average(frequencies[beside], weights=spectrum[beside])), depth)
        return best

    def _depth(self, power: float) -> float:
        """Amplitude of a sine of this power over the mean rate."""
        rate = self._events / self._segments / SEGMENT
        return float(np.sqrt(4 * power * (self._window**2).sum() / rate) / self._window.sum())
