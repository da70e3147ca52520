"""Reconstruction as a stream: one event frame in, the picture of the face out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from evface.errors import ConfigError, GeometryError
from evface.evaluation.recognizer import THREADS, torch_threads
from evface.training.checkpoint import model_name
from evface.training.reconstruction_checkpoint import load_reconstructor

Device = Literal["auto", "cpu", "cuda"]
"""Where a network runs; auto: the GPU where there is one."""


class StreamingReconstructor:
    """Makes a picture of each slice; a recurrent network remembers the slices before, a cVAE uses z = 0.

    Args:
        checkpoint: a .safetensors file of `train_reconstruction`.
        device: where it runs.

    Attributes:
        name: of the network, "cvae-quick-cvae:1f0c2a9b".
        config: how it was trained; ``config.slice_us`` are the slices it expects.
        size: width and height of event frames and pictures, px.

    Raises:
        ConfigError: a GPU was asked for and there is none.
        FormatError: no such file, or not a checkpoint of reconstruction.
    """

    def __init__(self, checkpoint: Path, device: Device = "auto") -> None:
        gpu = torch.cuda.is_available()
        if device == "cuda" and not gpu:
            raise ConfigError("device: cuda was asked for, and torch finds no GPU")
        self._model, self.config = load_reconstructor(checkpoint)
        self.name = model_name(self._model, self.config)
        self.size = self.config.model.size
        self._device = torch.device("cuda" if gpu and device != "cpu" else "cpu")
        self._model.to(self._device)

    def step(self, frame: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Look at the next slice.

        Args:
            frame: uint16 ``[2, size, size]``, counts of off and on events.

        Returns:
            Grey, uint8 ``[size, size]``.

        Raises:
            GeometryError: the frame has another shape.
        """
        if frame.shape != (2, self.size, self.size):
            expected = f"[2, {self.size}, {self.size}]"
            raise GeometryError(f"event frame is {list(frame.shape)}, {self.name} wants {expected}")
        # Counts are cut off where those that it was trained on are: at a byte's largest.
        counts = torch.from_numpy(np.minimum(frame, np.iinfo(np.uint8).max).astype(np.float32))
        with torch_threads(THREADS):
            picture = self._model.step(counts.unsqueeze(0).to(self._device))[0]
            grey: NDArray[np.uint8] = (picture * 255.0).round().to(torch.uint8).cpu().numpy()
        return grey

    def reset(self) -> None:
        """Forget what was seen."""
        self._model.reset()

    def warm_up(self, steps: int = 5) -> None:
        """Run on empty frames, so that the first real slice is as quick as the others; then forget them."""
        for _ in range(steps):
            self.step(np.zeros((2, self.size, self.size), np.uint16))
        self.reset()
