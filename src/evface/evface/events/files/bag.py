"""rosbag2 bags (mcap or sqlite3) with EventPacket messages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import yaml
from rosbags.rosbag2 import Reader

from evface.errors import EvfaceError, FormatError, GeometryError
from evface.events.codecs import Decoder, make_decoder
from evface.events.codecs.decoder import as_words
from evface.events.codecs.evt3_scan import Evt3Scanner
from evface.events.container import Events, Triggers
from evface.events.files.eventpacket import TYPES, EventPacketView, parse_event_packet
from evface.events.files.recording import Packet, Recording, join_triggers

STORAGE = (".mcap", ".db3")
"""Endings of the files in which a bag keeps its messages."""


@contextmanager
def _reading(path: Path, place: str) -> Iterator[None]:
    """Turn whatever a broken bag makes its reader raise into one FormatError that says where it was."""
    try:
        yield
    except (EvfaceError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        # A damaged index leads the reader astray in ways that no list of exceptions covers.
        raise FormatError(f"{path}: damaged bag, {place}: {type(error).__name__}: {error}") from error


def _check_length(path: Path) -> None:
    """Hold the length of an sqlite3 file against its header: cut short, it would lose messages silently.

    https://sqlite.org/fileformat.html, 1.3: page size at byte 16, number of pages at 28, valid where the
    numbers at 24 and 92 agree.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise FormatError(
            f"{path}: damaged bag: expected the header of an sqlite3 file at byte 0, found {head[:16]!r}"
        )
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    expected = (1 << 16 if page == 1 else page) * pages
    if head[24:28] == head[92:96] and path.stat().st_size < expected:
        raise FormatError(f"{path}: truncated: expected {expected} bytes, found {path.stat().st_size}")


def _storage_files(path: Path) -> list[Path]:
    """The files of a bag in their order."""
    if path.is_file():
        return [path]
    with _reading(path, "metadata.yaml"):
        metadata: Any = yaml.safe_load((path / "metadata.yaml").read_text())
        names = metadata["rosbag2_bagfile_information"]["relative_file_paths"]
        return [path / PurePath(name).name for name in names]


class BagRecording(Recording):
    """The events of one topic of a bag.

    Args:
        path: of the bag's folder, or of one of its files.
        topic: to read; "" when the bag has only one with events.

    Raises:
        FormatError: no bag, a damaged one, or one without such a topic.
    """

    format = "bag"

    def __init__(self, path: Path, topic: str = "") -> None:
        super().__init__(path)
        self._files = _storage_files(path)
        for file in self._files:
            if not file.is_file():
                raise FormatError(f"{path}: metadata names {file.name}, which is not there")
            if file.suffix == ".db3":
                _check_length(file)
        self.topics = self._find_topics()
        if not self.topics:
            raise FormatError(f"{path}: no topic with {TYPES[0]} in this bag")
        if topic and topic not in self.topics:
            raise FormatError(
                f"{path}: no events on topic {topic!r}, there are some on {', '.join(self.topics)}"
            )
        if not topic and len(self.topics) > 1:
            raise FormatError(f"{path}: several topics with events, choose one of {', '.join(self.topics)}")
        self.topic = topic or self.topics[0]
        first = next(self._views(), None)
        if first is None:
            raise FormatError(f"{path}: no message on {self.topic}")
        self.width, self.height, self.encoding = first.width, first.height, first.encoding
        self._decoder()

    def _find_topics(self) -> list[str]:
        found: dict[str, None] = {}
        for file in self._files:
            with _reading(file, "index"), Reader(file) as reader:
                found |= {c.topic: None for c in reader.connections if c.msgtype in TYPES}
        return list(found)

    def _decoder(self) -> Decoder:
        try:
            return make_decoder(self.encoding, self.width, self.height)
        except (FormatError, GeometryError) as error:
            raise FormatError(f"{self.path}: topic {self.topic}: {error}") from error

    def _messages(self) -> Iterator[bytes]:
        """The serialized messages of the topic, in the order of the bag."""
        for file in self._files:
            with Reader(file) as reader:
                connections = [c for c in reader.connections if c.topic == self.topic]
                if connections:
                    for _, _, message in reader.messages(connections):
                        yield message

    def _views(self) -> Iterator[EventPacketView]:
        """The messages, opened as far as their header."""
        messages = self._messages()
        for number in itertools.count():
            with _reading(self.path, f"message {number} on {self.topic}"):
                message = next(messages, None)
            if message is None:
                return
            with self._naming(number):
                view = parse_event_packet(message)
            yield view

    @contextmanager
    def _naming(self, number: int) -> Iterator[None]:
        """Say in which message an error lies."""
        try:
            yield
        except FormatError as error:
            raise FormatError(f"{self.path}: message {number} on {self.topic}: {error}") from error

    def _checked(self) -> Iterator[EventPacketView]:
        for number, view in enumerate(self._views()):
            found = (view.width, view.height, view.encoding)
            if found != (self.width, self.height, self.encoding):
                raise FormatError(
                    f"{self.path}: message {number} on {self.topic} is {found[0]}x{found[1]} {found[2]!r}, "
                    f"the first one {self.width}x{self.height} {self.encoding!r}"
                )
            yield view

    def chunks(self) -> Iterator[Events]:
        """The events, a message at a time; see `Recording.chunks`."""
        decoder = self._decoder()
        triggers: list[Triggers] = []
        seq: int | None = None
        for number, view in enumerate(self._checked()):
            if seq is not None and view.seq != seq + 1:
                decoder.lost()
            seq = view.seq
            with self._naming(number):
                events = decoder.decode(view.events, view.time_base)
            triggers.append(decoder.drain_triggers())
            yield events
        self._triggers, self._dropped = join_triggers(triggers), decoder.dropped

    def packets(self) -> Iterator[Packet]:
        """The messages untouched; sensor times that evt3 came without are read from the words."""
        scanner = Evt3Scanner()
        for number, view in enumerate(self._checked()):
            time = view.time_base
            if view.encoding == "evt3" and not time:
                with self._naming(number):
                    time = scanner.follow(as_words(view.events, np.dtype("<u2"), view.encoding)) * 1000
            yield Packet(view.events, view.encoding, time, view.stamp)
