"""A training step recorded on a GPU and replayed: hundreds of kernels for the price of one launch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
"""Steps before the recording, in which kernels are compiled and buffers found."""


class RecordedStep:
    """A step for batches of one shape.

    What it does must not depend on what is in the batch: no ``.item()``, no shape that the values decide.
    The `PlifSnn` fulfils this on a GPU (`Slices` keep the padding there); Adam has to be ``capturable``. The
    steps of the warm-up are steps: weights change.

    Args:
        step: forward, backward and optimiser; its gradients begin as None; returns the loss.
        batch: the first one, on the GPU.
    """

    def __init__(self, step: Callable[..., Tensor], *batch: Tensor) -> None:
        self._batch = [tensor.clone() for tensor in batch]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                step(*self._batch)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = step(*self._batch)

    def __call__(self, *batch: Tensor) -> Tensor:
        """One step; the loss is overwritten by the next one."""
        for kept, new in zip(self._batch, batch, strict=True):
            kept.copy_(new, non_blocking=True)
        self._graph.replay()
        return self._loss
