"""HDF5 files in the layout of DSEC: ``events/{x,y,t,p}``, ``t_offset``, ``ms_to_idx``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from evface.errors import EvfaceError, FormatError
from evface.events.container import Clock, Events, Triggers
from evface.events.files.geometry import size_by_extent
from evface.events.files.raw_writer import PARTIAL
from evface.events.files.recording import Recording

_CHUNK = 1 << 20  # events read at a time
_STORED = 1 << 16  # events in one compressed chunk of the file
_FIELDS = ("x", "y", "t", "p")


@contextmanager
def _reading(path: Path, place: Callable[[], str] = lambda: "structure") -> Iterator[h5py.File]:
    """The open file; whatever HDF5 raises about a damaged one becomes a FormatError that says where."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (EvfaceError, GeneratorExit):
        raise
    except Exception as error:
        # HDF5 reports damage as OSError, RuntimeError, KeyError or ValueError, as it comes.
        raise FormatError(f"{path}: damaged or no HDF5 file, {place()}: {error}") from error


def _attribute(file: h5py.File, name: str, default: Any) -> Any:
    """A number or text of fixed length; HDF5 crashes where a text of free length is damaged."""
    if name not in file.attrs:
        return default
    kind = file.attrs.get_id(name).dtype.kind
    if kind not in "iuS":
        return default
    value = file.attrs[name]
    return bytes(value).decode("latin-1") if kind == "S" else int(value)


class Hdf5Recording(Recording):
    """An HDF5 file in the layout of DSEC.

    Files of this project know the sensor's size and clock; of others the size is taken from the coordinates.

    Args:
        path: of the file.

    Raises:
        FormatError: not HDF5, without events, or damaged.
    """

    format = "hdf5"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _reading(path) as file:
            self._count = self._check(file)
            self._offset = self._read_offset(file)
            # Takes of a dataset say by this attribute that t_offset leads to the host's clock.
            default = "unix" if "sensor_time_us" in file.attrs else "sensor"
            self.clock: Clock = "unix" if _attribute(file, "clock", default) == "unix" else "sensor"
            self.width, self.height = _attribute(file, "width", 0), _attribute(file, "height", 0)
            if self.width == 0 or self.height == 0:
                self.width, self.height = self._infer(file)
            if not (0 < self.width <= 1 << 15 and 0 < self.height <= 1 << 15):
                raise FormatError(f"{path}: attributes give {self.width}x{self.height} px")

    def _check(self, file: h5py.File) -> int:
        lengths = {}
        for name in _FIELDS:
            data = file.get(f"events/{name}")
            if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in "iub":
                raise FormatError(f"{self.path}: expected whole numbers in one dimension at events/{name}")
            lengths[name] = len(data)
        if len(set(lengths.values())) > 1:
            raise FormatError(f"{self.path}: events/x, y, t, p differ in length: {lengths}")
        return lengths["t"]

    def _read_offset(self, file: h5py.File) -> int:
        if "t_offset" not in file:
            return 0
        data = file["t_offset"]
        if not isinstance(data, h5py.Dataset) or data.size != 1 or data.dtype.kind not in "iu":
            raise FormatError(f"{self.path}: expected a whole number at t_offset")
        return int(np.asarray(data).reshape(()))

    def _infer(self, file: h5py.File) -> tuple[int, int]:
        right = bottom = 0
        for start in range(0, self._count, _CHUNK):
            right = max(right, int(file["events/x"][start : start + _CHUNK].max()))
            bottom = max(bottom, int(file["events/y"][start : start + _CHUNK].max()))
        return size_by_extent(right, bottom)

    def chunks(self) -> Iterator[Events]:
        """The events, a million at a time; see `Recording.chunks`."""
        last = np.iinfo(np.int64).min
        start = 0
        with _reading(self.path, lambda: f"events from {start} on") as file:
            for start in range(0, self._count, _CHUNK):
                x, y, t, p = (np.asarray(file[f"events/{name}"][start : start + _CHUNK]) for name in _FIELDS)
                t = t.astype(np.int64) + self._offset
                self._check_chunk(start, x, y, t, p, last)
                last = t[-1]
                yield Events(
                    x.astype(np.uint16, copy=False), y.astype(np.uint16, copy=False),
                    p.astype(np.uint8, copy=False), t, self.width, self.height, self.clock,
                )  # fmt: skip
            self._triggers = self._read_triggers(file)

    def _check_chunk(
        self, start: int, x: NDArray[Any], y: NDArray[Any], t: NDArray[np.int64], p: NDArray[Any], last: int
    ) -> None:
        if t[0] < last or np.any(t[1:] < t[:-1]):
            raise FormatError(f"{self.path}: times step back behind event {start}")
        for name, values, limit in (("x", x, self.width), ("y", y, self.height), ("p", p, 2)):
            if values.min() < 0 or values.max() >= limit:
                raise FormatError(
                    f"{self.path}: events/{name} behind event {start} from {values.min()} to {values.max()}, "
                    f"expected 0 to {limit - 1}"
                )

    def _read_triggers(self, file: h5py.File) -> Triggers:
        if "triggers" not in file:
            return Triggers()
        found = {name: file.get(f"triggers/{name}") for name in ("t", "id", "edge")}
        for name, data in found.items():
            if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in "iub":
                raise FormatError(f"{self.path}: expected whole numbers in one dimension at triggers/{name}")
        t, number, edge = (np.asarray(data) for data in found.values())
        if not len(t) == len(number) == len(edge):
            raise FormatError(f"{self.path}: triggers/t, id, edge differ in length")
        return Triggers(t.astype(np.int64) + self._offset, number.astype(np.uint8), edge.astype(np.uint8))


class Hdf5Writer:
    """Writes an HDF5 file in the layout of DSEC that appears under its name only when it is whole.

    ``events/t`` counts from ``t_offset``, the time of the first event; ``ms_to_idx[ms]`` is the first event
    at or after that millisecond, its last entry the number of events. Size and clock are attributes of the
    file; triggers, where there are any, lie in ``triggers/{t,id,edge}``.

    Args:
        path: of the file to be; replaced if it is there.
        width: of the sensor, px.
        height: of the sensor, px.
        offset: us, ``t_offset``; None is the time of the first event.

    Attributes:
        shift: us added to ``t_offset`` on closing: what leads from the events' clock to the file's.
        attributes: whole numbers or bytes that become attributes of the file on closing.

    Use it as a context: leaving it regularly finishes the file, leaving it by an exception removes it.
    """

    def __init__(self, path: str | Path, width: int, height: int, *, offset: int | None = None) -> None:
        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + PARTIAL)
        try:
            # From version 1.10 on the file's structure carries checksums, so that damage is found.
            self._file = h5py.File(self._partial, "w", libver=("v110", "v110"))
        except OSError as error:
            raise FormatError(f"{self.path}: cannot be written: {error}") from error
        self._file.attrs["width"], self._file.attrs["height"] = width, height
        dtypes = {"x": np.uint16, "y": np.uint16, "t": np.int64, "p": np.uint8}
        self._data = {
            name: self._file.create_dataset(
                f"events/{name}",
                (0,),
                dtype,
                maxshape=(None,),
                chunks=(_STORED,),
                compression="gzip",
                compression_opts=4,
                shuffle=True,
                fletcher32=True,
            )
            for name, dtype in dtypes.items()
        }
        self.shift = 0
        self.attributes: dict[str, int | np.bytes_] = {}
        self._offset = offset
        self._count = 0
        self._last: int | None = None
        self._index: list[NDArray[np.int64]] = []
        self._milliseconds = 0
        self._triggers: list[Triggers] = []

    def write(self, events: Events, triggers: Triggers | None = None) -> None:
        """Append events, and triggers of the same recording.

        Raises:
            FormatError: times step back, or lie before the offset.
        """
        if triggers is not None and len(triggers):
            self._triggers.append(triggers)
        if not len(events):
            return
        if self._offset is None:
            self._offset = int(events.t[0])
        t = events.t - self._offset
        floor = 0 if self._last is None else self._last
        if t[0] < floor or np.any(t[1:] < t[:-1]):
            raise FormatError(f"{self.path}: times step back, or before {self._offset + floor} us")
        if self._last is None:
            self._file.attrs["clock"] = np.bytes_(events.clock)
        self._index_milliseconds(t)
        for name, values in (("x", events.x), ("y", events.y), ("t", t), ("p", events.p)):
            data = self._data[name]
            data.resize((self._count + len(t),))
            data[self._count :] = values
        self._count += len(t)
        self._last = int(t[-1])

    def _index_milliseconds(self, t: NDArray[np.int64]) -> None:
        """Milliseconds up to the last event: each is settled once an event at or after it is known."""
        settled = int(t[-1]) // 1000 + 1
        edges = np.arange(self._milliseconds, settled) * 1000
        self._index.append(self._count + np.searchsorted(t, edges))
        self._milliseconds = settled

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._file["t_offset"] = np.int64((self._offset or 0) + self.shift)
        self._file.attrs.update(self.attributes)
        index = np.concatenate([*self._index, np.array([self._count])]).astype(np.uint64)
        self._file.create_dataset("ms_to_idx", data=index, compression="gzip", shuffle=True, fletcher32=True)
        for name in ("t", "id", "edge") if self._triggers else ():
            values = np.concatenate([getattr(part, name) for part in self._triggers])
            self._file[f"triggers/{name}"] = values - (self._offset or 0) if name == "t" else values
        self._file.close()
        with self._partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self._partial, self.path)

    def abort(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Hdf5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if kind is None else self.abort()
