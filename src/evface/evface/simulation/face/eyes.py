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

REACH = 1.15
"""Halves of the fissure that an eye's drawing reaches to each side."""

BELOW, ABOVE = 8.5, 14.0
"""mm from the middle of the eye that its drawing reaches."""

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
def _open_lids(t, upper, lower):  # type: ignore[no-untyped-def]
    """Heights of the open lids' edges, mm; ``t`` is -1 at the fissure's inner end, 1 at its outer one."""
    s = max(0.0, 1.0 - t * t)
    # The upper lid is highest a little towards the nose, the lower one lowest towards the temple.
    high = upper * (s * (1.0 - 0.18 * t)) ** 0.72 if s > 0.0 else 0.0
    low = -lower * (s * (1.0 + 0.22 * t)) ** 0.85 if s > 0.0 else 0.0
    return high, low


@njit(cache=True, nogil=True, fastmath=True)
def _closing(high, low, s, slope, closed, raised, lifted):  # type: ignore[no-untyped-def]
    """Heights of lids that close, rise and are lifted, mm."""
    meeting = 0.8 * low
    high += raised * s
    low += lifted * s
    high += (meeting - high) * closed
    low += (meeting - low) * closed
    return high + slope, low + slope


@njit(cache=True, nogil=True, fastmath=True)
def lid_heights(x, half, upper, lower, tilt, closed, raised, lifted):  # type: ignore[no-untyped-def]
    """Heights of both lids' edges at a place of the fissure, mm."""
    t = x / half
    high, low = _open_lids(t, upper, lower)
    return _closing(high, low, max(0.0, 1.0 - t * t), tilt * t * 0.5, closed, raised, lifted)


@njit(cache=True, nogil=True, fastmath=True)
def _soft(distance, width):  # type: ignore[no-untyped-def]
    return min(1.0, max(0.0, distance / width + 0.5))


@njit(cache=True, nogil=True, fastmath=True)
def _bell(distance):  # type: ignore[no-untyped-def]
    """A line's darkness at a distance in its widths; nothing beyond three of them."""
    return math.exp(-0.5 * distance * distance) if abs(distance) < 3.0 else 0.0


@njit(cache=True, nogil=True, fastmath=True)
def _compose(texture, skin, xs, ys, rest, shape, state, iris, sclera, lash, soft):  # type: ignore[no-untyped-def]
    """Draw an eye over the skin of closed lids.

    ``rest`` has what does not change, ``[h, w, 4]``: heights of the open lids and of the crease.
    """
    half, tilt, fold, pupil = shape
    closed, raised, lifted, gaze_x, gaze_y = state
    rows, columns, channels = skin.shape
    for i in range(rows):
        for j in range(columns):
            x, y = xs[i, j], ys[i, j]
            t = x / half
            if abs(t) > REACH:
                continue
            s = max(0.0, 1.0 - t * t)
            slope = tilt * t * 0.5
            high, low = _closing(rest[i, j, 0], rest[i, j, 1], s, slope, closed, raised, lifted)
            # The crease goes up with the lid and smooths out when it closes.
            crease = slope + rest[i, j, 2] * (1.0 - 0.25 * closed) + rest[i, j, 3] + 0.6 * raised
            tone = 1.0 - 0.42 * fold * (1.0 - 0.55 * closed) * _bell(y - crease) * min(1.0, 3.0 * s)
            # Lashes and the lid's wet edge.
            line = (
                lash * _bell((y - high - 0.25) / (0.75 + 0.35 * closed)) * min(1.0, 4.0 * s + 0.3 * (t > 0.0))
            )
            line = max(line, 0.45 * lash * _bell((y - low + 0.2) / 0.55) * min(1.0, 3.0 * s))
            if abs(t) > 1.12:
                line = 0.0
            opened = _soft(high - y, soft) * _soft(y - low, soft) if high > low and s > 0.0 else 0.0
            if opened > 0.0:
                d = math.sqrt((x - gaze_x) ** 2 + (y - gaze_y - 0.4) ** 2)
                in_iris, in_pupil = _soft(IRIS - d, max(soft, 0.5)), _soft(pupil - d, max(soft, 0.4))
                ray = 1.0
                if in_iris > 0.0:
                    ray += 0.25 * math.sin(21.0 * math.atan2(y - gaze_y, x - gaze_x)) * in_iris
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
        near = (np.abs(x) < 20.0) & (y > -BELOW) & (y < ABOVE) & (skin.place[..., 2] > 0)
        rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        self.block = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._x = np.ascontiguousarray(x[self.block], np.float32)
        self._y = np.ascontiguousarray(y[self.block], np.float32)
        self._skin = np.ascontiguousarray(base[self.block])
        self.shape = (
            HALF_WIDTH * who.eye_size, UPPER * who.eye_size, LOWER * who.eye_size, who.eye_tilt, who.lid_fold,
            1.9 + 0.3 * (who.seed % 3),
        )  # fmt: skip
        self._rest = self._at_rest()
        self._iris = weights @ np.array(who.iris) * 1.6
        self._sclera = weights @ np.array([0.50, 0.53, 0.58])
        self._lash = 0.95 if who.sex == "f" else 0.75
        # An edge as soft as two texels: bilinear sampling then never shows a stair.
        self._soft = max(0.5, 1.6 * skin.texel)
        self._drawn: EyeState | None = None

    def _at_rest(self) -> NDArray[np.float32]:
        """Heights of the open lids and of the crease at each texel, mm, ``[h, w, 4]``; see `_compose`."""
        half, upper, lower, *_ = self.shape
        t = self._x.astype(np.float64) / half
        s = np.maximum(0.0, 1.0 - t * t)
        lids = [_open_lids(place, upper, lower) for place in t.ravel().tolist()]
        high, low = np.array(lids).T.reshape(2, *t.shape)
        return np.stack([high, low, upper * s**0.6, 3.2 * s**0.3], -1).astype(np.float32)

    def draw(self, state: EyeState, texture: NDArray[np.float32]) -> None:
        """Draw the eye into the texture ``[h, w, C]``, if it has moved."""
        state = state.rounded()
        if state == self._drawn:
            return
        self._drawn = state
        values = (state.closed, state.upper, state.lower, state.gaze_x, state.gaze_y)
        half, _, _, tilt, fold, pupil = self.shape
        _compose(
            texture[self.block], self._skin, self._x, self._y, self._rest, (half, tilt, fold, pupil), values,
            self._iris, self._sclera, self._lash, self._soft,
        )  # fmt: skip

    def aperture(self, state: EyeState) -> float:
        """Height of the opening between the lids, mm of the average face."""
        half, upper, lower, tilt, *_ = self.shape
        high, low = lid_heights(0.0, half, upper, lower, tilt, state.closed, state.upper, state.lower)
        return float(max(0.0, high - low))
