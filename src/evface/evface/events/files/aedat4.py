"""aedat4 files, read without the vendor's library: it waits for ever on a file with a single flipped bit.

Layout (https://docs.inivation.com, AEDAT 4.0): the version line, a size-prefixed flatbuffer with compression,
place of the table of packets and an XML description of the streams, packets of {int32 stream, int32 size,
data}, the table of packets.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

import lz4.frame
import numpy as np
import zstandard

from evface.errors import FormatError
from evface.events.container import Clock, Events, Triggers
from evface.events.files.flatbuffer import FlatbufferError, Table
from evface.events.files.recording import Inertia, Picture, Recording, join_triggers

T = TypeVar("T")

_VERSION = b"#!AER-DAT4.0\r\n"
_LARGEST = 1 << 28  # bytes of a packet; anything above is damage
_EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1"), ("unused", "V3")])
_GRAVITY = 9.80665
_NONE, _LZ4, _LZ4_HIGH, _ZSTD, _ZSTD_HIGH = range(5)
_RISING, _FALLING = 1, 2  # kinds of triggers that are edges on the input
_UNKNOWN_TABLE = -1


@dataclass(frozen=True, slots=True)
class _Stream:
    kind: str  # EVTS, FRME, IMUS, TRIG, ...
    width: int
    height: int
    source: str


class Aedat4Recording(Recording):
    """An aedat4 file: the events of its first event stream with frames, IMU and triggers beside them.

    Args:
        path: of the file.

    Raises:
        FormatError: not an aedat4 file, truncated, damaged, or without events.
    """

    format = "aedat4"
    clock: Clock = "unix"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open("rb") as file:
            head = file.read(len(_VERSION) + 4)
            if len(head) < len(_VERSION) + 4 or not head.startswith(_VERSION):
                raise FormatError(
                    f"{path}: expected {_VERSION.decode().strip()} at byte 0, found {head[:14]!r}"
                )
            size = struct.unpack_from("<I", head, len(_VERSION))[0]
            self._start = len(head) + size
            self._size = path.stat().st_size
            if self._start > self._size:
                raise FormatError(
                    f"{path}: breaks off in its header: {size} bytes announced at byte {len(_VERSION)}"
                )
            header = head[-4:] + file.read(size)
        try:
            table = Table.root(header, "IOHE")
            self._compression = table.number(0, "i")
            end = table.number(1, "q", _UNKNOWN_TABLE)
            description = table.vector(2, np.dtype("u1")).tobytes()
        except FlatbufferError as error:
            raise FormatError(f"{path}: damaged header at byte {len(_VERSION)}: {error}") from error
        if self._compression not in range(5):
            raise FormatError(f"{path}: header names compression {self._compression}, expected 0 to 4")
        # A recorder that was killed leaves no table of packets and the place -1.
        self._end = self._size if end == _UNKNOWN_TABLE else end
        if not self._start <= self._end <= self._size:
            raise FormatError(f"{path}: truncated: packets end at byte {self._end}, the file at {self._size}")
        self._streams = self._describe(description)
        events = [number for number, stream in self._streams.items() if stream.kind == "EVTS"]
        if not events:
            raise FormatError(f"{path}: no stream of events among {[s.kind for s in self._streams.values()]}")
        self._events = min(events)
        self.width, self.height = self._streams[self._events].width, self._streams[self._events].height
        self.model = self._streams[self._events].source
        if not (0 < self.width <= 1 << 15 and 0 < self.height <= 1 << 15):
            raise FormatError(f"{path}: header gives {self.width}x{self.height} px")
        for _ in self._heads():
            pass  # a chain that breaks is found at once, not after half of the events
        if end != _UNKNOWN_TABLE:
            self._check_tail()

    def _check_tail(self) -> None:
        """The table of packets at the end is not needed, but it has to be whole."""
        with self.path.open("rb") as file:
            file.seek(self._end)
            self._unpack(self._end, file.read(_LARGEST), "FTAB")

    def _describe(self, description: bytes) -> dict[int, _Stream]:
        try:
            root = ElementTree.fromstring(description.rstrip(b"\0"))
            return {int(node.get("name", "")): _stream(node) for node in root.findall("./node/node")}
        except (ElementTree.ParseError, ValueError) as error:
            raise FormatError(f"{self.path}: damaged description of the streams: {error}") from error

    def _heads(self, kind: str = "") -> Iterator[tuple[int, int]]:
        """Place and size of the packets of one kind of stream, of all without ``kind``."""
        at = self._start
        with self.path.open("rb") as file:
            while at < self._end:
                file.seek(at)
                head = file.read(8)
                stream, size = struct.unpack("<iI", head) if len(head) == 8 else (-1, 0)
                if stream not in self._streams or size > _LARGEST or at + 8 + size > self._end:
                    raise FormatError(
                        f"{self.path}: damaged or truncated packet at byte {at}: "
                        f"stream {stream}, {size} bytes, packets end at byte {self._end}"
                    )
                wanted = stream == self._events if kind == "EVTS" else self._streams[stream].kind == kind
                if wanted or not kind:
                    yield at, size
                at += 8 + size

    def _tables(self, kind: str) -> Iterator[tuple[int, Table]]:
        """Place and content of the packets of one kind of stream."""
        with self.path.open("rb") as file:
            for at, size in self._heads(kind):
                file.seek(at + 8)
                yield at, self._unpack(at, file.read(size), kind)

    def _unpack(self, at: int, data: bytes, kind: str) -> Table:
        """The table in the compressed bytes of a packet at a place of the file."""
        try:
            return Table.root(self._decompress(data), kind)
        except (FlatbufferError, RuntimeError, ValueError, MemoryError, zstandard.ZstdError) as error:
            raise FormatError(f"{self.path}: damaged packet at byte {at}: {error}") from error

    def _decompress(self, data: bytes) -> bytes:
        if self._compression == _NONE:
            return data
        if self._compression in (_LZ4, _LZ4_HIGH):
            unpacker = lz4.frame.LZ4FrameDecompressor()
            plain: bytes = unpacker.decompress(data, max_length=_LARGEST)
            if not unpacker.eof:
                raise ValueError("compressed data break off, or are larger than any packet")
            return plain
        with zstandard.ZstdDecompressor(max_window_size=_LARGEST).stream_reader(data) as reader:
            return reader.read(_LARGEST)

    def chunks(self) -> Iterator[Events]:
        """The events, a packet at a time; see `Recording.chunks`."""
        last = np.iinfo(np.int64).min
        dropped = 0
        for at, table in self._tables("EVTS"):
            found = self._checked(at, partial(table.vector, 0, _EVENT))
            inside = (
                (found["x"].view() >= 0)
                & (found["x"] < self.width)
                & (found["y"] >= 0)
                & (found["y"] < self.height)
            )
            if not inside.all():
                dropped += len(found) - int(inside.sum())
                found = found[inside]
            t = found["t"].astype(np.int64)
            if len(t) and (t[0] < last or np.any(t[1:] < t[:-1])):
                raise FormatError(f"{self.path}: times step back in the packet at byte {at}")
            last = t[-1] if len(t) else last
            yield Events(
                found["x"].astype(np.uint16), found["y"].astype(np.uint16),
                (found["p"] != 0).astype(np.uint8), t, self.width, self.height, self.clock,
            )  # fmt: skip
        self._triggers, self._dropped = self._read_triggers(), dropped

    def _checked(self, at: int, read: Callable[[], T]) -> T:
        """Read fields of the packet at a place of the file."""
        try:
            return read()
        except (FlatbufferError, ValueError, OverflowError) as error:
            raise FormatError(f"{self.path}: damaged packet at byte {at}: {error}") from error

    def _read_triggers(self) -> Triggers:
        parts = []
        for at, table in self._tables("TRIG"):
            edges = self._checked(at, partial(_edges, table))
            parts.append(
                Triggers(
                    np.array([time for time, _ in edges], np.int64),
                    np.zeros(len(edges), np.uint8),
                    np.array([kind == _RISING for _, kind in edges], np.uint8),
                )
            )
        return join_triggers(parts)

    @property
    def frame_count(self) -> int:
        """Number of pictures."""
        return sum(1 for _ in self._heads("FRME"))

    def frames(self) -> Iterator[Picture]:
        """The pictures in the order of time."""
        for at, table in self._tables("FRME"):
            yield self._checked(at, partial(_picture, table))

    def imu(self) -> Iterator[Inertia]:
        """The samples of the inertial sensor in the order of time."""
        for at, table in self._tables("IMUS"):
            yield from self._checked(at, partial(_inertias, table))


def _stream(node: ElementTree.Element) -> _Stream:
    def attribute(path: str, default: str = "") -> str:
        found = node.find(path)
        return default if found is None or found.text is None else found.text

    return _Stream(
        kind=attribute("attr[@key='typeIdentifier']"),
        width=int(attribute("node[@name='info']/attr[@key='sizeX']", "0")),
        height=int(attribute("node[@name='info']/attr[@key='sizeY']", "0")),
        source=attribute("node[@name='info']/attr[@key='source']"),
    )


def _picture(table: Table) -> Picture:
    channels = (table.number(5, "b") >> 3) + 1  # OpenCV's type code: depth in 3 bits, channels above
    width, height = table.number(6, "h"), table.number(7, "h")
    pixels = table.vector(10, np.dtype("u1"))
    if table.number(5, "b") & 7 or channels not in (1, 3) or len(pixels) != width * height * channels:
        raise FlatbufferError(f"frame of {width}x{height} px, {channels} channels, with {len(pixels)} bytes")
    begin, end = table.number(3, "q"), table.number(4, "q")
    exposure = table.number(11, "q") or max(0, end - begin)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Picture(
        pixels.reshape(shape).copy(), (begin + end) // 2 if begin and end else table.number(0, "q"), exposure
    )


def _edges(table: Table) -> list[tuple[int, int]]:
    """Time and kind of the triggers that are edges on the input."""
    found = [(trigger.number(0, "q"), trigger.number(1, "b")) for trigger in table.tables(0)]
    return [(time, kind) for time, kind in found if kind in (_RISING, _FALLING)]


def _inertias(table: Table) -> list[Inertia]:
    return [_inertia(sample) for sample in table.tables(0)]


def _inertia(sample: Table) -> Inertia:
    values = [float(sample.number(field, "f")) for field in range(2, 8)]
    x, y, z = (_GRAVITY * value for value in values[:3])
    roll, pitch, yaw = (math.radians(value) for value in values[3:])
    return Inertia((x, y, z), (roll, pitch, yaw), sample.number(0, "q"))
