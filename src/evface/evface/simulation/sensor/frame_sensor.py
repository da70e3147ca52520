"""Frame cameras that take time to look: exposure, motion blur, a rolling shutter, noise, eight bits.

The DAVIS346's frames have a global shutter and are linear in the light, as its raw frames are. The webcam
reads its rows one after the other and shows light with a gamma; of a scene that stands still it takes one
picture a frame. Full wells and read noise are estimates of such sensors, not measured ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.simulation.scene import GAMMA, LIGHT_OF_VALUE, Scene

SECOND = 1_000_000_000
"""ns."""

MILLISECOND = 1_000_000
"""ns."""

STILL = 0.5
"""px that anything may move while a frame is taken from one picture."""

_LEVELS = 4096
_VALUE_OF_LEVEL = (255.0 * (np.arange(_LEVELS) / (_LEVELS - 1)) ** (1.0 / GAMMA)).astype(np.float32)

_NOISE = 1 << 18
"""Normal deviates that lie ready; every row of every frame begins somewhere else in them."""


@dataclass(frozen=True, slots=True)
class FrameModel:
    """What the pixels of a frame camera are like.

    Attributes:
        filling: lux ms of light 1 that fill a pixel.
        full_well: electrons of a full pixel.
        read_noise: electrons.
        pattern: spread of gain and of offset (of the full range) between pixels.
        readout: ns from the first row to the last; 0: a global shutter.
        brightness: share of the full range that light 1 gets where the camera chooses its exposure.
    """

    filling: float
    full_well: float
    read_noise: float
    pattern: float = 0.0
    readout: int = 0
    brightness: float = 1.0

    def exposure(self, lux: float, longest: int) -> tuple[int, float]:
        """The exposure that the camera chooses: shorter in more light.

        Args:
            lux: light of what is rendered as 1.
            longest: ns.

        Returns:
            ns, and the gain that makes up for what it is too short.
        """
        wanted = round(self.brightness * self.filling / max(lux, 1e-3) * MILLISECOND)
        chosen = min(longest, max(MILLISECOND // 10, wanted))
        return chosen, max(1.0, wanted / chosen)


DAVIS346_FRAMES = FrameModel(
    filling=2000.0, full_well=30_000.0, read_noise=50.0, pattern=0.006, brightness=1.6
)
"""The DAVIS346's frames: about 55 dB from noise to full, a visible fixed pattern."""

WEBCAM_FRAMES = FrameModel(filling=5000.0, full_well=6_000.0, read_noise=4.0, readout=16 * MILLISECOND)
"""A webcam of small pixels: 10 ms in a room of 500 lux."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame that was taken.

    Attributes:
        image: uint8 ``[H, W]``, or ``[H, W, 3]`` (BGR).
        time: ns, host clock, the middle of the exposure (of the middle row).
        exposure: ns.
        gain: of the electronics.
    """

    image: NDArray[np.uint8]
    time: int
    exposure: int
    gain: float = 1.0


class _Grain:
    """Noise that follows from seed and frame time: where in a store of deviates each row begins."""

    def __init__(self, seed: int, rows: int, columns: int) -> None:
        self._seed, self._rows = seed, rows
        self.store = np.random.default_rng([seed, 0x6A1]).standard_normal(_NOISE + columns, np.float32)

    def rows(self, time_ns: int) -> NDArray[np.int64]:
        """Where each row of the frame of this time begins."""
        return np.random.default_rng([self._seed, time_ns]).integers(0, _NOISE, self._rows)


@njit(cache=True, nogil=True)
def _add(total, before, after, first, second):  # type: ignore[no-untyped-def]
    """Two weighted pictures onto a sum."""
    for i in range(total.size):
        at = np.uintp(i)
        total[at] += first * before[at] + second * after[at]


@njit(cache=True, nogil=True, fastmath=True)
def _develop(light, fill, gains, offsets, full_well, read_noise, noise, begins, columns, out):  # type: ignore[no-untyped-def]
    """Light to eight bits: electrons with their shot noise, read noise, fixed pattern."""
    read = read_noise * read_noise
    top = np.float32(full_well)
    for row in range(begins.size):
        begin = begins[row]
        for column in range(columns):
            at = np.uintp(row * columns + column)
            electrons = light[at] * fill * gains[at] * top
            electrons += math.sqrt(max(np.float32(0.0), electrons) + read) * noise[np.uintp(begin + column)]
            value = np.float32(255.0) * (electrons / top + offsets[at])
            out[at] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), value + np.float32(0.5))))


class GlobalShutter:
    """The frames of a DAVIS346, from the pictures that its events are made from: no picture is made for them.

    Between two pictures the light is taken to change evenly.

    Args:
        width: px.
        height: px.
        frame_rate: Hz.
        exposure_ms: 0: the camera chooses it by the light, up to most of a frame.
        seed: of the fixed pattern and the noise.
        model: of the pixels.
    """

    def __init__(
        self,
        width: int,
        height: int,
        frame_rate: float,
        exposure_ms: float = 0.0,
        seed: int = 0,
        model: FrameModel = DAVIS346_FRAMES,
    ) -> None:
        self.width, self.height, self.model = width, height, model
        self._period = round(SECOND / frame_rate)
        self._longest = self._period * 9 // 10
        self._fixed = min(round(exposure_ms * MILLISECOND), self._longest)
        self._grain = _Grain(seed, height, width)
        rng = np.random.default_rng([seed, 0xF1F])
        count = width * height
        self._gains = (1.0 + model.pattern * rng.standard_normal(count)).astype(np.float32)
        # Correlated double sampling takes most of the offsets away.
        self._offsets = (0.25 * model.pattern * rng.standard_normal(count)).astype(np.float32)
        self._total = np.zeros(count, np.float32)
        self._before: tuple[int, NDArray[np.float32]] | None = None
        self._next = 0
        self._open: tuple[int, int] | None = None

    def start(self, time_ns: int) -> None:
        """The first exposure begins at this moment of the host's clock."""
        self._next, self._open, self._before = time_ns, None, None

    def see(self, light: NDArray[np.float32], time_ns: int, lux: float) -> list[Shot]:
        """Go on to the next picture.

        Args:
            light: linear light, float32 ``[H, W]``; kept until the next call, not changed.
            time_ns: host clock, later than the picture before.
            lux: light of what is rendered as 1.

        Returns:
            The frames whose exposure has ended.

        Raises:
            GeometryError: the picture has another size or type.
        """
        if light.shape != (self.height, self.width) or light.dtype != np.float32:
            raise GeometryError(
                f"picture is {light.dtype}{list(light.shape)}, expected float32[{self.height}, {self.width}]"
            )
        shots: list[Shot] = []
        before, self._before = self._before, (time_ns, light)
        if before is None:
            return shots
        self._leave_out(before[0], time_ns)
        while True:
            if self._open is None:
                if time_ns <= self._next:
                    return shots
                self._begin(lux)
            assert self._open is not None
            begin, exposure = self._open
            self._expose(before, (time_ns, light), begin, begin + exposure)
            if time_ns < begin + exposure:
                return shots
            shots.append(self._end(lux))

    def _leave_out(self, before: int, now: int) -> None:
        """Frames that began in a step longer than two frames are missed, but for the last one."""
        missed = (now - self._next) // self._period
        if now - before > 2 * self._period and missed > 1:
            self._next += (missed - 1) * self._period
            self._open = None

    def _begin(self, lux: float) -> None:
        exposure = self._fixed or self.model.exposure(lux, self._longest)[0]
        self._open = (self._next, exposure)
        self._next += self._period
        self._total[:] = 0.0

    def _expose(
        self,
        before: tuple[int, NDArray[np.float32]],
        after: tuple[int, NDArray[np.float32]],
        begin: int,
        end: int,
    ) -> None:
        (first, picture), (second, other) = before, after
        start, stop = max(begin, first), min(end, second)
        if stop <= start:
            return
        span = second - first
        # The integral of the second picture's share, which grows evenly, over the part of the exposure.
        share = ((stop - first) ** 2 - (start - first) ** 2) / (2.0 * span)
        whole = float(stop - start)
        length = float(end - begin)
        _add(
            self._total, picture.ravel(), other.ravel(),
            np.float32((whole - share) / length), np.float32(share / length),
        )  # fmt: skip

    def _end(self, lux: float) -> Shot:
        assert self._open is not None
        (begin, exposure), self._open = self._open, None
        model = self.model
        fill = np.float32(lux * exposure / MILLISECOND / model.filling)
        image = np.empty(self.height * self.width, np.uint8)
        _develop(
            self._total, fill, self._gains, self._offsets, model.full_well, model.read_noise,
            self._grain.store, self._grain.rows(begin), self.width, image,
        )  # fmt: skip
        return Shot(image.reshape(self.height, self.width), begin + exposure // 2, exposure)


def row_weights(rows: int, pictures: int, exposure: float, readout: float) -> NDArray[np.float32]:
    """How much each of several pictures, evenly spaced over exposure and readout, has of each row.

    Between two pictures the light changes evenly; row ``r`` is exposed from ``r / rows`` of the readout on.

    Args:
        rows: of the frame.
        pictures: 1 or more; the first is of the beginning, the last of the end.
        exposure: of a row, in any unit of time.
        readout: from the first row to the last, in the same unit.

    Returns:
        float32 ``[rows, pictures]``; each row sums to 1.
    """
    if pictures == 1:
        return np.ones((rows, 1), np.float32)
    spacing = (exposure + readout) / (pictures - 1)
    begin = readout * np.arange(rows)[:, None] / rows
    moments = spacing * np.arange(pictures)[None, :]

    def until(time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integral of a picture's share, a triangle about its moment, up to a time."""
        u = np.clip((time - moments) / spacing, -1.0, 1.0)
        return spacing * np.where(u < 0.0, 0.5 * (1.0 + u) ** 2, 1.0 - 0.5 * (1.0 - u) ** 2)

    # Outside the first and last moment there is no light to integrate.
    weights = until(begin + exposure) - until(begin)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@njit(cache=True, nogil=True)
def _grain_onto(picture, spread, noise, begins, out):  # type: ignore[no-untyped-def]
    """Noise onto a picture, more or less of it by its value."""
    width = picture.shape[1]
    for row in range(picture.shape[0]):
        begin = begins[row]
        for at in range(width):
            value = picture[row, at]
            noisy = np.float32(value) + spread[value] * noise[np.uintp(begin + at)] + np.float32(0.5)
            out[row, at] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), noisy)))


@njit(cache=True, nogil=True)
def _mix(first, second, share, other, light_of_value, value_of_level, spread, noise, begins, out):  # type: ignore[no-untyped-def]
    """A row of each of two pictures, mixed as light, with noise."""
    width = first.shape[1]
    top = np.float32(len(value_of_level) - 1)
    half = np.float32(0.5)
    for row in range(first.shape[0]):
        begin, one, two = begins[row], share[row], other[row]
        for at in range(width):
            light = one * light_of_value[first[row, at]] + two * light_of_value[second[row, at]]
            value = value_of_level[np.uintp(light * top + half)]
            noisy = value + spread[np.uintp(value)] * noise[np.uintp(begin + at)] + half
            out[row, at] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), noisy)))


@njit(cache=True, nogil=True)
def _collect(picture, weights, light_of_value, light):  # type: ignore[no-untyped-def]
    """A picture's share of each row's light."""
    for row in range(picture.shape[0]):
        weight = weights[row]
        if weight > 0.0:
            for at in range(picture.shape[1]):
                light[row, at] += weight * light_of_value[picture[row, at]]


@njit(cache=True, nogil=True)
def _show(light, value_of_level, spread, noise, begins, out):  # type: ignore[no-untyped-def]
    """Light as values, with noise."""
    top = np.float32(len(value_of_level) - 1)
    half = np.float32(0.5)
    for row in range(light.shape[0]):
        begin = begins[row]
        for at in range(light.shape[1]):
            value = value_of_level[np.uintp(min(np.float32(1.0), light[row, at]) * top + half)]
            noisy = value + spread[np.uintp(value)] * noise[np.uintp(begin + at)] + half
            out[row, at] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), noisy)))


class RollingShutter:
    """A webcam: rows one after the other, exposed as the light asks for, its brightness kept by a gain.

    Args:
        width: px.
        height: px.
        frame_rate: Hz; no exposure is longer than a frame.
        seed: of the noise.
        pictures: the most that one frame is made from; of two, what moves by several pixels leaves two edges
            instead of a blur.
        readout_ms: from the first row to the last; None: the model's.
        model: of the pixels.
    """

    def __init__(
        self,
        width: int,
        height: int,
        frame_rate: float,
        seed: int = 0,
        pictures: int = 2,
        readout_ms: float | None = None,
        model: FrameModel = WEBCAM_FRAMES,
    ) -> None:
        self.width, self.height, self.model = width, height, model
        self.readout = model.readout if readout_ms is None else round(readout_ms * MILLISECOND)
        self._most = pictures
        self._longest = round(SECOND / frame_rate)
        self._grain = _Grain(seed, height, 3 * width)
        self._light: NDArray[np.float32] | None = None
        self._spread_of: tuple[float, NDArray[np.float32]] | None = None

    def shoot(self, scene: Scene, end_ns: int, lux: float) -> Shot:
        """The frame whose last row is exposed up to a moment.

        Args:
            scene: looked at; never later than ``end_ns``.
            end_ns: host clock.
            lux: light of what the scene shows as 1.
        """
        exposure, gain = self.model.exposure(lux, self._longest)
        length = exposure + self.readout
        begin = end_ns - length
        moved = scene.motion(begin, end_ns, self.width, self.height) if self._most > 1 else 0.0
        count = 1 if moved <= STILL else max(2, min(self._most, 1 + math.ceil(moved)))
        image = np.empty((self.height, 3 * self.width), np.uint8)
        noise = (self._spread(gain), self._grain.store, self._grain.rows(end_ns), image)
        if count == 1:
            _grain_onto(self._look(scene, begin + length // 2), *noise)
        else:
            self._expose(scene, begin, length, exposure, count, noise)
        middle = begin + length // 2
        return Shot(image.reshape(self.height, self.width, 3), middle, exposure, gain)

    def warm_up(self) -> None:
        """Compile before a clock runs."""
        black = np.zeros((2, 3), np.uint8)
        noise = (self._spread(1.0), self._grain.store, np.zeros(2, np.int64), black.copy())
        weights = row_weights(2, 3, 1.0, 1.0)
        light = np.zeros((2, 3), np.float32)
        _grain_onto(black, *noise)
        _mix(black, black, weights[:, 0], weights[:, 1], LIGHT_OF_VALUE, _VALUE_OF_LEVEL, *noise)
        _collect(black, weights[:, 0], LIGHT_OF_VALUE, light)
        _show(light, _VALUE_OF_LEVEL, *noise)

    def _look(self, scene: Scene, time_ns: int) -> NDArray[np.uint8]:
        return scene.picture(time_ns, self.width, self.height).reshape(self.height, 3 * self.width)

    def _expose(
        self,
        scene: Scene,
        begin: int,
        length: int,
        exposure: int,
        count: int,
        noise: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.uint8]],
    ) -> None:
        weights = row_weights(self.height, count, exposure, self.readout)
        moments = [begin + length * k // (count - 1) for k in range(count)]
        if count == 2:
            first, second = (self._look(scene, moment) for moment in moments)
            _mix(first, second, weights[:, 0], weights[:, 1], LIGHT_OF_VALUE, _VALUE_OF_LEVEL, *noise)
            return
        if self._light is None:
            self._light = np.empty((self.height, 3 * self.width), np.float32)
        self._light[:] = 0.0
        for moment, share in zip(moments, weights.T, strict=True):
            _collect(self._look(scene, moment), share, LIGHT_OF_VALUE, self._light)
        _show(self._light, _VALUE_OF_LEVEL, *noise)

    def _spread(self, gain: float) -> NDArray[np.float32]:
        """Standard deviation of each value, from that of its light."""
        if self._spread_of is None or self._spread_of[0] != gain:
            model = self.model
            light = LIGHT_OF_VALUE.astype(np.float64)
            electrons = light * model.full_well / gain
            deviation = np.sqrt(electrons + model.read_noise**2) * gain / model.full_well
            # The gamma's slope at black has no end; the noise itself bounds it.
            slope = (
                255.0 / GAMMA * np.maximum(light, np.maximum(2.0 * deviation, 1e-9)) ** (1.0 / GAMMA - 1.0)
            )
            self._spread_of = gain, (slope * deviation).astype(np.float32)
        return self._spread_of[1]
