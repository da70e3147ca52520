"""A slice into features: small convolutions that see events and colours each by themselves.

frame -> counts -> log -> [Conv2d 3x3 -> BatchNorm -> ReLU -> MaxPool 2x2] x stages -> FC -> ReLU
      -> colours       -> [Conv2d 3x3 -> BatchNorm -> ReLU -> MaxPool 2x2] x stages -> FC -> ReLU
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from evface.errors import GeometryError
from evface.models.network import NetworkConfig, logarithm


class EncoderConfig(NetworkConfig):
    """What looks at a slice. Of cells that are joined, counts are summed and colours averaged."""

    colours: int = Field(default=0, ge=0, le=3, description="how many of a frame's last planes are colours")
    counts: Literal["raw", "log"] = Field(
        default="log", description="event planes as they are, or the sign times log(1 + size) of each"
    )
    pooling: int = Field(default=1, ge=1, le=16, description="cells that are joined first, per axis")
    stages: int = Field(default=3, ge=1, le=5, description="convolutions, each of which halves the frame")
    maps: int = Field(default=16, ge=1, le=512, description="feature maps of the first, doubled by each")
    features: int = Field(default=128, ge=1, le=4096, description="numbers that events or colours become")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="share of inputs of an FC layer dropped")


class Encoder(nn.Module):
    """Features of slices.

    Args:
        config: what it is made of.

    Attributes:
        features: how many numbers a slice becomes.

    Raises:
        GeometryError: the frame is too small to be halved so often, or has no such planes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.colours > config.in_channels:
            raise GeometryError(f"{config.colours} planes of colours among {config.in_channels}")
        if config.size % config.pooling or config.size // config.pooling < 2**config.stages:
            raise GeometryError(
                f"frames of {config.size} px cannot be joined by {config.pooling} and "
                f"halved {config.stages} times"
            )
        self._planes = [config.in_channels - config.colours, config.colours]
        self.pool = nn.AvgPool2d(config.pooling)
        self.branches = nn.ModuleList(_branch(config, planes) for planes in self._planes if planes)
        self.features = config.features * len(self.branches)

    def forward(self, frames: Tensor, valid: Tensor | None = None) -> Tensor:
        """Look at slices, each by itself; BatchNorm never sees the padding.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``.
            valid: bool ``[T, B]``; None: all are.

        Returns:
            float32 ``[T, B, features]``, zero where a slice is not valid.
        """
        pictures = frames.flatten(0, 1) if valid is None else frames[valid]
        parts = [part for part in self.pool(pictures).split(self._planes, 1) if part.shape[1]]
        if self._planes[0]:
            parts[0] = parts[0] * self.config.pooling**2
            if self.config.counts == "log":
                parts[0] = logarithm(parts[0])
        seen = torch.cat([branch(part) for branch, part in zip(self.branches, parts, strict=True)], 1)
        if valid is None:
            return seen.unflatten(0, frames.shape[:2])
        padded = seen.new_zeros(*valid.shape, self.features)
        padded[valid] = seen
        return padded


def _branch(config: EncoderConfig, planes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for stage in range(config.stages):
        maps = config.maps * 2**stage
        layers += [nn.Conv2d(planes, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        planes = maps
    side = config.size // config.pooling // 2**config.stages
    layers += [nn.Flatten(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers, nn.Linear(planes * side * side, config.features), nn.ReLU())
