"""One take: a rosbag2 mcap bag that appears under its name only when it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError

from evface.errors import FormatError
from evface.events import parse_event_packet, stamp_of
from rig.errors import RecordingError
from rig.recording.definitions import typestore

PARTIAL = ".partial"
"""Folder of a session in which bags live until they are whole."""

EVENT_PACKET = "event_camera_msgs/msg/EventPacket"


def take_name(subject: str, session: str, au: int, run: int) -> str:
    """Name of a take in the manner of BIDS; ``run`` counts the takes of one AU from 1."""
    return f"sub-{subject}_ses-{session}_task-au{au:02d}_run-{run:02d}"


@dataclass
class TopicStatistics:
    """What arrived on one topic during a take.

    Attributes:
        type: ROS name of the message type.
        messages: written.
        size: bytes of serialized messages.
        first: ns, stamp of the first message.
        last: ns, stamp of the last one.
        lost: messages known to be missing by their sequence numbers (event packets only).
        longest_gap: ns between the stamps of two neighbours.
    """

    type: str
    messages: int = 0
    size: int = 0
    first: int = 0
    last: int = 0
    lost: int = 0
    longest_gap: int = 0
    _next_seq: int = -1

    def add(self, stamp: int, message: bytes) -> None:
        """Count a message in."""
        if self.messages:
            self.longest_gap = max(self.longest_gap, stamp - self.last)
        else:
            self.first = stamp
        self.messages += 1
        self.size += len(message)
        self.last = stamp
        if self.type == EVENT_PACKET:
            self._count_lost(parse_event_packet(message).seq)

    def _count_lost(self, seq: int) -> None:
        if self._next_seq >= 0 and seq > self._next_seq:
            self.lost += seq - self._next_seq
        self._next_seq = seq + 1

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "type": self.type,
            "messages": self.messages,
            "bytes": self.size,
            "first_stamp_ns": self.first,
            "last_stamp_ns": self.last,
            "lost": self.lost,
            "longest_gap_ms": round(self.longest_gap / 1e6, 3),
        }


class TakeWriter:
    """Writes one take into ``folder/.partial/name`` and moves it to ``folder/name`` once it is on disk.

    Args:
        folder: of the session; must exist.
        name: of the take, see `take_name`.
        topics: ROS topic name to ROS type name.

    Raises:
        RecordingError: a take of this name exists, or the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str, topics: dict[str, str]) -> None:
        self.folder = folder
        self.name = name
        self.statistics = {topic: TopicStatistics(kind) for topic, kind in topics.items()}
        self.unreadable = 0
        self._path = folder / PARTIAL / name
        if (folder / name).exists() or self._path.exists():
            raise RecordingError(f"take {name} exists already in {folder}: takes are never overwritten")
        self._writer = Writer(self._path, version=9, storage_plugin=StoragePlugin.MCAP)
        try:
            self._writer.open()
            self._connections = {topic: self._connect(topic, kind) for topic, kind in topics.items()}
        except (OSError, WriterError) as error:
            raise RecordingError(f"cannot open take {name} in {folder}: {error}") from error

    def _connect(self, topic: str, kind: str) -> Connection:
        return self._writer.add_connection(topic, kind, typestore=typestore())

    @property
    def size(self) -> int:
        """Serialized bytes written so far."""
        return sum(topic.size for topic in self.statistics.values())

    @property
    def messages(self) -> int:
        """Messages written so far."""
        return sum(topic.messages for topic in self.statistics.values())

    @property
    def lost(self) -> int:
        """Messages known to be missing so far."""
        return sum(topic.lost for topic in self.statistics.values())

    def write(self, topic: str, received: int, message: bytes) -> None:
        """Append a serialized message as it came.

        Args:
            topic: one of the take's topics.
            received: ns, host clock, at arrival; becomes the bag's log time.
            message: CDR bytes.

        Raises:
            RecordingError: the disk is full or gone.
        """
        try:
            self.statistics[topic].add(stamp_of(message), message)
        except FormatError:
            # A message that cannot be read is still recorded: it is evidence.
            self.unreadable += 1
        try:
            self._writer.write(self._connections[topic], received, message)
        except OSError as error:
            raise RecordingError(f"cannot write to {self._path}: {error.strerror or error}") from error

    def finish(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Close the bag, bring it to the disk and give it its name.

        Args:
            facts: what the session knows of the take (au, trial, run, cue times), joined to the line.

        Returns:
            The take's line for the manifest, with counts, losses and the bag's SHA-256.

        Raises:
            RecordingError: the disk is full or gone; the partial bag stays where it is.
        """
        try:
            self._writer.close()
            digest = hashlib.sha256()
            for path in sorted(self._path.iterdir()):
                _sync(path)
            bag = self._path / f"{self.name}.mcap"
            with bag.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
            _sync(self._path)
            os.rename(self._path, self.folder / self.name)
            _sync(self.folder)
        except OSError as error:
            raise RecordingError(f"cannot finish take {self._path}: {error.strerror or error}") from error
        return {
            "take": self.name,
            **facts,
            "messages": self.messages,
            "bytes": self.size,
            "lost": self.lost,
            "unreadable": self.unreadable,
            "topics": {topic: found.as_dict() for topic, found in self.statistics.items()},
            "sha256": digest.hexdigest(),
        }


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def missing(topics: Iterable[str], heard: Iterable[str]) -> list[str]:
    """Topics not heard yet, sorted."""
    return sorted(set(topics) - set(heard))
