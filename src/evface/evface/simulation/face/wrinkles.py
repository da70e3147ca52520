"""Lines that come and go with an action: darker places of the texture, as deep as the action is strong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.eyes import ABOVE, BELOW, EYE_X, EYE_Y, HALF_WIDTH, REACH
from evface.simulation.face.fields import Field, bump
from evface.simulation.face.identity import Identity
from evface.simulation.face.shape import MOUTH_HALF
from evface.simulation.face.skin import SkinMap
from evface.simulation.face.texture_noise import patches
from evface.simulation.subject.face_state import ACTION_INDEX

WIDEST = 1.12 * HALF_WIDTH
"""Half the widest fissure of all people, mm."""

STILL = 1 / 256
"""Strength by which lines deepen at a time: a picture follows from the state alone."""


def _line(distance: Field, width: float) -> Field:
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def _forehead(x: Field, y: Field) -> Field:
    lines = sum(_line(y - h - 2.0 * np.sin(x / 13.0 + h), 1.1) for h in (36.0, 44.0, 53.0, 61.0))
    return np.asarray(lines)


def _forehead_outer(x: Field, y: Field) -> Field:
    return _forehead(x, y) * bump(x, y, 40, 46, 16, 16)


def _forehead_inner(x: Field, y: Field) -> Field:
    return _forehead(x, y) * bump(x, y, 5, 46, 18, 16)


def _glabella(x: Field, y: Field) -> Field:
    lines = _line(x - 5.0 - 0.1 * (y - 20), 1.2) + 0.5 * _line(x, 1.0)
    return lines * bump(x, y, 3, 22, 9, 8) + 0.35 * bump(x, y, 14, 14, 9, 4)


def _crows_feet(x: Field, y: Field) -> Field:
    angle, distance = np.arctan2(y + 1.0, np.maximum(x - 44.0, 0.1)), np.hypot(x - 44.0, y + 1.0)
    rays = 0.5 + 0.5 * np.cos(angle * 9.0)
    ahead = np.clip((x - 47.0) / 6.0, 0.0, 1.0) * np.clip((1.0 - np.abs(angle)) / 0.3, 0.0, 1.0)
    fan = rays**4 * np.exp(-0.5 * ((distance - 12.0) / 5.0) ** 2) * ahead
    pouch = 0.9 * _line(y + 12.0 - 0.015 * (x - 31) ** 2, 1.2) * bump(x, y, 33, -11, 12, 5)
    return fan + pouch


def _nose_root(x: Field, y: Field) -> Field:
    lines = (0.5 + 0.5 * np.cos((y - 0.7 * x) * 1.5)) ** 3 * bump(x, y, 4, 2, 7, 8)
    return lines + 0.8 * _upper_fold(x, y)


def _upper_fold(x: Field, y: Field) -> Field:
    return _line(x - 16.0 - 0.4 * np.clip(-36.0 - y, 0, 40), 1.5) * bump(x, y, 18, -43, 8, 7)


def _fold(x: Field, y: Field) -> Field:
    curve = 17.5 + 0.55 * np.clip(-36.0 - y, 0, 40)
    fold = _line(x - curve, 1.7) * bump(x, y, 26, -52, 13, 11)
    return fold + 0.7 * _line(x - MOUTH_HALF - 4.0, 1.3) * bump(x, y, MOUTH_HALF + 4, -68, 5, 6)


def _corner_down(x: Field, y: Field) -> Field:
    return _line(x - 27.0 - 0.25 * (-72.0 - y), 1.4) * bump(x, y, 28, -78, 6, 8)


def _chin(x: Field, y: Field) -> Field:
    arc = _line(y + 86.0 + 0.012 * x**2, 1.5) * bump(x, y, 0, -87, 13, 5)
    peel = np.clip(patches(x, y, 0 * x, 3.2, 5, 1), -0.2, 1.0) * bump(x, y, 0, -98, 12, 8)
    return 1.0 * arc + 0.9 * peel


def _lip_lines(x: Field, y: Field) -> Field:
    return (0.5 + 0.5 * np.cos(x * 2.1)) ** 3 * bump(x, y, 0, -70, 18, 8) * 0.7


_LINES: dict[int, tuple[Callable[[Field, Field], Field], float]] = {
    1: (_forehead_inner, 0.5), 2: (_forehead_outer, 0.5), 4: (_glabella, 0.7), 6: (_crows_feet, 0.7),
    9: (_nose_root, 0.9), 10: (_upper_fold, 0.5), 12: (_fold, 0.8), 15: (_corner_down, 0.65),
    17: (_chin, 0.8), 23: (_lip_lines, 0.45), 24: (_lip_lines, 0.3),
}  # fmt: skip


def _outside_eyes(x: Field, y: Field) -> Field:
    """0 where the eyes are drawn, which lines must not wipe away; 1 from some mm beside them on."""
    aside = (np.abs(x - EYE_X) - REACH * WIDEST) / 3.0
    above, below = (y - EYE_Y - ABOVE) / 3.0, (EYE_Y - BELOW - y) / 2.0
    return np.asarray(np.clip(np.maximum(aside, np.maximum(above, below)), 0.0, 1.0))


@njit(cache=True, nogil=True, fastmath=True)
def _redraw(texture, base, starts, places, texels, firsts, lines, depths, wanted, drawn):  # type: ignore[no-untyped-def]
    """Draw the texels of every line that has changed, with all lines that go through them."""
    for k in range(len(wanted)):
        if wanted[k] == drawn[k]:
            continue
        for n in range(starts[k], starts[k + 1]):
            place = np.uintp(places[n])
            share = np.float32(1.0)
            for line in range(firsts[place], firsts[place + 1]):
                share *= np.float32(1.0) - np.float32(wanted[lines[line]]) * depths[line]
            texel = np.uintp(texels[place])
            for channel in range(texture.shape[1]):
                texture[texel, channel] = share * base[texel, channel]


class Wrinkles:
    """The lines of one head's texture, those of each half on their own.

    Args:
        who: the person; deep lines come with age.
        skin: the head's texture.
        base: what the texture shows at rest, ``[h, w, C]``.
        width: of the texture that is drawn into; the head's lies in its corner.
    """

    def __init__(self, who: Identity, skin: SkinMap, base: NDArray[np.float32], width: int) -> None:
        whole = np.zeros((base.shape[0], width, base.shape[2]), np.float32)
        whole[:, : base.shape[1]] = base
        self._base = whole.reshape(-1, base.shape[2])
        x, y, z = (skin.place[..., k].astype(np.float64) for k in range(3))
        seen = (z > 15.0) * _outside_eyes(np.abs(x), y)
        through: list[NDArray[np.int64]] = []
        depths: list[NDArray[np.float32]] = []
        for draw, depth in _LINES.values():
            lines = draw(np.abs(x), y) * seen * depth * (0.45 + 0.55 * min(1.5, who.wrinkles))
            for side in (1.0, -1.0):
                half = np.clip(lines * np.clip(0.5 + side * x / 3.0, 0.0, 1.0), 0.0, 0.85)
                rows, columns = np.nonzero(half > 0.01)
                through.append(rows * width + columns)
                depths.append(half[rows, columns].astype(np.float32))
        # Of each line, left and right, its action's place in a side's strengths.
        self._places = np.array([ACTION_INDEX[action] for action in _LINES])
        self._starts = np.cumsum([0, *map(len, through)])
        # Each texel once, and of each the lines through it, in their order.
        texels, places = np.unique(np.concatenate(through), return_inverse=True)
        self._texels, self._through = texels.astype(np.uint32), places.astype(np.uint32)
        by_texel = np.argsort(places, kind="stable")
        self._firsts = np.searchsorted(places[by_texel], np.arange(len(texels) + 1))
        self._lines = np.repeat(np.arange(len(through)), np.diff(self._starts))[by_texel].astype(np.uint32)
        self._depths = np.concatenate(depths)[by_texel]
        self._drawn = np.zeros(len(through))

    def draw(
        self, left: NDArray[np.float64], right: NDArray[np.float64], texture: NDArray[np.float32]
    ) -> None:
        """Draw the lines of both halves' strengths into the texture ``[h, w, C]``, if they have changed."""
        strengths = np.stack([left[self._places], right[self._places]], -1).ravel()
        wanted = np.rint(strengths.clip(0.0, 1.3) / STILL) * STILL
        if (wanted == self._drawn).all():
            return
        flat = texture.reshape(-1, texture.shape[2])
        _redraw(
            flat, self._base, self._starts, self._through, self._texels, self._firsts, self._lines,
            self._depths, wanted, self._drawn,
        )  # fmt: skip
        self._drawn = wanted
