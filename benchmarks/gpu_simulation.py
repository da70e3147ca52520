"""The event sensors' pixels on a GPU: simulated seconds a second, sensor alone.

    python -m benchmarks.gpu_simulation [--device cuda]

Pictures of a moving face lie on the device already, as they do where a renderer there makes them; the clock
stops when the events are on the host. Beside it, `PixelSensor` on one core with the same pictures.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
import torch

from benchmarks.simulation import MILLISECOND, moving_face
from evface.simulation.sensor.pixels import PixelSensor
from evface.simulation.sensor.presets import PRESETS
from evface.simulation.sensor.torch_pixels import TorchPixelSensor

ROUNDS = 5


def main() -> None:
    """Print a line for each sensor; says so where the device is absent."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu_simulation", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=64, help="pictures")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no GPU here: nothing measured")
        return
    for camera, width, height in (("davis346", 346, 260), ("evk4", 1280, 720)):
        scene, begin = moving_face(camera, options.batch * MILLISECOND)
        pictures = np.stack(
            [scene.render(begin + k * MILLISECOND, width, height) for k in range(options.batch)]
        )
        there = torch.from_numpy(pictures).to(options.device)
        sensor = TorchPixelSensor(width, height, PRESETS[camera], scene.lux, device=options.device)
        compiled = PixelSensor(width, height, PRESETS[camera], scene.lux)
        taken: dict[str, list[float]] = {options.device: [], "one core": []}
        events: dict[str, int] = {}
        for turn in range(ROUNDS + 1):
            # There and back, so that nothing jumps from one round to the next.
            seen = there if turn % 2 == 0 else there.flip(0)
            times = [1000 * (turn * options.batch + k) for k in range(options.batch)]
            began = time.perf_counter()
            events[options.device] = len(sensor.step(seen, times))
            middle = time.perf_counter()
            shown = pictures[:: 1 if turn % 2 == 0 else -1]
            events["one core"] = sum(len(compiled.step(p, t)) for p, t in zip(shown, times, strict=True))
            if turn:
                taken[options.device].append(middle - began)
                taken["one core"].append(time.perf_counter() - middle)
        for name, seconds in taken.items():
            rate = options.batch / 1000 / median(seconds)
            print(
                f"{camera} {width}x{height}, {name}: {rate:.3g} s/s, {events[name]} events in the last batch"
            )


if __name__ == "__main__":
    main()
