"""The one container of events: a structure of arrays with the sensor's size and clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evface.errors import GeometryError

Clock = Literal["sensor", "unix"]
"""What times count from: the sensor's own start, or 1970-01-01 UTC."""


@dataclass(frozen=True, slots=True)
class Events:
    """N events in the order of their arrival.

    Attributes:
        x: column, px, uint16 ``[N]``, 0 at the left.
        y: row, px, uint16 ``[N]``, 0 at the top.
        p: polarity, uint8 ``[N]``: 1 on (brighter), 0 off.
        t: time, us, int64 ``[N]``, on ``clock``.
        width: of the sensor, px.
        height: of the sensor, px.
        clock: what ``t`` counts from.

    Raises:
        GeometryError: the arrays differ in length or dtype, or the sensor has no pixels.
    """

    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    p: NDArray[np.uint8]
    t: NDArray[np.int64]
    width: int
    height: int
    clock: Clock = "sensor"

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise GeometryError(f"a sensor of {self.width}x{self.height} px has no pixels")
        for name, dtype in (("x", np.uint16), ("y", np.uint16), ("p", np.uint8), ("t", np.int64)):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != (len(self.t),):
                raise GeometryError(
                    f"events.{name} is {array.dtype}{list(array.shape)}, "
                    f"expected {np.dtype(dtype)}[{len(self.t)}]"
                )

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, which: slice | NDArray[Any]) -> Events:
        """A view of a range of events, or the events at a mask or index array."""
        return Events(
            self.x[which], self.y[which], self.p[which], self.t[which],
            self.width, self.height, self.clock,
        )  # fmt: skip

    @classmethod
    def empty(cls, width: int, height: int, clock: Clock = "sensor") -> Events:
        """No events of a sensor of this size."""
        return cls(
            np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.uint8),
            np.empty(0, np.int64), width, height, clock,
        )  # fmt: skip

    @classmethod
    def concatenate(cls, parts: list[Events]) -> Events:
        """Join parts of one recording in the order given.

        Raises:
            GeometryError: no parts, or parts of different sensors or clocks.
        """
        if not parts:
            raise GeometryError("nothing to concatenate: the list of events is empty")
        first = parts[0]
        for part in parts[1:]:
            if (part.width, part.height, part.clock) != (first.width, first.height, first.clock):
                raise GeometryError(
                    f"cannot join events of {part.width}x{part.height} ({part.clock} clock) "
                    f"to events of {first.width}x{first.height} ({first.clock} clock)"
                )
        x, y, p, t = (np.concatenate([getattr(part, name) for part in parts]) for name in "xypt")
        return cls(x, y, p, t, first.width, first.height, first.clock)

    def copy(self) -> Events:
        """The same events in arrays of their own (a decoder's arrays are overwritten by its next packet)."""
        return Events(
            self.x.copy(), self.y.copy(), self.p.copy(), self.t.copy(),
            self.width, self.height, self.clock,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Triggers:
    """Edges on the sensor's external trigger inputs.

    Attributes:
        t: time, us, int64 ``[N]``, on the clock of the events they came with.
        id: input, uint8 ``[N]``.
        edge: uint8 ``[N]``: 1 rising, 0 falling.
    """

    t: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    id: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    edge: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, which: slice | NDArray[Any]) -> Triggers:
        """A view of a range of triggers, or those at a mask or index array."""
        return Triggers(self.t[which], self.id[which], self.edge[which])
