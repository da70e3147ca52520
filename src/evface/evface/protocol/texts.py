"""What the subject reads, in one language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evface.errors import ConfigError
from evface.protocol.action_units import AU_NUMBERS, action_unit
from evface.protocol.phases import PHASES
from evface.validation import read_yaml, validated

TEMPLATES = (*PHASES, "ready", "closing")
"""Texts with placeholders: one for each phase, and two for where `settle` stands elsewhere in a session."""


class Texts(BaseModel):
    """What the subject reads, in one language.

    ``{name}`` in a phase's text stands for the name of the Action Unit, ``{instruction}`` for what to do,
    ``{description}`` for how it is done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str = Field(default="en", pattern=r"^[a-z]{2}$", description="of the texts")
    waiting: str = ""
    introduction: str = ""
    consent: str = ""
    consent_version: str = Field(default="1", pattern=r"^[A-Za-z0-9_.-]+$", description="of the consent")
    description: str = "{description}"
    settle: str = ""
    ready: str = Field(default="", description="before the main run")
    demonstration: str = "{instruction}"
    countdown: str = "{instruction}"
    perform: str = "{instruction}"
    rest: str = ""
    paused: str = ""
    closing: str = Field(default="", description="after the last trial, while a redo is still possible")
    finished: str = ""
    aborted: str = ""
    names: dict[int, str] = Field(default={}, description="of Action Units, by FACS number; else in English")
    instructions: dict[int, str] = Field(
        default={}, description="what to do, by FACS number; else the AU's name"
    )
    descriptions: dict[int, str] = Field(
        default={}, description="how it is done, by FACS number; else the instruction"
    )
    scopes: dict[str, str] = Field(default={}, description="what each scope of the consent allows")
    labels: dict[str, str] = Field(default={}, description="of the subject's buttons, by command")

    @field_validator("names", "instructions", "descriptions")
    @classmethod
    def _of_known_aus(cls, value: dict[int, str]) -> dict[int, str]:
        for number in value:
            if number not in AU_NUMBERS:
                raise ValueError(f"AU {number} is not one of the 21 of the protocol")
        return value

    @field_validator(*TEMPLATES)
    @classmethod
    def _placeholders(cls, value: str) -> str:
        try:
            value.format(name="", instruction="", description="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"expected no placeholders but {{name}}, {{instruction}} and {{description}} ({error!r})"
            ) from error
        return value

    def of(self, template: str, au: int) -> str:
        """The text of one of `TEMPLATES`; ``au`` is 0 outside a trial."""
        name = self.names.get(au, action_unit(au).name) if au else ""
        instruction = self.instructions.get(au, name)
        text: str = getattr(self, template)
        return text.format(
            name=name, instruction=instruction, description=self.descriptions.get(au, instruction)
        )


def load_texts(path: Path) -> Texts:
    """Read the texts of one language.

    Raises:
        ConfigError: the file is missing or not YAML, or a field is unknown or of a wrong type.
    """
    fields: dict[str, Any] = read_yaml(path)
    return validated(Texts, fields, str(path))


def languages(pattern: str, folder: Path) -> list[str]:
    """Languages for which a script has texts.

    Args:
        pattern: the script's ``texts``, such as ``texts/{language}.yaml``.
        folder: of the script.
    """
    before, _, after = pattern.partition("{language}")
    return sorted(
        str(path.relative_to(folder))[len(before) : -len(after) or None]
        for path in folder.glob(pattern.replace("{language}", "*"))
    )


def texts_in(pattern: str, folder: Path, language: str) -> Texts:
    """The texts of a script in a language.

    Raises:
        ConfigError: there are none in that language, or their file is wrong.
    """
    path = folder / pattern.replace("{language}", language)
    if not path.exists() and "{language}" in pattern:
        known = ", ".join(languages(pattern, folder)) or "none"
        raise ConfigError(f"no texts in language {language!r} at {path}; there are: {known}")
    return load_texts(path)
