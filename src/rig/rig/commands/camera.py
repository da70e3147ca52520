"""`rig camera`: look at one camera for some seconds, without ROS and without a session."""

from __future__ import annotations

import queue
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import typer
import yaml
from numpy.typing import NDArray
from rich.console import Console

from evface.cameras import CameraDescription, EncodedEvents, Frame, ImuSample, LiveSource, Reading
from evface.cameras.packing import pack
from evface.cameras.reading import Reader
from evface.errors import ConfigError, EvfaceError
from evface.events import Decoder, Events, make_decoder
from rig.errors import RigError
from rig.graph import load_rig

SLICE = 33_000
"""us of events that a picture of them shows."""


class Tally:
    """What came of a camera, counted.

    Attributes:
        counts: packets, their bytes and events, frames, samples, packets lost, by the names they are told by.
        frames: ns, host clock, of each frame.
        picture: the last frame, or the last 33 ms of events where there are none; a webcam's is a JPEG.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.frames: list[int] = []
        self.picture: NDArray[np.uint8] | bytes | None = None
        self._decoder: Decoder | None = None
        self._since = 0

    def add(self, reading: Reading) -> None:
        """Count a reading."""
        if isinstance(reading, EncodedEvents):
            self._add_events(reading)
        elif isinstance(reading, Frame):
            self.counts["frames"] += 1
            self.frames.append(reading.host_time)
            self.picture = reading.image
        elif isinstance(reading, ImuSample):
            self.counts["imu"] += 1

    def _add_events(self, packet: EncodedEvents) -> None:
        self.counts["packets"] += 1
        self.counts["MB"] += len(packet.data)
        self.counts["lost"] += packet.lost
        if self._decoder is None:
            self._decoder = make_decoder(packet.encoding, packet.width, packet.height)
        events = self._decoder.decode(packet.data, packet.sensor_time)
        self.counts["Mev"] += len(events)
        if not len(events) or self.frames:
            return
        if not isinstance(self.picture, np.ndarray) or events.t[-1] > self._since + SLICE:
            self.picture = np.zeros((packet.height, packet.width), np.uint8)
            self._since = int(events.t[0])
        self.picture[events.y, events.x] = 255

    def rates(self, before: Counter[str], seconds: float) -> str:
        """One line of what came since some counts were taken."""
        parts = []
        for name, count in self.counts.items():
            rate = (count - before[name]) / seconds
            if name == "lost":
                parts.append(f"lost {count}")
            elif name in ("MB", "Mev"):
                parts.append(f"{rate / 1e6:.2f} {name}/s")
            else:
                parts.append(f"{rate:.0f} {name}/s")
        return ", ".join(parts) or "nothing"

    def intervals(self) -> str:
        """How evenly frames came."""
        gaps = np.diff(self.frames) / 1e6
        if not len(gaps):
            return "no two frames"
        return f"frame intervals: median {np.median(gaps):.1f} ms, p99 {np.percentile(gaps, 99):.1f} ms"

    def save(self, path: Path) -> None:
        """Write the last frame, or the last 33 ms of events, as a picture.

        Raises:
            RigError: nothing came, or the file cannot be written.
        """
        if self.picture is None:
            raise RigError(f"{path}: no picture to write: nothing came")
        data = self.picture
        if not isinstance(data, bytes):
            data = cv2.imencode(".png", data)[1].tobytes()
        try:
            path.write_bytes(data)
        except OSError as error:
            raise RigError(f"{path}: cannot be written: {error.strerror}") from error


def camera(
    name: str = typer.Argument(help="davis346, evk4 or webcam."),
    rig: str = typer.Option("live", help="live, virtual, file, or the path of a rig's YAML file."),
    options: list[str] = typer.Option(
        [], "--set", help="An option other than the rig's, such as exposure=4.0; may be given several times."
    ),
    seconds: float = typer.Option(10.0, min=1.0, help="How long to look."),
    picture: Path | None = typer.Option(
        None, help="Where to write what came last: a JPEG of the webcam, else a PNG (33 ms of events)."
    ),
) -> None:
    """Look at one camera: what it is, what comes of it each second, what it was set to, what it lost.

    Needs no session, and nothing else may use the camera meanwhile. Unplug it while this runs: it is looked
    for, and the gap is told at the end. The exit code is 1 when nothing came.
    """
    chosen = _options(name, rig, options)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    came: queue.SimpleQueue[Reading | Exception | None] = queue.SimpleQueue()
    reader = Reader(name, chosen, came.put, came.put)
    try:
        found = reader.open()
        who = f"{found.model} {found.serial}".strip()
        console.print(f"{who}, {found.width}x{found.height}, {found.kind}: {found.detail}")
        _warm_up(found)
        reader.start()
        tally = _look(reader, came, seconds, console)
        reader.stop()
        _conclude(reader, tally, console)
    finally:
        reader.close()
    if picture is not None:
        tally.save(picture)
        console.print(f"written: {picture}")
    raise typer.Exit(0 if tally.counts else 1)


def _options(name: str, rig: str, given: list[str]) -> dict[str, Any]:
    """The camera's options in a rig, and those of the command line over them.

    Raises:
        ConfigError: the rig has no such camera, or an option is not NAME=VALUE.
    """
    known = load_rig(rig)
    if name not in known:
        raise ConfigError(f"rig {rig!r} has no camera {name!r}; it has: {', '.join(known)}")
    chosen: dict[str, Any] = dict(known[name])
    for text in given:
        option, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: expected NAME=VALUE, such as exposure=4.0")
        chosen[option] = yaml.safe_load(value) if value else ""
    return chosen


def _warm_up(found: CameraDescription) -> None:
    """Load the compiled kernels before the first packet is waited for: they take a second."""
    one = np.ones(1, np.uint16)
    events = Events(one, one, np.ones(1, np.uint8), np.ones(1, np.int64), found.width, found.height)
    Tally().add(pack(events, 1, 0))


def _look(
    reader: Reader, came: queue.SimpleQueue[Reading | Exception | None], seconds: float, console: Console
) -> Tally:
    """Count what comes, a line each second."""
    tally, before = Tally(), Counter[str]()
    begun = told = time.monotonic()
    while True:
        now = time.monotonic()
        if now - told >= 1.0:
            state = f"away: {reader.gaps[-1].reason}" if reader.away else tally.rates(before, now - told)
            console.print(f"{now - begun:4.0f} s  {state}")
            told, before = now, tally.counts.copy()
        if now - begun >= seconds:
            return tally
        try:
            reading = came.get(timeout=0.1)
        except queue.Empty:
            continue
        if reading is None:
            console.print("the source has ended")
            return tally
        if isinstance(reading, EvfaceError):
            raise reading
        if isinstance(reading, Exception):
            raise RigError(f"{reader.camera}: {reading}") from reading
        tally.add(reading)


def _conclude(reader: Reader, tally: Tally, console: Console) -> None:
    """What there is to know at the end."""
    if tally.frames:
        console.print(tally.intervals())
    source = reader.source
    if isinstance(source, LiveSource) and not reader.away:
        for what, found in (("settings", source.settings()), ("facts", source.facts())):
            console.print(
                f"{what}: " + ", ".join(f"{key} {value}" for key, value in found.items()), markup=False
            )
    if reader.lost is not None:
        console.print(f"lost by the driver: {reader.lost}")
    for gap in reader.gaps:
        length = f"{(gap.end - gap.begin) / 1e9:.1f} s" if gap.end else "still away"
        console.print(f"gap: {length}: {gap.reason}")
