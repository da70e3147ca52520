"""Frames that take time to look, against what their exposure, readout and electrons say they should be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from evface.cameras import Cue
from evface.errors import GeometryError
from evface.simulation.sensor.frame_sensor import (
    DAVIS346_FRAMES,
    MILLISECOND,
    SECOND,
    WEBCAM_FRAMES,
    FrameModel,
    GlobalShutter,
    RollingShutter,
    Shot,
    row_weights,
)

NOW = 1_700_000_000_000_000_000
WIDTH, HEIGHT = 200, 40
QUIET = FrameModel(filling=2500.0, full_well=1e9, read_noise=0.0)
"""A global shutter without noise, full after 5 ms at 500 lux."""


class Edge:
    """A vertical edge, black on its left, that goes to the right at an even speed, px/s."""

    lux = 500.0

    def __init__(self, speed: float, at: float = 50.0, bright: int = 255) -> None:
        self.speed, self.at, self.bright = speed, at, bright
        self.looks = 0

    def cue(self, cue: Cue) -> None:
        """Nothing is asked of an edge."""

    def light(self, time_ns: int, width: int) -> np.ndarray:
        place = self.at + self.speed * (time_ns - NOW) / SECOND
        return np.clip(np.arange(width) + 0.5 - place + 0.5, 0.0, 1.0)

    def render(self, time_ns: int, width: int, height: int) -> np.ndarray:
        self.looks += 1
        return np.tile(self.light(time_ns, width), (height, 1)).astype(np.float32)

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        return abs(self.speed) * (end_ns - begin_ns) / SECOND

    def picture(self, time_ns: int, width: int, height: int) -> np.ndarray:
        self.looks += 1
        value = np.round(self.bright * self.light(time_ns, width) ** (1 / 2.2)).astype(np.uint8)
        return np.repeat(np.tile(value, (height, 1))[:, :, None], 3, axis=2)


def frames(shutter: GlobalShutter, scene: Edge, step: int, until: int, lux: float = 500.0) -> Iterator[Shot]:
    shutter.start(NOW)
    for time in range(NOW, NOW + until, step):
        yield from shutter.see(scene.render(time, shutter.width, shutter.height), time, lux)


def flat(
    level: float, lux: float, seed: int, count: int = 30, model: FrameModel = DAVIS346_FRAMES
) -> np.ndarray:
    """Frames of an evenly lit wall, float64 ``[count, H, W]``."""
    shutter = GlobalShutter(WIDTH, HEIGHT, 25.0, exposure_ms=5.0, seed=seed, model=model)
    wall = np.full((HEIGHT, WIDTH), level, np.float32)
    shutter.start(NOW)
    shots = [shot for k in range(count * 8 + 8) for shot in shutter.see(wall, NOW + k * 5 * MILLISECOND, lux)]
    return np.stack([shot.image for shot in shots[:count]]).astype(np.float64)


def middle_of_edge(image: np.ndarray) -> np.ndarray:
    """Where the edge is in each row: what is dark, in px; float64 ``[H]``."""
    light = (image.astype(np.float64) / 255.0) ** 2.2
    return image.shape[1] - light.sum(axis=1)


# --- global shutter -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [MILLISECOND // 2, MILLISECOND * 7 // 10])
@pytest.mark.parametrize(("speed", "exposure_ms"), [(2000.0, 5.0), (1000.0, 20.0)])
def test_a_moving_edge_is_blurred_as_wide_as_it_moves_in_the_exposure(
    speed: float, exposure_ms: float, step: int
) -> None:
    shutter = GlobalShutter(WIDTH, HEIGHT, 25.0, exposure_ms, model=QUIET)
    lux = 500.0 * 5.0 / exposure_ms
    shot = next(frames(shutter, Edge(speed), step, 100 * MILLISECOND, lux))
    row = shot.image[0] / 255.0
    # Second moment of an edge's slope: a box of the blur's width, sampled by pixels one wide.
    slope = np.diff(row)
    places = np.arange(1, WIDTH)
    mean = (slope * places).sum()
    variance = (slope * (places - mean) ** 2).sum()
    blur = speed * exposure_ms / 1000.0
    assert slope.sum() == pytest.approx(1.0, abs=0.02)
    assert variance == pytest.approx(blur**2 / 12, rel=0.15, abs=0.5)
    assert mean == pytest.approx(50.0 + blur / 2, abs=0.1)
    assert shot.time == NOW + round(exposure_ms * MILLISECOND / 2)


def test_frames_come_at_their_rate_whatever_the_steps() -> None:
    for step in (500_000, 7 * MILLISECOND, 55 * MILLISECOND):
        shutter = GlobalShutter(WIDTH, HEIGHT, 20.0, 5.0)
        times = [shot.time for shot in frames(shutter, Edge(0.0), step, SECOND)]
        assert len(times) in (19, 20)
        assert set(np.diff(times)) == {50 * MILLISECOND}


def test_frames_of_a_long_stop_are_left_out() -> None:
    shutter = GlobalShutter(WIDTH, HEIGHT, 20.0, 5.0)
    shutter.start(NOW)
    wall = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    assert not shutter.see(wall, NOW, 500.0)
    assert 1 <= len(shutter.see(wall, NOW + 5 * SECOND, 500.0)) <= 2
    assert len(shutter.see(wall, NOW + 5 * SECOND + 50 * MILLISECOND, 500.0)) == 1


@pytest.mark.parametrize(("level", "lux"), [(0.0, 500.0), (0.1, 200.0), (0.5, 200.0), (0.9, 300.0)])
def test_the_noise_of_a_frame_is_that_of_its_electrons(level: float, lux: float) -> None:
    model = FrameModel(filling=2000.0, full_well=2000.0, read_noise=20.0)
    dark = FrameModel(filling=2000.0, full_well=2000.0, read_noise=20.0, pattern=0.0)
    images = flat(level, lux, seed=3, count=40, model=dark if level else model)
    electrons = level * lux * 5.0 / 2000.0 * 2000.0
    if level == 0.0:
        # Half of the read noise lies below black.
        assert images.mean() == pytest.approx(255.0 / 2000.0 * 20.0 * 0.3989, abs=0.1)
        return
    expected = (255.0 / 2000.0) ** 2 * (electrons + 20.0**2) + 1 / 12
    assert images.mean() == pytest.approx(255.0 * electrons / 2000.0, rel=0.01)
    assert images.var(axis=0).mean() == pytest.approx(expected, rel=0.05)


def test_the_pattern_stays_and_the_noise_does_not() -> None:
    images = flat(0.4, 500.0, seed=1, count=60)
    pattern = images.mean(axis=0)
    assert pattern.std() / pattern.mean() == pytest.approx(DAVIS346_FRAMES.pattern, rel=0.4)
    first, second = (images[k] - pattern for k in (0, 1))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_a_frame_follows_from_seed_and_time() -> None:
    assert np.array_equal(flat(0.4, 500.0, seed=1, count=3), flat(0.4, 500.0, seed=1, count=3))
    assert not np.array_equal(flat(0.4, 500.0, seed=1, count=3), flat(0.4, 500.0, seed=2, count=3))


def test_a_fixed_exposure_is_darker_in_less_light() -> None:
    bright, dim = flat(0.4, 400.0, seed=1, count=3), flat(0.4, 200.0, seed=1, count=3)
    assert bright.mean() == pytest.approx(2 * dim.mean(), rel=0.02)


@pytest.mark.parametrize("model", [DAVIS346_FRAMES, WEBCAM_FRAMES])
def test_a_chosen_exposure_is_inverse_to_the_light_until_a_gain_takes_over(model: FrameModel) -> None:
    longest = 33 * MILLISECOND
    bright, dim, dark = (model.exposure(lux, longest) for lux in (1400.0, 350.0, 20.0))
    assert bright[0] * 4 == pytest.approx(dim[0], rel=0.01)
    assert bright[1] == dim[1] == 1.0
    assert dark[0] == longest
    assert dark[0] * dark[1] * 20.0 == pytest.approx(dim[0] * 350.0, rel=0.01)


def test_the_davis_chooses_its_exposure_by_the_light() -> None:
    found = {}
    for lux in (400.0, 1200.0):
        shutter = GlobalShutter(WIDTH, HEIGHT, 25.0)
        found[lux] = next(frames(shutter, Edge(0.0, at=-10.0), MILLISECOND, 100 * MILLISECOND, lux))
    assert found[400.0].exposure == pytest.approx(3 * found[1200.0].exposure, rel=0.01)
    assert found[400.0].image.mean() == pytest.approx(found[1200.0].image.mean(), abs=1.0)


def test_a_picture_that_does_not_fit_is_refused() -> None:
    shutter = GlobalShutter(WIDTH, HEIGHT, 25.0)
    with pytest.raises(GeometryError, match="float32"):
        shutter.see(np.zeros((WIDTH, HEIGHT), np.float32), NOW, 500.0)


# --- rolling shutter ------------------------------------------------------------------------------------


def test_the_weights_of_a_row_are_the_integral_over_its_exposure() -> None:
    rows, pictures, exposure, readout = 7, 5, 10.0, 16.0
    found = row_weights(rows, pictures, exposure, readout)
    moments = np.linspace(0.0, exposure + readout, pictures)
    fine = np.linspace(0.0, 1.0, 20_001)
    for row in range(rows):
        times = readout * row / rows + exposure * fine
        for k in range(pictures):
            hat = np.interp(times, moments, np.eye(pictures)[k])
            assert found[row, k] == pytest.approx(hat.mean(), abs=1e-3)
    assert found.sum(axis=1) == pytest.approx(np.ones(rows), abs=1e-6)


@pytest.mark.parametrize("pictures", [2, 12])
def test_a_moving_edge_leans_by_its_speed_times_the_time_of_a_row(pictures: int) -> None:
    speed = 400.0
    shutter = RollingShutter(WIDTH, HEIGHT, 30.0, pictures=pictures)
    shot = shutter.shoot(Edge(speed, at=100.0), NOW, 500.0)
    places = middle_of_edge(shot.image[..., 1])
    row_time = WEBCAM_FRAMES.readout / HEIGHT / SECOND
    slope, at = np.polyfit(np.arange(HEIGHT), places, 1)
    assert slope == pytest.approx(speed * row_time, rel=0.1)
    middle = at + slope * (HEIGHT - 1) / 2
    assert middle == pytest.approx(100.0 + speed * (shot.time - NOW) / SECOND, abs=0.5)


def test_a_scene_that_stands_still_costs_one_picture_and_one_that_moves_no_more_than_allowed() -> None:
    still, moving = Edge(0.0), Edge(5000.0)
    shutter = RollingShutter(WIDTH, HEIGHT, 30.0, pictures=4)
    shutter.shoot(still, NOW, 500.0)
    shutter.shoot(moving, NOW, 500.0)
    assert (still.looks, moving.looks) == (1, 4)


def test_a_webcam_keeps_its_brightness_in_the_dark_and_pays_with_noise_and_blur() -> None:
    shutter = RollingShutter(WIDTH, HEIGHT, 30.0)
    wall = Edge(0.0, at=-10.0, bright=128)
    light, dark = (shutter.shoot(wall, NOW, lux) for lux in (1000.0, 15.0))
    assert dark.exposure == SECOND // 30 > light.exposure
    assert dark.gain > light.gain == 1.0
    assert light.image.mean() == pytest.approx(dark.image.mean(), abs=1.0)
    ratio = dark.image.astype(float).std() / light.image.astype(float).std()
    assert ratio == pytest.approx(np.sqrt(dark.gain), rel=0.15)


def test_the_noise_of_a_webcams_value_is_that_of_its_light() -> None:
    shot = RollingShutter(WIDTH, 200, 30.0).shoot(Edge(0.0, at=-10.0, bright=100), NOW, 500.0)
    light = (100 / 255) ** 2.2
    electrons = light * WEBCAM_FRAMES.full_well
    deviation = np.sqrt(electrons + WEBCAM_FRAMES.read_noise**2) / electrons * 100 / 2.2
    assert shot.image.astype(float).std() == pytest.approx(np.sqrt(deviation**2 + 1 / 12), rel=0.03)


def test_two_webcams_of_a_seed_take_the_same_frame() -> None:
    first, second, other = (RollingShutter(WIDTH, HEIGHT, 30.0, seed=seed) for seed in (1, 1, 2))
    images = [shutter.shoot(Edge(300.0), NOW, 500.0).image for shutter in (first, second, other)]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


@pytest.mark.parametrize("pictures", [1, 2, 5])
def test_a_rolling_frame_is_the_weighted_light_of_its_pictures(pictures: int) -> None:
    model = FrameModel(filling=5000.0, full_well=1e12, read_noise=0.0, readout=16 * MILLISECOND)
    edge = Edge(1000.0, at=100.0)
    shot = RollingShutter(WIDTH, HEIGHT, 30.0, pictures=pictures, model=model).shoot(edge, NOW, 500.0)
    length = shot.exposure + model.readout
    begin = NOW - length
    moments = [begin + length * k // (pictures - 1) for k in range(pictures)] if pictures > 1 else [shot.time]
    looks = np.stack([edge.picture(moment, WIDTH, HEIGHT) for moment in moments])
    weights = row_weights(HEIGHT, pictures, shot.exposure, model.readout)
    light = np.einsum("rk,krcb->rcb", weights, (looks / 255.0) ** 2.2)
    expected = 255.0 * light ** (1 / 2.2)
    # The gamma is looked up in 4096 steps, which are coarse near black.
    assert np.abs(shot.image - expected)[expected > 20].max() <= 1.0
    assert np.abs(shot.image - expected).max() <= 6.0
