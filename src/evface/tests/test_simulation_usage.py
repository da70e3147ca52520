"""What somebody does who has no rig: a person, a video, a scene of one's own, and their events."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from evface import cli, simulation
from evface.errors import ConfigError, FormatError, GeometryError
from evface.events import open_recording
from evface.simulation import (
    FaceScene,
    FunctionScene,
    PhotographScene,
    VirtualRecording,
    ask,
    film,
    open_scene,
    record,
    watch,
)
from evface.simulation.sensor.threshold import DARK

SMALL = (86, 64)


@pytest.fixture(scope="module")
def person() -> FaceScene:
    scene = FaceScene(seed=4)
    ask(scene, 12, at=0.3)
    return scene


@pytest.fixture(scope="module")
def smile(person: FaceScene) -> VirtualRecording:
    return record(person, seconds=1.8, size=SMALL)


@pytest.fixture
def ball() -> FunctionScene:
    """A bright disc on grey that crosses a sensor of 64x48 px in a second, on the middle row."""

    def render(seconds: float, width: int, height: int) -> np.ndarray:
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        distance = np.hypot(x - 64.0 * seconds, y - 24.0)
        return 0.2 + 0.6 * np.clip(5.5 - distance, 0.0, 1.0)

    return FunctionScene(render, lux=1000.0, speed=64.0)


# --- a person -----------------------------------------------------------------------------------------


def test_a_person_who_is_asked_makes_more_events_while_they_move(smile: VirtualRecording) -> None:
    (truth,) = smile.truth
    assert truth.au == 12
    assert 300_000_000 < truth.onset < truth.apex < truth.offset
    t = smile.events.t
    rise = (t >= truth.onset // 1000) & (t < truth.apex // 1000)
    still = t < 250_000
    assert rise.sum() / (truth.apex - truth.onset) > 3 * still.sum() / 250_000_000


def test_a_face_at_rest_makes_no_bursts() -> None:
    # Between 0.5 and 0.7 s this person neither blinks nor moves their eyes by more than a microsaccade.
    looks = list(watch(FaceScene(seed=1), 0.2, begin=0.5, pixels="ideal", frame_rate=0.0))
    assert max(len(look.events) for look in looks[1:]) < 200


def test_a_davis_takes_frames_on_the_way(smile: VirtualRecording) -> None:
    assert len(smile.frames) == pytest.approx(45, abs=1)
    assert smile.frames[0].image.shape == (64, 86)
    assert 0 < smile.frames[0].time < 40_000_000


def test_the_same_scene_and_seed_give_the_same_events(person: FaceScene, smile: VirtualRecording) -> None:
    parts = [look.events for look in watch(person, 0.6, size=SMALL, frame_rate=0.0)]
    t = np.concatenate([part.t for part in parts])
    assert t.tolist() == smile.events.t[: len(t)].tolist()
    other = record(person, 0.6, size=SMALL, seed=1).events
    assert other.t.tolist() != t.tolist()


def test_a_recording_may_begin_later(person: FaceScene) -> None:
    t = record(person, 0.1, begin=0.5, size=SMALL).events.t
    assert t[0] >= 500_000
    assert t[-1] <= 600_000


def test_a_file_of_a_recording_has_its_events(smile: VirtualRecording, tmp_path: Path) -> None:
    smile.write(tmp_path / "smile.h5")
    found = open_recording(tmp_path / "smile.h5")
    assert (found.width, found.height) == SMALL
    assert found.read().t.tolist() == smile.events.t.tolist()


def test_a_webcam_films_in_colour(person: FaceScene) -> None:
    frames = list(film(person, 0.2, size=(64, 36)))
    assert [frame.image.shape for frame in frames] == [(36, 64, 3)] * 5
    assert all(frame.time - frame.exposure // 2 > 0 for frame in frames)
    assert frames[-1].time < 200_000_000


def test_asking_for_what_is_no_action_unit_is_refused(person: FaceScene) -> None:
    with pytest.raises(ConfigError, match="AU 3"):
        ask(person, 3)


# --- pictures, videos, functions ------------------------------------------------------------------------


def test_events_follow_a_function_of_ones_own(ball: FunctionScene) -> None:
    events = record(ball, 1.0, size=(64, 48), pixels="ideal").events
    front = events[(events.p == 1) & (events.y == 24)]
    # The bright edge lies 5 px before the centre.
    assert np.abs(front.x - (64.0 * front.t / 1e6 + 5.0)).max() <= 1.0
    # One second of steps of half a pixel: no edge is seen jumping.
    assert len(np.unique(front.t)) > 80


def test_a_cameras_pixels_can_look_at_it_too(ball: FunctionScene) -> None:
    found = record(ball, 0.5, "evk4", size=(64, 48))
    assert len(found.events) > 500
    assert not found.frames
    assert not found.truth


def test_pictures_in_an_array_fade_from_one_to_the_next() -> None:
    pictures = np.stack([np.full((8, 10), value, np.uint8) for value in (64, 128, 255)])
    scene = FunctionScene.of_pictures(pictures, rate=10.0)
    levels = [float(scene.render(time * 10**6, 10, 8)[4, 5]) for time in (0, 50, 100, 200, 900)]
    light = (np.array([64, 128, 255]) / 255) ** 2.2
    expected = [light[0], light[:2].mean(), light[1], light[2], light[2]]
    assert levels == pytest.approx(expected, rel=1e-4)
    events = record(scene, 0.3, size=(10, 8), pixels="ideal").events
    assert events.p.all()
    assert len(events) == 80 * int(np.log((light[2] + DARK) / (light[0] + DARK)) / 0.2)


def test_colour_pictures_keep_their_colours() -> None:
    pictures = np.zeros((2, 8, 10, 3), np.float64)
    pictures[..., 2] = 1.0
    scene = FunctionScene.of_pictures(pictures, rate=1.0)
    assert scene.picture(0, 10, 8)[0, 0].tolist() == [0, 0, 255]
    assert scene.render(0, 10, 8)[0, 0] == pytest.approx(0.299, abs=1e-3)


def test_a_video_is_recorded_from_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "brightening.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for k in range(1, 6):
        writer.write(np.full((48, 64, 3), 50 * k, np.uint8))
    writer.release()
    events = record(open_scene(str(path), loop=True), 0.35, size=(32, 24), pixels="clean").events
    assert len(events) > 32 * 24
    assert events.p.mean() > 0.99


def test_a_photograph_moves_when_asked() -> None:
    scene = PhotographScene(seed=1)
    ask(scene, 51, at=0.2, seconds=0.6)
    found = record(scene, 1.0, size=SMALL)
    late, early = (found.events.t > 400_000).sum(), (found.events.t < 200_000).sum()
    assert late > 5 * early
    assert found.truth == []


# --- mistakes -----------------------------------------------------------------------------------------


def test_a_scene_of_another_size_is_named(ball: FunctionScene) -> None:
    scene = FunctionScene.of_pictures(np.zeros((2, 8, 10), np.uint8), rate=1.0)
    with pytest.raises(GeometryError, match=r"rendered \[8, 10\], expected \[260, 346\]"):
        record(scene, 0.1)
    with pytest.raises(GeometryError, match=r"\[10, 8\], expected \[N, height, width\]"):
        FunctionScene.of_pictures(np.zeros((10, 8)), rate=1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"camera": "webcam"}, "camera: expected davis346 or evk4, found 'webcam'"),
        ({"seconds": 0.0}, "some seconds"),
        ({"begin": -1.0}, "from -1 s"),
        ({"pixels": "gold"}, "no pixels 'gold'"),
    ],
)
def test_what_cannot_be_recorded_is_named(ball: FunctionScene, arguments: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        record(ball, **{"seconds": 1.0, **arguments})


def test_a_scene_without_light_is_refused() -> None:
    with pytest.raises(ConfigError, match="lux"):
        FunctionScene(lambda *_: np.zeros((2, 2)), lux=0.0)


# --- from outside -------------------------------------------------------------------------------------


def test_evface_simulate_writes_what_evface_info_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _command(monkeypatch)
    assert run("simulate", tmp_path / "smile.h5", "--au", 12, "--seed", 4, "--seconds", 0.2) == 0
    assert "what the person did" in capsys.readouterr().out
    truth = json.loads((tmp_path / "smile.json").read_text())
    assert truth["au"] == 12
    assert truth["onset"] > 1_000_000_000
    assert run("info", tmp_path / "smile.h5", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["width"], facts["height"]) == (346, 260)
    assert facts["events"] > 100
    assert facts["last"] < 200_000


@pytest.mark.parametrize(
    ("target", "more"), [("a.txt", []), ("a.h5", ["--camera", "gold"]), ("a.h5", ["--scene", "nowhere.avi"])]
)
def test_evface_simulate_says_what_is_wrong_in_one_line_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    target: str,
    more: list[str],
) -> None:
    assert _command(monkeypatch)("simulate", tmp_path / target, "--seconds", 0.1, *more) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def _command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["evface", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as exit_:
            return int(exit_.code or 0)
        return 0

    return run


def test_the_simulation_loads_no_network_and_no_ros() -> None:
    names = "('torch', 'rclpy', 'rig', 'skimage', 'matplotlib')"
    code = f"import evface.simulation, sys; print([name for name in {names} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_what_needs_torch_is_there_when_it_is_asked_for() -> None:
    pytest.importorskip("torch")
    assert simulation.TorchPixelSensor.__name__ in simulation.__all__
    with pytest.raises(AttributeError, match="no attribute 'Gold'"):
        simulation.Gold  # noqa: B018


def test_a_file_of_an_unknown_ending_is_refused(smile: VirtualRecording, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        smile.write(tmp_path / "smile.aedat4")
