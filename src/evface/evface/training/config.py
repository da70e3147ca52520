"""What a training run is made of, declared once and read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evface.dataset.event_views import Representation, Slicing
from evface.models import PRESETS, Cnn3dConfig, EncoderConfig, ModelConfig, TransformerConfig
from evface.protocol.action_units import AU_NUMBERS
from evface.training.augmentation import Augmentation
from evface.validation import read_yaml, validated


class TrainingConfig(BaseModel):
    """One run of training; the defaults are the paper's (§5)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="paper", pattern=r"^[A-Za-z0-9_.-]+$", description="what the run is called")
    model: ModelConfig = Field(
        default=PRESETS["paper"], description="the network: a preset's name, or its fields"
    )
    aus: tuple[int, ...] = Field(default=AU_NUMBERS, description="FACS numbers in the order of the classes")
    input: Literal["events", "rgb", "fusion"] = Field(
        default="events", description="what the network sees: events, the webcam's frames, or both"
    )
    sensor: Literal["davis", "evk4"] = Field(default="davis", description="whose events are looked at")
    slice_us: int = Field(default=33_000, ge=1_000, le=1_000_000, description="length of a slice, us")
    slicing: Slicing = Field(default=Slicing(), description="of events: equal times, or otherwise")
    representation: Representation = Field(
        default=Representation(), description="of a slice's events: counts, or otherwise"
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="what is done to training clips; nothing by default"
    )
    slice_loss: float = Field(
        default=0.0,
        ge=0.0,
        le=1000.0,
        description="weight of each slice's squared distance from the Action Units' intensity",
    )
    epochs: int = Field(default=100, ge=1, le=100_000, description="passes over the training clips")
    batch_size: int = Field(default=8, ge=1, le=4096, description="clips of a step")
    learning_rate: float = Field(
        default=1e-3, gt=0.0, le=1.0, description="of Adam, at first; annealed by a cosine"
    )

    @field_validator("model", mode="before")
    @classmethod
    def _from_preset(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in PRESETS:
                raise ValueError(f"expected one of {', '.join(PRESETS)}, or a network's fields")
            return PRESETS[value]
        if isinstance(value, dict) and value.get("family", "snn") == "snn":
            # Files from when there was one family do not name it.
            preset = value.get("preset", "paper")
            start = PRESETS[preset].model_dump() if preset in PRESETS else {"family": "snn"}
            return {**start, **value}
        return value

    @field_validator("aus")
    @classmethod
    def _known(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        unknown = [au for au in value if au not in AU_NUMBERS]
        if unknown or len(set(value)) != len(value):
            raise ValueError(f"expected different AUs of the protocol, found {list(value)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> TrainingConfig:
        if len(self.aus) != self.model.classes:
            raise ValueError(f"model.classes is {self.model.classes}, but there are {len(self.aus)} aus")
        self._check_input()
        if self.slice_loss and isinstance(self.model, Cnn3dConfig | TransformerConfig):
            raise ValueError(f"slice_loss: a {self.model.family} gives no scores from 0 to 1 of a slice")
        return self

    def _check_input(self) -> None:
        """Whether the network has the planes that its input has."""
        plain = self.slicing == Slicing() and self.representation == Representation()
        if self.input != "events" and not plain:
            raise ValueError(f"slicing and representation: expected the defaults for {self.input}")
        events = self.representation.planes
        planes = {"events": (events,), "rgb": (3, 1), "fusion": (events + 3, events + 1)}[self.input]
        if self.model.in_channels not in planes:
            expected = " or ".join(str(number) for number in planes)
            raise ValueError(
                f"model.in_channels: expected {expected} for {self.input}, found {self.model.in_channels}"
            )
        colours = {"events": 0, "rgb": self.model.in_channels, "fusion": self.model.in_channels - events}
        if isinstance(self.model, EncoderConfig) and self.model.colours != colours[self.input]:
            raise ValueError(
                f"model.colours: expected {colours[self.input]} for {self.input}, found {self.model.colours}"
            )


def parse_config(fields: dict[str, Any], where: str) -> TrainingConfig:
    """Check the fields of a configuration.

    Args:
        fields: as read from YAML or a checkpoint.
        where: file they come from, for the message.

    Raises:
        ConfigError: an unknown name, a wrong type or a value out of range; the first one is named.
    """
    return validated(TrainingConfig, fields, where)


def load_config(path: Path) -> TrainingConfig:
    """Read a training preset such as config/training/small.yaml.

    Raises:
        ConfigError: there is no such file, it is not YAML, or a field is wrong.
    """
    return parse_config(read_yaml(path), str(path))
