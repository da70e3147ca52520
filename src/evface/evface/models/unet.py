"""A small recurrent U-Net from event frames to grey pictures, in the manner of E2VID (Rebecq et al., 2019).

event frame -> Conv 5x5 -> [Conv stride 2 -> ConvGRU] x levels      encoder; the GRUs remember what moved
            -> [upsample -> Conv -> + encoder's maps] x levels      decoder
            -> Conv 1x1 -> sigmoid

Events tell only what changes. What a face looks like that keeps still must be remembered from when it moved:
that is what the recurrence is for, and what the paper's network, which sees 33 ms at a time, cannot do.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from evface.errors import GeometryError


class UnetConfig(BaseModel):
    """What the network is made of, and what it is to minimise: absolute error plus the weighted terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["unet"] = Field(default="unet", description="kind of network")
    size: int = Field(
        default=64, ge=16, le=1024, description="width and height of picture and event frame, px"
    )
    maps: int = Field(
        default=16, ge=1, le=256, description="feature maps at full size; doubled at each level"
    )
    levels: int = Field(default=3, ge=1, le=6, description="times that the size is halved")
    ssim_weight: float = Field(default=0.5, ge=0.0, le=1e3, description="of 1 - SSIM in the loss")
    perceptual_weight: float = Field(
        default=0.1, ge=0.0, le=1e3, description="of the distance between features of a face detector"
    )

    @model_validator(mode="after")
    def _divisible(self) -> UnetConfig:
        if self.size % 2**self.levels:
            raise ValueError(f"size {self.size} cannot be halved {self.levels} times")
        return self


class ConvGru(nn.Module):
    """Gated recurrent unit whose products are 3x3 convolutions."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.seen = nn.Conv2d(maps, 3 * maps, 3, padding=1)
        self.kept = nn.Conv2d(maps, 3 * maps, 3, padding=1, bias=False)

    def forward(self, x: Tensor, state: Tensor | None) -> Tensor:
        """States after each step.

        Args:
            x: ``[T, B, C, H, W]``.
            state: before the first step, ``[B, C, H, W]``; None: zero.

        Returns:
            ``[T, B, C, H, W]``; the last one is the state to go on from.
        """
        state = torch.zeros_like(x[0]) if state is None else state
        states = []
        for seen in self.seen(x.flatten(0, 1)).unflatten(0, x.shape[:2]):
            reset, update, new = seen.chunk(3, 1)
            kept_reset, kept_update, kept_new = self.kept(state).chunk(3, 1)
            gate = torch.sigmoid(update + kept_update)
            candidate = torch.tanh(new + torch.sigmoid(reset + kept_reset) * kept_new)
            state = gate * state + (1 - gate) * candidate
            states.append(state)
        return torch.stack(states)


class RecurrentUnet(nn.Module):
    """U-Net with a memory at each level.

    Args:
        config: what it is made of.
    """

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        self.config = config
        maps = [config.maps * 2**level for level in range(config.levels + 1)]
        self.head = nn.Sequential(nn.Conv2d(2, maps[0], 5, padding=2), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine, coarse, 3, stride=2, padding=1), nn.ReLU())
            for fine, coarse in pairwise(maps)
        )
        self.memory = nn.ModuleList(ConvGru(coarse) for coarse in maps[1:])
        self.up = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(coarse, fine, 3, padding=1), nn.ReLU())
            for fine, coarse in pairwise(maps)
        )
        self.picture = nn.Sequential(nn.Conv2d(maps[0], 1, 1), nn.Sigmoid())
        self._states: list[Tensor] | None = None

    def parameter_count(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, counts: Tensor) -> Tensor:
        """Pictures of event frames in a row, from rest.

        Args:
            counts: events per pixel (off, on), float32 ``[T, B, 2, size, size]``.

        Returns:
            float32 ``[T, B, 1, size, size]`` in [0, 1].
        """
        return self._run(counts, None)[0]

    @torch.inference_mode()
    def reconstruct(
        self, counts: Tensor, pictures: Tensor, samples: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Pictures of a clip, from rest; nothing is drawn, and the true pictures are not looked at.

        Args:
            counts: float32 ``[T, 2, size, size]``.
            pictures: unused.
            samples: unused.
            generator: unused.

        Returns:
            ``unet``: ``[1, T, size, size]``.
        """
        return {"unet": self(counts.unsqueeze(1))[:, 0, 0].unsqueeze(0)}

    @torch.inference_mode()
    def step(self, counts: Tensor) -> Tensor:
        """The picture after the next event frame of a stream, remembering those before.

        Args:
            counts: float32 ``[B, 2, size, size]``.

        Returns:
            float32 ``[B, size, size]`` in [0, 1].

        Raises:
            GeometryError: the number of streams changed without `reset`.
        """
        if self._states is not None and len(self._states[0]) != len(counts):
            found, before = len(counts), len(self._states[0])
            raise GeometryError(f"{found} streams after {before}: reset() before a change")
        pictures, self._states = self._run(counts.unsqueeze(0), self._states)
        return pictures[0].squeeze(1)

    def reset(self) -> None:
        """Forget what was seen."""
        self._states = None

    def _run(self, counts: Tensor, states: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        x = _per_slice(self.head, torch.log1p(counts))
        skipped, after = [], []
        for level, (down, memory) in enumerate(zip(self.down, self.memory, strict=True)):
            skipped.append(x)
            x = memory(_per_slice(down, x), states[level] if states else None)
            after.append(x[-1])
        for up, fine in zip(reversed(self.up), reversed(skipped), strict=True):
            x = _per_slice(up, x) + fine
        return _per_slice(self.picture, x), after


def _per_slice(module: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = module(x.flatten(0, 1))
    return y.unflatten(0, x.shape[:2])
