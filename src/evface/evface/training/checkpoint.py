"""Trained networks on disk: a safetensors file that carries its whole configuration."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from evface.errors import ConfigError, FormatError
from evface.models import Network, build
from evface.training.config import TrainingConfig, parse_config
from evface.training.reconstruction_config import ReconstructionConfig

FORMAT = "evface-au/1"
OLDER = ("evface-au-snn/1",)
"""Formats that are read too: one from when spiking networks were the only ones."""

C = TypeVar("C")
N = TypeVar("N", bound=nn.Module)


def save_checkpoint(
    path: Path, model: Network, config: TrainingConfig, metadata: dict[str, str] | None = None
) -> None:
    """Write a network with its configuration; the file appears whole or not at all.

    Args:
        path: of the .safetensors file; its folder is made if it is not there.
        model: what was trained.
        config: how it was trained.
        metadata: more to remember, such as the fold and the seed.
    """
    # All is inside the configuration; what a reader in another language needs most stands by itself too.
    write_network(path, model, config, {**(metadata or {}), "format": FORMAT, "aus": json.dumps(config.aus)})


def write_network(
    path: Path, model: nn.Module, config: TrainingConfig | ReconstructionConfig, header: dict[str, str]
) -> None:
    """Write any network as safetensors; the file appears whole or not at all.

    Args:
        path: of the .safetensors file; its folder is made if it is not there.
        model: what was trained.
        config: how it was trained.
        header: what the file says of itself beside its name, configuration and length of slices.
    """
    header = {
        **header,
        "name": model_name(model, config),
        "config": config.model_dump_json(),
        "slice_us": str(config.slice_us),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    save_file(tensors, temporary, header)
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> tuple[Network, TrainingConfig]:
    """Read a network back, ready to recognise.

    Returns:
        The network in eval mode on the CPU, and the configuration it was trained with.

    Raises:
        FormatError: there is no such file, or it is not a checkpoint of evface.
    """
    return read_network(path, (FORMAT, *OLDER), parse_config, lambda config: build(config.model))


def read_network(
    path: Path, formats: Sequence[str], parse: Callable[[dict[str, Any], str], C], made: Callable[[C], N]
) -> tuple[N, C]:
    """Read any network back.

    Args:
        path: of the .safetensors file.
        formats: that can be read; the first one is that of today.
        parse: checks the fields of its configuration, told where they come from.
        made: a network of a configuration.

    Returns:
        The network in eval mode on the CPU, and the configuration it was trained with.

    Raises:
        FormatError: there is no such file, it has another format, or its parts do not fit each other.
    """
    tensors, metadata = _tensors(path, formats)
    try:
        config = parse(json.loads(metadata.get("config", "")), f"{path} (config)")
        model = made(config)
        model.load_state_dict(tensors)
    except (ConfigError, ValueError, RuntimeError) as error:
        raise FormatError(f"{path}: {' '.join(str(error).split())}") from error
    return model.eval(), config


def _tensors(path: Path, formats: Sequence[str]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """A network's numbers by name, and what the file says of itself."""
    tensors: dict[str, torch.Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise FormatError(f"{path}: not a readable checkpoint (.safetensors): {error}") from error
    if metadata.get("format") not in formats:
        raise FormatError(
            f"{path}: its format is {metadata.get('format', 'not stated')!r}, expected {formats[0]!r}"
        )
    return tensors, metadata


def model_name(model: nn.Module, config: TrainingConfig | ReconstructionConfig) -> str:
    """Name of a trained network, "snn-small:1f0c2a9b": its family, its run, and a digest.

    The digest is of weights and configuration, without fields at their defaults: a version with new ones
    names it the same.
    """
    digest = hashlib.sha256(config.model_dump_json(exclude_defaults=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return f"{config.model.family}-{config.name}:{digest.hexdigest()[:8]}"
