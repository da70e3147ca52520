"""What a bag holds, gathered while it is written or scanned: its summary and metadata.yaml follow from it."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import yaml
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

import evface
from rig.recording.chunk import MessageOffsets, encoded

MAGIC = b"\x89MCAP0\r\n"

QOS = "offered_qos_profiles"
TYPE_HASH = "topic_type_hash"
"""Of a channel's metadata, named as rosbag2 names them."""

_OPCODES = {
    Schema: Opcode.SCHEMA,
    Channel: Opcode.CHANNEL,
    ChunkIndex: Opcode.CHUNK_INDEX,
    MetadataIndex: Opcode.METADATA_INDEX,
    Statistics: Opcode.STATISTICS,
}


def head() -> bytes:
    """How every bag begins."""
    return MAGIC + encoded(Header("ros2", f"evface-{evface.__version__}"))


@dataclass
class Contents:
    """Schemas, channels and chunks of a bag.

    Attributes:
        schemas: by id.
        channels: by id.
        chunks: in the order of the file.
        counts: messages by channel id.
    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkIndex] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, chunk: ChunkIndex, offsets: MessageOffsets) -> None:
        """Count a chunk in."""
        self.chunks.append(chunk)
        for channel, entries in offsets.items():
            self.counts[channel] += len(entries)

    @property
    def begin(self) -> int:
        """ns, log time of the first message; 0 in an empty bag."""
        return min((chunk.message_start_time for chunk in self.chunks), default=0)

    @property
    def end(self) -> int:
        """ns, log time of the last message; 0 in an empty bag."""
        return max((chunk.message_end_time for chunk in self.chunks), default=0)

    def tail(self, start: int, name: str) -> bytes:
        """What follows the last chunk: metadata, the end of the data, summary, footer.

        Args:
            start: where in the file it will lie.
            name: of the mcap file.
        """
        information = yaml.safe_dump(self._information(name), sort_keys=False)
        metadata = encoded(Metadata("rosbag2", {"serialized_metadata": information}))
        data = metadata + encoded(DataEnd(0))
        records: list[McapRecord] = [
            *self.schemas.values(),
            *self.channels.values(),
            *self.chunks,
            MetadataIndex(start, len(metadata), "rosbag2"),
            self._statistics(),
        ]
        return data + _summary(start + len(data), records) + MAGIC

    def _statistics(self) -> Statistics:
        return Statistics(
            attachment_count=0,
            channel_count=len(self.channels),
            channel_message_counts={channel: self.counts[channel] for channel in self.channels},
            chunk_count=len(self.chunks),
            message_count=self.counts.total(),
            message_end_time=self.end,
            message_start_time=self.begin,
            metadata_count=1,
            schema_count=len(self.schemas),
        )

    def metadata_yaml(self, name: str) -> str:
        """The text of metadata.yaml, version 9, as rosbag2 from Jazzy on writes it."""
        return yaml.safe_dump({"rosbag2_bagfile_information": self._information(name)}, sort_keys=False)

    def _information(self, name: str) -> dict[str, Any]:
        span: dict[str, Any] = {
            "starting_time": {"nanoseconds_since_epoch": self.begin},
            "duration": {"nanoseconds": self.end - self.begin},
            "message_count": self.counts.total(),
        }
        return {
            "version": 9,
            "storage_identifier": "mcap",
            "relative_file_paths": [name],
            **span,
            "topics_with_message_count": [self._topic(channel) for channel in self.channels.values()],
            "compression_format": "",
            "compression_mode": "",
            "files": [{"path": name, **span}],
            "custom_data": None,
            "ros_distro": "rosbags",
        }

    def _topic(self, channel: Channel) -> dict[str, Any]:
        return {
            "topic_metadata": {
                "name": channel.topic,
                "type": self.type_of(channel.id),
                "serialization_format": channel.message_encoding,
                "offered_qos_profiles": [],
                "type_description_hash": channel.metadata.get(TYPE_HASH, ""),
            },
            "message_count": self.counts[channel.id],
        }

    def type_of(self, channel: int) -> str:
        """ROS type name of a channel's messages."""
        return self.schemas[self.channels[channel].schema_id].name


def _summary(start: int, records: list[McapRecord]) -> bytes:
    """Summary section with its offsets and the footer; ``start`` is where in the file it will lie."""
    groups: list[bytes] = []
    offsets: list[SummaryOffset] = []
    at = start
    for kind, members in groupby(records, type):
        groups.append(encoded(*members))
        offsets.append(SummaryOffset(_OPCODES[kind], at, len(groups[-1])))
        at += len(groups[-1])
    summary = b"".join(groups) + encoded(*offsets)
    footer = struct.pack("<BQQQ", Opcode.FOOTER, 20, start, at)
    return summary + encoded(Footer(start, at, zlib.crc32(footer, zlib.crc32(summary))))
