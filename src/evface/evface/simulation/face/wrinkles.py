"""Lines that come and go with an action: darker places of the texture, as deep as the action is strong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.identity import Identity
from evface.simulation.face.shape import MOUTH_HALF, Field
from evface.simulation.face.skin import SkinMap
from evface.simulation.face.texture_noise import patches
from evface.simulation.subject.face_state import ACTION_INDEX

STILL = 1 / 256
"""Strength by which lines deepen at a time: a picture follows from the state alone."""


def _line(distance: Field, width: float) -> Field:
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def _spot(x: Field, y: Field, cx: float, cy: float, sx: float, sy: float) -> Field:
    return np.asarray(np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)))


def _forehead(x: Field, y: Field) -> Field:
    lines = sum(_line(y - h - 2.0 * np.sin(x / 13.0 + h), 1.1) for h in (36.0, 44.0, 53.0, 61.0))
    return np.asarray(lines)


def _forehead_outer(x: Field, y: Field) -> Field:
    return _forehead(x, y) * _spot(x, y, 40, 46, 16, 16)


def _forehead_inner(x: Field, y: Field) -> Field:
    return _forehead(x, y) * _spot(x, y, 5, 46, 18, 16)


def _glabella(x: Field, y: Field) -> Field:
    lines = _line(x - 5.0 - 0.1 * (y - 20), 1.2) + 0.5 * _line(x, 1.0)
    return lines * _spot(x, y, 3, 22, 9, 8) + 0.35 * _spot(x, y, 14, 14, 9, 4)


def _crows_feet(x: Field, y: Field) -> Field:
    angle, distance = np.arctan2(y + 1.0, np.maximum(x - 44.0, 0.1)), np.hypot(x - 44.0, y + 1.0)
    rays = 0.5 + 0.5 * np.cos(angle * 9.0)
    ahead = np.clip((x - 45.0) / 7.0, 0.0, 1.0) * np.clip((1.0 - np.abs(angle)) / 0.3, 0.0, 1.0)
    fan = rays**4 * np.exp(-0.5 * ((distance - 12.0) / 5.0) ** 2) * ahead
    pouch = 0.9 * _line(y + 12.0 - 0.015 * (x - 31) ** 2, 1.2) * _spot(x, y, 33, -11, 12, 5)
    return fan + pouch


def _nose_root(x: Field, y: Field) -> Field:
    lines = (0.5 + 0.5 * np.cos((y - 0.7 * x) * 1.5)) ** 3 * _spot(x, y, 4, 2, 7, 8)
    return lines + 0.8 * _upper_fold(x, y)


def _upper_fold(x: Field, y: Field) -> Field:
    return _line(x - 16.0 - 0.4 * np.clip(-36.0 - y, 0, 40), 1.5) * _spot(x, y, 18, -43, 8, 7)


def _fold(x: Field, y: Field) -> Field:
    curve = 17.5 + 0.55 * np.clip(-36.0 - y, 0, 40)
    fold = _line(x - curve, 1.7) * _spot(x, y, 26, -52, 13, 11)
    return fold + 0.7 * _line(x - MOUTH_HALF - 4.0, 1.3) * _spot(x, y, MOUTH_HALF + 4, -68, 5, 6)


def _corner_down(x: Field, y: Field) -> Field:
    return _line(x - 27.0 - 0.25 * (-72.0 - y), 1.4) * _spot(x, y, 28, -78, 6, 8)


def _chin(x: Field, y: Field) -> Field:
    arc = _line(y + 86.0 + 0.012 * x**2, 1.5) * _spot(x, y, 0, -87, 13, 5)
    peel = np.clip(patches(x, y, 0 * x, 3.2, 5, 1), -0.2, 1.0) * _spot(x, y, 0, -98, 12, 8)
    return 1.0 * arc + 0.9 * peel


def _lip_lines(x: Field, y: Field) -> Field:
    return (0.5 + 0.5 * np.cos(x * 2.1)) ** 3 * _spot(x, y, 0, -70, 18, 8) * 0.7


_LINES: dict[int, tuple[Callable[[Field, Field], Field], float]] = {
    1: (_forehead_inner, 0.5), 2: (_forehead_outer, 0.5), 4: (_glabella, 0.7), 6: (_crows_feet, 0.7),
    9: (_nose_root, 0.9), 10: (_upper_fold, 0.5), 12: (_fold, 0.8), 15: (_corner_down, 0.65),
    17: (_chin, 0.8), 23: (_lip_lines, 0.45), 24: (_lip_lines, 0.3),
}  # fmt: skip


@dataclass(frozen=True)
class _Wrinkle:
    action: int
    left: bool
    block: tuple[slice, slice]
    depth: NDArray[np.float32]


class Wrinkles:
    """The lines of one head's texture.

    Args:
        who: the person; deep lines come with age.
        skin: the head's texture.
        base: what the texture shows at rest, ``[h, w, C]``.
    """

    def __init__(self, who: Identity, skin: SkinMap, base: NDArray[np.float32]) -> None:
        self._base = base
        x, y, z = (skin.place[..., k].astype(np.float64) for k in range(3))
        front = z > 15.0
        self._all: list[_Wrinkle] = []
        for action, (draw, depth) in _LINES.items():
            lines = draw(np.abs(x), y) * front * depth * (0.45 + 0.55 * min(1.5, who.wrinkles))
            for left in (True, False):
                half = np.clip(lines * np.clip(0.5 + (x if left else -x) / 3.0, 0.0, 1.0), 0.0, 0.85)
                seen = half > 0.01
                rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
                block = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                self._all.append(_Wrinkle(action, left, block, half[block].astype(np.float32)[..., None]))
        self._drawn = np.zeros(len(self._all))

    def draw(
        self, left: Sequence[float] | NDArray[np.float64], right: Sequence[float] | NDArray[np.float64],
        texture: NDArray[np.float32],
    ) -> bool:  # fmt: skip
        """Draw the lines of both halves' strengths into the texture ``[h, w, C]``; whether any changed."""
        wanted = np.array([
            max(0.0, min(1.3, (left if one.left else right)[ACTION_INDEX[one.action]])) for one in self._all
        ])  # fmt: skip
        wanted = np.round(wanted / STILL) * STILL
        if np.array_equal(wanted, self._drawn):
            return False
        # Lines that rest now are wiped away with those that are drawn anew.
        touched = [k for k in range(len(self._all)) if wanted[k] > 0.0 or self._drawn[k] > 0.0]
        for k in touched:
            block = self._all[k].block
            texture[block] = self._base[block]
        for k in touched:
            if wanted[k] > 0.0:
                texture[self._all[k].block] *= 1.0 - np.float32(wanted[k]) * self._all[k].depth
        self._drawn = wanted
        return True
