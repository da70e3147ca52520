"""A small recorded session as the recorder leaves it: real mcap bags, made by rosbags."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore
from skimage.data import astronaut

from evface.dataset.naming import TakeId
from evface.events import Events, encode_evt3

SOURCES = Path(__file__).resolve().parents[2]
START = 1_700_000_000_000_000_000
"""ns, host clock, of the first session's countdown."""
SENSOR_START = 7_654_321
"""us, DAVIS clock, at that moment."""
PACKET = 10_000
"""us of an event packet."""
COUNTDOWN, PERFORM, REST = 200_000, 700_000, 300_000
"""us of the phases."""
DELAY = 1_500_000
"""ns, shortest delay of a packet."""

MOTIONS = {12: ((150, 100), (40, -20)), 45: ((150, 60), (0, 25)), 26: ((170, 120), (0, 40))}
"""Where an AU's blob begins and how far it goes, px."""


@dataclass(frozen=True)
class Plan:
    """What to record."""

    subjects: tuple[str, ...] = ("S01", "S02")
    aus: tuple[int, ...] = (12, 45)
    runs: int = 1
    webcam: bool = True
    evk4: bool = False
    face: bool = True


@cache
def typestore() -> Typestore:
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for package in ("event_camera_msgs", "rig_interfaces"):
        for path in (SOURCES / package / "msg").glob("*.msg"):
            types |= get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}")
    store.register(types)
    return store


@cache
def face() -> NDArray[np.uint8]:
    """A public-domain face, bgr, 640x480."""
    return np.ascontiguousarray(cv2.resize(astronaut()[0:330, 20:460, ::-1], (640, 480)))


def blob_events(au: int, rng: np.random.Generator, width: int = 346, height: int = 260) -> Events:
    """Events of a moving blob during the perform phase, noise otherwise; us, sensor clock."""
    length = COUNTDOWN + PERFORM + REST
    noise = np.sort(rng.integers(0, length, 3_000))
    moving = np.sort(rng.integers(COUNTDOWN, COUNTDOWN + PERFORM, 30_000))
    (x0, y0), (dx, dy) = MOTIONS[au]
    progress = (moving - COUNTDOWN) / PERFORM
    angle, radius = rng.uniform(0, 2 * np.pi, len(moving)), rng.normal(18, 1.5, len(moving))
    x = x0 + dx * progress + radius * np.cos(angle)
    y = y0 + dy * progress + radius * np.sin(angle)
    on = (np.cos(angle) * dx + np.sin(angle) * dy) > 0
    t = np.concatenate([noise, moving])
    order = np.argsort(t, kind="stable")
    return Events(
        np.clip(np.concatenate([rng.integers(0, width, len(noise)), x]), 0, width - 1).astype(np.uint16)[
            order
        ],
        np.clip(np.concatenate([rng.integers(0, height, len(noise)), y]), 0, height - 1).astype(np.uint16)[
            order
        ],
        np.concatenate([rng.integers(0, 2, len(noise)), on]).astype(np.uint8)[order],
        (t[order] + SENSOR_START).astype(np.int64),
        width,
        height,
    )


class TakeRecording:
    """One bag being written."""

    def __init__(self, folder: Path, take: TakeId, start: int) -> None:
        self.store, self.take, self.start = typestore(), take, start
        self.messages: list[tuple[int, str, str, Any]] = []
        self.folder = folder
        self.cues: list[dict[str, Any]] = []

    def header(self, stamp: int) -> Any:
        types = self.store.types
        time = types["builtin_interfaces/msg/Time"](sec=stamp // 10**9, nanosec=stamp % 10**9)
        return types["std_msgs/msg/Header"](stamp=time, frame_id="davis346")

    def add(self, topic: str, kind: str, stamp: int, **fields: Any) -> None:
        message = self.store.types[kind](header=self.header(stamp), **fields)
        self.messages.append((stamp, topic, kind, message))

    def add_events(
        self,
        topic: str,
        events: Events,
        rng: np.random.Generator,
        lose: int = -1,
        sensor_start: int = SENSOR_START,
    ) -> None:
        """In packets of 10 ms; ``sensor_start`` is us on the sensor's clock when the take begins."""
        first = sensor_start // PACKET * PACKET
        edges = np.arange(first, int(events.t[-1]) + 2 * PACKET, PACKET)
        at = np.searchsorted(events.t, edges)
        for seq, (begin, lower, upper) in enumerate(zip(edges[:-1], at[:-1], at[1:], strict=True)):
            inside = events[lower:upper]
            data = np.frombuffer(encode_evt3(inside, time=int(begin) + PACKET - 1), np.uint8)
            base = int(inside.t[0]) if len(inside) else int(begin) + PACKET - 1
            arrival = self.start + (int(begin) + PACKET - sensor_start) * 1000 + DELAY
            arrival += int(rng.exponential(500_000)) if seq % 7 else 0
            if seq == lose:
                continue
            self.add(
                topic, "event_camera_msgs/msg/EventPacket", arrival, height=events.height, width=events.width,
                seq=seq, time_base=base * 1000, encoding="evt3", is_bigendian=False, events=data,
            )  # fmt: skip

    def add_phases(self, trial: int) -> None:
        types = self.store.types
        onset = self.start
        for phase, length in (("countdown", COUNTDOWN), ("perform", PERFORM), ("rest", REST)):
            duration = types["builtin_interfaces/msg/Duration"](sec=0, nanosec=length * 1000)
            scheduled = types["builtin_interfaces/msg/Time"](sec=onset // 10**9, nanosec=onset % 10**9)
            trials = {"au": self.take.au, "trial": trial, "take": self.take.run}
            self.add(
                "/session/state", "rig_interfaces/msg/SessionState", onset, session=self.take.session,
                subject=self.take.subject, phase=phase, duration=duration, trials=3, recording=True,
                text="", output="", script="short", language="en", block="main",
                aus=np.array([self.take.au], np.uint16), takes=np.array([self.take.run], np.uint16),
                commands=[], **trials,
            )  # fmt: skip
            self.add(
                "/session/marker",
                "rig_interfaces/msg/Marker",
                onset + 1000,
                scheduled=scheduled,
                name=phase,
                **trials,
            )
            self.cues.append({"phase": phase, "stamp_ns": onset, "planned_ns": length * 1000})
            onset += length * 1000

    def add_frames(self, image: NDArray[np.uint8]) -> None:
        gray = cv2.cvtColor(cv2.resize(image, (346, 260)), cv2.COLOR_BGR2GRAY)
        for offset in range(0, COUNTDOWN + PERFORM + REST, 50_000):
            self.add(
                "/davis346/image_raw", "sensor_msgs/msg/Image", self.start + offset * 1000, height=260,
                width=346,
                encoding="mono8", is_bigendian=0, step=346, data=gray.reshape(-1),
            )  # fmt: skip

    def add_webcam(self, image: NDArray[np.uint8]) -> None:
        jpeg = np.frombuffer(cv2.imencode(".jpg", image)[1].tobytes(), np.uint8)
        for offset in range(0, COUNTDOWN + PERFORM + REST, 66_667):
            self.add(
                "/webcam/image_raw/compressed", "sensor_msgs/msg/CompressedImage", self.start + offset * 1000,
                format="jpeg", data=jpeg,
            )  # fmt: skip

    def finish(self, trial: int, outcome: str) -> None:
        path = self.folder / self.take.name
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=self.store)
                for topic, kind in {(topic, kind) for _, topic, kind, _ in self.messages}
            }
            for stamp, topic, kind, message in sorted(self.messages, key=lambda entry: entry[0]):
                writer.write(connections[topic], stamp, self.store.serialize_cdr(message, kind))
        line = {
            "take": self.take.name,
            "au": self.take.au,
            "trial": trial,
            "run": self.take.run,
            "outcome": outcome,
            "cues": self.cues,
            "ended_ns": self.start + (COUNTDOWN + PERFORM + REST) * 1000,
            "cameras": {"davis346": {"source": "virtual"}},
            "lost": 0,
            "sha256": hashlib.sha256((path / f"{path.name}.mcap").read_bytes()).hexdigest(),
        }
        with (self.folder / "manifest.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def record(root: Path, plan: Plan = Plan(), lose: int = -1) -> Path:
    """Write the sessions of a plan; all takes but an AU's last one are redone."""
    for subject_index, subject in enumerate(plan.subjects):
        folder = root / f"sub-{subject}" / "ses-01"
        folder.mkdir(parents=True)
        (folder / "session.json").write_text(json.dumps({"subject": subject, "session": "01"}))
        for trial, au in enumerate(plan.aus):
            for run in range(1, plan.runs + 1):
                rng = np.random.default_rng([subject_index, au, run])
                start = START + (subject_index * 1000 + trial * 100 + run) * 10**10
                take = TakeRecording(folder, TakeId(subject, "01", au, run), start)
                take.add_phases(trial)
                take.add_events("/davis346/events", blob_events(au, rng), rng, lose)
                if plan.evk4:
                    take.add_events("/evk4/events", blob_events(au, rng, 1280, 720), rng)
                take.add_frames(face() if plan.face else np.full_like(face(), 127))
                if plan.webcam and subject_index == 0:
                    take.add_webcam(face())
                take.finish(trial, "complete" if run == plan.runs else "redone")
    return root
