"""The model of a real event sensor, against theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError
from evface.events import Events
from evface.simulation import NOISY, PixelModel, PixelSensor, ThresholdSensor, make_sensor
from evface.simulation.sensor.pixel_kernel import ABOVE, AWAKE, LOG, OFF, ON
from evface.simulation.sensor.presets import DAVIS346, EVK4, PRESETS

WIDTH, HEIGHT = 64, 48
PIXELS = WIDTH * HEIGHT
IDEAL = PixelModel(threshold_sigma=0.0, cutoff_hz=0.0, leak_hz=0.0, shot_hz=0.0, dark_lux=0.001)


def flat(value: float) -> NDArray[np.float32]:
    return np.full((HEIGHT, WIDTH), value, np.float32)


def sensor(lux: float = 500.0, seed: int = 0, **changes: float) -> PixelSensor:
    return PixelSensor(WIDTH, HEIGHT, IDEAL.model_copy(update=changes), lux, seed)


def run(made: PixelSensor, values: list[float], step_us: int) -> Events:
    parts = [made.step(flat(value), index * step_us) for index, value in enumerate(values)]
    return Events.concatenate(parts)


def test_a_contrast_step_makes_as_many_events_as_thresholds_fit_in() -> None:
    for contrast in (1.5, 2.0, 5.0):
        events = run(sensor(), [0.1, 0.1 * contrast], 1000)
        # Pixels begin evenly spread around the middle: the mean of the whole thresholds is half of one less.
        assert len(events) / PIXELS == pytest.approx(math.log(contrast) / 0.2 - 0.5, abs=0.03)
        assert events.p.all()


def test_darkening_makes_off_events_from_where_the_last_event_left_the_pixel() -> None:
    made = sensor()
    run(made, [0.1, 0.4], 1000)
    darker = made.step(flat(0.1), 2000)
    assert not darker.p.any()
    # After on events a pixel stands up to one threshold above its level, half of one on average.
    assert len(darker) / PIXELS == pytest.approx(math.log(4.0) / 0.2 - 1.0, abs=0.03)


def test_times_lie_where_the_logarithm_crosses() -> None:
    made = sensor()
    made._cells[:, ABOVE] = 0.0
    events = run(made, [0.1, 0.1 * math.exp(0.9)], 900)
    np.testing.assert_allclose(np.unique(events.t), [200, 400, 600, 800], atol=1)


def test_the_logarithm_is_right_over_eight_decades() -> None:
    light = np.logspace(-6, 0, PIXELS).astype(np.float32).reshape(HEIGHT, WIDTH)
    made = sensor(lux=1e5)
    made.step(light, 0)
    exact = np.log(light.astype(np.float64).ravel() * 1e5 + 0.001)
    np.testing.assert_allclose(made._cells[:, LOG].ravel(), exact, atol=1e-5)


def test_leak_makes_on_events_at_its_rate() -> None:
    events = run(sensor(leak_hz=5.0), [0.5] * 151, 10_000)
    assert events.p.all()
    settled = np.count_nonzero(events.t > 500_000)
    assert settled / PIXELS / 1.0 == pytest.approx(5.0, rel=0.02)


def test_shot_noise_has_its_rate_in_the_dark_and_a_quarter_in_the_light() -> None:
    dark = run(sensor(lux=0.1, shot_hz=20.0), [0.01] * 51, 10_000)
    light = run(sensor(lux=500.0, shot_hz=20.0), [1.0] * 51, 10_000)
    assert len(dark) / PIXELS / 0.5 == pytest.approx(20.0, rel=0.03)
    assert len(light) / PIXELS / 0.5 == pytest.approx(5.0, rel=0.06)
    assert dark.p.mean() == pytest.approx(0.5, abs=0.02)


def test_latency_follows_the_light_as_a_first_order_low_pass_has_it() -> None:
    latencies = []
    for lux in (50.0, 150.0, 500.0):
        made = sensor(lux=lux, cutoff_hz=100.0, lux_at_cutoff=500.0)
        made._cells[:, ABOVE] = 0.0
        made.step(flat(0.5), 0)
        made.step(flat(1.0), 10)
        events = Events.concatenate([made.step(flat(1.0), 10 + 100 * k) for k in range(1, 400)])
        tau = 1e6 / (2 * math.pi * 100.0 * min(1.0, lux / 500.0))
        expected = -tau * math.log(1 - 0.2 / math.log(2.0))
        assert events.t[0] == pytest.approx(expected, rel=0.02, abs=12)
        latencies.append(int(events.t[0]))
    assert latencies == sorted(latencies, reverse=True)


def test_thresholds_differ_from_pixel_to_pixel_as_stated() -> None:
    made = PixelSensor(400, 300, IDEAL.model_copy(update={"threshold_sigma": 0.03}))
    on, off = made._cells[:, ON].ravel(), made._cells[:, OFF].ravel()
    assert on.mean() == pytest.approx(0.2, abs=0.001)
    assert on.std() == pytest.approx(0.03, rel=0.02)
    assert abs(np.corrcoef(on, off)[0, 1]) < 0.02


def test_a_pixel_rests_after_an_event() -> None:
    made = sensor(refractory_us=300.0)
    values = list(0.05 * np.exp(np.linspace(0, 3, 61)))
    events = run(made, values, 100)
    order = np.lexsort((events.t, events.y.astype(int) * WIDTH + events.x))
    pixel = (events.y.astype(int) * WIDTH + events.x)[order]
    gaps = np.diff(events.t[order])[np.diff(pixel) == 0]
    assert gaps.min() >= 300
    assert len(events) > PIXELS


def test_hot_pixels_fire_by_themselves() -> None:
    events = run(sensor(hot_share=0.01, hot_hz=100.0), [0.5] * 101, 10_000)
    per_pixel = np.bincount(events.y.astype(int) * WIDTH + events.x, minlength=PIXELS)
    assert np.count_nonzero(per_pixel) == round(0.01 * PIXELS)
    assert per_pixel[per_pixel > 0].mean() == pytest.approx(100.0, rel=0.05)


def test_the_bus_hands_out_no_more_than_it_can_and_counts_what_it_loses() -> None:
    made = sensor(bus_mevs=2.0, bus_delay_us=1000.0)
    everything = run(sensor(), [0.1, 0.8] + [0.8] * 9, 1000)
    events = run(made, [0.1, 0.8] + [0.8] * 9, 1000)
    assert (np.diff(events.t) >= 0).all()
    for begin in range(0, 4000, 500):
        assert np.count_nonzero((events.t > begin) & (events.t <= begin + 500)) <= 2.0 * 500 + 2
    assert made.lost > 0
    assert len(events) + made.lost == len(everything)


def test_hot_pixels_fire_nearly_evenly_and_at_rates_of_their_own() -> None:
    events = run(sensor(hot_share=0.01, hot_hz=100.0), [0.5] * 201, 10_000)
    pixel = events.y.astype(int) * WIDTH + events.x
    gaps = [np.diff(events.t[pixel == hot]) for hot in np.unique(pixel)]
    assert np.median([each.std() / each.mean() for each in gaps]) == pytest.approx(0.1, abs=0.015)
    assert max(each.mean() for each in gaps) > 2 * min(each.mean() for each in gaps)


def test_a_pixel_rests_after_noise_too() -> None:
    events = run(sensor(lux=0.1, shot_hz=1000.0, refractory_us=500.0), [0.5] * 51, 10_000)
    order = np.lexsort((events.t, events.y.astype(int) * WIDTH + events.x))
    pixel = (events.y.astype(int) * WIDTH + events.x)[order]
    assert np.diff(events.t[order])[np.diff(pixel) == 0].min() >= 499
    # A rest of 0.5 ms after each event leaves 1 / (1 + 0.5) of them.
    assert len(events) / PIXELS / 0.5 == pytest.approx(1000.0 / 1.5, rel=0.03)


@pytest.mark.parametrize("name", ["davis346", "evk4"])
def test_a_sensor_of_a_name_sees_a_still_room_with_its_noise_alone(name: str) -> None:
    made = make_sensor(WIDTH, HEIGHT, name)
    model = PRESETS[name]
    events = Events.concatenate([made.step(flat(0.5), 100_000 * k) for k in range(801)])
    settled = events[events.t > 40_000_000]
    light = min(1.0, 0.5 * 500.0 / model.lux_at_cutoff)
    shot = model.shot_hz * (1 - 0.75 * light)
    # A noise event puts the leak back to its beginning.
    expected = shot + shot / math.expm1(shot / model.leak_hz)
    assert round(model.hot_share * PIXELS) == 0
    assert len(settled) / PIXELS / 40.0 == pytest.approx(expected, rel=0.05)
    # The survey: 0.1 events a second of a pixel at rest.
    assert 0.05 < expected < 0.2


def test_the_evk4_answers_sooner_than_the_davis346() -> None:
    first = []
    for model in (DAVIS346, EVK4):
        made = PixelSensor(WIDTH, HEIGHT, model.model_copy(update={"jitter_us": 0.0}), lux=1000.0)
        made._cells[:, ABOVE] = 0.0
        made.step(flat(0.5), 0)
        made.step(flat(1.0), 1)
        events = Events.concatenate([made.step(flat(1.0), 1 + 20 * k) for k in range(1, 100)])
        first.append(np.median(events.t[:PIXELS]))
    davis, evk = first
    # IMX636: less than 100 us at 1000 lux.
    assert evk < 100 < davis < 400


def test_thresholds_that_are_asked_for_stand_in_place_of_a_name_s_own() -> None:
    assert make_sensor(8, 8, "evk4").model == EVK4
    asked = make_sensor(8, 8, "evk4", on=0.3).model
    assert (asked.threshold_on, asked.threshold_off) == (0.3, EVK4.threshold_off)
    with pytest.raises(ConfigError, match="no pixels 'eye', expected ideal, clean, noisy, davis346, evk4"):
        make_sensor(8, 8, "eye")


def test_the_same_seed_gives_the_same_events() -> None:
    model = NOISY.model_copy(update={"jitter_us": 20.0, "hot_share": 0.002})
    values = [0.1, 0.2, 0.15, 0.4]
    first, again, other = (
        run(PixelSensor(WIDTH, HEIGHT, model, seed=seed), values, 2000) for seed in (3, 3, 4)
    )
    assert first.t.tolist() == again.t.tolist()
    assert first.x.tolist() == again.x.tolist()
    assert len(other) != len(first) or other.x.tolist() != first.x.tolist()


def test_without_noise_it_agrees_with_the_ideal_sensor() -> None:
    picture = np.random.default_rng(1).random((HEIGHT, WIDTH)).astype(np.float32) * 0.8 + 0.1
    made = sensor(dark_lux=0.02 * 500.0)
    made._cells[:, ABOVE] = 0.0
    ideal = ThresholdSensor(WIDTH, HEIGHT, 0.2, 0.2)
    for index, gain in enumerate((1.0, 1.1, 0.8, 1.05, 0.4)):
        light = np.clip(picture * gain, 0, 1).astype(np.float32)
        found, expected = made.step(light, index * 1000), ideal.step(light, index * 1000)
        assert abs(len(found) - len(expected)) <= 0.002 * PIXELS
        assert int(found.p.sum()) == pytest.approx(int(expected.p.sum()), abs=0.002 * PIXELS)


def slow_reference(made: PixelSensor, pictures: list[tuple[int, NDArray[np.float32]]]) -> list[list[float]]:
    """Rows of time, pixel, polarity by the model's words: one pixel after the other, in double precision."""
    model, lux = made.model, made._lux
    fields = made._cells.astype(float).transpose(1, 0, 2).reshape(5, -1)
    rows = []
    for pixel in range(made.width * made.height):
        above, on, off = fields[ABOVE, pixel], fields[ON, pixel], fields[OFF, pixel]
        light = [float(picture.flat[pixel]) for _, picture in pictures]
        logs = [math.log(value * lux + model.dark_lux) for value in light]
        signal, rest = logs[0], -math.inf
        for step in range(1, len(pictures)):
            begin, end = pictures[step - 1][0], pictures[step][0]
            span = end - begin
            share = min(1.0, max(0.02, light[step] * lux / model.lux_at_cutoff))
            tau = 1e6 / (2 * math.pi * model.cutoff_hz * share)
            lag = (logs[step] - logs[step - 1]) / span * tau
            answer = logs[step] - lag + (signal - logs[step - 1] + lag) * math.exp(-span / tau)
            slope = (answer - signal) / span + model.leak_hz * 1e-6 * on
            signal, t = answer, float(begin)
            if rest > t:
                t, above = min(rest, end), 0.0
            while t < end:
                bound = on if slope > 0 else -off
                crossing = t + max(0.0, (bound - above) / slope) if slope else math.inf
                if crossing > end:
                    above += slope * (end - t)
                    break
                rows.append([math.ceil(crossing), pixel, slope > 0])
                rest = t = crossing + model.refractory_us
                above = 0.0
    return sorted(rows)


def test_the_kernel_does_what_the_model_says_while_a_part_of_the_picture_stands_still() -> None:
    model = PixelModel(cutoff_hz=200.0, leak_hz=3.0, shot_hz=0.0, refractory_us=700.0)
    made = PixelSensor(37, 9, model, seed=2)
    rng, picture, time = np.random.default_rng(0), np.full((9, 37), 0.3, np.float32), 5_000
    pictures = [(time, picture)]
    for step in range(60):
        picture = picture.copy()
        if step % 20 < 3:
            picture[3:5, 5:20] = rng.uniform(0.02, 0.9, (2, 15))
        time += int(rng.integers(500, 9000))
        pictures.append((time, picture))
    expected = np.array(slow_reference(made, pictures))
    parts, sleeping = [], 0
    for moment, seen in pictures:
        parts.append(made.step(seen, moment))
        sleeping += int(np.count_nonzero(made._due != AWAKE))
    found = Events.concatenate(parts)
    assert sleeping > 0.3 * len(made._due) * len(pictures)
    assert len(found) == pytest.approx(len(expected), rel=0.005)
    for pixel in range(37 * 9):
        ours = found.t[found.y.astype(int) * 37 + found.x == pixel]
        theirs = expected[expected[:, 1] == pixel, 0]
        if 0 < len(ours) == len(theirs):
            # Single precision, and what is left of a low-pass at rest, of 9 ms and more.
            assert np.median(np.abs(ours - theirs)) <= 15
    assert int(found.p.sum()) == pytest.approx(expected[:, 2].sum(), rel=0.01)


def test_the_number_of_threads_changes_nothing() -> None:
    model = PixelModel(shot_hz=20.0, jitter_us=30.0, hot_share=0.01, leak_hz=1.0)
    rng = np.random.default_rng(5)
    pictures = [rng.random((HEIGHT, WIDTH), np.float32) for _ in range(6)]
    found = []
    for threads in (1, 2, 5):
        made = PixelSensor(WIDTH, HEIGHT, model, seed=4, threads=threads)
        found.append(Events.concatenate([made.step(picture, 1000 * k) for k, picture in enumerate(pictures)]))
    for other in found[1:]:
        assert all((getattr(found[0], name) == getattr(other, name)).all() for name in "xypt")


def test_more_events_than_were_expected_find_room() -> None:
    made = sensor(threshold_on=0.02, threshold_off=0.02)
    events = run(made, [0.0, 1.0], 1000)
    assert len(events) / PIXELS == pytest.approx(math.log(500.001 / 0.001) / 0.02 - 0.5, abs=0.5)


def test_what_does_not_fit_is_refused() -> None:
    made = sensor()
    with pytest.raises(GeometryError, match=r"expected float32\[48, 64\]"):
        made.step(np.zeros((4, 4), np.float32), 0)
    made.step(flat(0.5), 10)
    with pytest.raises(GeometryError, match="after one at 10 us"):
        made.step(flat(0.5), 10)
