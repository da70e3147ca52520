"""Recorded sessions on disk: finding takes, and reading what a take's bag holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.bags import Bag, grey_picture, stamp
from evface.dataset.cues import CueRecord
from evface.dataset.naming import TakeId
from evface.errors import DatasetError, EvfaceError, FormatError
from evface.events import Events, make_decoder
from evface.privacy.consent import Scope, read_consent
from evface.protocol import redone_takes

EVENT_TOPICS = {"davis": "/davis346/events", "evk4": "/evk4/events"}
"""Name of a sensor in the dataset, and the topic of its events."""

DAVIS_FRAMES = "/davis346/image_raw"
WEBCAM_FRAMES = "/webcam/image_raw/compressed"
STATES = "/session/state"
MARKERS = "/session/marker"


CAMERAS = {"davis": "davis346", "evk4": "evk4", "rgb": "webcam"}
"""Name of a sensor in the dataset, and of the camera's node."""

TRIAL_PHASES = ("countdown", "perform", "rest")
"""Phases that belong to a trial."""


@dataclass(frozen=True, slots=True)
class Take:
    """A finished take of a session: what its line in the manifest says.

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
    def au(self) -> int:
        """FACS number that was elicited."""
        return self.id.au

    @property
    def run(self) -> int:
        """Which take of this AU in this session, from 1."""
        return self.id.run

    @property
    def trial(self) -> int:
        """Index of the trial in the script, from 0."""
        return int(self.line.get("trial", 0))

    @property
    def outcome(self) -> str:
        """How it ended: complete, redone (whole ones too: the journal tells), interrupted, aborted."""
        return str(self.line.get("outcome", "complete"))

    @property
    def sha256(self) -> str:
        """Of the bag's mcap file, as the recorder wrote it; "" where the manifest does not say."""
        return str(self.line.get("sha256", ""))

    @property
    def cues(self) -> list[CueRecord]:
        """The phases of the trial with the host times at which they began; [] where the manifest has none."""
        return [
            CueRecord(str(cue["phase"]), self.au, int(cue["stamp_ns"]), int(cue.get("planned_ns", 0)))
            for cue in self.line.get("cues", [])
            if cue["phase"] in TRIAL_PHASES
        ]

    @property
    def ended(self) -> int | None:
        """ns, host clock, when the last phase was over; None where the manifest does not say."""
        ended = self.line.get("ended_ns")
        return None if ended is None else int(ended)

    def allows(self, scope: Scope) -> bool:
        """Whether the subject agreed to this; nobody did where the session has no consent."""
        return scope in self.session.get("consent", {}).get("scopes", ())

    @property
    def sources(self) -> dict[str, str]:
        """For each sensor what its camera was: live, file or virtual; "unknown" where nobody said."""
        cameras = self.line.get("cameras") or self.session.get("cameras") or {}
        return {
            sensor: str(cameras.get(name, {}).get("source") or "unknown") for sensor, name in CAMERAS.items()
        }


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The events of one packet.

    Attributes:
        host_time: ns, host clock, at arrival.
        sensor_time: us, sensor clock, up to which everything has been decoded.
        events: on the sensor's clock; views that the next packet overwrites.
        lost: packets known to be missing before this one.
        dropped: events of the stream so far that the decoder had to leave out.
    """

    host_time: int
    sensor_time: int
    events: Events
    lost: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of a camera.

    Attributes:
        host_time: ns, host clock, of the exposure.
        image: uint8 ``[H, W]`` (DAVIS), or the camera's own JPEG.
    """

    host_time: int
    image: NDArray[np.uint8] | bytes


Complaint = Callable[[str, str], None]
"""Called with the name of what is broken and one line why."""


def find_takes(recordings: Path, complain: Complaint | None = None) -> list[Take]:
    """All finished takes below a folder of recordings, in the order of their names.

    A take is finished when the manifest of its session has a line about it.

    Args:
        recordings: folder with sub-*/ses-*, or one above or below it.
        complain: told about broken lines and session files, which are then left out; None: they raise.

    Raises:
        DatasetError: there is no such folder, it holds no session, or something is broken and nobody
            wants to be told.
    """
    if not recordings.is_dir():
        raise DatasetError(f"{recordings}: no such folder of recordings")
    manifests = sorted(recordings.glob("sub-*/ses-*/manifest.jsonl"))
    if not manifests:
        raise DatasetError(f"{recordings}: no session in it, expected sub-*/ses-*/manifest.jsonl")
    return sorted(
        (take for path in manifests for take in session_takes(path, complain or _raise)),
        key=lambda take: take.id,
    )


def _raise(name: str, why: str) -> None:
    raise DatasetError(why)


def session_takes(manifest: Path, complain: Complaint) -> Iterator[Take]:
    """The finished takes of one session, in the order of their lines.

    Args:
        manifest: the session's manifest.jsonl.
        complain: told about broken lines and session files, which are then left out.
    """
    folder = manifest.parent
    name = f"{folder.parent.name}_{folder.name}"
    try:
        consent = read_consent(folder)
    except EvfaceError as error:
        # Nobody can tell what the subject agreed to: none of the session is used.
        complain(f"{name}_consent.json", str(error))
        return
    session: dict[str, Any] = {}
    path = folder / "session.json"
    try:
        session = _json(path.read_bytes(), path) if path.exists() else {}
    except DatasetError as error:
        complain(f"{name}_session.json", str(error))
    redone: set[tuple[int, int]] = set()
    try:
        redone = redone_takes(folder)
    except EvfaceError as error:
        complain(f"{name}_journal.jsonl", str(error))
    session.pop("consent", None)
    if consent is not None:
        session["consent"] = consent.model_dump(mode="json")
    for number, text in enumerate(manifest.read_bytes().splitlines(), 1):
        where = f"{manifest}:{number}"
        try:
            take = _take(_json(text, where), folder, session, redone, where) if text.strip() else None
        except DatasetError as error:
            complain(f"{name}_manifest.jsonl:{number}", str(error))
        else:
            if take is not None:
                yield take


def _take(
    line: dict[str, Any], folder: Path, session: dict[str, Any], redone: set[tuple[int, int]], where: str
) -> Take:
    name = line.get("take")
    if not isinstance(name, str):
        raise DatasetError(f"{where}: take: expected a take's name, found {name!r}")
    take = Take(TakeId.parse(name), folder / name, line, session)
    try:
        # Whoever converts the take later must not stumble over its facts.
        _ = take.cues, take.trial, take.ended, take.sources
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{where}: facts of {name} are broken: {type(error).__name__} {error}") from error
    # A whole take in whose stead another was wanted later is still "complete" in the manifest: lines stay.
    if take.outcome == "complete" and (take.au, take.run) in redone:
        line["outcome"] = "redone"
    return take


def _json(text: bytes, where: Path | str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{where}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise DatasetError(f"{where}: expected an object, found {type(found).__name__}")
    return found


class TakeBag(Bag):
    """A take's bag: the streams of its sensors and the cues of the protocol."""

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
            if following >= 0 and packet.seq != following:
                decoder.lost()
            following = packet.seq + 1
            try:
                events = decoder.decode(packet.events, packet.time_base)
            except EvfaceError as error:
                raise FormatError(
                    f"{self.path}: {EVENT_TOPICS[sensor]}: packet {packet.seq}: {error}"
                ) from error
            if decoder.time is not None:
                yield EventBlock(stamp(packet), decoder.time, events, lost, decoder.dropped)

    def davis_frames(self) -> Iterator[Picture]:
        """The DAVIS's frames, uint8 ``[H, W]``."""
        for _, message in self.messages(DAVIS_FRAMES):
            try:
                yield Picture(stamp(message), grey_picture(message))
            except FormatError as error:
                raise FormatError(f"{self.path}: {DAVIS_FRAMES}: {error}") from error

    def webcam_frames(self) -> Iterator[Picture]:
        """The webcam's frames, JPEG bytes as they came."""
        for _, message in self.messages(WEBCAM_FRAMES):
            yield Picture(stamp(message), bytes(message.data))

    def states(self) -> Iterator[Any]:
        """The messages of /session/state (rig_interfaces/msg/SessionState)."""
        for _, message in self.messages(STATES):
            yield message

    def cues(self, take: TakeId) -> list[CueRecord]:
        """The phases of this take, in order, with the time of their markers where those were recorded."""
        commanded = self.commanded(take)
        found: dict[int, CueRecord] = {}
        for state in self.states():
            if state.au == take.au and state.take == take.run and state.phase in TRIAL_PHASES:
                start = stamp(state)
                planned = int(state.duration.sec) * 1_000_000_000 + int(state.duration.nanosec)
                found[start] = CueRecord(state.phase, take.au, start, planned, commanded.get(state.phase))
        return [found[start] for start in sorted(found)]

    def commanded(self, take: TakeId) -> dict[str, int]:
        """For each phase the ns, host clock, at which its marker went out."""
        return {
            marker.name: stamp(marker)
            for _, marker in self.messages(MARKERS)
            if marker.au == take.au and marker.take == take.run
        }
