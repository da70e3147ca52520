"""The first fields of a serialized message, read where they lie.

The recorder and the slicer get messages as bytes and never deserialize them: a packet of 1 MB would be
copied element by element. Layout: little-endian XCDR1 (OMG DDSI-RTPS 2.2, 10.2), alignment counted
from behind the 4-byte encapsulation header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from evface.errors import FormatError

_STAMP = struct.Struct("<iI")
_U32 = struct.Struct("<I")
_PACKET = struct.Struct("<QQ")
_ENCAPSULATION = 4


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """An EventPacket without its payload copied.

    Attributes:
        stamp: ns, host clock.
        frame_id: of the header.
        width: px.
        height: px.
        seq: the publisher's count.
        time_base: ns, sensor clock; 0 where the driver gives none.
        encoding: of the payload.
        events: the payload, a view into the message.
    """

    stamp: int
    frame_id: str
    width: int
    height: int
    seq: int
    time_base: int
    encoding: str
    events: memoryview


def stamp_of(message: bytes) -> int:
    """``header.stamp`` in ns of any message that begins with a std_msgs/Header.

    Raises:
        FormatError: it is too short or not little-endian CDR.
    """
    _check(message, 12)
    seconds, nanoseconds = _STAMP.unpack_from(message, _ENCAPSULATION)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def packet_header(message: bytes) -> PacketHeader:
    """Header and payload of a serialized event_camera_msgs/msg/EventPacket.

    Raises:
        FormatError: the message breaks off, or is not little-endian CDR.
    """
    stamp = stamp_of(message)
    try:
        frame_id, at = _string(message, _ENCAPSULATION + 8)
        at = _align(at, 4)
        height, width = struct.unpack_from("<II", message, at)
        at = _align(at + 8, 8)
        seq, time_base = _PACKET.unpack_from(message, at)
        encoding, at = _string(message, at + 16)
        at = _align(at + 1, 4)  # behind is_bigendian
        (size,) = _U32.unpack_from(message, at)
    except (struct.error, UnicodeDecodeError) as error:
        raise FormatError(f"EventPacket of {len(message)} bytes breaks off in its header: {error}") from error
    at += 4
    if at + size > len(message):
        raise FormatError(f"EventPacket announces {size} bytes of events, {len(message) - at} are there")
    return PacketHeader(
        stamp, frame_id, width, height, seq, time_base, encoding, memoryview(message)[at : at + size]
    )


def _check(message: bytes, least: int) -> None:
    if len(message) < least:
        raise FormatError(f"message of {len(message)} bytes is shorter than its header ({least})")
    if message[0] != 0 or message[1] != 1:
        raise FormatError(
            f"message is not little-endian CDR (encapsulation {message[0]:#04x}{message[1]:02x})"
        )


def _align(at: int, size: int) -> int:
    return at + (_ENCAPSULATION - at) % size


def _string(message: bytes, at: int) -> tuple[str, int]:
    at = _align(at, 4)
    (length,) = _U32.unpack_from(message, at)
    if length == 0 or at + 4 + length > len(message):
        raise struct.error(f"string of {length} bytes at {at}")
    return bytes(message[at + 4 : at + 3 + length]).decode(), at + 4 + length
