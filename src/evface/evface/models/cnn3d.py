"""The paper's baseline (§5): a 3D convolutional network after C3D (Tran et al., ICCV 2015), for any length.

clip -> [Conv3d 3x3x3 -> ReLU -> MaxPool] x 4      the first pooling leaves time as it is
     -> mean over time, 4x4 cells                  AdaptiveAvgPool3d((1, 4, 4))
     -> Dropout -> FC

Layout P is C3D's conv1a to conv4b, the third and fourth stage of two convolutions each, and one FC layer;
layout S has one convolution a stage and a hidden FC layer. Both fit the paper's 13.06M.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from evface.errors import GeometryError
from evface.models.network import Network, NetworkConfig, mean_over_time, valid_slices

CNN3D_PARAMETERS: Final = {"P": 13_669_461, "S": 13_060_437}
"""Learnable numbers of the paper's layouts on events: 13.04 * 2^20, and 13.06 * 10^6."""

SHORTEST: Final = 8
"""Slices that three halvings of time need; shorter clips are followed by empty ones."""

_STAGES: Final = {"P": ((1,), (2,), (4, 4), (8, 8)), "S": ((1,), (2,), (4,), (8,))}
"""Maps of the convolutions of each stage, in multiples of the first one's."""


class Cnn3dConfig(NetworkConfig):
    """What the network is made of; the defaults are the paper's."""

    family: Literal["cnn3d"] = "cnn3d"
    layout: Literal["P", "S"] = Field(
        default="P", description="P: 1, 1, 2, 2 convolutions a stage, one FC layer; S: 1, 1, 1, 1, two"
    )
    pooling: int = Field(default=1, ge=1, le=16, description="cells whose counts are summed first, per axis")
    maps: int = Field(default=64, ge=1, le=512, description="feature maps of the first convolution")
    hidden: int = Field(default=1024, ge=1, le=16384, description="neurons of layout S's first FC layer")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0, description="share of inputs of an FC layer dropped")


class Cnn3d(Network):
    """C3D for clips of any length, which maps frames to a logit per Action Unit.

    Padding is masked before every convolution, where it is as good as the convolution's own zeros: a clip's
    scores are the same in whatever company it comes.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the frame is too small for four poolings after the first one.
    """

    def __init__(self, config: Cnn3dConfig) -> None:
        super().__init__()
        self.config: Cnn3dConfig = config
        side = config.size // config.pooling // 16
        if side < 1 or config.size % config.pooling:
            raise GeometryError(
                f"frames of {config.size} px cannot be summed by {config.pooling} and halved four times"
            )
        self.sum = nn.AvgPool2d(config.pooling, divisor_override=1)
        self.stages = nn.ModuleList()
        maps = config.in_channels
        for multiples in _STAGES[config.layout]:
            stage = nn.ModuleList()
            for multiple in multiples:
                stage.append(_convolution(maps, multiple * config.maps))
                maps = multiple * config.maps
            self.stages.append(stage)
        cells = min(4, side)
        self.cells = nn.AdaptiveAvgPool2d(cells)
        features = maps * cells * cells
        self.classifier = nn.Sequential(nn.Dropout(config.dropout))
        if config.layout == "S":
            self.classifier.extend(
                [nn.Linear(features, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            )
            features = config.hidden
        self.classifier.append(nn.Linear(features, config.classes))
        expected = CNN3D_PARAMETERS[config.layout]
        if config == Cnn3dConfig(layout=config.layout) and self.parameter_count() != expected:
            raise GeometryError(
                f"the paper's network has {expected} parameters, this {self.parameter_count()}"
            )

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole clips.

        Args:
            frames: float32 ``[T, B, in_channels, size, size]``, zero behind a clip's end.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.

        Returns:
            Logits of every eighth of the slices, ``[T // 8, B, classes]`` with T at least 8, and of every
            clip ``[B, classes]``.
        """
        slices = max(len(frames), SHORTEST)
        x = self.sum(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        x = nn.functional.pad(x, (0, 0) * 4 + (0, slices - len(frames))).permute(1, 2, 0, 3, 4)
        if lengths is not None:
            x, lengths = _without_padding(x, lengths), lengths.clamp(min=SHORTEST)
        for number, stage in enumerate(self.stages):
            for convolution in stage.children():
                x = torch.relu(convolution(_without_padding(x, lengths)))
            over_time = 1 if number == 0 else 2
            x = nn.functional.max_pool3d(x, (over_time, 2, 2))
            lengths = None if lengths is None else lengths // over_time
        features = self.cells(x.permute(2, 0, 1, 3, 4).flatten(0, 1)).unflatten(0, (x.shape[2], x.shape[0]))
        features = features.flatten(2)
        valid = valid_slices(len(features), lengths, features.device)
        return self.classifier(features), self.classifier(mean_over_time(features, valid))


def _convolution(inputs: int, maps: int) -> nn.Conv3d:
    convolution = nn.Conv3d(inputs, maps, 3, padding=1)
    # Without normalisation, torch's own choice would let the signal fade from layer to layer.
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


def _without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """``[B, C, T, H, W]`` with zeros behind each clip's end."""
    valid = valid_slices(x.shape[2], lengths, x.device)
    return x if valid is None else x * valid.T[:, None, :, None, None]
