"""Trained reconstruction networks on disk: a safetensors file that carries its whole configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evface.models.cvae import Cvae, CvaeConfig
from evface.models.unet import RecurrentUnet, UnetConfig
from evface.training.checkpoint import read_network, write_network
from evface.training.reconstruction_config import ReconstructionConfig, parse_reconstruction

FORMAT: Final = "evface-reconstruction/1"

Reconstructor = Cvae | RecurrentUnet
"""A network that makes pictures of events."""


def build_reconstructor(config: CvaeConfig | UnetConfig) -> Reconstructor:
    """The network that a configuration describes, its weights at random."""
    return Cvae(config) if isinstance(config, CvaeConfig) else RecurrentUnet(config)


def save_reconstructor(
    path: Path, model: Reconstructor, config: ReconstructionConfig, metadata: dict[str, str] | None = None
) -> None:
    """Write a network with its configuration; the file appears whole or not at all.

    Args:
        path: of the .safetensors file; its folder is made if it is not there.
        model: what was trained.
        config: how it was trained.
        metadata: more to remember, such as the fold and the seed.
    """
    header = {**(metadata or {}), "format": FORMAT, "size": str(config.model.size)}
    write_network(path, model, config, header)


def load_reconstructor(path: Path) -> tuple[Reconstructor, ReconstructionConfig]:
    """Read a network back, ready to make pictures.

    Returns:
        The network in eval mode on the CPU, and the configuration it was trained with.

    Raises:
        FormatError: there is no such file, or it is not a checkpoint of reconstruction.
    """
    return read_network(
        path, (FORMAT,), parse_reconstruction, lambda config: build_reconstructor(config.model)
    )
