"""Training on a GPU, in one run of at most ten minutes: python -m benchmarks.gpu [--out out/gpu.json]

The paper's spiking network, 8 clips of 75 slices of 64x64, forward, backward and Adam: spikingjelly's own
layers by what it selects itself, in float32 and in bfloat16, the faster counts; ours in both, with fused
neurons, and recorded as a CUDA graph. Seven folds: seven networks one after the other, and side by side, each
in a stream. Gradients of ours beside spikingjelly's. Then a step of the paper's cVAE.

With --device cpu, or where there is no GPU, it says what was not run; --tiny makes everything small.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.__main__ import machine
from benchmarks.stock_snn import StockSnn
from evface.models import SNN_PRESETS, PlifSnn, SnnConfig
from evface.models.cvae import CVAE_PRESETS, Cvae
from evface.models.plif import implementation
from evface.training.graphs import RecordedStep

FOLDS = 7


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print and write a JSON object.

    Returns:
        What was written.
    """
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="some neurons and slices: does it run?")
    parser.add_argument("--rounds", type=int, default=20, help="steps of each kind, after a warm-up")
    parser.add_argument("--out", type=Path, default=Path("out/gpu.json"))
    options = parser.parse_args(arguments)
    found = Bench(torch.device(options.device), options.tiny, options.rounds).run()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    return found


class Bench:
    """The measurements on one device.

    Args:
        device: where.
        tiny: small networks and batches.
        rounds: steps of each kind.
    """

    def __init__(self, device: torch.device, tiny: bool, rounds: int) -> None:
        self.device, self.rounds = device, rounds
        self.gpu = device.type == "cuda"
        self.config = SNN_PRESETS["paper"]
        slices, clips = 75, 8
        if tiny:
            self.config = SnnConfig(preset="small", size=16, maps=4, hidden=16, votes=2)
            slices, clips = 3, 2
        self.cvae = CVAE_PRESETS["small" if tiny else "paper"]
        torch.manual_seed(0)
        size = self.config.size
        self.frames = torch.poisson(torch.full((slices, clips, 2, size, size), 0.1)).to(device)
        self.labels = torch.arange(clips, device=device) % self.config.classes

    def run(self) -> dict[str, Any]:
        """All of it."""
        return {
            "device": torch.cuda.get_device_name(self.device) if self.gpu else machine(),
            "torch": torch.__version__,
            "neurons": implementation(self.device),
            "step_s": (steps := self.steps()),
            "gradients": self.gradients(),
            "folds_s": (folds := self.folds()),
            "cvae_step_s": self.pictures(),
            "ratios": self.ratios(steps, folds),
            "not_run": [] if self.gpu else ["bfloat16", "CUDA graphs", "streams", "Triton kernels"],
        }

    def steps(self) -> dict[str, float]:
        """Median s of a step of each kind."""
        found = {
            "spikingjelly float32": self.seconds(self.stock(False)),
            "ours float32": self.seconds(self.ours(False)),
        }
        if self.gpu:
            found["spikingjelly bfloat16"] = self.seconds(self.stock(True))
            found["ours bfloat16"] = self.seconds(self.ours(True))
            found["ours bfloat16, recorded"] = self.seconds(self.recorded())
        return found

    def folds(self) -> dict[str, float]:
        """Median s of a step of each of seven networks."""
        stock = [self.stock(self.gpu) for _ in range(FOLDS)]
        found = {"spikingjelly, one after the other": self.seconds(_in_turn(stock))}
        del stock
        ours = [self.ours(self.gpu) for _ in range(FOLDS)]
        found["ours, one after the other"] = self.seconds(_in_turn(ours))
        if self.gpu:
            found["ours, side by side"] = self.seconds(self.in_streams(ours))
            recorded = [self.recorded() for _ in range(FOLDS)]
            found["ours, recorded, one after the other"] = self.seconds(_in_turn(recorded))
            found["ours, recorded, side by side"] = self.seconds(self.in_streams(recorded))
        return found

    def gradients(self) -> dict[str, float]:
        """Largest difference from spikingjelly's gradients by layer, as a share of the layer's largest."""
        stock, ours = self.networks()
        for network in (stock, ours):
            network.eval()
            scores = network(self.frames)
            self.loss(scores if network is stock else scores[1]).backward()
        theirs = dict(stock.named_parameters())
        found = {}
        for name, weight in ours.named_parameters():
            expected = theirs[name].grad
            assert weight.grad is not None
            assert expected is not None
            scale = float(expected.abs().max())
            found[name] = float((weight.grad - expected).abs().max()) / max(scale, 1e-12)
        return found

    def pictures(self) -> dict[str, float]:
        """Median s of a step of the cVAE with 16 pictures."""
        model = Cvae(self.cvae).to(self.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        size = self.cvae.size
        counts = torch.poisson(torch.full((1, 16, 2, size, size), 0.1)).to(self.device)
        pictures = torch.rand(1, 16, 1, size, size, device=self.device)

        def step(mixed: bool) -> None:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
                loss, _ = model.loss(counts, pictures)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        found = {"float32": self.seconds(lambda: step(False))}
        if self.gpu:
            found["bfloat16"] = self.seconds(lambda: step(True))
        return found

    def ratios(self, steps: dict[str, float], folds: dict[str, float]) -> dict[str, float]:
        """How many times faster our fastest is than spikingjelly's."""
        return {
            name: min(s for kind, s in found.items() if kind.startswith("spikingjelly"))
            / min(s for kind, s in found.items() if kind.startswith("ours"))
            for name, found in (("step", steps), ("seven folds", folds))
        }

    def stock(self, mixed: bool) -> Callable[[], object]:
        """A step of spikingjelly's network."""
        network = StockSnn(self.config).to(self.device).train()
        return self.step(network, network, mixed)

    def ours(self, mixed: bool) -> Callable[[], object]:
        """A step of our network."""
        network = PlifSnn(self.config).to(self.device).train()
        return self.step(network, lambda frames: network(frames)[1], mixed)

    def recorded(self) -> Callable[[], object]:
        """A step of our network as a CUDA graph."""
        network = PlifSnn(self.config).to(self.device).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, capturable=True)

        def step(frames: Tensor) -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cuda", torch.bfloat16):
                loss = self.loss(network(frames)[1])
            loss.backward()
            optimizer.step()
            return loss.detach()

        graph = RecordedStep(step, self.frames)
        return lambda: graph(self.frames)

    def step(
        self, network: nn.Module, forward: Callable[[Tensor], Tensor], mixed: bool
    ) -> Callable[[], object]:
        """Forward, backward and Adam."""
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

        def step() -> None:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed):
                loss = self.loss(forward(self.frames))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step

    def networks(self) -> tuple[StockSnn, PlifSnn]:
        """Both networks with the same weights, which let every layer spike."""
        stock, ours = StockSnn(self.config).to(self.device), PlifSnn(self.config).to(self.device)
        with torch.no_grad():
            for layer, gain in ((ours.conv1[0], 2.0), (ours.conv2[0], 3.0), (ours.fc3, 4.0), (ours.fc4, 6.0)):
                layer.get_parameter("weight").mul_(gain)
        stock.load_state_dict(ours.state_dict())
        return stock, ours

    def loss(self, scores: Tensor) -> Tensor:
        """Squared error against one-hot."""
        target = nn.functional.one_hot(self.labels, self.config.classes).to(torch.float32)
        return nn.functional.mse_loss(scores.float(), target)

    def in_streams(self, steps: Sequence[Callable[[], object]]) -> Callable[[], object]:
        """All steps, each in a stream of its own."""
        streams = [torch.cuda.Stream(self.device) for _ in steps]

        def run() -> None:
            for step, stream in zip(steps, streams, strict=True):
                with torch.cuda.stream(stream):
                    step()

        return run

    def seconds(self, task: Callable[[], object]) -> float:
        """Median s until the device is done with it."""
        taken = []
        for turn in range(3 + self.rounds if self.gpu else 1 + self.rounds):
            self.wait()
            began = time.perf_counter()
            task()
            self.wait()
            if turn >= (3 if self.gpu else 1):
                taken.append(time.perf_counter() - began)
        return median(taken)

    def wait(self) -> None:
        """Until the device is done."""
        if self.gpu:
            torch.cuda.synchronize(self.device)


def _in_turn(steps: Sequence[Callable[[], object]]) -> Callable[[], object]:
    def run() -> None:
        for step in steps:
            step()

    return run


if __name__ == "__main__":
    main()
