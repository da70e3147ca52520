"""The script of a session: which Action Units in which order, how long each phase lasts, what is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evface.errors import ConfigError
from evface.protocol.action_units import AU_NUMBERS, action_unit
from evface.validation import read_yaml, validated

Phase = Literal[
    "waiting",
    "introduction",
    "demonstration",
    "countdown",
    "perform",
    "rest",
    "paused",
    "finished",
    "aborted",
]

PHASES: tuple[Phase, ...] = get_args(Phase)
"""Phases of a session, as in SessionState.phase."""

SECOND = 1_000_000_000
"""ns."""


class Demonstration(BaseModel):
    """The clip that shows an Action Unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: float = Field(ge=0.0, le=60.0, description="length of the clip", json_schema_extra={"unit": "s"})
    repeats: int = Field(default=3, ge=1, le=10, description="how often it is shown")


class Texts(BaseModel):
    """What the subject reads, in one language.

    ``{name}`` in a phase's text stands for the name of the Action Unit, ``{instruction}`` for what to do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    waiting: str = ""
    introduction: str = ""
    demonstration: str = "{instruction}"
    countdown: str = "{instruction}"
    perform: str = "{instruction}"
    rest: str = ""
    paused: str = ""
    finished: str = ""
    aborted: str = ""
    instructions: dict[int, str] = Field(
        default={}, description="what to do, by FACS number; else the AU's name"
    )

    @field_validator("instructions")
    @classmethod
    def _of_known_aus(cls, value: dict[int, str]) -> dict[int, str]:
        for number in value:
            if number not in AU_NUMBERS:
                raise ValueError(f"AU {number} is not one of the 21 of the protocol")
        return value

    @field_validator(*PHASES)
    @classmethod
    def _placeholders(cls, value: str) -> str:
        try:
            value.format(name="", instruction="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"expected no placeholders but {{name}} and {{instruction}} ({error!r})"
            ) from error
        return value

    def of(self, phase: Phase, au: int) -> str:
        """The text of a phase; ``au`` is 0 outside a trial."""
        name = action_unit(au).name if au else ""
        template: str = getattr(self, phase)
        return template.format(name=name, instruction=self.instructions.get(au, name))


class Script(BaseModel):
    """A session, as declared in a file such as config/protocol/default.yaml; times in s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="what the script is called")
    introduction: float = Field(
        default=0.0,
        ge=0.0,
        le=600.0,
        description="introduction before the first trial",
        json_schema_extra={"unit": "s"},
    )
    demonstration: Demonstration = Field(description="the clip before each trial")
    countdown: float = Field(
        ge=0.1, le=60.0, description="countdown, from which on is recorded", json_schema_extra={"unit": "s"}
    )
    perform: float = Field(
        ge=0.1, le=120.0, description="time to perform the Action Unit", json_schema_extra={"unit": "s"}
    )
    rest: float = Field(
        ge=0.0,
        le=120.0,
        description="time to relax after it, still recorded",
        json_schema_extra={"unit": "s"},
    )
    aus: tuple[int, ...] = Field(
        default=AU_NUMBERS, min_length=1, description="FACS numbers in the order of the trials"
    )
    texts: Texts = Field(default=Texts(), description="what the subject reads, or a file that holds it")

    @field_validator("aus")
    @classmethod
    def _known_and_different(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        for number in value:
            if number not in AU_NUMBERS:
                raise ValueError(f"AU {number} is not one of the 21 of the protocol")
        if len(set(value)) != len(value):
            # Takes are numbered per Action Unit: two trials of one would overwrite each other.
            raise ValueError("expected each AU once; another take of it is a redo")
        return value

    def with_aus(self, aus: Sequence[int]) -> Script:
        """The same script for these Action Units, in this order.

        Raises:
            ConfigError: none given, one that is not of the protocol, or one twice.
        """
        return validated(Script, self.model_dump() | {"aus": tuple(aus)}, f"script {self.name}")

    def duration(self, phase: Phase) -> int:
        """Planned length of a phase, ns; 0 where it has none."""
        if phase == "demonstration":
            seconds = self.demonstration.clip * self.demonstration.repeats
        elif phase in ("introduction", "countdown", "perform", "rest"):
            seconds = getattr(self, phase)
        else:
            seconds = 0.0
        return round(seconds * SECOND)

    @property
    def total(self) -> int:
        """Planned length of a session without redo or pause, ns."""
        trial = sum(self.duration(phase) for phase in ("demonstration", "countdown", "perform", "rest"))
        return self.duration("introduction") + len(self.aus) * trial


def load_script(path: Path) -> Script:
    """Read a script; ``texts`` may name a file, relative to the script's own folder.

    Raises:
        ConfigError: a file is missing or not YAML, or a field is unknown, of a wrong type or out of range.
    """
    fields: dict[str, Any] = read_yaml(path)
    texts = fields.get("texts")
    if isinstance(texts, str):
        texts_path = path.parent / texts
        try:
            fields["texts"] = validated(Texts, read_yaml(texts_path), str(texts_path))
        except ConfigError as error:
            raise ConfigError(f"{path}: texts: {error}") from error
    return validated(Script, fields, str(path))
