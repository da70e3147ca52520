"""Event files of the dataset: HDF5 after DSEC, written packet by packet and read window by window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events import Events

BLOCK = 1 << 18
"""Events of a chunk in the file, and of a block in memory when one is read."""

SMALL_STEP_BACK = 10_000
"""us that a packet's first event may lie before the last one's: the noise of sensors, not a new clock."""

_DTYPES = {"x": np.uint16, "y": np.uint16, "p": np.uint8, "t": np.uint32}


class EventFileWriter:
    """Appends events to ``/events/{x,y,t,p}``; a context manager.

    ``t`` counts us from the first event. ``/t_offset`` (us) leads from there to the host's unix time;
    the root attribute ``sensor_time_us`` is the first event's time on the sensor's own clock, on whose
    grid slices lie: slice k is ``[k * 33000, (k + 1) * 33000)`` of ``t + sensor_time_us``. gzip and
    shuffle need no plug-in to be read.

    Args:
        path: of the file.
        width: of the sensor, px.
        height: of the sensor, px.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self.path = path
        self.count = self.on = self.stepped_back = 0
        self.zero: int | None = None
        self._last = self._written = 0
        self._milliseconds: list[NDArray[np.int64]] = []
        self._next_ms = 0
        self._waiting: list[Events] = []
        self._waiting_count = 0
        self._file = h5py.File(path, "w")
        self._file.attrs["width"], self._file.attrs["height"] = width, height
        self._sets = {
            name: self._file.create_dataset(
                f"events/{name}", (0,), dtype, maxshape=(None,), chunks=(BLOCK,),
                compression="gzip", compression_opts=1, shuffle=True,
            )
            for name, dtype in _DTYPES.items()
        }  # fmt: skip

    def __enter__(self) -> EventFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, events: Events) -> None:
        """Add the events of a packet; they are copied.

        Raises:
            FormatError: the sensor's clock jumped back.
        """
        if len(events) == 0:
            return
        if self.zero is None:
            self.zero = self._last = int(events.t[0])
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
        self._milliseconds.append(np.array([self.count], np.int64))
        zero = self.zero or 0
        self._file["ms_to_idx"] = np.concatenate(self._milliseconds).astype(np.uint64)
        self._file["t_offset"] = np.int64((zero * 1000 + offset) // 1000)
        self._file.attrs["sensor_time_us"] = zero
        self._file.attrs["sensor_end_us"] = max(end, self._last)
        self._file.attrs["clock_offset_ns"] = offset

    def _flush(self) -> None:
        if not self._waiting:
            return
        joined = Events.concatenate(self._waiting)
        self._waiting, self._waiting_count = [], 0
        assert self.zero is not None
        t = np.maximum(np.maximum.accumulate(joined.t - self.zero), self._written)
        self._written = int(t[-1])
        last_ms = int(t[-1]) // 1000
        edges = np.arange(self._next_ms, last_ms + 1, dtype=np.int64)
        self._milliseconds.append(np.searchsorted(t, edges * 1000, "left") + self.count)
        self._next_ms = last_ms + 1
        for name, values in (("x", joined.x), ("y", joined.y), ("p", joined.p), ("t", t)):
            self._sets[name].resize((self.count + len(joined),))
            self._sets[name][self.count :] = values
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
            self._events = {name: self._file[f"events/{name}"] for name in _DTYPES}
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
