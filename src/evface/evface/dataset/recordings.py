"""Recorded sessions on disk: finding takes, and reading what a take's bag holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from evface.dataset.cues import CueRecord
from evface.dataset.naming import TakeId
from evface.errors import DatasetError, EvfaceError, FormatError
from evface.events import Events, make_decoder

EVENT_TOPICS = {"davis": "/davis346/events", "evk4": "/evk4/events"}
"""Name of a sensor in the dataset, and the topic of its events."""

DAVIS_FRAMES = "/davis346/image_raw"
WEBCAM_FRAMES = "/webcam/image_raw/compressed"
STATES = "/session/state"
MARKERS = "/session/marker"


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """A finished take of a session.

    Attributes:
        id: who, when, what.
        bag: folder of its rosbag2 bag.
        line: the manifest's line about it.
        session: what session.json says, {} where there is none.
    """

    id: TakeId
    bag: Path
    line: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """How it ended: complete, redone, interrupted, aborted."""
        return str(self.line.get("outcome", "complete"))


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The events of one packet.

    Attributes:
        host_time: ns, host clock, at arrival.
        sensor_time: us, sensor clock, up to which everything has been decoded.
        events: on the sensor's clock; views that the next packet overwrites.
        lost: packets known to be missing before this one.
    """

    host_time: int
    sensor_time: int
    events: Events
    lost: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of a camera.

    Attributes:
        host_time: ns, host clock, of the exposure.
        image: uint8 ``[H, W]`` (DAVIS), or the camera's own JPEG.
    """

    host_time: int
    image: NDArray[np.uint8] | bytes


def find_takes(recordings: Path) -> list[RecordedTake]:
    """All finished takes below a folder of recordings, in the order of their names.

    A take is finished when the manifest of its session has a line about it.

    Raises:
        DatasetError: there is no such folder, it holds no session, or a manifest is broken.
    """
    if not recordings.is_dir():
        raise DatasetError(f"{recordings}: no such folder of recordings")
    manifests = sorted(recordings.glob("sub-*/ses-*/manifest.jsonl"))
    if not manifests:
        raise DatasetError(f"{recordings}: no session in it, expected sub-*/ses-*/manifest.jsonl")
    return sorted((take for path in manifests for take in _session_takes(path)), key=lambda take: take.id)


def _session_takes(manifest: Path) -> Iterator[RecordedTake]:
    folder = manifest.parent
    session_path = folder / "session.json"
    session = _json(session_path.read_text(encoding="utf-8"), session_path) if session_path.exists() else {}
    lines = manifest.read_text(encoding="utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        if text.strip():
            line = _json(text, f"{manifest}:{number}")
            name = str(line.get("take", ""))
            yield RecordedTake(TakeId.parse(name), folder / name, line, session)


def _json(text: str, where: Path | str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise DatasetError(f"{where}: expected an object, found {type(found).__name__}")
    return found


def last_complete(takes: Sequence[RecordedTake]) -> set[TakeId]:
    """Takes that count for training: of each trial the last one that was completed and not redone."""
    best: dict[tuple[str, str, int], TakeId] = {}
    for take in sorted(takes, key=lambda take: take.id):
        if take.outcome == "complete":
            best[take.id.subject, take.id.session, take.id.au] = take.id
    return set(best.values())


class TakeBag:
    """A take's bag, open for reading; messages bring their definitions along. A context manager.

    Args:
        path: folder of the bag.

    Raises:
        FormatError: on opening or reading: the bag is missing, broken or of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: AnyReader | None = None

    def __enter__(self) -> TakeBag:
        try:
            self._reader = AnyReader([self.path])
            self._reader.open()
        except Exception as error:  # rosbags passes on whatever its parsers of yaml, mcap and msg meet
            raise FormatError(f"{self.path}: not a readable bag: {_short(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def topics(self) -> set[str]:
        """Topics with at least one message."""
        return {name for name, info in self._open().topics.items() if info.msgcount}

    @property
    def span(self) -> tuple[int, int]:
        """ns, host clock, of arrival of the first message and of the last."""
        reader = self._open()
        return int(reader.start_time), int(reader.end_time)

    def messages(self, *topics: str) -> Iterator[tuple[str, Any]]:
        """Topic and message, in the order of arrival.

        Raises:
            FormatError: the bag breaks off.
        """
        reader = self._open()
        connections = [connection for connection in reader.connections if connection.topic in topics]
        if not connections:
            return
        try:
            for connection, _, raw in reader.messages(connections):
                yield connection.topic, reader.deserialize(raw, connection.msgtype)
        except (EvfaceError, GeneratorExit):
            raise
        except Exception as error:  # as above
            raise FormatError(f"{self.path}: breaks off: {_short(error)}") from error

    def events(self, sensor: str) -> Iterator[EventBlock]:
        """The decoded events of a sensor, packet by packet.

        Args:
            sensor: "davis" or "evk4".

        Raises:
            FormatError: a packet cannot be decoded.
        """
        decoder = None
        following = -1
        for _, packet in self.messages(EVENT_TOPICS[sensor]):
            if decoder is None:
                decoder = make_decoder(packet.encoding, packet.width, packet.height)
            lost = max(packet.seq - following, 0) if following >= 0 else 0
            if lost:
                decoder.lost()
            following = packet.seq + 1
            try:
                events = decoder.decode(packet.events, packet.time_base)
            except EvfaceError as error:
                raise FormatError(f"{self.path}: {EVENT_TOPICS[sensor]}: packet {packet.seq}: {error}") from error
            if decoder.time is not None:
                yield EventBlock(stamp(packet), decoder.time, events, lost)

    def davis_frames(self) -> Iterator[Picture]:
        """The DAVIS's frames, uint8 ``[H, W]``."""
        for _, message in self.messages(DAVIS_FRAMES):
            rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
            yield Picture(stamp(message), rows[:, : message.width])

    def webcam_frames(self) -> Iterator[Picture]:
        """The webcam's frames, JPEG bytes as they came."""
        for _, message in self.messages(WEBCAM_FRAMES):
            yield Picture(stamp(message), bytes(message.data))

    def cues(self, take: TakeId) -> list[CueRecord]:
        """The phases of this take, in order, with the time of their markers where those were recorded."""
        commanded = {
            (marker.name, marker.au, marker.take): stamp(marker) for _, marker in self.messages(MARKERS)
        }
        found: dict[int, CueRecord] = {}
        for _, state in self.messages(STATES):
            if state.au == take.au and state.take == take.run:
                start = stamp(state)
                planned = state.duration.sec * 1_000_000_000 + state.duration.nanosec
                marker = commanded.get((state.phase, state.au, state.take))
                found[start] = CueRecord(state.phase, state.au, state.trial, state.take, start, planned, marker)
        return [found[start] for start in sorted(found)]

    def _open(self) -> AnyReader:
        if self._reader is None:
            raise FormatError(f"{self.path}: the bag is not open")
        return self._reader


def stamp(message: Any) -> int:
    """``header.stamp`` in ns."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
