"""What the JSON files of a take hold: the fields that the rest of the software reads, with their ranges."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evface.privacy.consent import Purpose

_MODEL = ConfigDict(frozen=True, extra="allow", strict=True)


class Stream(BaseModel):
    """Of quality.json: one sensor's events or frames."""

    model_config = _MODEL

    source: str = Field(description="live, file, virtual or unknown")
    width: int = Field(description="of the sensor", ge=1, json_schema_extra={"unit": "px"})
    height: int = Field(description="of the sensor", ge=1, json_schema_extra={"unit": "px"})
    packets_lost: int = Field(default=0, description="known to be missing", ge=0)
    events_out: int | None = Field(default=None, description="events in the event file", ge=1)
    on: int | None = Field(default=None, description="those of polarity 1", ge=0)
    frames: int | None = Field(default=None, description="frames in the video", ge=1)


class Quality(BaseModel):
    """quality.json."""

    model_config = _MODEL

    take: str = Field(description="name of the take")
    au: int = Field(description="FACS number asked for")
    trial: int = Field(description="index in the script", ge=0)
    run: int = Field(description="take of this Action Unit in the session", ge=1)
    outcome: Literal["complete", "redone", "interrupted", "aborted"] = Field(description="how it ended")
    simulated: bool = Field(description="whether a virtual camera took part")
    flags: list[str] = Field(description="what a user should know")
    sensors: dict[str, Stream] = Field(description='"davis events", "rgb frames" and so on')
    purpose: Purpose = Field(default="research", description="what the dataset was made for")


class Clip(BaseModel):
    """Of sync.json: the span of the clip, ns on the host's clock."""

    model_config = _MODEL

    start_ns: int = Field(description="first instant")
    end_ns: int = Field(description="first instant after it")
    method: str = Field(description="how it was found", min_length=1)

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.end_ns <= self.start_ns:
            raise ValueError(f"ends at {self.end_ns}, not after its start {self.start_ns}")
        return self


class Offset(BaseModel):
    """Of sync.json: what is to be added to a camera's stamps."""

    model_config = _MODEL

    sensor: str = Field(description="camera")
    reference: str = Field(description="camera")
    offset: float | None = Field(description="seconds; null: unknown", json_schema_extra={"unit": "s"})
    uncertainty: float | None = Field(description="95 %", ge=0, json_schema_extra={"unit": "s"})
    method: str = Field(description="how it was found")
    reason: str | None = Field(default=None, description="why it is unknown")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.offset is None and not self.reason:
            raise ValueError(f"offset of {self.sensor} is unknown, and no reason says why")
        return self


class Sync(BaseModel):
    """sync.json."""

    model_config = _MODEL

    take_start_ns: int = Field(description="host clock, of the countdown", ge=0)
    clip: Clip | None = Field(description="null where the take has none")
    sensors: dict[str, dict[str, Any]] = Field(description="how each stream's clock was found")
    offsets: list[Offset] = Field(description="between the cameras")


class Truth(BaseModel):
    """truth.json: instants in ns on the host's clock, strengths with 1 as strong."""

    model_config = _MODEL

    au: int = Field(description="FACS number asked for")
    onset: int = Field(description="the movement begins")
    apex: int = Field(description="it is at its height")
    offset: int = Field(description="it begins to go back")
    end: int = Field(description="the face is at rest again")
    seconds: dict[str, float] = Field(description="the same from the take's start")
    others: dict[str, float] = Field(default={}, description="FACS number and strength of what came along")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.onset <= self.apex <= self.offset <= self.end:
            raise ValueError("onset, apex, offset and end are not in this order")
        return self
