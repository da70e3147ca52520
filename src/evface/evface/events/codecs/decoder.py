"""What every decoder is, whatever the encoding."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError, GeometryError
from evface.events.container import Events, Triggers

Bytes = bytes | bytearray | memoryview | NDArray[Any]
"""What packets come in; read as it lies in memory, never copied."""


_MOST = 1 << 15  # px a side: what 15 bits hold


class Decoder(Protocol):
    """Turns the packets of one sensor into events, in the order of their arrival.

    Attributes:
        encoding: name of the encoding, as in an EventPacket.
        width: of the sensor, px.
        height: of the sensor, px.
    """

    encoding: ClassVar[str]
    width: int
    height: int

    @property
    def time(self) -> int | None:
        """Last time the stream has reached, us, sensor clock; None before the first one is known."""
        ...

    @property
    def dropped(self) -> int:
        """Events left out since ``reset``: outside the sensor, or their time or row not known yet."""
        ...

    def decode(self, data: Bytes, time_base_ns: int = 0) -> Events:
        """Decode a packet.

        Args:
            data: the packet's bytes.
            time_base_ns: its time base, ns, sensor clock; 0 where the driver gives none.

        Returns:
            The packet's events, times non-decreasing, as views into buffers that the next call
            overwrites; ``.copy()`` keeps them.

        Raises:
            FormatError: not a whole number of words, or an impossible time base.
        """
        ...

    def drain_triggers(self) -> Triggers:
        """Hand over the triggers collected since the last call."""
        ...

    def lost(self) -> None:
        """Say that packets are missing: the decoder finds its place anew."""
        ...

    def reset(self) -> None:
        """Forget the stream: time, place, triggers and counters."""
        ...


def as_words(data: Bytes, dtype: np.dtype[Any], encoding: str) -> NDArray[Any]:
    """A packet's bytes as an array of words, not copied.

    Raises:
        FormatError: not a whole number of words.
    """
    octets = np.frombuffer(data, np.uint8)
    if len(octets) % dtype.itemsize:
        raise FormatError(
            f"{encoding} packet of {len(octets)} bytes is not a whole number of {dtype.itemsize}-byte words"
        )
    return octets.view(dtype)


def check_time_base(time_base_ns: int, encoding: str) -> None:
    """Raise FormatError unless times counted from there fit into 64 bits."""
    if not 0 <= time_base_ns < 1 << 62:
        raise FormatError(
            f"{encoding} packet with a time base of {time_base_ns} ns, expected 0 to {(1 << 62) - 1}"
        )


def check_sensor(width: int, height: int) -> None:
    """Raise GeometryError unless the size is one that an encoding can address."""
    if not (0 < width < _MOST and 0 < height <= _MOST):
        raise GeometryError(f"no sensor has {width}x{height} px")


class EventBuffers:
    """Arrays that grow to the largest packet seen and are used again for the next one."""

    def __init__(self, capacity: int = 1 << 14) -> None:
        self.capacity = 0
        self.x = np.empty(0, np.uint16)
        self.y = np.empty(0, np.uint16)
        self.p = np.empty(0, np.uint8)
        self.t = np.empty(0, np.int64)
        self.reserve(capacity)

    def reserve(self, capacity: int, keep: int = 0) -> None:
        """Make room for ``capacity`` events; the first ``keep`` stay."""
        if capacity <= self.capacity:
            return
        for name in "xypt":
            old = getattr(self, name)
            new = np.empty(capacity, old.dtype)
            new[:keep] = old[:keep]
            setattr(self, name, new)
        self.capacity = capacity

    def view(self, count: int, width: int, height: int) -> Events:
        """The first ``count`` events, not copied."""
        return Events(self.x[:count], self.y[:count], self.p[:count], self.t[:count], width, height)
