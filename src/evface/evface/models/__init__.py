"""Networks: each reads like its figure, the paper's numbers are presets."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from evface.models.cnn3d import CNN3D_PARAMETERS, Cnn3d, Cnn3dConfig
from evface.models.encoder import EncoderConfig
from evface.models.gru import Gru, GruConfig
from evface.models.network import Network, NetworkConfig, SteppingNetwork
from evface.models.residual_snn import ResidualSnn, ResidualSnnConfig
from evface.models.snn import PAPER_PARAMETERS, PlifSnn, SnnConfig
from evface.models.snn import PRESETS as SNN_PRESETS
from evface.models.transformer import Transformer, TransformerConfig

ModelConfig = Annotated[
    SnnConfig | ResidualSnnConfig | Cnn3dConfig | GruConfig | TransformerConfig, Field(discriminator="family")
]
"""Any recogniser's configuration; its ``family`` tells which."""

PRESETS: Final[dict[str, SnnConfig | Cnn3dConfig]] = {
    **SNN_PRESETS,
    "cnn3d-p": Cnn3dConfig(layout="P"),
    "cnn3d-s": Cnn3dConfig(layout="S"),
}
"""Networks that a training configuration can call by name."""


def build(config: NetworkConfig) -> Network:
    """The network that a configuration describes, its weights at random.

    Args:
        config: of any family.

    Raises:
        GeometryError: its frames are too small for it.
        TypeError: no network has such a configuration.
    """
    match config:
        case SnnConfig():
            return PlifSnn(config)
        case ResidualSnnConfig():
            return ResidualSnn(config)
        case Cnn3dConfig():
            return Cnn3d(config)
        case GruConfig():
            return Gru(config)
        case TransformerConfig():
            return Transformer(config)
    raise TypeError(f"{type(config).__name__} is not the configuration of a network")


__all__ = [
    "CNN3D_PARAMETERS",
    "PAPER_PARAMETERS",
    "PRESETS",
    "SNN_PRESETS",
    "Cnn3d",
    "Cnn3dConfig",
    "EncoderConfig",
    "Gru",
    "GruConfig",
    "ModelConfig",
    "Network",
    "NetworkConfig",
    "PlifSnn",
    "ResidualSnn",
    "ResidualSnnConfig",
    "SnnConfig",
    "SteppingNetwork",
    "Transformer",
    "TransformerConfig",
    "build",
]
