"""What a run of reconstruction is made of, declared once and read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evface.models.cvae import CVAE_PRESETS, CvaeConfig
from evface.models.unet import UnetConfig
from evface.validation import read_yaml, validated


class ReconstructionConfig(BaseModel):
    """One run of reconstruction; the defaults are the paper's (§5)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        default="paper-cvae", pattern=r"^[A-Za-z0-9_.-]+$", description="what the run is called"
    )
    model: Annotated[CvaeConfig | UnetConfig, Field(discriminator="family")] = Field(
        default=CVAE_PRESETS["paper"], description="the network's fields; `family` is cvae or unet"
    )
    sensor: Literal["davis", "evk4"] = Field(default="davis", description="whose events are looked at")
    slice_us: int = Field(default=33_000, ge=1_000, le=1_000_000, description="length of a slice, us")
    every: int = Field(
        default=1, ge=1, le=1000, description="of a clip's slices, each which is used: 4 is every fourth"
    )
    stretch: int = Field(
        default=1, ge=1, le=1000, description="slices in a row that a recurrent network learns from at a time"
    )
    epochs: int = Field(default=100, ge=1, le=100_000, description="passes over the training pairs")
    batch_size: int = Field(
        default=16, ge=1, le=4096, description="stretches of a step, all processes together"
    )
    learning_rate: float = Field(default=1e-3, gt=0.0, le=1.0, description="of Adam, at first")
    annealing: Literal["none", "cosine"] = Field(
        default="none", description="whether the learning rate goes down to 0 along a cosine"
    )
    samples: int = Field(
        default=5, ge=1, le=100, description="pictures that are drawn from the prior of a cVAE per test image"
    )
    memory_mb: int = Field(
        default=4096, ge=16, le=1 << 20, description="MB of pairs that are kept; beyond, clips are read again"
    )

    @field_validator("model", mode="before")
    @classmethod
    def _from_preset(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("family") == "unet":
            return value
        preset = CVAE_PRESETS.get(value.get("preset", "paper"))
        return {"family": "cvae", **(preset.model_dump() if preset else {}), **value}

    @model_validator(mode="after")
    def _consistent(self) -> ReconstructionConfig:
        if self.model.family == "cvae" and self.stretch > 1:
            raise ValueError(f"stretch is {self.stretch}, but a cVAE learns from one slice at a time: 1")
        if self.model.family == "unet" and self.every > 1:
            raise ValueError(f"every is {self.every}, but a recurrent network needs every slice: 1")
        return self


def parse_reconstruction(fields: dict[str, Any], where: str) -> ReconstructionConfig:
    """Check the fields of a configuration.

    Args:
        fields: as read from YAML or a checkpoint.
        where: file they come from, for the message.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range; the first one is named.
    """
    return validated(ReconstructionConfig, fields, where)


def load_reconstruction(path: Path) -> ReconstructionConfig:
    """Read a preset such as config/training/quick-cvae.yaml.

    Raises:
        ConfigError: there is no such file, it is not YAML, or a field is wrong.
    """
    return parse_reconstruction(read_yaml(path), str(path))
