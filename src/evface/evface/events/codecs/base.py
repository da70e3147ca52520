"""What the codecs share: the decoder's contract, reused buffers, the trigger log."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.container import Events, Triggers


class Decoder(Protocol):
    """Turns packets of one stream into events, in the order of their arrival."""

    encoding: str
    width: int
    height: int

    @property
    def time(self) -> int | None:
        """us on the sensor's clock that the stream has reached, None before it is known."""
        ...

    @property
    def outside(self) -> int:
        """Events dropped because they lay outside the sensor."""
        ...

    def decode(self, data: bytes | memoryview | NDArray[np.uint8], time_base: int = 0) -> Events:
        """Decode one packet; the arrays returned are overwritten by the next call."""
        ...

    def lost(self) -> None:
        """Told when packets are missing before the next one."""
        ...

    def take_triggers(self) -> Triggers:
        """Triggers since the last call."""
        ...


class Buffers:
    """Event arrays that grow to the largest packet and are then reused.

    A fresh page costs more than the events on it: np.empty per packet halves the decoding speed.
    """

    def __init__(self, width: int, height: int) -> None:
        self._events = Events.empty(width, height)

    def at_least(
        self, count: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint8], NDArray[np.int64]]:
        """Arrays x, y, p, t for ``count`` events or more."""
        if len(self._events) < count:
            self._events = Events(
                np.empty(count, np.uint16), np.empty(count, np.uint16), np.empty(count, np.uint8),
                np.empty(count, np.int64), self._events.width, self._events.height,
            )  # fmt: skip
        return self._events.x, self._events.y, self._events.p, self._events.t

    def view(self, count: int) -> Events:
        """The first ``count`` events."""
        return self._events[:count]


class TriggerLog:
    """Collects triggers until somebody takes them."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int64]] = []

    def add(self, rows: NDArray[np.int64]) -> None:
        """Append rows of (time us, id, edge)."""
        if len(rows):
            self._parts.append(rows.copy())

    def take(self) -> Triggers:
        """All triggers so far; the log is empty afterwards."""
        if not self._parts:
            return Triggers()
        rows = np.concatenate(self._parts)
        self._parts = []
        return Triggers(rows[:, 0].copy(), rows[:, 1].astype(np.uint8), rows[:, 2].astype(np.uint8))


def as_words(data: bytes | memoryview | NDArray[np.uint8], dtype: str, encoding: str) -> NDArray[np.generic]:
    """Bytes as an array of words, without a copy.

    Raises:
        FormatError: the bytes are not a whole number of words.
    """
    kind = np.dtype(dtype)
    size = data.nbytes if isinstance(data, (memoryview, np.ndarray)) else len(data)
    if size % kind.itemsize:
        raise FormatError(f"{encoding} packet of {size} bytes is not a whole number of {kind.itemsize}-byte words")
    return np.frombuffer(data, kind)
