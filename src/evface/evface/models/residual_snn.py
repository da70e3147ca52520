"""A deeper spiking network whose blocks add to what they are given (SEW ResNet, Fang et al., NeurIPS 2021).

frame -> Conv2d 3x3 -> BatchNorm -> PLIF -> MaxPool 2x2 -> block
      -> Conv2d 3x3 -> BatchNorm -> PLIF -> MaxPool 2x2 -> block
      -> [Dropout -> FC -> PLIF] x 2 -> AvgPool 10/10 -> mean over time

block: x -> [Conv2d 3x3 -> BatchNorm -> PLIF] x 2 -> + x
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from evface.models.packing import Slices
from evface.models.spiking import ClipDropout, SpikingConfig, SpikingNetwork, convolution, plif


class ResidualSnnConfig(SpikingConfig):
    """What the network is made of; the second half has twice the feature maps."""

    family: Literal["residual_snn"] = "residual_snn"


class ResidualSnn(SpikingNetwork):
    """Residual spiking blocks that map frames to a voting rate per Action Unit.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the frame is too small for two poolings after the first one.
    """

    def __init__(self, config: ResidualSnnConfig) -> None:
        super().__init__(config)
        side, maps = config.size // config.pooling // 4, config.maps
        self.stem1, self.block1 = SpikingConvolution(config, config.in_channels, maps, 2), Block(config, maps)
        self.stem2, self.block2 = SpikingConvolution(config, maps, 2 * maps, 2), Block(config, 2 * maps)
        self.drop3, self.fc3 = ClipDropout(config.dropout), nn.Linear(2 * maps * side * side, config.hidden)
        self.spike3, self.drop4 = plif(config), ClipDropout(config.dropout)
        self.fc4, self.spike4 = nn.Linear(config.hidden, config.classes * config.votes), plif(config)

    def run(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        """Blocks and classifier: spikes ``[N, classes * votes]``."""
        x = self.block1(self.stem1(x, slices, keep), slices, keep)
        x = self.block2(self.stem2(x, slices, keep), slices, keep)
        x = self.spike3(self.fc3(self.drop3(x.flatten(1), slices)), slices, keep)
        return self.spike4(self.fc4(self.drop4(x, slices)), slices, keep)


class SpikingConvolution(nn.Module):
    """Conv2d 3x3, BatchNorm and neurons.

    Args:
        config: of the neurons.
        inputs: feature maps that come.
        maps: feature maps that go.
        pooling: 2 takes the maximum of 2x2 neurons.
    """

    def __init__(self, config: SpikingConfig, inputs: int, maps: int, pooling: int = 1) -> None:
        super().__init__()
        self.convolution, self.spike, self.pooling = convolution(inputs, maps), plif(config), pooling

    def forward(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        """Slices ``[N, inputs, H, W]`` to spikes ``[N, maps, H / pooling, W / pooling]``."""
        return self.spike.normalised(self.convolution[0](x), self.convolution[1], slices, self.pooling, keep)


class Block(nn.Module):
    """Two convolutions whose spikes are added to what came in: numbers from 0 up, not spikes alone.

    Args:
        config: of the neurons.
        maps: feature maps that come and go.
    """

    def __init__(self, config: SpikingConfig, maps: int) -> None:
        super().__init__()
        self.first, self.second = (SpikingConvolution(config, maps, maps) for _ in range(2))

    def forward(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        """``[N, maps, H, W]``."""
        return x + self.second(self.first(x, slices, keep), slices, keep)
