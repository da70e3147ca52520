"""What lies behind a person: a wall, things on it, and people who pass by; out of focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.light import SECOND, Light

BLOCK = 40 * SECOND
"""ns of the host's clock in which at most one person passes by."""

WALL = 2200.0
"""mm from the camera."""


class Room:
    """The room of one session.

    Args:
        seed: of the person whose session it is.
        light: in it.
    """

    def __init__(self, seed: int, light: Light) -> None:
        rng = np.random.default_rng([seed, 0x4003])
        self._seed, self._light = seed, light
        self._wall = rng.uniform(0.12, 0.55)
        self._tint = 1.0 + rng.normal(0.0, 0.05, 3)
        self._slope = rng.normal(0.0, 0.15)
        count = int(rng.integers(1, 7))
        # x, y, half width, half height of things on the wall, mm; and how much they reflect.
        self._things = [
            (rng.uniform(-900, 900), rng.uniform(-350, 450), rng.uniform(40, 260), rng.uniform(40, 220),
             rng.uniform(0.03, 0.8) * (1.0 + rng.normal(0.0, 0.25, 3)))
            for _ in range(count)
        ]  # fmt: skip
        self._passes = rng.random() < 0.4
        # Block of time, whether somebody comes in it, ns from its begin, mm/s.
        self._pass: tuple[int, bool, float, float] | None = None

    def wall(self, width: int, height: int, focal: float) -> NDArray[np.float32]:
        """The wall in linear light, ``[H, W, 3]`` (blue, green, red)."""
        scale = WALL / focal
        x = (np.arange(width) - (width - 1) / 2)[None, :] * scale
        y = ((height - 1) / 2 - np.arange(height))[:, None] * scale
        side = {"left": 1.0, "right": -1.0, "none": 0.0}[self._light.window]
        shade = self._wall * (1.0 + 0.25 * side * x / 900 + self._slope * y / 700)
        picture = np.clip(shade, 0.02, 0.9)[..., None] * self._tint
        for cx, cy, half_width, half_height, tone in self._things:
            inside = (np.abs(x - cx) < half_width) & (np.abs(y - cy) < half_height)
            picture[inside] = np.clip(tone, 0.01, 0.9)
        blur = max(0.8, 14.0 / scale)
        return np.asarray(cv2.GaussianBlur(np.clip(picture, 0.01, 0.95).astype(np.float32), (0, 0), blur))

    def passer(self, time_ns: int) -> float | None:
        """Where somebody walks behind at a moment, mm to the subject's left; None where nobody is."""
        if not self._passes:
            return None
        block = time_ns // BLOCK
        if self._pass is None or self._pass[0] != block:
            rng = np.random.default_rng([self._seed, 0x9A55, block])
            comes = rng.random() <= 0.3
            begin = rng.uniform(0.1, 0.7) * BLOCK
            self._pass = block, comes, begin, rng.choice([-1.0, 1.0]) * rng.uniform(700, 1300)
        _, comes, begin, speed = self._pass
        seconds = (time_ns % BLOCK - begin) / SECOND
        x = (seconds - 1.4) * speed
        return float(x) if comes and abs(x) < 1300 and 0 <= seconds < 4 else None

    def with_passer(self, wall: NDArray[np.float32], time_ns: int, focal: float) -> NDArray[np.float32]:
        """The wall ``[H, W, C]``, with somebody in dark clothes before it while they pass by."""
        x = self.passer(time_ns)
        if x is None:
            return wall
        height, width = wall.shape[:2]
        column = (width - 1) / 2 + x * focal / WALL
        half, soft = 210.0 * focal / WALL, 60.0 * focal / WALL
        first, last = max(0, int(column - half - soft)), min(width, int(column + half + soft) + 1)
        if first >= last:
            return wall
        cover = np.clip((half - np.abs(np.arange(first, last) - column)) / soft + 0.5, 0.0, 1.0)
        top = max(0, int((height - 1) / 2 - 330.0 * focal / WALL))
        seen = wall.copy()
        piece = seen[top:, first:last]
        piece += (cover[None, :, None] * (0.05 - piece)).astype(np.float32)
        return seen
