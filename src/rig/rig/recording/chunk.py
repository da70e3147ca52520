"""Messages on their way into one chunk of an mcap file.

A chunk is the unit in which a bag survives: what is written of it whole can be read whatever happens next.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import ChunkIndex, McapRecord, MessageIndex

_MESSAGE = struct.Struct("<BQHIQQ")
"""Opcode, length, channel, sequence, log time, publish time; the message's bytes follow."""
_MESSAGE_FIELDS = _MESSAGE.size - 9

_CHUNK = struct.Struct("<BQQQQIIQ")
"""Opcode, length, first and last log time, uncompressed size, crc, length of the compression's name, size."""
_CHUNK_FIELDS = _CHUNK.size - 9

MessageOffsets = dict[int, list[tuple[int, int]]]
"""For each channel the log time of its messages, ns, and where they begin in the chunk, bytes."""


class Chunk:
    """Collects records; messages are not copied, not even when it is encoded.

    Attributes:
        size: bytes of the records.
        offsets: of the messages.
    """

    def __init__(self) -> None:
        self.size = 0
        self.offsets: MessageOffsets = defaultdict(list)
        self._parts: list[bytes] = []

    def __len__(self) -> int:
        """Number of messages."""
        return sum(map(len, self.offsets.values()))

    def register(self, record: McapRecord) -> None:
        """Add a schema or a channel; it must come before its first message."""
        self._append(encoded(record))

    def add(self, channel: int, log_time: int, data: bytes) -> None:
        """Add a serialized message that arrived at ``log_time``, ns."""
        self.offsets[channel].append((log_time, self.size))
        self._append(
            _MESSAGE.pack(Opcode.MESSAGE, _MESSAGE_FIELDS + len(data), channel, 0, log_time, log_time)
        )
        self._append(data)

    def _append(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)

    def encode(self, start: int) -> tuple[list[bytes], ChunkIndex]:
        """The chunk with the indexes of its messages behind it, in parts, and its entry in the bag's summary.

        Args:
            start: where in the file it will lie.
        """
        times = [time for entries in self.offsets.values() for time, _ in entries]
        head = _CHUNK.pack(
            Opcode.CHUNK,
            _CHUNK_FIELDS + self.size,
            min(times),
            max(times),
            self.size,
            self._checksum(),
            0,
            self.size,
        )
        indexes, entry = index(start, len(head) + self.size, self.offsets)
        return [head, *self._parts, indexes], entry

    def _checksum(self) -> int:
        crc = 0
        for part in self._parts:
            crc = zlib.crc32(part, crc)
        return crc


def index(start: int, length: int, offsets: MessageOffsets) -> tuple[bytes, ChunkIndex]:
    """Message indexes of a chunk, which follow it in the file, and the chunk's entry in the summary.

    Args:
        start: of the chunk in the file.
        length: bytes of the chunk's record.
        offsets: of the messages in it.

    Returns:
        The bytes and the entry; its sizes are those of an uncompressed chunk.
    """
    parts: list[bytes] = []
    places: dict[int, int] = {}
    at = start + length
    for channel, entries in offsets.items():
        places[channel] = at
        parts.append(encoded(MessageIndex(channel, entries)))
        at += len(parts[-1])
    times = [time for entries in offsets.values() for time, _ in entries]
    entry = ChunkIndex(
        chunk_length=length,
        chunk_start_offset=start,
        compression="",
        compressed_size=length - _CHUNK.size,
        message_end_time=max(times, default=0),
        message_index_length=at - start - length,
        message_index_offsets=places,
        message_start_time=min(times, default=0),
        uncompressed_size=length - _CHUNK.size,
    )
    return b"".join(parts), entry


def encoded(*records: McapRecord) -> bytes:
    """Records as they stand in a file."""
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    return bytes(builder.end())
