"""What spiking networks have in common: their neurons, whole clips from rest, streams that remember."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from evface.errors import GeometryError
from evface.models.network import NetworkConfig, SteppingNetwork, logarithm
from evface.models.packing import Slices
from evface.models.plif import Plif


class SpikingConfig(NetworkConfig):
    """What spiking networks are made of; the defaults are the paper's.

    ``decay_input`` False is the paper's Eq. 3; the PLIF authors' code has it True.
    """

    pooling: int = Field(default=1, ge=1, le=16, description="cells whose counts are summed first, per axis")
    counts: Literal["raw", "log"] = Field(
        default="raw", description="what comes in as it is, or the sign times log(1 + size) of each sum"
    )
    maps: int = Field(default=32, ge=1, le=512, description="feature maps of each convolution")
    hidden: int = Field(default=512, ge=1, le=16384, description="neurons of the first FC layer")
    votes: int = Field(default=10, ge=1, le=100, description="output neurons that vote for a class")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="share of inputs of an FC layer dropped")
    init_tau: float = Field(
        default=2.0, gt=1.0, le=100.0, description="membrane time constant at first, slices"
    )
    decay_input: bool = Field(default=False, description="whether the input decays with the membrane")
    v_threshold: float = Field(
        default=1.0, gt=0.0, le=100.0, description="potential at which a neuron spikes"
    )
    surrogate_alpha: float = Field(
        default=2.0, gt=0.0, le=100.0, description="steepness of the arctangent surrogate"
    )


class SpikingNetwork(SteppingNetwork):
    """Parametric LIF neurons that map frames to a voting rate per Action Unit.

    Args:
        config: what it is made of.
    """

    config: SpikingConfig

    def __init__(self, config: SpikingConfig) -> None:
        super().__init__()
        self.config = config
        if config.size % config.pooling or config.size // config.pooling < 4:
            raise GeometryError(
                f"frames of {config.size} px cannot be summed by {config.pooling} and halved twice"
            )
        self.sum = nn.AvgPool2d(config.pooling, divisor_override=1) if config.pooling > 1 else nn.Identity()
        self.vote = nn.AvgPool1d(config.votes, config.votes)
        self._batch: int | None = None

    @abstractmethod
    def run(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        """Slices in a row.

        Args:
            x: float32 ``[N, in_channels, side, side]``, cells summed, in channels-last memory.
            slices: where the slices lie.
            keep: go on from the membranes as they are; False: from rest.

        Returns:
            Spikes of the output neurons ``[N, classes * votes]``.
        """

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole clips from rest.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``, zero behind a clip's end.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.

        Returns:
            Voting rate of every slice ``[T, B, classes]`` in [0, 1] (0 behind a clip's end), and its mean
            over the valid slices ``[B, classes]``.
        """
        self.reset()
        slices = Slices.of(frames, lengths)
        votes = slices.unpack(self._run(slices.pack(frames), slices, keep=False))
        if lengths is None:
            return votes, votes.mean(0)
        return votes, votes.sum(0) / (slices.rows >= 0).sum(0).unsqueeze(-1)

    def loss(self, clip_scores: Tensor, labels: Tensor) -> Tensor:
        """Mean squared error of the voting rates against one-hot (§5).

        Args:
            clip_scores: float32 ``[B, classes]``.
            labels: class index, int64 ``[B]``.

        Returns:
            A float32 scalar.
        """
        target = nn.functional.one_hot(labels, self.config.classes).to(clip_scores.dtype)
        return nn.functional.mse_loss(clip_scores, target)

    @torch.inference_mode()
    def step(self, frame: Tensor) -> Tensor:
        """One more slice of a stream, with the membranes as the last slice left them.

        Args:
            frame: float32 ``[B, in_channels, size, size]``.

        Returns:
            Voting rate ``[B, classes]`` in [0, 1].

        Raises:
            GeometryError: the number of streams changed without `reset`, or a frame has the wrong size.
        """
        config = self.config
        if frame.shape[1:] != (config.in_channels, config.size, config.size):
            expected = f"[B, {config.in_channels}, {config.size}, {config.size}]"
            raise GeometryError(f"frame is {list(frame.shape)}, expected {expected}")
        if self._batch not in (None, frame.shape[0]):
            # The neurons would forget their membranes without a word.
            raise GeometryError(f"{frame.shape[0]} streams after {self._batch}: reset() before a change")
        self._batch = frame.shape[0]
        return self._run(frame, Slices.of(frame.unsqueeze(0)), keep=True)

    def reset(self) -> None:
        """Forget the membranes."""
        self._batch = None
        for neurons in self.modules():
            if isinstance(neurons, Plif):
                neurons.reset()

    def _run(self, frames: Tensor, slices: Slices, keep: bool) -> Tensor:
        x = self.sum(frames)
        if self.config.counts == "log":
            x = logarithm(x)
        # Rates are float32 where spikes are bfloat16.
        spikes = self.run(x.contiguous(memory_format=torch.channels_last), slices, keep)
        return self.vote(spikes.float())


class ClipDropout(nn.Module):
    """Dropout that leaves out the same inputs in all slices of a clip.

    Args:
        share: of inputs left out.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, slices: Slices) -> Tensor:
        """Slices ``[N, features]`` with some features of each clip at zero, the others raised."""
        if not self.training:
            return x
        return slices.times(x, nn.functional.dropout(x.new_ones(slices.clips, x.shape[1]), self.share))


def convolution(inputs: int, maps: int) -> nn.Sequential:
    """Conv2d 3x3 and the BatchNorm behind it."""
    return nn.Sequential(nn.Conv2d(inputs, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps))


def plif(config: SpikingConfig) -> Plif:
    """A layer of neurons."""
    return Plif(
        config.init_tau, config.decay_input, config.v_threshold, surrogate_alpha=config.surrogate_alpha
    )
