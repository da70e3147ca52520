"""Reads a bag chunk by chunk, as far as it is whole: one that was never finished too."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Schema

from evface.errors import FormatError
from rig.recording.chunk import MessageOffsets, index
from rig.recording.contents import MAGIC, Contents

_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_BEFORE_THE_SUMMARY = (Opcode.HEADER, Opcode.CHUNK, Opcode.MESSAGE_INDEX)

Hear = Callable[[str, str, bytes], None]
"""Called with topic, ROS type name and bytes of each message."""


class BagScan:
    """The whole part of an mcap file.

    Args:
        path: of the file.

    Attributes:
        contents: schemas, channels and chunks that are whole.
        end: bytes from the start up to where the last whole chunk ends with its message indexes.
        indexes: bytes that are missing at ``end``: the last chunk is whole, its message indexes are not.
        damaged: chunks of full length whose bytes are not those that were written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.contents = Contents()
        self.end = 0
        self.indexes = b""
        self.damaged = 0

    def read(self, hear: Hear, progress: Callable[[int, int], None]) -> None:
        """Read the file from its start to where it breaks off or its summary begins.

        Args:
            hear: is given every message.
            progress: is told how many bytes of how many are behind us.

        Raises:
            FormatError: this is not an mcap file.
            OSError: it cannot be read.
        """
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise FormatError(f"{self.path}: not an mcap file")
            self.end = len(MAGIC)
            while self._step(file, size, hear):
                progress(self.end, size)

    def _step(self, file: BinaryIO, size: int, hear: Hear) -> bool:
        """Pass over one record; False where the whole part ends."""
        file.seek(self.end)
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return False
        opcode, length = _RECORD.unpack(head)
        if opcode not in _BEFORE_THE_SUMMARY or self.end + _RECORD.size + length > size:
            return False
        if opcode == Opcode.CHUNK:
            return self._pass_chunk(file, length, hear)
        # Message indexes are met here only behind a damaged chunk.
        self.end += _RECORD.size + length
        return True

    def _pass_chunk(self, file: BinaryIO, length: int, hear: Hear) -> bool:
        start, whole = self.end, _RECORD.size + length
        self.end += whole
        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(file.read(length))))
            offsets = self._messages(chunk, hear)
        except (McapError, FormatError, struct.error, UnicodeDecodeError):
            self.damaged += 1
            return True
        indexes, entry = index(start, whole, offsets)
        self.contents.add(entry, offsets)
        if file.read(len(indexes)) != indexes:
            self.indexes = indexes
            return False
        self.end += len(indexes)
        return True

    def _messages(self, chunk: Chunk, hear: Hear) -> MessageOffsets:
        if chunk.compression or zlib.crc32(chunk.data) != (chunk.uncompressed_crc or zlib.crc32(chunk.data)):
            raise FormatError(f"{self.path}: a chunk is damaged")
        offsets: MessageOffsets = defaultdict(list)
        at = 0
        while at < len(chunk.data):
            opcode, length = _RECORD.unpack_from(chunk.data, at)
            begin, end = at + _RECORD.size, at + _RECORD.size + length
            if opcode == Opcode.MESSAGE:
                channel, _, log_time, _ = _MESSAGE.unpack_from(chunk.data, begin)
                offsets[channel].append((log_time, at))
                topic = self.contents.channels[channel].topic
                hear(topic, self.contents.type_of(channel), chunk.data[begin + _MESSAGE.size : end])
            else:
                self._learn(opcode, chunk.data[begin:end])
            at = end
        return offsets

    def _learn(self, opcode: int, record: bytes) -> None:
        stream = ReadDataStream(BytesIO(record))
        if opcode == Opcode.SCHEMA:
            schema = Schema.read(stream)
            self.contents.schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(stream)
            self.contents.channels[channel.id] = channel
