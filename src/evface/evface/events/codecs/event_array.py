"""dv_ros2_msgs/msg/EventArray, what dv-ros2's capture node publishes, read from its serialized bytes.

An event is x and y (uint16), ts (int32 s, uint32 ns) and polarity (bool), each aligned to its own size, so
that an event takes 16 bytes from the second one on: only the first one's x and y lie two bytes further
behind. Little-endian XCDR1, alignment counted from behind the 4-byte encapsulation header.
"""

from __future__ import annotations

import struct

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.container import Events

TYPE = "dv_ros2_msgs/msg/EventArray"
"""The message's name."""

_ENCAPSULATION = 4
_STRIDE = 16


@njit(cache=True)
def _unpack(data, x, y, t, p):  # type: ignore[no-untyped-def]
    """Events from the 2nd byte before the first one on."""
    for i in range(len(x)):
        at = _STRIDE * i
        # Of the first event x and y stand where seconds begin for all others.
        here = at if i else 2
        x[i] = np.uint16(data[here]) | np.uint16(data[here + 1]) << 8
        y[i] = np.uint16(data[here + 2]) | np.uint16(data[here + 3]) << 8
        seconds, nanoseconds = np.int64(0), np.int64(0)
        for byte in range(4):
            seconds |= np.int64(data[at + 6 + byte]) << 8 * byte
            nanoseconds |= np.int64(data[at + 10 + byte]) << 8 * byte
        t[i] = seconds * 1_000_000 + nanoseconds // 1000
        p[i] = data[at + 14] != 0


def warm_up() -> None:
    """Load the compiled kernel before messages come: its first call takes a second, and more when busy."""
    nothing = np.empty(0, np.uint16)
    _unpack(np.empty(0, np.uint8), nothing, nothing, np.empty(0, np.int64), np.empty(0, np.uint8))


def decode_event_array(message: bytes) -> Events:
    """The events of a serialized EventArray, on the clock that its driver stamps them with: Unix time.

    Args:
        message: the whole message, encapsulation header included.

    Raises:
        FormatError: the message breaks off, or is not little-endian CDR.
        GeometryError: it says that the sensor has no pixels.
    """
    if len(message) < _ENCAPSULATION + 12 or message[0] != 0 or message[1] != 1:
        raise FormatError(f"EventArray of {len(message)} bytes is not little-endian CDR with a header")
    (length,) = struct.unpack_from("<I", message, _ENCAPSULATION + 8)
    at = _ENCAPSULATION + 12 + length
    at += (_ENCAPSULATION - at) % 4
    if at + 12 > len(message):
        raise FormatError(f"EventArray of {len(message)} bytes breaks off in its header")
    height, width, count = struct.unpack_from("<III", message, at)
    at += 12
    if count and at - 2 + _STRIDE * count - 1 > len(message):
        raise FormatError(f"EventArray announces {count} events, {len(message) - at} bytes of them are there")
    x, y, p = np.empty(count, np.uint16), np.empty(count, np.uint16), np.empty(count, np.uint8)
    t: NDArray[np.int64] = np.empty(count, np.int64)
    if count:
        _unpack(np.frombuffer(message, np.uint8, offset=at - 2), x, y, t, p)
    return Events(x, y, p, t, width, height, "unix")
