"""A network that spikes without having been trained, so that equal scores mean something."""

from __future__ import annotations

from pathlib import Path

import torch

from evface.models import PRESETS, PlifSnn
from evface.training.checkpoint import save_checkpoint
from evface.training.config import TrainingConfig


def lively_network(preset: str = "small", seed: int = 0) -> PlifSnn:
    """In eval mode, its weights large enough for every layer to spike on sparse counts."""
    torch.manual_seed(seed)
    network = PlifSnn(PRESETS[preset])
    with torch.no_grad():
        weights = network.conv1[0].weight, network.conv2[0].weight, network.fc3.weight, network.fc4.weight
        for weight, gain in zip(weights, (2.0, 3.0, 4.0, 6.0), strict=True):
            weight.mul_(gain)
        network.fc4.bias.add_(0.05)
    return network.eval()


def lively_checkpoint(path: Path, preset: str = "small") -> Path:
    """Such a network on disk."""
    save_checkpoint(path, lively_network(preset), TrainingConfig(name="lively", model=PRESETS[preset]))
    return path
