"""A small transformer over the slices of a whole clip: every slice looks at every other.

frames -> encoder (each slice by itself) -> + place in time -> TransformerEncoder -> mean over time -> FC
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from evface.models.encoder import Encoder, EncoderConfig
from evface.models.network import Network, mean_over_time, valid_slices


class TransformerConfig(EncoderConfig):
    """What the network is made of."""

    family: Literal["transformer"] = "transformer"
    width: int = Field(default=128, ge=8, le=1024, multiple_of=8, description="numbers of a slice's token")
    layers: int = Field(default=2, ge=1, le=12, description="of attention")
    heads: Literal[1, 2, 4, 8] = Field(default=4, description="of attention in each layer")


class Transformer(Network):
    """Convolutions and attention over time that map frames to a logit per Action Unit.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the frame is too small to be halved so often.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config: TransformerConfig = config
        self.encoder = Encoder(config)
        self.token = nn.Linear(self.encoder.features, config.width)
        attention = nn.TransformerEncoderLayer(
            config.width, config.heads, 2 * config.width, config.dropout, norm_first=True
        )
        self.attention = nn.TransformerEncoder(attention, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(config.width)
        self.classifier = nn.Linear(config.width, config.classes)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole clips.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``, zero behind a clip's end.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.

        Returns:
            Logits of every slice ``[T, B, classes]`` (meaningless behind a clip's end), and of every clip
            ``[B, classes]``.
        """
        valid = valid_slices(len(frames), lengths, frames.device)
        tokens = self.token(self.encoder(frames, valid))
        tokens = tokens + _places(len(frames), self.config.width, frames.device)
        padding = None if valid is None else ~valid.T
        seen = self.norm(self.attention(tokens, src_key_padding_mask=padding))
        return self.classifier(seen), self.classifier(mean_over_time(seen, valid))


def _places(slices: int, width: int, device: torch.device) -> Tensor:
    """Where in time a slice is, as sines of many lengths (Vaswani et al., 2017): ``[T, 1, width]``."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(slices, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).reshape(slices, 1, width)
