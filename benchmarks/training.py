"""A training step of the paper's spiking network on the CPU, beside spikingjelly's own layers.

8 clips of 75 slices of 64x64, forward, backward and Adam, float32, equal threads. "as it comes" is without
our allocator settings (`evface.training.memory`), the other peer has them too.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.measurement import Measurement
from benchmarks.stock_snn import StockSnn
from benchmarks.timing import medians
from evface.models import SNN_PRESETS, PlifSnn
from evface.training.memory import keep_freed_memory

CLIPS, SLICES, ROUNDS = 8, 75, 5


def run() -> list[Measurement]:
    """Seconds a step, on one thread and on all."""
    counts = sorted({1, os.cpu_count() or 1})
    before = torch.get_num_threads()
    try:
        as_it_comes = {threads: _seconds(threads, ours=False)["stock"] for threads in counts}
        keep_freed_memory()
        return [_measured(threads, as_it_comes[threads]) for threads in counts]
    finally:
        torch.set_num_threads(before)


def _measured(threads: int, as_it_comes: float) -> Measurement:
    taken = _seconds(threads, ours=True)
    return {
        "name": f"SNN training step, {CLIPS} clips x {SLICES} slices, threads: {threads}",
        "ours": taken["ours"],
        "unit": "s",
        "peers": {"spikingjelly": taken["stock"], "spikingjelly as it comes": as_it_comes},
        "limit": None,
    }


def _seconds(threads: int, ours: bool) -> dict[str, float]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    frames = torch.poisson(torch.full((SLICES, CLIPS, 2, 64, 64), 0.1))
    labels = torch.arange(CLIPS)
    stock = StockSnn(SNN_PRESETS["paper"])
    tasks: dict[str, Callable[[], object]] = {"stock": _step(stock, stock, frames, labels)}
    if ours:
        network = PlifSnn(SNN_PRESETS["paper"])
        tasks["ours"] = _step(network, lambda x: network(x)[1], frames, labels)
    return medians(tasks, ROUNDS)


def _step(
    network: nn.Module, forward: Callable[[Tensor], Tensor], frames: Tensor, labels: Tensor
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    target = nn.functional.one_hot(labels, 21).float()

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(forward(frames), target).backward()
        optimizer.step()

    return step
