"""Virtual subjects, scenes and the ideal event sensor."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evface.cameras import Cue
from evface.errors import FormatError, GeometryError
from evface.events import Events
from evface.protocol import AU_NUMBERS
from evface.simulation import (
    PhotographScene,
    Pose,
    Subject,
    ThresholdSensor,
    VideoScene,
    minimum_jerk,
    open_scene,
    to_grey,
    to_light,
)
from evface.simulation.motion import MOVEMENTS, SECOND, Movement
from evface.simulation.sensor.threshold import DARK

NOW = 1_700_000_000_000_000_000


def cue(phase: str, start: int = NOW, au: int = 12, take: int = 1) -> Cue:
    return Cue(phase, au, start, 2 * SECOND, trial=3, take=take)


def distance(a: Pose, b: Pose) -> float:
    return max(abs(a.right - b.right), abs(a.down - b.down), abs(a.turn - b.turn), abs(a.growth - b.growth))


# --- subject ------------------------------------------------------------------------------------------


def test_each_action_unit_has_a_movement_of_its_own() -> None:
    assert set(MOVEMENTS) == set(AU_NUMBERS)
    assert len(set(MOVEMENTS.values())) == 21


def test_the_subjects_left_is_the_pictures_right() -> None:
    assert MOVEMENTS[51].right > 0 > MOVEMENTS[52].right
    assert MOVEMENTS[54].down > 0 > MOVEMENTS[53].down


@given(st.floats(-1, 2), st.floats(0, 0.1))
def test_a_minimum_jerk_movement_goes_from_0_to_1_and_never_back(share: float, step: float) -> None:
    assert 0.0 <= minimum_jerk(share) <= minimum_jerk(share + step) + 1e-12 <= 1.0 + 1e-12
    assert minimum_jerk(0.0) == 0.0
    assert minimum_jerk(1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_a_cue_is_answered_after_a_human_reaction_time_out_and_back(au: int) -> None:
    movement = Movement.of(cue("perform", au=au), seed=5)
    assert 0.2 * SECOND <= movement.begin - NOW <= 0.35 * SECOND
    assert movement.share(movement.begin) == 0.0
    assert movement.share(movement.begin + movement.onset + movement.apex // 2) == 1.0
    end = movement.begin + movement.onset + movement.apex + movement.offset
    assert movement.share(end) == pytest.approx(0.0)
    assert end - NOW < 1.7 * SECOND


def test_two_processes_with_the_same_seed_and_cues_see_the_same() -> None:
    first, second, other = Subject(1), Subject(1), Subject(2)
    for subject in (first, second, other):
        subject.cue(cue("countdown"))
        subject.cue(cue("perform"))
    times = [NOW + k * SECOND // 50 for k in range(200)]
    assert [first.pose(time) for time in times] == [second.pose(time) for time in times]
    assert any(distance(first.pose(time), other.pose(time)) > 0.01 for time in times)


def test_a_cue_that_comes_twice_is_acted_on_once() -> None:
    once, twice = Subject(1), Subject(1)
    once.cue(cue("perform"))
    twice.cue(cue("perform"))
    twice.cue(cue("perform"))
    assert once.pose(NOW + SECOND // 2) == twice.pose(NOW + SECOND // 2)


def test_another_take_is_performed_differently() -> None:
    first, second = (Movement.of(cue("perform", take=take), seed=1) for take in (1, 2))
    assert first.begin != second.begin
    assert first.peak != second.peak


def test_sway_is_small_continuous_and_without_a_cue_all_there_is() -> None:
    subject = Subject(3)
    poses = [subject.pose(NOW + k * SECOND // 100) for k in range(1000)]
    assert max(distance(pose, poses[0]) for pose in poses) < 0.02
    assert 0 < max(distance(a, b) for a, b in pairwise(poses)) < 0.0005


# --- scenes -------------------------------------------------------------------------------------------


def test_a_photograph_is_light_for_a_sensor_and_a_picture_for_a_webcam() -> None:
    scene = PhotographScene(seed=1)
    light, picture = scene.render(NOW, 346, 260), scene.picture(NOW, 640, 480)
    assert light.shape == (260, 346)
    assert light.dtype == np.float32
    assert 0.0 <= light.min() < 0.05 < 0.8 < light.max() <= 1.0
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    grey = cv2.cvtColor(cv2.resize(picture, (347, 260)), cv2.COLOR_BGR2GRAY)[:, :346]
    assert np.corrcoef(grey.ravel(), to_grey(light).ravel())[0, 1] > 0.98


def test_a_performance_moves_the_photograph_and_brings_it_back() -> None:
    still, moved = PhotographScene(seed=1), PhotographScene(seed=1)
    moved.cue(cue("perform", au=51))
    at_apex = NOW + round(0.75 * SECOND)
    shift, _ = cv2.phaseCorrelate(
        still.render(at_apex, 346, 260).astype(np.float64), moved.render(at_apex, 346, 260).astype(np.float64)
    )
    assert 5 < shift[0] < 15
    assert abs(shift[1]) < 1
    later = NOW + 2 * SECOND
    assert np.array_equal(still.render(later, 346, 260), moved.render(later, 346, 260))


def test_an_image_of_the_users_is_a_scene_too(tmp_path: Path) -> None:
    path = tmp_path / "me.png"
    cv2.imwrite(str(path), np.full((300, 200, 3), (0, 0, 255), np.uint8))
    scene = open_scene(str(path), seed=1)
    assert isinstance(scene, PhotographScene)
    assert np.all(scene.picture(NOW, 64, 48) == (0, 0, 255))


def test_what_is_no_scene_is_refused_with_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "text.mp4"
    broken.write_text("no video")
    for name in (str(tmp_path / "nothing.png"), str(broken)):
        with pytest.raises(FormatError, match=Path(name).name):
            open_scene(name)


def test_grey_and_light_are_each_others_inverse() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    back = to_grey(to_light(values)).astype(int)
    assert np.abs(back - values)[values >= 8].max() <= 1


@pytest.fixture
def brightening(tmp_path: Path) -> Path:
    """A video of 1 s, 10 frames, frame k of value 20 k."""
    path = tmp_path / "brightening.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for k in range(10):
        writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    writer.release()
    return path


def grey_at(scene: VideoScene, time_ns: int) -> int:
    return int(to_grey(scene.render(time_ns, 32, 24))[12, 16])


def test_a_video_waits_for_perform_plays_once_and_starts_over(brightening: Path) -> None:
    scene = VideoScene(brightening)
    assert grey_at(scene, NOW) <= 1
    scene.cue(cue("countdown"))
    assert grey_at(scene, NOW + SECOND) <= 1
    scene.cue(cue("perform", start=NOW + SECOND))
    assert grey_at(scene, NOW + SECOND + SECOND // 2) == pytest.approx(100, abs=2)
    assert grey_at(scene, NOW + 5 * SECOND) == pytest.approx(180, abs=2)
    scene.cue(cue("countdown", start=NOW + 5 * SECOND, take=2))
    assert grey_at(scene, NOW + 5 * SECOND) <= 1


def test_a_video_fades_from_frame_to_frame(brightening: Path) -> None:
    scene = VideoScene(brightening)
    scene.cue(cue("perform"))
    values = [grey_at(scene, NOW + k * SECOND // 100) for k in range(60)]
    assert values == sorted(values)
    assert len(set(values)) > 40


def test_a_video_ends_at_its_last_frame_however_finely_it_is_looked_at(brightening: Path) -> None:
    scene = VideoScene(brightening)
    scene.cue(cue("perform"))
    values = [grey_at(scene, NOW + k * SECOND // 200) for k in range(240)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(180, abs=2)


def test_a_looped_video_runs_by_the_clock(brightening: Path) -> None:
    scene = VideoScene(brightening, loop=True)
    begin = NOW - NOW % scene.frames.duration
    assert [grey_at(scene, begin + 7 * SECOND + k * SECOND // 10) for k in (0, 5, 9)] == pytest.approx(
        [0, 100, 180], abs=2
    )


def test_a_colour_camera_sees_the_middle_of_a_wide_video(brightening: Path) -> None:
    assert VideoScene(brightening).picture(NOW, 100, 100).shape == (100, 100, 3)


# --- event sensor -------------------------------------------------------------------------------------


def reference(
    images: list[np.ndarray], times: list[int], on: float, off: float
) -> list[tuple[int, int, int, int]]:
    """(t, y, x, p) of every crossing, pixel by pixel in plain Python."""
    events = []
    height, width = images[0].shape
    for y in range(height):
        for x in range(width):
            level = math.log(float(images[0][y, x]) + DARK)
            for before, after, begin, end in zip(images, images[1:], times, times[1:], strict=False):
                start, stop = math.log(float(before[y, x]) + DARK), math.log(float(after[y, x]) + DARK)
                step = on if stop > level else -off
                while (stop - level) / step >= 1.0:
                    level += step
                    share = (level - start) / (stop - start)
                    wait = min(end - begin, max(1, math.ceil(share * (end - begin))))
                    events.append((begin + wait, y, x, int(step > 0)))
    return sorted(events)


def as_tuples(events: Events) -> list[tuple[int, int, int, int]]:
    return list(zip(events.t.tolist(), events.y.tolist(), events.x.tolist(), events.p.tolist(), strict=True))


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 3000), min_size=1, max_size=5),
    st.sampled_from([(0.2, 0.2), (0.13, 0.31)]),
)
def test_the_sensor_finds_what_a_plain_search_finds(
    seed: int, steps: list[int], thresholds: tuple[float, float]
) -> None:
    rng = np.random.default_rng(seed)
    images = [rng.random((6, 9), np.float32) for _ in range(len(steps) + 1)]
    times = np.cumsum([1000, *steps]).tolist()
    sensor = ThresholdSensor(9, 6, *thresholds)
    parts = [sensor.step(image, time) for image, time in zip(images, times, strict=True)]
    for part, begin, end in zip(parts[1:], times, times[1:], strict=False):
        assert np.all(np.diff(part.t) >= 0)
        assert np.all((part.t > begin) & (part.t <= end))
    assert sorted(as_tuples(Events.concatenate(parts))) == reference(images, times, *thresholds)


def test_still_light_makes_no_events() -> None:
    sensor = ThresholdSensor(8, 8)
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert sum(len(sensor.step(image.copy(), 1 + k)) for k in range(5)) == 0


def test_even_change_of_log_light_makes_evenly_spaced_events() -> None:
    sensor = ThresholdSensor(1, 1, on=0.1, off=0.1)
    sensor.step(np.array([[0.1]], np.float32), 0)
    after = (0.1 + DARK) * math.exp(1.05) - DARK
    events = sensor.step(np.array([[after]], np.float32), 10_500)
    assert events.p.tolist() == [1] * 10
    assert events.t.tolist() == pytest.approx([1000 * k for k in range(1, 11)], abs=2)


def test_a_flash_over_the_whole_sensor_outgrows_no_buffer() -> None:
    sensor = ThresholdSensor(346, 260, on=0.05, off=0.05)
    sensor.step(np.zeros((260, 346), np.float32), 0)
    events = sensor.step(np.ones((260, 346), np.float32), 5_000_000)
    assert len(events) == 346 * 260 * int(math.log((1 + DARK) / DARK) / 0.05)
    assert np.all(np.diff(events.t) >= 0)


def test_a_picture_that_does_not_fit_is_refused() -> None:
    sensor = ThresholdSensor(8, 6)
    with pytest.raises(GeometryError, match="float32"):
        sensor.step(np.zeros((8, 6), np.float32), 1)
    sensor.step(np.zeros((6, 8), np.float32), 5)
    with pytest.raises(GeometryError, match="5 us"):
        sensor.step(np.zeros((6, 8), np.float32), 5)
