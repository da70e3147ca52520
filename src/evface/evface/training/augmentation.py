"""What may be done to a training clip: what a person can choose."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Augmentation(BaseModel):
    """What is done to a training clip each time that it is seen; nothing by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: float = Field(default=0.0, ge=0.0, le=1.0, description="share of clips that are mirrored")
    shift: float = Field(
        default=0.0, ge=0.0, le=0.5, description="most a clip moves in each direction, share of its side"
    )
    scale: float = Field(default=0.0, ge=0.0, le=0.5, description="most a clip grows or shrinks, share")
    time_crop: float = Field(default=0.0, ge=0.0, le=0.45, description="most cut off at each end, share")
    event_dropout: float = Field(
        default=0.0, ge=0.0, le=0.9, description="most that is dropped of a clip: cells, a stretch or an area"
    )
