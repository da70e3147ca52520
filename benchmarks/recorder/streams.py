"""What the cameras of the soak send: packets and pictures made beforehand, as large as real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from evface.cameras import EncodedEvents, Frame, ImuSample, Reading
from evface.events import Events, encode_evt3

MS = 1_000_000
PACKET = 5 * MS
"""ns of an event packet."""
SINGLES = 0.94
"""Share of runs that are one event; the others are three neighbours. It gives 3.7 bytes an event."""

Make = Callable[[int, int], Reading]
"""A reading from its index in the stream and its host time, ns."""


@dataclass(frozen=True)
class Stream:
    """One kind of reading of one camera.

    Attributes:
        topic: that it becomes a message on.
        period: ns between two readings.
        make: the readings.
        burst: the readings within a burst; None: there are none.
    """

    topic: str
    period: int
    make: Make
    burst: Make | None = None


def streams_of(camera: str) -> list[Stream]:
    """What a camera sends, at the rates of docs/acquisition.md."""
    if camera == "evk4":
        calm, wild = event_packets(1280, 720, 20.0, 40), event_packets(1280, 720, 50.0, 20)
        return [Stream("/evk4/events", PACKET, events(calm, 1280, 720), events(wild, 1280, 720))]
    if camera == "davis346":
        return [
            Stream("/davis346/events", PACKET, events(event_packets(346, 260, 5.0, 40), 346, 260)),
            Stream("/davis346/image_raw", 25 * MS, pictures(346, 260)),
            Stream("/davis346/imu", MS, imu),
        ]
    return [Stream("/webcam/image_raw/compressed", 1_000 * MS // 60, jpegs())]


def event_packets(width: int, height: int, rate: float, count: int) -> list[tuple[bytes, int]]:
    """EVT3 bytes and number of events of packets of 5 ms.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        rate: Mev/s.
        count: packets.
    """
    number = int(rate * PACKET / 1000)
    rng = np.random.default_rng(width)
    return [(encode_evt3(edge(width, height, number, rng)), number) for _ in range(count)]


def edge(width: int, height: int, count: int, rng: np.random.Generator) -> Events:
    """Events of 5 ms around a place: single ones and runs of three neighbours."""
    lengths = np.where(rng.random(count) < SINGLES, 1, 3)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), count) + 1]
    centre = rng.uniform(0.3, 0.7, 2) * (width, height)
    column = np.clip(rng.normal(centre[0], width / 16, len(lengths)), 0, width - 3)
    row = np.clip(rng.normal(centre[1], height / 8, len(lengths)), 0, height - 1)
    x = np.repeat(column.astype(np.uint16), lengths)
    steps = np.arange(len(x)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    times = np.sort(rng.integers(0, PACKET // 1000, len(lengths)))
    return Events(
        (x + steps).astype(np.uint16)[:count],
        np.repeat(row.astype(np.uint16), lengths)[:count],
        np.repeat(rng.integers(0, 2, len(lengths), dtype=np.uint8), lengths)[:count],
        np.repeat(times, lengths)[:count].astype(np.int64),
        width,
        height,
    )


def events(packets: list[tuple[bytes, int]], width: int, height: int) -> Make:
    """Packets, one after the other and again from the first."""

    def make(index: int, now: int) -> Reading:
        data, count = packets[index % len(packets)]
        return EncodedEvents(data, "evt3", width, height, index * PACKET, now, count)

    return make


def pictures(width: int, height: int) -> Make:
    """Grey pictures of noise."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (10, height, width), dtype=np.uint8)

    def make(index: int, now: int) -> Reading:
        return Frame(images[index % len(images)], "mono8", width, height, index, now)

    return make


def jpegs() -> Make:
    """JPEGs of 1920x1080, 300 to 400 kB each."""
    rng = np.random.default_rng(4)
    smooth = cv2.resize(rng.integers(60, 200, (27, 48, 3), dtype=np.uint8), (1920, 1080))
    images: list[bytes] = []
    for strength in np.linspace(7.0, 9.0, 12):
        noisy = np.clip(smooth + rng.normal(0, strength, smooth.shape), 0, 255).astype(np.uint8)
        images.append(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())

    def make(index: int, now: int) -> Reading:
        return Frame(images[index % len(images)], "jpeg", 1920, 1080, index, now)

    return make


def imu(index: int, now: int) -> Reading:
    """A sample of the inertial sensor, each another."""
    return ImuSample((float(index), 0.0, 9.81), (0.0, float(index), 0.0), index * MS, now)
