"""How a stream of events can be cut and pictured: what a person can choose."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Slicing(BaseModel):
    """Where one slice ends and the next begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["time", "count", "adaptive"] = Field(
        default="time",
        description="equal times, equal numbers of events in the face box, or enough events in it in time",
    )
    events: int = Field(
        default=1_000, ge=1, le=10_000_000, description="of a slice in the face box: count, adaptive"
    )
    tick_us: int = Field(
        default=5_000, ge=100, le=1_000_000, description="us, shortest slice and steps of it: adaptive"
    )
    longest_us: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="us, longest slice, a multiple of the tick: adaptive",
    )


class Representation(BaseModel):
    """What a slice's events become."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["counts", "voxel_grid", "time_surface"] = Field(
        default="counts",
        description="off and on counts, signed events spread over bins, or time since the last",
    )
    bins: int = Field(default=4, ge=1, le=32, description="of a voxel grid: planes of a slice")
    tau_us: int = Field(
        default=50_000, ge=1_000, le=10_000_000, description="us in which a time surface falls to 1/e"
    )

    @property
    def planes(self) -> int:
        """Of a slice's frame."""
        return self.bins if self.kind == "voxel_grid" else 2
