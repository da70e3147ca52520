"""The script of a session: which Action Units in which order, how long each phase lasts, what is read."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evface.errors import ConfigError
from evface.protocol.action_units import AU_NUMBERS
from evface.protocol.phases import Phase, Stage
from evface.protocol.texts import Texts, texts_in
from evface.validation import read_yaml, validated

SECOND = 1_000_000_000
"""ns."""

CONFIRMED: Literal["confirmed"] = "confirmed"
"""In the place of a time: until somebody confirms."""

Wait = Annotated[float, Field(ge=0.0, le=600.0)] | Literal["confirmed"]
"""s, or until somebody confirms."""


class Demonstration(BaseModel):
    """The clip that shows an Action Unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: float = Field(ge=0.0, le=60.0, description="length of the clip", json_schema_extra={"unit": "s"})
    repeats: int = Field(default=3, ge=1, le=10, description="how often it is shown")


class Script(BaseModel):
    """A session, as declared in a file such as config/protocol/default.yaml; times in s.

    What has a length of 0, or no Action Units, is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="what the script is called")
    introduction: Wait = Field(
        default=0.0,
        description="introduction before everything else, or confirmed",
        json_schema_extra={"unit": "s"},
    )
    familiarisation: bool = Field(
        default=False, description="each Action Unit is described until it is confirmed to be understood"
    )
    settle: Wait = Field(
        default=0.0,
        description="time to take the seat before the first run, or confirmed",
        json_schema_extra={"unit": "s"},
    )
    rehearsal: tuple[int, ...] = Field(
        default=(), description="FACS numbers of the demonstration run, which is not recorded"
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
    closing: Wait = Field(
        default=0.0,
        description="after the last trial, while a redo is still possible, or confirmed",
        json_schema_extra={"unit": "s"},
    )
    aus: tuple[int, ...] = Field(
        default=AU_NUMBERS, min_length=1, description="FACS numbers in the order of the trials"
    )
    order: Literal["fixed", "shuffled"] = Field(
        default="fixed", description="as listed, or another for each subject and session"
    )
    seed: int = Field(default=0, ge=0, description="of the shuffled order, together with subject and session")
    clips: str = Field(
        default="",
        description="folder of own clips, au12.mp4 or au12.webm; empty: a virtual subject shows them",
    )
    texts: Texts = Field(
        default=Texts(),
        description="what the subject reads, or a file that holds it, such as texts/{language}.yaml",
    )

    @field_validator("aus", "rehearsal")
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
        """The same script for these Action Units, in this order; what is rehearsed is one of them.

        Raises:
            ConfigError: none given, one that is not of the protocol, or one twice.
        """
        rehearsal = tuple(au for au in self.rehearsal if au in aus)
        if self.rehearsal and not rehearsal:
            rehearsal = tuple(aus[:1])
        return self._changed(aus=tuple(aus), rehearsal=rehearsal)

    def ordered_for(self, subject: str, session: str) -> Script:
        """The script with the order of this session; the same whenever it is asked for."""
        if self.order == "fixed":
            return self
        key = hashlib.sha256(f"{self.seed}/{subject}/{session}".encode()).digest()
        aus = list(self.aus)
        random.Random(key).shuffle(aus)
        return self._changed(aus=tuple(aus))

    def main_run_only(self) -> Script:
        """The script without whatever waits for a person, and without what leads to the main run."""
        timed = 0.0 if self.introduction == CONFIRMED else self.introduction
        return self._changed(introduction=timed, familiarisation=False, settle=0.0, rehearsal=(), closing=0.0)

    def _changed(self, **fields: Any) -> Script:
        return validated(Script, self.model_dump() | fields, f"script {self.name}")

    def aus_of(self, stage: Stage) -> tuple[int, ...]:
        """FACS numbers of the trials of a stage, () where it has none."""
        if stage == "rehearsal":
            return self.rehearsal
        if stage == "familiarisation":
            return self.aus if self.familiarisation else ()
        return self.aus if stage in ("ready", "main") else ()

    def has(self, stage: Stage) -> bool:
        """Whether a stage is part of the session; the consent always is."""
        if stage in ("familiarisation", "rehearsal"):
            return bool(self.aus_of(stage))
        if stage == "ready":
            return bool(self.rehearsal)
        if stage in ("introduction", "settle", "closing"):
            return getattr(self, stage) != 0.0
        return True

    def duration(self, phase: Phase, stage: Stage = "main") -> int:
        """Planned length of a phase, ns; 0 where it has none or waits for a person."""
        if phase == "demonstration":
            return round(self.demonstration.clip * self.demonstration.repeats * SECOND)
        if phase in ("introduction", "countdown", "perform", "rest"):
            return _ns(getattr(self, phase))
        if phase == "settle" and stage in ("settle", "closing"):
            return _ns(getattr(self, stage))
        return 0

    @property
    def total(self) -> int:
        """Planned length of a session without redo, pause and what waits for a person, ns."""
        trial = sum(self.duration(phase) for phase in ("demonstration", "countdown", "perform", "rest"))
        return self.duration("introduction") + len(self.aus) * trial


def _ns(wait: Wait) -> int:
    return 0 if wait == CONFIRMED else round(wait * SECOND)


def load_script(path: Path, language: str = "en") -> Script:
    """Read a script; ``texts`` and ``clips`` may name a file and a folder, relative to the script's own.

    Args:
        path: of the YAML file.
        language: of the texts, in the place of ``{language}``.

    Raises:
        ConfigError: a file is missing or not YAML, or a field is unknown, of a wrong type or out of range.
    """
    fields: dict[str, Any] = read_yaml(path)
    texts, clips = fields.get("texts"), fields.get("clips")
    if isinstance(texts, str):
        try:
            fields["texts"] = texts_in(texts, path.parent, language)
        except ConfigError as error:
            raise ConfigError(f"{path}: texts: {error}") from error
    if isinstance(clips, str) and clips:
        fields["clips"] = str(path.parent / Path(clips).expanduser())
        if not Path(fields["clips"]).is_dir():
            raise ConfigError(f"{path}: clips: no folder {fields['clips']}")
    return validated(Script, fields, str(path))
