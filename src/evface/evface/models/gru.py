"""A recurrent network over the slices: what it has seen so far is its state, so it follows a stream.

frames -> encoder (each slice by itself) -> GRU -> Dropout -> FC -> scores of every slice -> mean over time
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from evface.errors import GeometryError
from evface.models.encoder import Encoder, EncoderConfig
from evface.models.network import SteppingNetwork, mean_over_time, valid_slices

SMALLEST = 1e-6
"""Added to a score before its logarithm is taken."""


class GruConfig(EncoderConfig):
    """What the network is made of."""

    family: Literal["gru"] = "gru"
    hidden: int = Field(default=128, ge=1, le=4096, description="numbers that are remembered")
    scores: Literal["share", "intensity"] = Field(
        default="share",
        description="of a slice: shares of all classes that sum to 1, or each Action Unit's own intensity",
    )


class Gru(SteppingNetwork):
    """Convolutions and a GRU that map frames to scores from 0 to 1 of each slice.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the frame is too small to be halved so often.
    """

    def __init__(self, config: GruConfig) -> None:
        super().__init__()
        self.config: GruConfig = config
        self.encoder = Encoder(config)
        self.gru = nn.GRU(self.encoder.features, config.hidden)
        self.drop = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden, config.classes)
        self._state: Tensor | None = None

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole clips from rest.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``, zero behind a clip's end.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.

        Returns:
            Scores of every slice ``[T, B, classes]`` in [0, 1] (meaningless behind a clip's end), and
            their mean over the valid slices ``[B, classes]``.
        """
        valid = valid_slices(len(frames), lengths, frames.device)
        scores, _ = self._run(frames, valid, None)
        return scores, mean_over_time(scores, valid)

    def loss(self, clip_scores: Tensor, labels: Tensor) -> Tensor:
        """Minus the log of the class's share of the mean scores.

        Args:
            clip_scores: float32 ``[B, classes]``.
            labels: class index, int64 ``[B]``.

        Returns:
            A float32 scalar.
        """
        shares = clip_scores + SMALLEST
        return nn.functional.nll_loss((shares / shares.sum(1, keepdim=True)).log(), labels)

    @torch.inference_mode()
    def step(self, frame: Tensor) -> Tensor:
        """One more slice of a stream.

        Args:
            frame: float32 ``[B, in_channels, size, size]``.

        Returns:
            Scores ``[B, classes]`` in [0, 1].

        Raises:
            GeometryError: the number of streams changed without `reset`, or a frame has the wrong shape.
        """
        shape = [self.config.in_channels, self.config.size, self.config.size]
        if list(frame.shape[1:]) != shape:
            raise GeometryError(f"frame is {list(frame.shape[1:])}, expected {shape}")
        if self._state is not None and self._state.shape[1] != len(frame):
            raise GeometryError(f"{len(frame)} streams after {self._state.shape[1]}: reset() before a change")
        scores, self._state = self._run(frame.unsqueeze(0), None, self._state)
        return scores[0]

    def reset(self) -> None:
        """Forget what was seen."""
        self._state = None

    def _run(self, frames: Tensor, valid: Tensor | None, state: Tensor | None) -> tuple[Tensor, Tensor]:
        seen, state = self.gru(self.encoder(frames, valid), state)
        logits = self.classifier(self.drop(seen))
        return (logits.softmax(-1) if self.config.scores == "share" else logits.sigmoid()), state
