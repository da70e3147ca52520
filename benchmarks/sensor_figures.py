"""Figures of the event sensor's model: against theory, and against real recordings of a DAVIS346.

    python -m benchmarks.sensor_figures [--real FOLDER] [--out docs/images]

Prints the statistics that docs/sensor_model.md has. Without the recordings there is the theory alone.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from evface.events import Events, open_recording
from evface.simulation.sensor.pixels import PixelSensor
from evface.simulation.sensor.presets import DAVIS346, PixelModel

mpl.use("Agg")
from matplotlib import pyplot as plt

WIDTH, HEIGHT = 346, 260
STILL = (0, 25, 140, 200)
"""First and last column, first and last row of a part of the board's recording in which nothing moves."""
LAMP_EVENTS = 100
"""Of a pixel in the lamps' recording, from which it is taken to look at a lamp."""
HOT = ((257, 159), (320, 131), (232, 185), (141, 52), (74, 43))
"""Column and row of the board's hot pixels: all others around them have a tenth of their events."""
FLICKER_HZ = 100.0
Gaps = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """What pixels do, whatever they look at.

    Attributes:
        seconds: from the first to the last event.
        rate: events a second and pixel.
        on: share of on events.
        gaps: us between two events of one pixel.
        turned: for each gap, whether the polarity is another one after it.
        runs: lengths of a pixel's runs of one polarity.
        counts: of each pixel.
    """

    seconds: float
    rate: float
    on: float
    gaps: Gaps
    turned: NDArray[np.bool_]
    runs: NDArray[np.int64]
    counts: NDArray[np.int64]

    def line(self) -> str:
        """The figures in a line."""
        shares = np.quantile(self.gaps, [0.001, 0.05, 0.25, 0.5, 0.75, 0.95]) / 1000
        return (
            f"{self.rate:.3g} events/s/px, on {self.on:.0%}, silent {np.mean(self.counts == 0):.0%}, "
            f"gaps of 0.1/5/25/50/75/95 %: {', '.join(f'{each:.3g}' for each in shares)} ms, "
            f"turned {self.turned.mean():.0%}, run {self.runs.mean():.2f}"
        )


def statistics(events: Events, pixels: NDArray[np.bool_] | None = None) -> Statistics:
    """Statistics of all pixels, or of those of a mask ``[H, W]``."""
    pixel = events.y.astype(np.int64) * events.width + events.x
    if pixels is not None:
        events, pixel = events[pixels.ravel()[pixel]], pixel[pixels.ravel()[pixel]]
    order = np.lexsort((events.t, pixel))
    pixel, t, p = pixel[order], events.t[order], events.p[order]
    same = np.diff(pixel) == 0
    turned = np.diff(p.astype(int)) != 0
    begins = np.flatnonzero(np.concatenate([[True], ~same | turned, [True]]))
    counts = np.bincount(pixel, minlength=events.width * events.height)
    if pixels is not None:
        counts = counts[pixels.ravel()]
    seconds = float(events.t[-1] - events.t[0]) / 1e6
    return Statistics(
        seconds, len(t) / len(counts) / seconds, float(p.mean()), np.diff(t)[same].astype(float),
        turned[same], np.diff(begins), counts,
    )  # fmt: skip


def main() -> None:
    """Make the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.sensor_figures", description=__doc__)
    parser.add_argument("--real", type=Path, default=Path("../shared/data/events"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    _theory(options.out / "sensor_theory.png")
    if not (options.real / "davis346.aedat4").is_file():
        print(f"no recordings in {options.real}: theory alone")
        return
    lamps = open_recording(options.real / "davis346.aedat4").read()
    board = open_recording(options.real / "davis346_libcaer_cmp_bag").read()
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    _moving(board, axes[0])
    _lamp(lamps, axes[1, 0])
    _hot(board, axes[1, 1])
    _still(board, axes[1, 2])
    figure.savefig(options.out / "sensor_real.png", dpi=110)


def _flat(value: float, size: int = 64) -> NDArray[np.float32]:
    return np.full((size, size), value, np.float32)


def _run(sensor: PixelSensor, pictures: Iterator[tuple[int, NDArray[np.float32]]]) -> Events:
    return Events.concatenate([sensor.step(picture, time) for time, picture in pictures])


def _theory(path: Path) -> None:
    ideal = PixelModel(threshold_sigma=0.0, cutoff_hz=0.0, leak_hz=0.0, shot_hz=0.0, dark_lux=1e-3)
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.6), layout="constrained")
    _contrast(ideal, axes[0])
    _latency(ideal, axes[1])
    _noise(ideal, axes[2])
    _bandwidth(ideal, axes[3])
    figure.savefig(path, dpi=110)


def _contrast(ideal: PixelModel, axis: Any) -> None:
    contrasts = np.geomspace(1.1, 20, 16)
    for sigma, marker in ((0.0, "o"), (0.06, "x")):
        found = []
        for contrast in contrasts:
            sensor = PixelSensor(64, 64, ideal.model_copy(update={"threshold_sigma": sigma}))
            found.append(len(_run(sensor, iter([(0, _flat(0.04)), (1000, _flat(0.04 * contrast))]))) / 4096)
        axis.plot(contrasts, found, marker, label=f"model, mismatch {sigma:g}")
    # Pixels begin anywhere within half a threshold: the whole number of thresholds, on average.
    starts = np.linspace(-0.5, 0.5, 1001)[:, None]
    axis.plot(
        contrasts, np.floor(np.log(contrasts) / 0.2 + starts).clip(0).mean(0), "k-", lw=1, label="theory"
    )
    axis.set(xscale="log", xlabel="contrast of a step", ylabel="on events of a pixel", title="Contrast")
    axis.legend(frameon=False)


def _latency(ideal: PixelModel, axis: Any) -> None:
    lux = np.geomspace(5, 2000, 12)
    for name, cutoff in (("davis346", 1000.0), ("evk4", 3000.0)):
        found, expected = [], []
        for light in lux:
            model = ideal.model_copy(update={"cutoff_hz": cutoff, "lux_at_cutoff": 1000.0})
            sensor = PixelSensor(64, 64, model, lux=light)
            steps = [(0, _flat(0.5)), (1, _flat(1.0))] + [(1 + 5 * k, _flat(1.0)) for k in range(1, 8000)]
            tau = 1e6 / (2 * math.pi * cutoff * max(0.02, min(1.0, light / 1000.0)))
            first = np.full((64, 64), np.nan)
            for time, picture in steps:
                events = sensor.step(picture, time)
                fresh = np.isnan(first[events.y, events.x])
                first[events.y[fresh], events.x[fresh]] = events.t[fresh]
                if not np.isnan(first).any():
                    break
            found.append(np.median(first))
            # The pixel in the middle has a whole threshold to go, of ln 2.
            expected.append(-tau * math.log(1 - 0.2 / math.log(2.0)))
        axis.plot(lux, found, "o", label=f"{name}: {cutoff:g} Hz")
        axis.plot(lux, expected, "k-", lw=1)
    axis.set(xscale="log", yscale="log", xlabel="light, lux", ylabel="us to the first event", title="Latency")
    axis.legend(frameon=False)


def _noise(ideal: PixelModel, axis: Any) -> None:
    wanted = np.geomspace(0.05, 20, 8)
    for name, changes, lux, share in (
        ("leak", "leak_hz", 500.0, 1.0), ("shot noise, dark", "shot_hz", 0.1, 1.0),
        ("shot noise, light", "shot_hz", 500.0, 0.25),
    ):  # fmt: skip
        found = []
        for rate in wanted:
            sensor = PixelSensor(64, 64, ideal.model_copy(update={changes: float(rate)}), lux=lux)
            step = int(min(1e6, 2e5 / rate))
            events = _run(sensor, ((k * step, _flat(1.0)) for k in range(141)))
            late = events.t > 40 * step
            found.append(np.count_nonzero(late) / 4096 / (100 * step / 1e6))
        axis.plot(wanted, found, "o", label=name)
        axis.plot(wanted, share * wanted, "k-", lw=1)
    axis.set(xscale="log", yscale="log", xlabel="parameter, Hz", ylabel="events/s/px", title="Noise")
    axis.legend(frameon=False)


def _bandwidth(ideal: PixelModel, axis: Any) -> None:
    frequencies = np.geomspace(5, 2000, 12)
    model = ideal.model_copy(
        update={"cutoff_hz": 100.0, "lux_at_cutoff": 50.0, "threshold_on": 0.05, "threshold_off": 0.05}
    )
    found, depth = [], 0.5
    for frequency in frequencies:
        step = max(2, int(1e6 / frequency / 200))
        sensor = PixelSensor(64, 64, model)
        phase = 2 * np.pi * np.arange(200 * 12) * step * frequency / 1e6
        events = _run(
            sensor, ((k * step, _flat(0.3 * math.exp(depth * math.sin(a)))) for k, a in enumerate(phase))
        )
        late = events.t > 200 * 6 * step
        found.append(np.count_nonzero(late) / 4096 / 6)
    axis.plot(frequencies, found, "o", label="model, cut-off 100 Hz")
    swing = 2 * depth / np.sqrt(1 + (frequencies / 100.0) ** 2)
    axis.plot(frequencies, np.maximum(0, 2 * (swing / 0.05 - 1)), "k-", lw=1, label="theory")
    axis.set(xscale="log", xlabel="flicker, Hz", ylabel="events of a period and pixel", title="Bandwidth")
    axis.legend(frameon=False)


def _moving(board: Events, axes: Any) -> None:
    """A textured board that is moved by hand, beside a texture that the model sees move as fast."""
    pixels = _active(board)
    real = statistics(board, pixels)
    bins = np.linspace(board.t[0], board.t[-1], 41)
    profile = np.histogram(board.t, bins)[0].astype(float)
    way = 120.0
    for _ in range(3):
        made = _pan(profile / profile.sum(), real.seconds, way)
        ours = statistics(made, _active(made))
        way *= real.rate / ours.rate
    print(
        f"moving, real:  {real.line()}\nmoving, model: {ours.line()} ({way:.0f} px in {real.seconds:.1f} s)"
    )
    for name, each in (("real", real), ("model", ours)):
        for turned, style in ((False, "-"), (True, "--")):
            label = f"{name}, polarity {'turned' if turned else 'kept'}"
            _histogram(axes[0], each.gaps[each.turned == turned], style, f"C{name == 'model':d}", label)
        shares = np.bincount(np.minimum(each.runs, 30), minlength=31)[1:] / len(each.runs)
        axes[1].plot(np.arange(1, 31), shares, marker=".", label=name)
        axes[2].hist(each.counts, np.arange(0, 60), density=True, histtype="step", label=name)
    axes[0].set(xscale="log", xlabel="ms between events of a pixel", title="Moved board: inter-event times")
    axes[1].set(yscale="log", xlabel="events", title="Moved board: runs of one polarity")
    axes[2].set(xlabel="events of a pixel in 1 s", title="Moved board: pixels' rates")
    for axis in axes:
        axis.legend(frameon=False)


def _active(events: Events) -> NDArray[np.bool_]:
    """Pixels where something moves: their neighbourhood has more than a few events."""
    pixel = events.y.astype(np.int64) * WIDTH + events.x
    counts = np.bincount(pixel, minlength=WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.float32)
    return np.asarray(cv2.blur(np.minimum(counts, 30), (7, 7)) > 3)


def _pan(profile: NDArray[np.float64], seconds: float, way: float) -> Events:
    """A texture of blobs that goes out and back by ``way`` px, as fast as the profile says."""
    rng = np.random.default_rng(0)
    blobs = cv2.GaussianBlur(rng.random((600, 700)).astype(np.float32), (0, 0), 5)
    picture = np.where(blobs > np.median(blobs), 0.34, 0.155).astype(np.float32)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32)
    sensor = PixelSensor(WIDTH, HEIGHT, DAVIS346, lux=500.0, seed=1)
    edges = np.concatenate([[0.0], np.cumsum(profile)])
    lowest = (int(np.argmin(profile)) + 0.5) / len(profile)

    def pictures() -> Iterator[tuple[int, NDArray[np.float32]]]:
        turn = float(np.interp(lowest, np.linspace(0, 1, len(edges)), edges))
        steps = int(seconds * 1000)
        for k in range(steps + 1):
            gone = float(np.interp(k / steps, np.linspace(0, 1, len(edges)), edges))
            at = way * (gone if gone < turn else 2 * turn - gone)
            matrix = np.array([[1.0, 0.0, 150.0 + 0.8 * at], [0.0, 1.0, 150.0 + 0.6 * at]])
            seen = cv2.warpAffine(
                picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            yield k * 1000, np.asarray(seen, np.float32)

    return _run(sensor, pictures())


def _lamp(lamps: Events, axis: Any) -> None:
    """Lamps that flicker at 100 Hz, beside pixels of the model that look at a sawtooth."""
    pixel = lamps.y.astype(np.int64) * WIDTH + lamps.x
    mask = (np.bincount(pixel, minlength=WIDTH * HEIGHT) >= LAMP_EVENTS).reshape(HEIGHT, WIDTH)
    real = statistics(lamps, mask)
    rise = 8.0 * DAVIS346.threshold_on
    for _ in range(8):
        sensor = PixelSensor(64, 64, DAVIS346, lux=20_000.0, seed=1)
        made = _run(sensor, ((t, _flat(_sawtooth(t, rise))) for t in range(0, 260_000, 100)))
        ours = statistics(made[made.t > 100_000])
        rise *= real.rate / ours.rate
    print(f"lamp, real ({np.count_nonzero(mask)} px): {real.line()}")
    print(f"lamp, model: {ours.line()} (rise of the logarithm {rise:.2f})")
    for name, each in (("real", real), ("model", ours)):
        _histogram(axis, each.gaps, "-", f"C{name == 'model':d}", name)
    axis.axvline(DAVIS346.refractory_us / 1000, color="k", lw=0.7, ls=":")
    axis.set(xscale="log", xlabel="ms between events of a pixel", title="Lamp at 100 Hz: inter-event times")
    axis.legend(frameon=False)


def _sawtooth(time: int, rise: float) -> float:
    """Light whose logarithm rises evenly through a period but falls back in its first part.

    So the real pixels' events tell: off in less than a millisecond of each period, on over the rest.
    """
    phase, fall = time * FLICKER_HZ / 1e6 % 1.0, 0.07
    share = 1.0 - phase / fall if phase < fall else (phase - fall) / (1.0 - fall)
    return 0.9 * math.exp(rise * (share - 1.0))


def _hot(board: Events, axis: Any) -> None:
    sensor = PixelSensor(
        64, 64, DAVIS346.model_copy(update={"hot_share": 0.01, "shot_hz": 0.0, "leak_hz": 0.0})
    )
    made = _run(sensor, ((k * 10_000, _flat(0.5)) for k in range(101)))
    ours = np.argwhere(np.bincount(made.y.astype(int) * 64 + made.x, minlength=4096).reshape(64, 64) > 0)
    for name, events, pixels in (("real", board, HOT), ("model", made, [(x, y) for y, x in ours])):
        shares, rates, spreads = [], [], []
        for x, y in pixels:
            gaps = np.diff(events.t[(events.x == x) & (events.y == y)]).astype(float)
            shares.append(gaps / gaps.mean())
            rates.append(1e6 / gaps.mean())
            spreads.append(gaps.std() / gaps.mean())
        print(f"hot pixels, {name}: {len(pixels)}, {min(rates):.0f} to {max(rates):.0f} events/s, "
              f"spread of the gaps {np.median(spreads):.2f} of their mean")  # fmt: skip
        axis.hist(np.concatenate(shares), np.linspace(0, 3, 40), density=True, histtype="step", label=name)
    axis.set(xlabel="time between events / its mean", title="Hot pixels")
    axis.legend(frameon=False)


def _still(board: Events, axis: Any) -> None:
    left, right, top, bottom = STILL
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    real = statistics(board, mask)
    rates = [[(1 - real.on) * real.rate, real.on * real.rate]]
    sensor = PixelSensor(200, 200, DAVIS346.model_copy(update={"hot_share": 0.0}), lux=500.0, seed=1)
    made = _run(sensor, ((k * 100_000, _flat(0.3, 200)) for k in range(801)))
    ours = statistics(made[made.t > 40_000_000])
    rates.append([(1 - ours.on) * ours.rate, ours.on * ours.rate])
    print(f"still, off and on events/s/px: real {rates[0]}, model {rates[1]}")
    for index, name in enumerate(("real", "model")):
        axis.bar([index - 0.15, index + 0.15], rates[index], 0.28, color=["C3", "C2"])
        axis.text(index, max(rates[index]) * 1.03, name, ha="center")
    axis.set(xticks=[-0.15, 0.15, 0.85, 1.15], xticklabels=["off", "on"] * 2, ylabel="events/s/px")
    axis.set(title="A part that stands still")


def _histogram(axis: Any, gaps: Gaps, style: str, colour: str, label: str) -> None:
    bins = np.geomspace(0.05, 1000, 60)
    share = np.histogram(gaps / 1000, bins)[0] / max(1, len(gaps))
    axis.plot(np.sqrt(bins[:-1] * bins[1:]), share, style, color=colour, label=label, lw=1.2)


if __name__ == "__main__":
    main()
