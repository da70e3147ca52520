"""The checkerboard that is shown to the cameras: on a screen, blinking, so that event cameras see it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Board(BaseModel):
    """A checkerboard of dark and white squares with a white margin; its upper left square is dark.

    One of the two numbers of corners is odd and the other even, so that a board upside down is told from one
    that stands upright.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: int = Field(default=9, ge=3, le=40, description="inner corners in a row")
    rows: int = Field(default=6, ge=3, le=40, description="inner corners in a column")
    square: float = Field(
        default=20.0,
        gt=0.0,
        le=1000.0,
        description="side of a square, as the page says it",
        json_schema_extra={"unit": "mm"},
    )
    blink: float = Field(
        default=2.5,
        ge=0.5,
        le=20.0,
        description="how often a second the board comes and goes; more than three may harm people with "
        "photosensitive epilepsy (WCAG 2.3.1)",
        json_schema_extra={"unit": "Hz"},
    )

    @model_validator(mode="after")
    def _one_odd_one_even(self) -> Board:
        if (self.columns + self.rows) % 2 == 0:
            raise ValueError("columns, rows: expected one odd and one even number of inner corners")
        return self

    @property
    def count(self) -> int:
        """Inner corners."""
        return self.columns * self.rows

    @property
    def period(self) -> int:
        """us from one appearance to the next."""
        return round(1e6 / self.blink)

    def corners(self) -> NDArray[np.float64]:
        """Inner corners on the board, mm, ``[N, 3]``, row by row; x to the right, y down, z 0.

        The origin is the upper left inner corner.
        """
        grid = np.mgrid[: self.rows, : self.columns].reshape(2, -1)
        return np.stack([grid[1] * self.square, grid[0] * self.square, np.zeros(self.count)], axis=1)
