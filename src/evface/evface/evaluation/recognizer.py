"""The recogniser as a stream: one event frame in, the scores of all Action Units out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from evface.dataset.event_views import Representation, Slicing
from evface.errors import ConfigError
from evface.models import SteppingNetwork
from evface.training.checkpoint import load_checkpoint, model_name

THREADS = 1
"""CPU threads of a step. One: at 33 ms a second thread has gone to sleep in between and must be woken, and
the order of sums, hence the scores' last bits, would depend on the machine."""


class StreamingRecognizer:
    """Steps a trained network once per slice, its membranes carried on.

    The same class runs live and offline, so that the same frames give the same scores.

    Args:
        checkpoint: a .safetensors file of `train_au`.

    Attributes:
        name: of the network, "snn-small:1f0c2a9b".
        config: how it was trained; ``config.aus`` are the classes, ``config.slice_us`` the slices it expects.
        slices: steps since the last reset.

    Raises:
        FormatError: no such file, or not a checkpoint.
        ConfigError: the network sees whole clips, or something else than event frames.
    """

    def __init__(self, checkpoint: Path) -> None:
        model, self.config = load_checkpoint(checkpoint)
        self.name = model_name(model, self.config)
        if not isinstance(model, SteppingNetwork):
            raise ConfigError(f"{checkpoint}: {self.name} judges whole clips and cannot follow a stream")
        if self.config.input != "events":
            raise ConfigError(f"{checkpoint}: {self.name} was trained on {self.config.input}, not on events")
        if self.config.slicing != Slicing() or self.config.representation != Representation():
            raise ConfigError(f"{checkpoint}: {self.name} wants other slices than counts over equal times")
        self._model = model
        size = self.config.model.size
        self._input = torch.zeros(1, 2, size, size)
        self._sum = np.zeros(self.config.model.classes, np.float64)
        self.slices = 0

    def step(self, frame: NDArray[np.uint16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Look at the next slice.

        Args:
            frame: uint16 ``[2, size, size]``, counts of off and on events.

        Returns:
            Voting rate in this slice, and its mean since the last reset: float32 ``[classes]`` in [0, 1].

        Raises:
            GeometryError: the frame has another shape.
        """
        counts = torch.from_numpy(np.ascontiguousarray(frame))
        if counts.shape == self._input.shape[1:]:
            self._input[0].copy_(counts)
            counts = self._input[0]
        with torch_threads(THREADS):
            scores = self._model.step(counts.unsqueeze(0))[0].numpy()
        self.slices += 1
        self._sum += scores
        return scores, (self._sum / self.slices).astype(np.float32)

    def reset(self) -> None:
        """Forget what was seen."""
        self._model.reset()
        self._sum[:] = 0.0
        self.slices = 0

    def warm_up(self, steps: int = 20) -> None:
        """Run on empty frames, so that the first real slice is as quick as the others; then forget them."""
        size = self.config.model.size
        for _ in range(steps):
            self.step(np.zeros((2, size, size), np.uint16))
        self.reset()


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many CPU threads of torch within the block; the rest of the process keeps its own number."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
