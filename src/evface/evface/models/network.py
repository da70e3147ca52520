"""What every recogniser of Action Units has in common, whatever it is built of."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class NetworkConfig(BaseModel):
    """What the networks of all families need to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: int = Field(default=21, ge=2, le=1000, description="Action Units told apart")
    size: int = Field(default=64, ge=8, le=512, description="width and height of a frame, px")
    in_channels: int = Field(
        default=2, ge=1, le=64, description="planes of a frame: 2 for event counts, 3 for RGB, 1 for grey"
    )


class Network(nn.Module, ABC):
    """Whole clips in, scores per class out; the highest is the answer.

    Attributes:
        config: what it is made of.
    """

    config: NetworkConfig

    def parameter_count(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    @abstractmethod
    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Judge whole clips.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``, zero behind a clip's end.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.

        Returns:
            Scores of every slice ``[T', B, classes]``, T' being smaller than T where the network shortens
            time (meaningless behind a clip's end), and of every clip ``[B, classes]``.
        """

    def loss(self, clip_scores: Tensor, labels: Tensor) -> Tensor:
        """How wrong clips' scores are: cross-entropy.

        Args:
            clip_scores: float32 ``[B, classes]``.
            labels: class index, int64 ``[B]``.

        Returns:
            A float32 scalar.
        """
        return nn.functional.cross_entropy(clip_scores, labels)


class SteppingNetwork(Network):
    """A network that can also look at a stream, one slice after the other."""

    @abstractmethod
    def step(self, frame: Tensor) -> Tensor:
        """One more slice of a stream, with the state as the last slice left it.

        Args:
            frame: float32 ``[B, in_channels, size, size]``.

        Returns:
            Scores ``[B, classes]`` in [0, 1].

        Raises:
            GeometryError: the number of streams changed without `reset`, or a frame has the wrong shape.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget what was seen."""


def logarithm(counts: Tensor) -> Tensor:
    """The sign of each number times log(1 + size): a turned head has a hundred times a blink's events."""
    return counts.sign() * counts.abs().log1p()


def valid_slices(slices: int, lengths: Tensor | None, device: torch.device) -> Tensor | None:
    """Which slices belong to their clip.

    Args:
        slices: T of the longest clip.
        lengths: int64 ``[B]``; None: all T of all.
        device: where the mask is needed.

    Returns:
        bool ``[T, B]``; None where all do.
    """
    if lengths is None or bool((lengths == slices).all()):
        return None
    return torch.arange(slices, device=device).unsqueeze(1) < lengths.to(device)


def mean_over_time(x: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of ``[T, B, ...]`` over the valid slices of each clip, ``[B, ...]``."""
    if valid is None:
        return x.mean(0)
    weight = valid.to(x.dtype).reshape(*valid.shape, *[1] * (x.ndim - 2))
    return (x * weight).sum(0) / weight.sum(0)
