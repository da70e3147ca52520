"""What identifies a message on its way: the same numbers before it is published and after it is read back."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evface.bags import Bag, stamp
from evface.cameras import EncodedEvents, Frame, ImuSample, Reading

_IMU = struct.Struct("<6d")


class Fingerprint(NamedTuple):
    """A message: ``number`` counts the camera's own (-1 where a message has no count)."""

    number: int
    stamp: int
    size: int
    checksum: int


def of_reading(reading: Reading, number: int) -> Fingerprint:
    """Of what a source hands to its node; ``number`` is the sequence number that the node will give it."""
    if isinstance(reading, EncodedEvents):
        return _fingerprint(number, reading.host_time, bytes(reading.data))
    if isinstance(reading, Frame):
        image = reading.image
        return _fingerprint(-1, reading.host_time, image if isinstance(image, bytes) else image.tobytes())
    assert isinstance(reading, ImuSample)
    return _fingerprint(-1, reading.host_time, _IMU.pack(*reading.acceleration, *reading.angular_velocity))


def of_message(topic: str, message: Any) -> Fingerprint:
    """Of a message out of a bag."""
    if topic.endswith("/events"):
        return _fingerprint(int(message.seq), stamp(message), message.events.tobytes())
    if topic.endswith("/imu"):
        a, w = message.linear_acceleration, message.angular_velocity
        return _fingerprint(-1, stamp(message), _IMU.pack(a.x, a.y, a.z, w.x, w.y, w.z))
    return _fingerprint(-1, stamp(message), np.asarray(message.data).tobytes())


def in_bag(bag: Path, *topics: str) -> dict[str, list[Fingerprint]]:
    """Of all messages of a bag by topic, in the order of their arrival.

    Raises:
        FormatError: the bag cannot be read.
    """
    found: dict[str, list[Fingerprint]] = defaultdict(list)
    with Bag(bag) as opened:
        for topic, message in opened.messages(*topics):
            found[topic].append(of_message(topic, message))
    return found


def _fingerprint(number: int, when: int, data: bytes) -> Fingerprint:
    return Fingerprint(number, when, len(data), zlib.crc32(data))
