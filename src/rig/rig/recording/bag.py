"""A rosbag2 mcap bag written chunk by chunk, so that a crash costs a fraction of a second of it."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from mcap.records import Channel, Schema

from rig.recording.chunk import Chunk
from rig.recording.contents import QOS, TYPE_HASH, Contents, head
from rig.recording.definitions import definition
from rig.recording.disk import SteadySync, sync

CHUNK_BYTES = 4 << 20
CHUNK_AGE = 0.25
"""A chunk is written when it holds this many bytes, or its first message is this old, s."""

BUFFER = 1 << 16
"""bytes."""


class BagWriter:
    """Writes serialized messages into ``folder/<name of the folder>.mcap``.

    Args:
        folder: of the bag; must not exist.

    Raises:
        OSError: it exists, or cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.path = folder / f"{folder.name}.mcap"
        # Messages are larger than the buffer and go past it; it is for the small ones.
        self._file = self.path.open("xb", buffering=BUFFER)
        self._digest = hashlib.sha256()
        self._size = 0
        self._contents = Contents()
        self._ids: dict[str, int] = {}
        self._chunk = Chunk()
        self._chunk_begun = 0.0
        self._put([head()])
        self._sync = SteadySync(self._file.fileno())

    @property
    def pending(self) -> int:
        """Bytes that wait in the open chunk."""
        return self._chunk.size

    def write(self, topic: str, kind: str, log_time: int, data: bytes) -> None:
        """Append a message.

        Args:
            topic: its ROS topic.
            kind: ROS name of its type.
            log_time: ns, when it arrived.
            data: CDR bytes.

        Raises:
            OSError: the disk is full or gone.
        """
        channel = self._ids.get(topic) or self._register(topic, kind)
        if not len(self._chunk):
            self._chunk_begun = time.monotonic()
        self._chunk.add(channel, log_time, data)
        if self._chunk.size >= CHUNK_BYTES:
            self.flush()

    def _register(self, topic: str, kind: str) -> int:
        text, type_hash = definition(kind)
        known = {schema.name: schema for schema in self._contents.schemas.values()}
        schema = known.get(kind) or Schema(len(known) + 1, text.encode(), "ros2msg", kind)
        if kind not in known:
            self._contents.schemas[schema.id] = schema
            self._chunk.register(schema)
        channel = Channel(len(self._ids) + 1, topic, "cdr", {QOS: "", TYPE_HASH: type_hash}, schema.id)
        self._contents.channels[channel.id] = channel
        self._chunk.register(channel)
        self._ids[topic] = channel.id
        return channel.id

    def keep_up(self) -> None:
        """Write the open chunk when it is old.

        Raises:
            OSError: the disk is full or gone.
        """
        self._sync.check()
        if len(self._chunk) and time.monotonic() - self._chunk_begun >= CHUNK_AGE:
            self.flush()

    def flush(self) -> None:
        """Write the open chunk.

        Raises:
            OSError: the disk is full or gone.
        """
        if not len(self._chunk):
            return
        parts, entry = self._chunk.encode(self._size)
        self._put(parts)
        self._contents.add(entry, self._chunk.offsets)
        self._chunk = Chunk()

    def _put(self, parts: list[bytes]) -> None:
        self._file.writelines(parts)
        self._file.flush()
        for part in parts:
            self._digest.update(part)
            self._size += len(part)

    def close(self) -> str:
        """End the bag and bring it to the disk.

        Returns:
            SHA-256 of the mcap file, hexadecimal.

        Raises:
            OSError: the disk is full or gone.
        """
        self.flush()
        self._put([self._contents.tail(self._size, self.path.name)])
        self._sync.end()
        os.fsync(self._file.fileno())
        self._file.close()
        write_metadata(self.path, self._contents)
        return self._digest.hexdigest()

    def abandon(self) -> None:
        """Let go of the file as it is; `rig repair` makes a bag of it."""
        self._sync.end()
        with suppress(OSError):  # what is left in the buffer of a disk that refuses
            self._file.close()


def write_metadata(bag: Path, contents: Contents) -> None:
    """Write metadata.yaml beside an mcap file, whole or not at all, and bring both names to the disk.

    Raises:
        OSError: the disk is full or gone.
    """
    temporary = bag.with_name(".metadata.yaml")
    temporary.write_text(contents.metadata_yaml(bag.name), encoding="utf-8")
    sync(temporary)
    os.replace(temporary, bag.with_name("metadata.yaml"))
    sync(bag.parent)
