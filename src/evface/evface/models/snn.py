"""The paper's spiking network for Action Units (§4.3, Figure 3), built of parametric LIF neurons.

event frame -> [Conv2d 3x3 -> BatchNorm -> PLIF -> MaxPool 2x2] x 2      spiking encoder
            -> [Dropout -> FC -> PLIF] x 2                              classifier
            -> AvgPool 10/10                                            voting
            -> mean over time
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field
from torch import Tensor, nn

from evface.errors import GeometryError
from evface.models.packing import Slices
from evface.models.spiking import ClipDropout, SpikingConfig, SpikingNetwork, convolution, plif

PAPER_PARAMETERS: Final = 4_312_470
"""Learnable numbers of the paper's network: 4.11 * 2^20, with FC bias and without convolution bias."""


class SnnConfig(SpikingConfig):
    """What the network is made of; the defaults are the paper's."""

    family: Literal["snn"] = "snn"
    preset: Literal["paper", "small"] = Field(default="paper", description="what the other fields start from")


PRESETS: Final[dict[str, SnnConfig]] = {
    "paper": SnnConfig(),
    "small": SnnConfig(preset="small", pooling=4, maps=16, hidden=256),
}
"""``paper`` is the published network; ``small`` sees sums of 4x4 cells and suits a CPU."""


class PlifSnn(SpikingNetwork):
    """Parametric-LIF network that maps frames to a voting rate per Action Unit.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the frame is too small for two poolings after the first one.
    """

    def __init__(self, config: SnnConfig) -> None:
        super().__init__(config)
        side, maps = config.size // config.pooling // 4, config.maps
        self.conv1, self.spike1 = convolution(config.in_channels, maps), plif(config)
        self.conv2, self.spike2 = convolution(maps, maps), plif(config)
        self.drop3, self.fc3 = ClipDropout(config.dropout), nn.Linear(maps * side * side, config.hidden)
        self.spike3 = plif(config)
        self.drop4, self.fc4 = (
            ClipDropout(config.dropout),
            nn.Linear(config.hidden, config.classes * config.votes),
        )
        self.spike4 = plif(config)
        if (
            config.preset == "paper"
            and config == PRESETS["paper"]
            and self.parameter_count() != PAPER_PARAMETERS
        ):
            raise GeometryError(
                f"the paper's network has {PAPER_PARAMETERS} parameters, this {self.parameter_count()}"
            )

    def run(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        """Encoder and classifier: spikes ``[N, classes * votes]``."""
        for layer, neurons in ((self.conv1, self.spike1), (self.conv2, self.spike2)):
            x = neurons.normalised(layer[0](x), layer[1], slices, 2, keep)
        x = self.spike3(self.fc3(self.drop3(x.flatten(1), slices)), slices, keep)
        return self.spike4(self.fc4(self.drop4(x, slices)), slices, keep)
