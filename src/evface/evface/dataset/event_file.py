"""Event files of the dataset: HDF5 after DSEC, written packet by packet and read window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from evface.errors import FormatError
from evface.events import Events, Hdf5Writer

BLOCK = 1 << 18
"""Events of a block in memory, when one is written or read."""

SMALL_STEP_BACK = 10_000
"""us that a packet's first event may lie before the last one's: the noise of sensors, not a new clock."""


class EventFileWriter:
    """Writes the events of a take with both of its clocks; a context manager.

    ``t`` counts us from the first event. ``/t_offset`` (us) leads from there to the host's unix time;
    the root attribute ``sensor_time_us`` is the first event's time on the sensor's own clock, on whose
    grid slices lie: slice k is ``[k * 33000, (k + 1) * 33000)`` of ``t + sensor_time_us``. The file
    appears only when it was finished.

    Args:
        path: of the file.
        width: of the sensor, px.
        height: of the sensor, px.

    Attributes:
        count: events written.
        on: those of polarity 1.
        stepped_back: packets that began a little before the end of the one before.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self.path = path
        self.count = self.on = self.stepped_back = 0
        self.zero: int | None = None
        self._last = self._written = 0
        self._waiting: list[Events] = []
        self._waiting_count = 0
        self._finished = False
        self._writer = Hdf5Writer(path, width, height)

    def __enter__(self) -> EventFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished and kind is None:
            self._writer.close()
        else:
            self._writer.abort()

    def append(self, events: Events) -> None:
        """Add the events of a packet; they are copied.

        Raises:
            FormatError: the sensor's clock jumped back.
        """
        if len(events) == 0:
            return
        if self.zero is None:
            self.zero = self._last = self._written = int(events.t[0])
        back = self._last - int(events.t[0])
        if back > SMALL_STEP_BACK:
            raise FormatError(f"{self.path.name}: the sensor's clock steps back by {back} us")
        self.stepped_back += int(back > 0)
        self._last = max(self._last, int(events.t[-1]))
        self._waiting.append(events.copy())
        self._waiting_count += len(events)
        if self._waiting_count >= BLOCK:
            self._flush()

    def finish(self, offset: int, end: int) -> None:
        """Write what is left and the clocks.

        Args:
            offset: ns from the sensor's clock to the host's.
            end: us, sensor clock, that the stream had reached when it ended, in silence perhaps.
        """
        self._flush()
        zero = self.zero or 0
        self._writer.shift = (zero * 1000 + offset) // 1000 - zero
        self._writer.attributes = {
            "clock": np.bytes_("unix"),
            "sensor_time_us": zero,
            "sensor_end_us": max(end, self._last),
            "clock_offset_ns": offset,
        }
        self._finished = True

    def _flush(self) -> None:
        if not self._waiting:
            return
        joined = Events.concatenate(self._waiting)
        self._waiting, self._waiting_count = [], 0
        t = np.maximum(np.maximum.accumulate(joined.t), self._written)
        self._written = int(t[-1])
        self._writer.write(replace(joined, t=t))
        self.count += len(joined)
        self.on += int(np.count_nonzero(joined.p))


class EventFile:
    """An event file open for reading; times are us on the sensor's clock. A context manager.

    Args:
        path: of the .h5 file.

    Attributes:
        width: of the sensor, px.
        height: of the sensor, px.
        zero: us, sensor clock, that ``t`` counts from.
        end: us, sensor clock, that the stream had reached when it ended.
        clock_offset: ns from the sensor's clock to the host's.
        count: events.

    Raises:
        FormatError: the file is missing, broken, or of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise FormatError(f"{path}: not a readable HDF5 file: {error}") from error
        try:
            self.width, self.height = int(self._file.attrs["width"]), int(self._file.attrs["height"])
            self.zero = int(self._file.attrs["sensor_time_us"])
            self.end = int(self._file.attrs["sensor_end_us"])
            self.clock_offset = int(self._file.attrs["clock_offset_ns"])
            self._events = {name: self._file[f"events/{name}"] for name in "xypt"}
            self._index = self._file["ms_to_idx"][:].astype(np.int64)
            self.count = len(self._events["t"])
        except (KeyError, ValueError, TypeError, OSError) as error:
            self._file.close()
            raise FormatError(f"{path}: not an event file of the dataset: {error}") from error

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def to_host(self, sensor: int) -> int:
        """ns on the host's clock of a time in us on the sensor's."""
        return sensor * 1000 + self.clock_offset

    def to_sensor(self, host: int) -> int:
        """us on the sensor's clock of a time in ns on the host's."""
        return (host - self.clock_offset) // 1000

    def blocks(self, start: int | None = None, end: int | None = None) -> Iterator[Events]:
        """Events of ``[start, end)`` us, sensor clock, in pieces that fit memory.

        Raises:
            FormatError: the file breaks off.
        """
        first = 0 if start is None else self._at(start)
        last = self.count if end is None else self._at(end)
        for at in range(first, last, BLOCK):
            stop = min(at + BLOCK, last)
            try:
                x, y, p, t = (self._events[name][at:stop] for name in "xypt")
            except OSError as error:
                raise FormatError(f"{self.path}: breaks off at event {at}: {error}") from error
            yield Events(x, y, p, t.astype(np.int64) + self.zero, self.width, self.height)

    def on_and_off(self, start: int, end: int) -> tuple[int, int]:
        """How many events of ``[start, end)`` us, sensor clock, are brighter and how many darker.

        Raises:
            FormatError: the file breaks off.
        """
        first, last, on = self._at(start), self._at(end), 0
        for at in range(first, last, BLOCK):
            try:
                on += int(np.count_nonzero(self._events["p"][at : min(at + BLOCK, last)]))
            except OSError as error:
                raise FormatError(f"{self.path}: breaks off at event {at}: {error}") from error
        return on, max(0, last - first) - on

    def _at(self, time: int) -> int:
        """Index of the first event not before ``time``."""
        relative = time - self.zero
        millisecond = relative // 1000
        if millisecond < 0:
            return 0
        if millisecond >= len(self._index) - 1:
            return self.count
        first, last = self._index[millisecond], self._index[millisecond + 1]
        return int(first + np.searchsorted(self._events["t"][first:last], relative, "left"))
