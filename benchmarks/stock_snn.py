"""The paper's network of spikingjelly's own layers: the peer of ours, and the oracle of its tests."""

from __future__ import annotations

from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from evface.models import SnnConfig


class StockSnn(nn.Module):
    """Takes the weights of a `PlifSnn` of the same configuration.

    Args:
        config: of which ``pooling`` must be 1.
    """

    def __init__(self, config: SnnConfig) -> None:
        super().__init__()
        maps, features = config.maps, config.maps * (config.size // 4) ** 2
        self.conv1, self.spike1 = _convolution(2, maps), _plif(config)
        self.conv2, self.spike2 = _convolution(maps, maps), _plif(config)
        self.pool = layer.SeqToANNContainer(nn.MaxPool2d(2))
        self.drop3, self.fc3 = layer.Dropout(config.dropout), layer.Linear(features, config.hidden)
        self.spike3 = _plif(config)
        self.drop4 = layer.Dropout(config.dropout)
        self.fc4, self.spike4 = layer.Linear(config.hidden, config.classes * config.votes), _plif(config)
        self.vote = layer.VotingLayer(config.votes)
        functional.set_step_mode(self, "m")

    def forward(self, frames: Tensor) -> Tensor:
        """Frames float32 ``[T, B, 2, size, size]`` to mean voting rates ``[B, classes]``, from rest."""
        functional.reset_net(self)
        x = self.pool(self.spike1(self.conv1(frames)))
        x = self.pool(self.spike2(self.conv2(x)))
        x = self.spike3(self.fc3(self.drop3(x.flatten(2))))
        x = self.spike4(self.fc4(self.drop4(x)))
        return self.vote(x).mean(0)


def _convolution(inputs: int, maps: int) -> nn.Sequential:
    return layer.SeqToANNContainer(nn.Conv2d(inputs, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps))


def _plif(config: SnnConfig) -> nn.Module:
    return neuron.ParametricLIFNode(
        init_tau=config.init_tau,
        decay_input=config.decay_input,
        v_threshold=config.v_threshold,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(alpha=config.surrogate_alpha),
        detach_reset=True,
    )
