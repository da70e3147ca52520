"""What every recording is, whatever its file format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.container import Clock, Events, Triggers


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of events as it lies in the file, undecoded.

    Attributes:
        data: the bytes, in ``encoding``.
        encoding: one of `evface.events.ENCODINGS`.
        sensor_time: ns, sensor clock, of the packet's first event or time word; 0 where nobody knows it.
        stamp: ns, host clock, of the packet's arrival; 0 where the file has none.
        count: events inside where the file tells without decoding, else -1.
    """

    data: bytes | memoryview
    encoding: str
    sensor_time: int
    stamp: int
    count: int = -1


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of a recording.

    Attributes:
        image: uint8 ``[H, W]`` or ``[H, W, 3]`` (BGR).
        time: us, clock of the recording, middle of the exposure where the file tells it.
        exposure: us; 0 where the file does not tell.
    """

    image: NDArray[np.uint8]
    time: int
    exposure: int


@dataclass(frozen=True, slots=True)
class Inertia:
    """A sample of a recording's inertial sensor.

    Attributes:
        acceleration: m/s^2, (x, y, z).
        angular_velocity: rad/s, (x, y, z).
        time: us, clock of the recording.
    """

    acceleration: tuple[float, float, float]
    angular_velocity: tuple[float, float, float]
    time: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a recording.

    Attributes:
        format: of the file.
        width: of the sensor, px.
        height: of the sensor, px.
        events: all of them.
        on: events of polarity 1.
        off: events of polarity 0.
        first: us, time of the first event; None without events.
        last: us, time of the last event; None without events.
        triggers: edges on the trigger inputs.
        frames: pictures.
        dropped: events left out because they lie outside the sensor.
    """

    format: str
    width: int
    height: int
    events: int
    on: int
    off: int
    first: int | None
    last: int | None
    triggers: int
    frames: int
    dropped: int


class Recording(ABC):
    """A recording of one event sensor, read in pieces so that its size does not matter.

    No file is held open between calls: each iteration opens it and closes it at its end, and several may run
    side by side. Every method that reads raises FormatError, naming file and position, where the file breaks
    off or holds what its format forbids.

    Attributes:
        path: of the file or folder.
        format: "aedat4", "raw", "bag" or "hdf5".
        encoding: of the packets, "" where the file has none.
        width: of the sensor, px.
        height: of the sensor, px.
        clock: what the times count from.
    """

    format: str
    encoding: str = ""
    width: int
    height: int
    clock: Clock = "sensor"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._triggers: Triggers | None = None
        self._dropped = 0

    @abstractmethod
    def chunks(self) -> Iterator[Events]:
        """The events in pieces of bounded size, times non-decreasing.

        The arrays may be views into buffers that the next piece overwrites; ``.copy()`` keeps them.
        Once the iteration is through, ``triggers`` and ``dropped`` cost nothing.
        """

    def __iter__(self) -> Iterator[Events]:
        return self.chunks()

    def read(self) -> Events:
        """All events at once, in arrays of their own."""
        parts = [part.copy() for part in self.chunks()]
        if not parts:
            return Events.empty(self.width, self.height, self.clock)
        return Events.concatenate(parts)

    @property
    def triggers(self) -> Triggers:
        """Edges on the trigger inputs; reads the file through unless that was done before."""
        if self._triggers is None:
            for _ in self.chunks():
                pass
        return self._triggers or Triggers()

    @property
    def dropped(self) -> int:
        """Events that the last whole iteration left out because they lie outside the sensor."""
        return self._dropped

    @property
    def frame_count(self) -> int:
        """Number of pictures."""
        return 0

    def frames(self) -> Iterator[Picture]:
        """The pictures in the order of time; none in most formats."""
        return iter(())

    def imu(self) -> Iterator[Inertia]:
        """The samples of the inertial sensor in the order of time; none in most formats."""
        return iter(())

    def packets(self) -> Iterator[Packet]:
        """The packets of events, undecoded.

        Raises:
            FormatError: the format stores events, not packets.
        """
        raise FormatError(f"{self.path}: {self.format} stores events, not packets in an encoding")

    def summary(self) -> Summary:
        """Count what is in the recording, in one pass over its events."""
        events = on = 0
        first: int | None = None
        last: int | None = None
        for part in self.chunks():
            if len(part):
                events += len(part)
                on += int(np.count_nonzero(part.p))
                first = int(part.t[0]) if first is None else first
                last = int(part.t[-1])
        return Summary(
            format=self.format, width=self.width, height=self.height,
            events=events, on=on, off=events - on, first=first, last=last,
            triggers=len(self.triggers), frames=self.frame_count, dropped=self.dropped,
        )  # fmt: skip


def join_triggers(parts: list[Triggers]) -> Triggers:
    """One after the other."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return Triggers()
    return Triggers(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "id", "edge"))
    )
