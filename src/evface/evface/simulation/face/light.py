"""The light on a person: how much of it, from where, and how it flickers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000_000
"""ns."""


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one session.

    Attributes:
        lux: on the face (the paper measured 150 to 1400).
        window: where the window is, from the subject.
        direction: from the face to the brightest light, unit vector (to the left, up, to the camera).
        key: share of the light that comes from there; the rest comes from all around.
        flicker_hz: of lamps, twice the mains' frequency; 0: daylight or lamps that do not flicker.
        flicker: half of the difference between brightest and darkest, relative to the mean.
    """

    lux: float
    window: Literal["left", "right", "none"]
    direction: tuple[float, float, float]
    key: float
    flicker_hz: float
    flicker: float

    @classmethod
    def of(cls, seed: int) -> Light:
        """The light of a person's session; nothing of it follows from what is asked of the person."""
        rng = np.random.default_rng([seed, 0x116F7])
        lux = float(np.exp(rng.uniform(math.log(150.0), math.log(1400.0))))
        window: Literal["left", "right", "none"] = ("left", "right", "none")[int(rng.integers(3))]
        side = {"left": 1.0, "right": -1.0, "none": 0.0}[window] * rng.uniform(0.5, 1.1)
        direction = np.array([side + rng.normal(0.0, 0.1), rng.uniform(0.35, 0.9), rng.uniform(0.7, 1.1)])
        direction /= np.linalg.norm(direction)
        flickers = bool(rng.random() < 0.3)
        x, y, z = (float(part) for part in direction)
        return cls(
            lux=lux, window=window, direction=(x, y, z), key=float(rng.uniform(0.45, 0.7)),
            flicker_hz=100.0 if flickers else 0.0,
            flicker=float(rng.uniform(0.01, 0.06)) if flickers else 0.0,
        )  # fmt: skip

    def gain(self, time_ns: int) -> float:
        """Light at a moment, relative to its mean."""
        if not self.flicker:
            return 1.0
        period = round(SECOND / self.flicker_hz)
        return 1.0 + self.flicker * math.sin(2.0 * math.pi * (time_ns % period) / period)

    def on(self, normals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Light on surfaces that do not move, ``[..., 3]`` unit normals to ``[...]``."""
        facing = (normals @ np.array(self.direction) + 0.15) / 1.15
        around = (1.0 - self.key) * (0.72 + 0.28 * normals[..., 1])
        return np.asarray(around + 1.25 * self.key * np.clip(facing, 0.0, None))
