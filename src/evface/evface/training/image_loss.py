"""What a network that makes pictures minimises: absolute error, structure, and what a face detector sees."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from evface.errors import ConfigError
from evface.evaluation.image_metrics import ssim

LOOKED_AT: Final = ("conv1", "conv2", "conv3")
"""Layers of the detector whose features are compared."""


class DetectorFeatures(nn.Module):
    """The convolutions of MTCNN's output network (O-Net), which tell a face and its landmarks.

    Their weights come with facenet-pytorch. No classification network's weights do, so this is the network
    for faces that is at hand offline; it is small (32, 64 and 64 maps), and no measure that others report.

    Raises:
        ConfigError: facenet-pytorch is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from facenet_pytorch.models.mtcnn import ONet
        except ImportError as error:
            raise ConfigError(f"perceptual_weight needs facenet-pytorch's weights: {error}") from error
        network = ONet()
        self.layers = nn.ModuleList(
            nn.Sequential(getattr(network, name), getattr(network, name.replace("conv", "prelu")))
            for name in LOOKED_AT
        )
        self.pools = nn.ModuleList([network.pool1, network.pool2, nn.Identity()])
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Features of grey pictures.

        Args:
            pictures: float ``[N, 1, H, W]`` in [0, 1].

        Returns:
            Per layer ``[N, C, H', W']``; across channels each place has the length 1.
        """
        x = (pictures * 255.0 - 127.5).expand(-1, 3, -1, -1) / 128.0
        found = []
        for layer, pool in zip(self.layers, self.pools, strict=True):
            x = layer(x)
            found.append(nn.functional.normalize(x, dim=1))
            x = pool(x)
        return found


class ImageLoss(nn.Module):
    """Mean absolute error + weight * (1 - SSIM) + weight * perceptual distance.

    The perceptual distance is the mean squared difference between the normalised features of both pictures in
    `DetectorFeatures`, summed over channels and layers, as in LPIPS (Zhang et al., 2018) but without weights
    learnt from people's judgements.

    Args:
        ssim_weight: of 1 - SSIM.
        perceptual_weight: of the perceptual distance; at 0 no detector is loaded.

    Raises:
        ConfigError: facenet-pytorch is needed and not installed.
    """

    def __init__(self, ssim_weight: float, perceptual_weight: float) -> None:
        super().__init__()
        self.ssim_weight, self.perceptual_weight = ssim_weight, perceptual_weight
        self.features = DetectorFeatures() if perceptual_weight > 0 else None

    def forward(self, found: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare pictures.

        Args:
            found: float32 ``[T, B, 1, H, W]`` in [0, 1].
            target: likewise.

        Returns:
            The loss, a scalar; and its parts without weights: ``mae``, ``ssim``, ``perceptual``.
        """
        found, target = found.flatten(0, 1), target.flatten(0, 1)
        parts = {"mae": nn.functional.l1_loss(found, target)}
        loss = parts["mae"]
        if self.ssim_weight > 0:
            parts["ssim"] = ssim(found.squeeze(1), target.squeeze(1)).mean()
            loss = loss + self.ssim_weight * (1.0 - parts["ssim"])
        if self.features is not None:
            with torch.no_grad():
                wanted = self.features(target)
            distances = [
                (seen - true).square().sum(1).mean()
                for seen, true in zip(self.features(found), wanted, strict=True)
            ]
            parts["perceptual"] = torch.stack(distances).sum()
            loss = loss + self.perceptual_weight * parts["perceptual"]
        return loss, {name: part.detach() for name, part in parts.items()}
