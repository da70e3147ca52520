"""Eyes in a head's texture: lids, eyeball and gaze, drawn anew when they move.

In the plane of the fissure, mm: X from the eye's middle towards the temple, Y up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.identity import Identity
from evface.simulation.face.skin import SkinMap

EYE_X, EYE_Y = 31.5, 1.0
"""Middle of the left eye on the average face, mm."""

HALF_WIDTH, UPPER, LOWER = 15.3, 5.3, 4.5
"""Half the fissure's width and the lids' heights above and below its middle, mm, of the average eye."""

EYEBALL = 12.0
"""Radius, mm."""

IRIS = 5.9
"""Radius, mm."""

STILL = 0.01
"""mm that lids and gaze move at a time."""


@dataclass(frozen=True, slots=True)
class EyeState:
    """One eye; in mm of the average face where nothing else is said.

    Attributes:
        closed: share of the aperture, 0 to 1.
        upper: upper lid, raised.
        lower: lower lid, raised.
        gaze_x: iris, towards the temple.
        gaze_y: iris, up.
    """

    closed: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0

    def rounded(self) -> EyeState:
        """As it is drawn: a picture follows from the state alone, not from what was drawn before."""
        closed = round(self.closed * (UPPER + LOWER) / STILL) * STILL / (UPPER + LOWER)
        lengths = (round(v / STILL) * STILL for v in (self.upper, self.lower, self.gaze_x, self.gaze_y))
        return EyeState(closed, *lengths)


def iris_shift(degrees: float) -> float:
    """mm that the iris moves in the fissure's plane when the eye turns."""
    return EYEBALL * math.sin(math.radians(degrees))


@njit(cache=True, nogil=True, fastmath=True)
def lid_heights(x, half, upper, lower, tilt, closed, raised, lifted):  # type: ignore[no-untyped-def]
    """Heights of both lids' edges at a place of the fissure, mm."""
    t = x / half
    s = max(0.0, 1.0 - t * t)
    # The upper lid is highest a little towards the nose, the lower one lowest towards the temple.
    high = upper * (s * (1.0 - 0.18 * t)) ** 0.72 if s > 0.0 else 0.0
    low = -lower * (s * (1.0 + 0.22 * t)) ** 0.85 if s > 0.0 else 0.0
    meeting = 0.8 * low
    high += raised * s
    low += lifted * s
    high += (meeting - high) * closed
    low += (meeting - low) * closed
    return high + tilt * t * 0.5, low + tilt * t * 0.5


@njit(cache=True, nogil=True, fastmath=True)
def _soft(distance, width):  # type: ignore[no-untyped-def]
    return min(1.0, max(0.0, distance / width + 0.5))


@njit(cache=True, nogil=True, fastmath=True)
def _compose(texture, skin, xs, ys, shape, state, iris, sclera, lash, soft):  # type: ignore[no-untyped-def]
    """Draw an eye over the skin of closed lids."""
    half, upper, lower, tilt, fold, pupil = shape
    closed, raised, lifted, gaze_x, gaze_y = state
    rows, columns, channels = skin.shape
    for i in range(rows):
        for j in range(columns):
            x, y = xs[i, j], ys[i, j]
            t = x / half
            if abs(t) > 1.25:
                for c in range(channels):
                    texture[i, j, c] = skin[i, j, c]
                continue
            s = max(0.0, 1.0 - t * t)
            high, low = lid_heights(x, half, upper, lower, tilt, closed, raised, lifted)
            # The crease goes up with the lid and smooths out when it closes.
            crease = tilt * t * 0.5 + upper * s**0.6 * (1.0 - 0.25 * closed) + 3.2 * s**0.3 + 0.6 * raised
            dip = (y - crease) / 1.0
            tone = 1.0 - 0.42 * fold * (1.0 - 0.55 * closed) * math.exp(-0.5 * dip * dip) * min(1.0, 3.0 * s)
            # Lashes and the lid's wet edge.
            edge = (y - high - 0.25) / (0.75 + 0.35 * closed)
            line = (
                math.exp(-0.5 * edge * edge) * min(1.0, 4.0 * s + 0.3 * (t > 0.0)) if abs(t) < 1.12 else 0.0
            )
            under = (y - low + 0.2) / 0.55
            line = max(line * lash, 0.45 * lash * math.exp(-0.5 * under * under) * min(1.0, 3.0 * s))
            opened = _soft(high - y, soft) * _soft(y - low, soft) if high > low and s > 0.0 else 0.0
            if opened > 0.0:
                d = math.sqrt((x - gaze_x) ** 2 + (y - gaze_y - 0.4) ** 2)
                in_iris, in_pupil = _soft(IRIS - d, max(soft, 0.5)), _soft(pupil - d, max(soft, 0.4))
                ray = 1.0 + 0.25 * math.sin(21.0 * math.atan2(y - gaze_y, x - gaze_x)) * in_iris
                ring = 1.0 - 0.65 * max(0.0, (d - 4.5) / 1.4) * (d < IRIS)
                # The upper lid's shadow on the ball, and the ball turning away at its ends.
                ball = (1.0 - 0.5 * math.exp(-max(0.0, high - y) / 1.5)) * (1.0 - 0.35 * t * t)
                spark = _soft(
                    1.1 - math.sqrt((x - 0.55 * gaze_x - 1.6) ** 2 + (y - 0.55 * gaze_y - 2.2) ** 2),
                    max(soft, 0.5),
                )
                corner = max(0.0, -t - 0.82) * 3.0
            for c in range(channels):
                value = skin[i, j, c] * tone
                if opened > 0.0:
                    white = sclera[c] * (1.0 - 0.5 * corner)
                    eye = white + in_iris * (iris[c] * ray * ring - white)
                    eye = eye * (1.0 - 0.96 * in_pupil) * ball
                    eye += spark * (0.85 - eye)
                    value += opened * (eye - value)
                texture[i, j, c] = value * (1.0 - 0.9 * min(1.0, line))


class Eye:
    """One eye of a person, in the texture of a camera.

    Args:
        who: the person.
        skin: the head's texture.
        base: what the texture shows with the lids closed, float32 ``[h, w, C]``.
        side: 1 the left eye, -1 the right one.
        weights: of blue, green and red in each of the texture's channels, ``[C, 3]``.
    """

    def __init__(
        self, who: Identity, skin: SkinMap, base: NDArray[np.float32], side: int, weights: NDArray[np.float64]
    ) -> None:
        x, y = (skin.place[..., 0] - side * EYE_X) * side, skin.place[..., 1] - EYE_Y
        near = (np.abs(x) < 20.0) & (y > -8.5) & (y < 14.0) & (skin.place[..., 2] > 0)
        rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        self.block = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._x = np.ascontiguousarray(x[self.block], np.float32)
        self._y = np.ascontiguousarray(y[self.block], np.float32)
        self._skin = np.ascontiguousarray(base[self.block])
        self.shape = (
            HALF_WIDTH * who.eye_size, UPPER * who.eye_size, LOWER * who.eye_size, who.eye_tilt, who.lid_fold,
            1.9 + 0.3 * (who.seed % 3),
        )  # fmt: skip
        self._iris = weights @ np.array(who.iris) * 1.6
        self._sclera = weights @ np.array([0.50, 0.53, 0.58])
        self._lash = 0.95 if who.sex == "f" else 0.75
        # An edge as soft as two texels: bilinear sampling then never shows a stair.
        self._soft = max(0.5, 1.6 * skin.texel)
        self._drawn: EyeState | None = None

    def draw(self, state: EyeState, texture: NDArray[np.float32], *, again: bool) -> None:
        """Draw the eye into the texture ``[h, w, C]``, if it has moved or was painted over."""
        state = state.rounded()
        if state == self._drawn and not again:
            return
        self._drawn = state
        values = (state.closed, state.upper, state.lower, state.gaze_x, state.gaze_y)
        _compose(
            texture[self.block], self._skin, self._x, self._y, self.shape, values, self._iris, self._sclera,
            self._lash, self._soft,
        )  # fmt: skip

    def aperture(self, state: EyeState) -> float:
        """Height of the opening between the lids, mm of the average face."""
        half, upper, lower, tilt, *_ = self.shape
        high, low = lid_heights(0.0, half, upper, lower, tilt, state.closed, state.upper, state.lower)
        return float(max(0.0, high - low))
