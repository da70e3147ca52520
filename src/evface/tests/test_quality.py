"""Each check is green on what is good and red on what was made to be bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evface.dataset.boxes import Box
from evface.errors import ConfigError
from evface.events import Events, open_recording
from evface.quality import Check, Level, Report, Thresholds, load_thresholds
from evface.quality import clock_checks as clocks
from evface.quality import disk_checks as disk
from evface.quality import light_checks as light
from evface.quality import picture_checks as pictures
from evface.quality import stream_checks as streams
from evface.quality.flicker import FlickerSpectrum
from evface.quality.rates import RateSeries, RestingPixels
from evface.simulation import FunctionScene, record
from evface.simulation.sensor.pixels import make_sensor

T = Thresholds()
NAN = float("nan")
GREEN, AMBER, RED, UNKNOWN = Level.GREEN, Level.AMBER, Level.RED, Level.UNKNOWN


@pytest.mark.parametrize(
    ("check", "level"),
    [
        (streams.losses("packet gaps", "evk4", 0, "why"), GREEN),
        (streams.losses("packet gaps", "evk4", 1, "why"), RED),
        (streams.alive("events", "evk4", 0.9, T), GREEN),
        (streams.alive("events", "evk4", 1.1, T), RED),
        (streams.alive("events", "evk4", float("inf"), T), RED),
        (streams.stamps("frames", "webcam", 0.1, T), GREEN),
        (streams.stamps("frames", "webcam", -1.2, T), RED),
        (streams.stamps("frames", "webcam", -1.7e9, T), RED),  # the stamp doubled
        (streams.stamps("frames", "webcam", NAN, T), UNKNOWN),
        (streams.frame_rate("webcam", 29.0, 30.0, T), GREEN),
        (streams.frame_rate("webcam", 20.0, 30.0, T), AMBER),
        (streams.frame_rate("webcam", 10.0, 30.0, T), RED),
        (streams.frame_rate("webcam", NAN, 30.0, T), UNKNOWN),
        (streams.frame_interval("webcam", 0.049, 1 / 30, T), GREEN),
        (streams.frame_interval("webcam", 0.067, 1 / 30, T), AMBER),
        (streams.frame_interval("webcam", 0.100, 1 / 30, T), RED),
        (streams.event_rate("davis346", 1e6, 1e5, T), GREEN),
        (streams.event_rate("davis346", 7e6, 1e6, T), AMBER),
        (streams.event_rate("davis346", 11e6, 1e6, T), RED),
        (streams.event_rate("davis346", 60.0, 50.0, T), RED),
        (streams.event_rate("davis346", NAN, NAN, T), UNKNOWN),
        (streams.rate_at_rest("evk4", 2e5, NAN, 4e5, T), GREEN),
        (streams.rate_at_rest("evk4", 2e5, 1e5, 4e5, T), GREEN),
        (streams.rate_at_rest("evk4", 4e5, 1e5, 4e5, T), AMBER),
        (streams.rate_at_rest("evk4", NAN, 1e5, 4e5, T), UNKNOWN),
        (clocks.offset("evk4", "davis346", 0.01, 0.004, T), GREEN),
        (clocks.offset("evk4", "davis346", 0.01, 0.010, T), AMBER),
        (clocks.offset("evk4", "davis346", 0.01, 0.020, T), RED),
        (clocks.offset("evk4", "davis346", NAN, NAN, T), UNKNOWN),
        (clocks.drift("evk4", "host", -20.0, 500.0, T), GREEN),
        (clocks.drift("evk4", "host", -120.0, 10.0, T), AMBER),
        (clocks.drift("evk4", "host", -300.0, 10.0, T), RED),
        (clocks.drift("evk4", "host", -300.0, 400.0, T), UNKNOWN),  # a short take cannot tell
        (light.illuminance(400.0, T), GREEN),
        (light.illuminance(100.0, T), RED),
        (light.illuminance(2000.0, T), RED),
        (light.illuminance(NAN, T), UNKNOWN),
        (disk.disk_space(13 * 10**9, 10e6, T), GREEN),
        (disk.disk_space(11 * 10**9, 10e6, T), RED),
        (disk.disk_space(11 * 10**9, NAN, T), UNKNOWN),
        (disk.write_speed(21e6, 10e6, T), GREEN),
        (disk.write_speed(19e6, 10e6, T), RED),
        (disk.write_speed(NAN, 10e6, T), UNKNOWN),
        (disk.volume("plain", "why"), AMBER),
        (disk.volume("encrypted", "why"), GREEN),
        (disk.volume("unknown", "why"), UNKNOWN),
    ],
)  # fmt: skip
def test_levels(check: Check, level: Level) -> None:
    assert check.level == level
    assert bool(check.reason) == (level in (AMBER, RED))


def test_a_report_is_as_bad_as_its_worst_check_and_the_unknown_does_not_hide_it() -> None:
    green, red, unknown = (Check("a", level, "", "") for level in (GREEN, RED, UNKNOWN))
    assert Report((green, red, unknown)).level == RED
    assert Report((green, unknown)).level == GREEN
    assert Report((unknown,)).level == UNKNOWN
    assert Report((red, green)).reds == ["a: "]


def test_thresholds_come_from_a_file_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "quality.yaml"
    path.write_text("lux_least: 300\n")
    assert load_thresholds(path).lux_least == 300
    assert load_thresholds(path).drift_red == T.drift_red
    path.write_text("lux_leest: 300\n")
    with pytest.raises(ConfigError, match="lux_leest"):
        load_thresholds(path)


# --- frames ----------------------------------------------------------------------------------------


def stamps_at(*frames: float) -> np.ndarray:
    return (np.array(frames) * 40e6).astype(np.int64)


@pytest.mark.parametrize(
    ("frames", "missing"),
    [
        ((0, 1, 2, 3), 0),
        ((0, 1, 3, 4), 1),
        ((0, 1, 5), 3),
        ((0, 1, 2.6, 3, 4), 0),  # late, not missing
        ((0, 1.2, 1.9, 3.1, 4), 0),
    ],
)
def test_missing_frames_are_counted_and_late_ones_are_not(frames: tuple[float, ...], missing: int) -> None:
    assert streams.missing_frames(stamps_at(*frames), 0.04) == missing


def levels(checks: list[Check]) -> list[Level]:
    return [check.level for check in checks]


def test_a_face_must_be_there_centred_and_large_enough() -> None:
    assert levels(pictures.face("webcam", Box(170, 90, 300, 300, 1.0), 640, 480, T)) == [GREEN] * 3
    assert levels(pictures.face("webcam", Box(0, 0, 300, 300, 1.0), 640, 480, T)) == [GREEN, AMBER, GREEN]
    assert levels(pictures.face("webcam", Box(-120, 90, 300, 300, 1.0), 640, 480, T))[1] == RED
    assert levels(pictures.face("webcam", Box(290, 210, 60, 60, 1.0), 640, 480, T)) == [GREEN, GREEN, RED]
    assert levels(pictures.face("webcam", None, 640, 480, T)) == [RED, UNKNOWN, UNKNOWN]


def face_picture(grey: int, blown: int = 0) -> np.ndarray:
    """A face of one grey before black, with a stripe of so many columns of pure white."""
    image = np.zeros((260, 346), np.uint8)
    image[60:200, 103:243] = grey
    image[:, 170 : 170 + blown] = 255
    return image


@pytest.mark.parametrize(
    ("image", "dark", "bright"),
    [
        (face_picture(120), GREEN, GREEN),
        (face_picture(4), RED, GREEN),
        (face_picture(120, blown=2), GREEN, AMBER),
        (face_picture(120, blown=40), GREEN, RED),
    ],
)
def test_a_face_too_dark_or_too_bright_is_told(image: np.ndarray, dark: Level, bright: Level) -> None:
    box = Box(103, 60, 140, 140, 1.0)
    assert levels(pictures.exposure("davis346", [pictures.exposed(image, box, T)], T)) == [dark, bright]


# --- events ----------------------------------------------------------------------------------------


def series(t: np.ndarray, p: np.ndarray) -> RateSeries:
    found = RateSeries()
    for some in np.array_split(np.arange(len(t)), 7):
        zeros = np.zeros(len(some), np.uint16)
        found.add(Events(zeros, zeros, p[some].astype(np.uint8), t[some].astype(np.int64), 346, 260))
    return found


def under_a_lamp(hertz: float, depth: float, seconds: float = 2.0, rate: float = 50_000.0) -> RateSeries:
    """Events at random whose rate follows a lamp."""
    rng = np.random.default_rng(5)
    t = np.sort(rng.uniform(0, seconds, int(rate * seconds * (1 + depth))))
    keep = rng.uniform(0, 1 + depth, len(t)) < 1 + depth * np.sin(2 * np.pi * hertz * t)
    return series(1_000_000 + t[keep] * 1e6, rng.integers(0, 2, keep.sum()))


def flicker_of(found: RateSeries) -> Check:
    spectrum = FlickerSpectrum()
    spectrum.add(found.on, found.off)
    return light.flicker("davis346", spectrum.flicker(), T)


@pytest.mark.parametrize("hertz", [60.0, 100.0, 120.0, 333.0, 490.0])
def test_flicker_is_found_with_its_frequency_and_depth(hertz: float) -> None:
    found = under_a_lamp(hertz, 0.5)
    spectrum = FlickerSpectrum()
    spectrum.add(found.on, found.off)
    flicker = spectrum.flicker()
    assert flicker is not None
    assert flicker.frequency == pytest.approx(hertz, abs=4.0)
    assert flicker.depth == pytest.approx(0.5, rel=0.25)
    assert flicker_of(found).level == RED


def test_a_faint_flicker_is_amber_and_none_is_green() -> None:
    assert flicker_of(under_a_lamp(100.0, 0.12)).level == AMBER
    assert flicker_of(under_a_lamp(100.0, 0.0)).level == GREEN
    assert flicker_of(under_a_lamp(20.0, 0.5)).level == GREEN  # a movement, not a lamp


def test_too_few_events_or_too_short_a_stretch_tell_nothing_of_flicker() -> None:
    assert flicker_of(under_a_lamp(100.0, 0.5, rate=300.0)).level == UNKNOWN
    assert flicker_of(under_a_lamp(100.0, 0.5, seconds=0.05)).level == UNKNOWN


@pytest.mark.parametrize(
    ("name", "level", "hertz"),
    [
        ("events/davis346.aedat4", RED, 100),
        ("events/vga_evt3_bag", RED, 120),
        ("events/person_dvxplorer.aedat4", AMBER, 74),
        ("events/davis346_libcaer_cmp_bag", GREEN, 0),
        ("events/hd_evt3.raw", UNKNOWN, 0),
    ],
)
def test_flicker_in_real_recordings(
    recording: Callable[[str], Path], name: str, level: Level, hertz: int
) -> None:
    rates = RateSeries()
    for events in open_recording(recording(name)).chunks():
        rates.add(events)
    check = flicker_of(rates)
    assert check.level == level
    if hertz:
        assert int(check.value.split()[-2]) == pytest.approx(hertz, abs=5)


def lamp(depth: float) -> FunctionScene:
    """Stripes under a lamp of 100 Hz."""
    stripes = np.tile(np.repeat([0.2, 0.6], 8), 8)[:96]

    def render(seconds: float, width: int, height: int) -> np.ndarray:
        gain = 1 + depth * np.sin(2 * np.pi * 100.0 * seconds)
        return np.tile(stripes[:width], (height, 1)) * gain

    return FunctionScene(render, lux=600.0, speed=500.0)


def test_a_virtual_camera_under_a_flickering_lamp_is_red_and_under_a_steady_one_is_not() -> None:
    for depth, level in ((0.6, (RED,)), (0.0, (GREEN, UNKNOWN))):
        events = record(lamp(depth), 0.6, size=(96, 64)).events
        rates = RateSeries()
        rates.add(events)
        assert flicker_of(rates).level in level


def test_hot_pixels_of_a_virtual_camera_are_listed() -> None:
    sensor = make_sensor(346, 260, "davis346", lux=500.0, seed=3)
    true = {(int(at) % 346, int(at) // 346) for at in sensor._hot}
    resting = RestingPixels(346, 260)
    flat = np.full((260, 346), 0.4, np.float32)
    sensor.step(flat, 0)
    for step in range(1, 31):
        resting.add(sensor.step(flat, step * 100_000), 0.1)
    found = resting.hot(T.hot_pixel)
    assert true
    assert {(x, y) for x, y, _ in found} == true
    rates = [rate for _, _, rate in found]
    assert rates == sorted(rates, reverse=True)
    assert 20 < np.mean(rates) < 200


def test_an_edge_that_trembles_is_not_hot() -> None:
    rng = np.random.default_rng(1)
    resting = RestingPixels(64, 48)
    for look in range(20):
        y = np.tile(np.arange(48), 20)
        x = np.concatenate([np.full(len(y), 30), np.full(len(y), 31), rng.integers(0, 64, 60)])
        y = np.concatenate([y, y, rng.integers(0, 48, 60)])
        t = np.sort(rng.integers(0, 100_000, len(x))) + look * 100_000
        p = np.ones(len(x), np.uint8)
        resting.add(Events(x.astype(np.uint16), y.astype(np.uint16), p, t.astype(np.int64), 64, 48), 0.1)
    assert resting.hot(T.hot_pixel) == []


def test_a_real_davis346_has_a_hot_pixel(recording: Callable[[str], Path]) -> None:
    resting = RestingPixels(346, 260)
    for events in open_recording(recording("events/davis346_libcaer_cmp_bag")).chunks():
        if len(events):
            resting.add(events, (int(events.t[-1]) - int(events.t[0])) * 1e-6)
    assert [(x, y) for x, y, _ in resting.hot(T.hot_pixel)] == [(257, 159)]


def test_rates_are_those_of_the_events_whatever_their_packets() -> None:
    t = np.concatenate([np.arange(0, 100_000, 100), np.arange(100_000, 110_000, 5)])
    found = series(t, np.arange(len(t)) % 2)
    assert found.mean == pytest.approx(3000 / 0.11)
    assert found.highest == pytest.approx(200_000, rel=0.01)
    assert found.on.sum() == found.off.sum() == 1500


def test_a_clock_that_jumps_costs_no_memory() -> None:
    found = series(np.array([0, 10, 10**15]), np.array([1, 1, 1]))
    assert found.on.sum() == 2
    assert np.isfinite(found.highest)


def test_the_disk_is_measured_and_left_clean(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    assert disk.measured_speed(folder, size=1 << 20) > 1e5
    assert list(folder.iterdir()) == []
    assert disk.free_space(folder / "not" / "there") > 0
