"""The torch sensor's pixels beside the compiled ones, on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events import Events
from evface.simulation.sensor.pixels import PixelSensor
from evface.simulation.sensor.presets import DAVIS346, PixelModel
from evface.simulation.sensor.torch_pixels import TorchPixelSensor

WIDTH, HEIGHT = 48, 36
PIXELS = WIDTH * HEIGHT


def pictures(count: int, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """A grating that moves, over a still part, at uneven times."""
    rng = np.random.default_rng(seed)
    x = np.arange(WIDTH)[None, :] + 0.3 * np.arange(HEIGHT)[:, None]
    seen = [0.4 + 0.35 * np.sin(0.5 * x + 0.15 * k) for k in range(count)]
    for picture in seen:
        picture[:12] = 0.3
    times = 1000 + np.cumsum(rng.integers(300, 3000, count))
    return np.array(seen, np.float32), times.tolist()


def both(model: PixelModel, count: int = 120, batch: int = 25) -> tuple[Events, Events]:
    seen, times = pictures(count)
    compiled = PixelSensor(WIDTH, HEIGHT, model, 400.0, seed=3)
    ours = Events.concatenate([compiled.step(each, time) for each, time in zip(seen, times, strict=True)])
    made = TorchPixelSensor(WIDTH, HEIGHT, model, 400.0, seed=3, device="cpu")
    batches = [
        made.step(torch.from_numpy(seen[k : k + batch]), times[k : k + batch]) for k in range(0, count, batch)
    ]
    return ours, Events.concatenate(batches)


def per_pixel(events: Events, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    return np.bincount(events.y.astype(int) * WIDTH + events.x, weights, minlength=PIXELS).astype(float)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cutoff_hz": 0.0},
        {"refractory_us": 700.0, "leak_hz": 2.0},
        {"threshold_on": 0.1, "threshold_off": 0.3, "cutoff_hz": 60.0},
    ],
)
def test_without_noise_it_makes_the_events_of_the_compiled_pixels(changes: dict[str, float]) -> None:
    compiled, torch_made = both(PixelModel(shot_hz=0.0).model_copy(update=changes))
    assert len(compiled) > 3 * PIXELS
    assert len(torch_made) == pytest.approx(len(compiled), rel=0.001)
    same = per_pixel(compiled) == per_pixel(torch_made)
    assert same.mean() > 0.99
    # Where a pixel has as many events, they are at the same times.
    means = [per_pixel(each, (each.t - 1000).astype(float)) for each in (compiled, torch_made)]
    with np.errstate(invalid="ignore"):
        apart = np.abs(means[0] - means[1])[same] / per_pixel(compiled)[same]
    assert np.nanmedian(apart) < 2.0
    assert np.nanquantile(apart, 0.98) < 20.0


def test_how_pictures_are_cut_into_batches_changes_no_event_of_the_signal() -> None:
    model = PixelModel(shot_hz=0.0, refractory_us=200.0)
    found = [both(model, 60, batch)[1] for batch in (7, 60)]
    assert len(found[0]) == len(found[1])
    np.testing.assert_array_equal(found[0].t, found[1].t)


def test_noise_has_the_rates_of_the_compiled_pixels() -> None:
    model = DAVIS346.model_copy(update={"shot_hz": 40.0, "hot_share": 0.01, "leak_hz": 1.0, "bus_mevs": 0.0})
    still, times = np.full((400, HEIGHT, WIDTH), 0.5, np.float32), [5_000 * k for k in range(1, 401)]
    compiled = PixelSensor(WIDTH, HEIGHT, model, 500.0, seed=1)
    ours = Events.concatenate([compiled.step(each, time) for each, time in zip(still, times, strict=True)])
    made = TorchPixelSensor(WIDTH, HEIGHT, model, 500.0, seed=1, device="cpu")
    theirs = Events.concatenate(
        [made.step(torch.from_numpy(still[k : k + 50]), times[k : k + 50]) for k in range(0, 400, 50)]
    )
    assert len(theirs) == pytest.approx(len(ours), rel=0.02)
    assert theirs.p.mean() == pytest.approx(ours.p.mean(), abs=0.01)
    for each in (ours, theirs):
        counts = per_pixel(each)
        hot = np.sort(counts)[-round(0.01 * PIXELS) :]
        assert hot.mean() == pytest.approx(2.0 * (100.0 + 32.0), rel=0.1)
        pixel = each.y.astype(int) * WIDTH + each.x
        order = np.lexsort((each.t, pixel))
        gaps = np.diff(each.t[order])[np.diff(pixel[order]) == 0]
        assert np.quantile(gaps, 0.001) > 200


def test_the_bus_and_jitter_are_those_of_the_compiled_pixels() -> None:
    model = PixelModel(shot_hz=0.0, jitter_us=50.0, bus_mevs=0.02, bus_delay_us=500.0)
    compiled, theirs = both(model)
    assert (np.diff(theirs.t) >= 0).all()
    assert len(theirs) == pytest.approx(len(compiled), rel=0.02)


def test_what_does_not_fit_is_refused() -> None:
    made = TorchPixelSensor(WIDTH, HEIGHT, device="cpu")
    with pytest.raises(GeometryError, match=r"expected torch.float32\[T, 36, 48\]"):
        made.step(torch.zeros(1, 4, 4), [0])
    with pytest.raises(GeometryError, match="2 times of 1 pictures"):
        made.step(torch.zeros(1, HEIGHT, WIDTH), [0, 1])
    assert len(made.step(torch.zeros(1, HEIGHT, WIDTH), [5])) == 0
    with pytest.raises(GeometryError, match="do not rise"):
        made.step(torch.zeros(1, HEIGHT, WIDTH), [5])
