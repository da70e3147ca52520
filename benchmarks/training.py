"""A training step of the paper's spiking network on the CPU, beside spikingjelly's own layers.

8 clips of 75 slices of 64x64, forward, backward and Adam, float32, equal threads. "as it comes" is without
our allocator settings (`evface.training.memory`), the other peer has them too. The rows "CPU" are processor
time of all threads, which a machine that is busy with other work changes less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.measurement import Measurement
from benchmarks.stock_snn import StockSnn
from evface.models import SNN_PRESETS, PlifSnn
from evface.training.memory import keep_freed_memory

CLIPS, SLICES, ROUNDS = 8, 75, 5

Seconds = dict[str, tuple[float, float]]
"""Median s of a step of each network: on the clock, and of processor time."""


def run() -> list[Measurement]:
    """Seconds a step, on one thread and on all."""
    counts = sorted({1, os.cpu_count() or 1})
    before = torch.get_num_threads()
    try:
        as_it_comes = {threads: measure(threads, ours=False)["stock"] for threads in counts}
        keep_freed_memory()
        return [row for threads in counts for row in _rows(threads, measure(threads), as_it_comes[threads])]
    finally:
        torch.set_num_threads(before)


def _rows(threads: int, taken: Seconds, as_it_comes: tuple[float, float]) -> list[Measurement]:
    name = f"SNN training step, {CLIPS} clips x {SLICES} slices, threads: {threads}"
    return [
        {
            "name": name + suffix,
            "ours": taken["ours"][which],
            "unit": "s",
            "peers": {
                "spikingjelly": taken["stock"][which],
                "spikingjelly as it comes": as_it_comes[which],
            },
            "limit": None,
        }
        for which, suffix in enumerate(("", ", CPU"))
    ]


def measure(threads: int, ours: bool = True, rounds: int = ROUNDS) -> Seconds:
    """Steps of spikingjelly's network and of ours in turn, after one of each to warm up.

    Args:
        threads: of torch.
        ours: whether ours takes part.
        rounds: steps of each.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    frames = torch.poisson(torch.full((SLICES, CLIPS, 2, 64, 64), 0.1))
    stock, network = StockSnn(SNN_PRESETS["paper"]), PlifSnn(SNN_PRESETS["paper"])
    steps = {"stock": _step(stock, stock, frames)}
    if ours:
        steps["ours"] = _step(network, lambda x: network(x)[1], frames)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            clock, processor = time.perf_counter(), time.process_time()
            step()
            if turn:
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {
        name: (median(clock for clock, _ in times), median(processor for _, processor in times))
        for name, times in taken.items()
    }


def _step(network: nn.Module, forward: Callable[[Tensor], Tensor], frames: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    target = nn.functional.one_hot(torch.arange(CLIPS), 21).float()

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(forward(frames), target).backward()
        optimizer.step()

    return step
