"""The field's event message in ROS 2, event_camera_msgs/msg/EventPacket, read from its serialized bytes.

Readers of bags, the recorder and the slicer have messages as bytes and never deserialize them: a packet of
1 MB would be copied element by element.
Layout: little-endian XCDR1 (OMG DDSI-RTPS 2.2, 10.2), alignment counted from behind the 4-byte
encapsulation header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from evface.errors import FormatError

TYPES = ("event_camera_msgs/msg/EventPacket", "event_array_msgs/msg/EventArray")
"""The message's name, and the one it had before 2023; both have the same fields."""

_ENCAPSULATION = 4


@dataclass(frozen=True, slots=True)
class EventPacketView:
    """An EventPacket whose payload is not copied.

    Attributes:
        stamp: ns, host clock.
        width: px.
        height: px.
        seq: the publisher's count.
        time_base: ns, sensor clock; 0 where the driver gives none.
        encoding: of the payload.
        events: the payload, a view into the message.
    """

    stamp: int
    width: int
    height: int
    seq: int
    time_base: int
    encoding: str
    events: memoryview


def stamp_of(message: bytes) -> int:
    """``header.stamp`` in ns of any serialized message that begins with a std_msgs/Header.

    Raises:
        FormatError: it is too short or not little-endian CDR.
    """
    if len(message) < _ENCAPSULATION + 8 or message[0] != 0 or message[1] != 1:
        raise FormatError(f"message of {len(message)} bytes is not little-endian CDR with a header")
    seconds, nanoseconds = struct.unpack_from("<iI", message, _ENCAPSULATION)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def parse_event_packet(message: bytes) -> EventPacketView:
    """Header and payload of a serialized EventPacket.

    Raises:
        FormatError: the message breaks off, or is not little-endian CDR.
    """
    stamp = stamp_of(message)
    try:
        _, at = _string(message, _ENCAPSULATION + 8)
        height, width = struct.unpack_from("<II", message, _align(at, 4))
        at = _align(_align(at, 4) + 8, 8)
        seq, time_base = struct.unpack_from("<QQ", message, at)
        encoding, at = _string(message, at + 16)
        at = _align(at + 1, 4)  # behind is_bigendian
        (size,) = struct.unpack_from("<I", message, at)
    except (struct.error, UnicodeDecodeError) as error:
        raise FormatError(f"EventPacket of {len(message)} bytes breaks off in its header: {error}") from error
    at += 4
    if at + size > len(message):
        raise FormatError(f"EventPacket announces {size} bytes of events, {len(message) - at} are there")
    return EventPacketView(
        stamp, width, height, seq, time_base, encoding, memoryview(message)[at : at + size]
    )


def _align(at: int, size: int) -> int:
    return at + (_ENCAPSULATION - at) % size


def _string(message: bytes, at: int) -> tuple[str, int]:
    at = _align(at, 4)
    (length,) = struct.unpack_from("<I", message, at)
    if length == 0 or at + 4 + length > len(message):
        raise struct.error(f"string of {length} bytes at byte {at}")
    return message[at + 4 : at + 3 + length].decode(), at + 4 + length
