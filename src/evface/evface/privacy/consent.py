"""Consent: what a subject agreed to, when and how; nothing is recorded without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evface.errors import FormatError, PrivacyError
from evface.privacy.durable import replace_file
from evface.validation import validated

CONSENT = "consent.json"
"""In a session's folder."""

Scope = Literal["research", "sharing", "figures", "rgb_release"]

Purpose = Literal["research", "sharing"]
"""What a dataset is made for: the group's own work, or to be handed on."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a subject may agree to."""

SCOPE_TEXTS: dict[Scope, str] = {
    "research": "My recordings may be used for research by this group.",
    "sharing": "My recordings may be shared with other researchers.",
    "figures": "Pictures of me may appear in publications and talks.",
    "rgb_release": "Shared recordings may include the videos, in which my face can be recognised.",
}
"""What the subject reads beside each, in English."""


class Consent(BaseModel):
    """What a subject agreed to; ``research`` is the least: without it there is no consent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(description="of the consent form", min_length=1, max_length=40)
    scopes: tuple[Scope, ...] = Field(description="what was agreed to")
    given_ns: int = Field(
        description="when it was given, host clock", ge=0, json_schema_extra={"unit": "ns since 1970"}
    )
    how: Literal["page", "paper", "spoken", "virtual"] = Field(
        description="on the subject's page, on paper, spoken; virtual: nobody was there"
    )
    language: str = Field(default="en", description="of the text that was read", pattern=r"^[a-z]{2}$")

    @model_validator(mode="after")
    def _least(self) -> Self:
        if "research" not in self.scopes:
            raise ValueError("scopes: without research there is no consent")
        if len(set(self.scopes)) != len(self.scopes):
            raise ValueError("scopes: one is there twice")
        return self

    def allows(self, scope: Scope) -> bool:
        """Whether the subject agreed to this."""
        return scope in self.scopes


def write_consent(session: Path, consent: Consent) -> None:
    """Write a session's consent; whole or not at all, and never over another one.

    Args:
        session: folder of the session; made if it is not there.
        consent: what was given.

    Raises:
        PrivacyError: another consent is there, or the folder cannot be written.
        FormatError: what is there is broken.
    """
    there = read_consent(session)
    if there is not None and there != consent:
        raise PrivacyError(f"{session / CONSENT}: another consent was given for this session already")
    try:
        session.mkdir(parents=True, exist_ok=True)
        replace_file(session / CONSENT, consent.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise PrivacyError(f"{session / CONSENT}: cannot be written: {error.strerror or error}") from error


def read_consent(session: Path) -> Consent | None:
    """A session's consent, None where none was given.

    Raises:
        FormatError: the file is broken: it cannot be told what was agreed to.
    """
    path = session / CONSENT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected an object, found {type(found).__name__}")
    return validated(Consent, found, str(path))


def require_consent(session: Path) -> Consent:
    """A session's consent, without which nobody is recorded.

    Raises:
        PrivacyError: none was given.
        FormatError: the file is broken.
    """
    consent = read_consent(session)
    if consent is None:
        raise PrivacyError(f"no consent in {session}: nobody is recorded without {CONSENT}")
    return consent
