"""EVT3, the stream of Prophesee's sensors: little-endian 16-bit words, code in the upper four bits.

Format after Prophesee's EVT 3.0 specification; see docs/formats.md for the table of words. Times are
24 bits of us that roll over every 16.777 s; the decoder counts the rollovers, or takes the epoch from
a packet's time base where it has one.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.codecs.base import Buffers, TriggerLog, as_words
from evface.events.container import Events, Triggers

ADDR_Y, ADDR_X, VECT_BASE_X, VECT_12, VECT_8 = 0x0, 0x2, 0x3, 0x4, 0x5
TIME_LOW, TIME_HIGH, EXT_TRIGGER = 0x6, 0x8, 0xA

EPOCH = 1 << 24
"""us between two rollovers of the 24-bit time."""

# Indices of the decoder's state, an int64 array that outlives a packet.
_HIGH, _TIME, _EPOCH, _Y, _X, _P, _CLOCK, _ROW, _OUTSIDE, _EARLY, _ANCHOR = range(11)
# _CLOCK: 0 no time yet, 1 TIME_HIGH seen, 2 time known. _ROW: 1 when y is known.

_TRIGGERS_AT_ONCE = 4096
_BLOCK = 1 << 19
"""Words decoded into one set of buffers: bounds their (virtual) size."""


@njit(cache=True, nogil=True)
def _decode(words, first, state, width, height, x, y, p, t, triggers):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Decode words[first:] until the end or until the trigger buffer is full.

    Returns (next word, events written, triggers written).
    """
    n = 0
    k = 0
    time = state[_TIME]
    row = np.uint16(state[_Y])
    base = np.uint32(state[_X])
    polarity = np.uint8(state[_P])
    # Events count only while time and row are known and the row lies on the sensor.
    live = state[_CLOCK] == 2 and state[_ROW] == 1 and row < height
    i = first
    size = words.size
    while i < size:
        word = words[i]
        i += 1
        code = word >> np.uint16(12)
        value = np.uint32(word & np.uint16(0xFFF))
        if code == 2:
            column = value & np.uint32(0x7FF)
            if live and column < width:
                x[n] = np.uint16(column)
                y[n] = row
                p[n] = np.uint8(value >> np.uint32(11))
                t[n] = time
                n += 1
            elif state[_CLOCK] == 2 and state[_ROW] == 1:
                state[_OUTSIDE] += 1
            else:
                state[_EARLY] += 1
        elif code == 4 or code == 5:
            bits = np.uint32(12) if code == 4 else np.uint32(8)
            mask = value & ((np.uint32(1) << bits) - np.uint32(1))
            if live and base + bits <= width:
                while mask:
                    x[n] = np.uint16(base + trailing_zeros(mask))
                    y[n] = row
                    p[n] = polarity
                    t[n] = time
                    n += 1
                    mask &= mask - np.uint32(1)
            else:
                known = state[_CLOCK] == 2 and state[_ROW] == 1
                while mask:
                    column = base + trailing_zeros(mask)
                    mask &= mask - np.uint32(1)
                    if live and column < width:
                        x[n] = np.uint16(column)
                        y[n] = row
                        p[n] = polarity
                        t[n] = time
                        n += 1
                    elif known:
                        state[_OUTSIDE] += 1
                    else:
                        state[_EARLY] += 1
            base += bits
        elif code == 0:
            row = np.uint16(value & np.uint32(0x7FF))
            state[_ROW] = 1
            live = state[_CLOCK] == 2 and row < height
        elif code == 3:
            base = value & np.uint32(0x7FF)
            polarity = np.uint8(value >> np.uint32(11))
        elif code == 6:
            if state[_CLOCK] >= 1:
                time = (time & ~np.int64(0xFFF)) | np.int64(value)
                state[_CLOCK] = 2
                live = state[_ROW] == 1 and row < height
        elif code == 8:
            high = np.int64(value)
            if state[_ANCHOR] >= 0:
                # The packet tells its time: take the epoch that brings TIME_HIGH closest to it.
                anchor = state[_ANCHOR]
                near = (anchor & ~np.int64(EPOCH - 1)) | (high << 12)
                if near - anchor > EPOCH // 2:
                    near -= EPOCH
                elif anchor - near > EPOCH // 2:
                    near += EPOCH
                state[_EPOCH] = near >> 24
                state[_ANCHOR] = -1
            elif state[_CLOCK] >= 1 and state[_HIGH] - high > 10:
                state[_EPOCH] += 1
            whole = (state[_EPOCH] << 24) | (high << 12)
            if state[_CLOCK] == 0 or whole != (time & ~np.int64(0xFFF)):
                time = whole
            if state[_CLOCK] == 0:
                state[_CLOCK] = 1
            state[_HIGH] = high
        elif code == 10:
            if state[_CLOCK] == 2:
                triggers[k, 0] = time
                triggers[k, 1] = np.int64(value >> np.uint32(8))
                triggers[k, 2] = np.int64(value & np.uint32(1))
                k += 1
                if k == triggers.shape[0]:
                    break
    state[_TIME] = time
    state[_Y] = row
    state[_X] = base
    state[_P] = polarity
    return i, n, k


class Evt3Decoder:
    """Decodes EVT3 packets one after another; time, row and vector base carry over.

    Args:
        width: of the sensor, px; events beyond it are dropped and counted.
        height: of the sensor, px.

    Attributes:
        outside: events dropped because they lay outside the sensor.
        early: events dropped because no time or row had been heard yet (start of a stream, after a loss).
    """

    encoding = "evt3"

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._state = np.zeros(11, np.int64)
        self._state[_ANCHOR] = -1
        self._buffers = Buffers(width, height)
        self._triggers = TriggerLog()
        self._trigger_buffer = np.empty((_TRIGGERS_AT_ONCE, 3), np.int64)

    @property
    def time(self) -> int | None:
        """us on the sensor's clock that the stream has reached, None before its first time word."""
        return int(self._state[_TIME]) if self._state[_CLOCK] else None

    @property
    def outside(self) -> int:
        """Events dropped because they lay outside the sensor."""
        return int(self._state[_OUTSIDE])

    @property
    def early(self) -> int:
        """Events dropped because no time or row had been heard yet."""
        return int(self._state[_EARLY])

    def lost(self) -> None:
        """Packets are missing: wait for the next time and row before emitting again. Keeps the epoch."""
        self._state[_ROW] = 0
        if self._state[_CLOCK] == 2:
            self._state[_CLOCK] = 1

    def decode(self, data: bytes | memoryview | NDArray[np.uint8], time_base: int = 0) -> Events:
        """Decode one packet.

        Args:
            data: the words as bytes, little-endian.
            time_base: ns on the sensor's clock of the packet's first time word, 0 where unknown.

        Returns:
            The events, in arrays that the next call overwrites; ``copy()`` keeps them.

        Raises:
            FormatError: an odd number of bytes.
        """
        words = as_words(data, "<u2", self.encoding)
        if time_base:
            self._state[_ANCHOR] = time_base // 1000
        parts = [self._block(words[start : start + _BLOCK]) for start in range(0, len(words), _BLOCK)]
        if len(parts) == 1:
            return parts[0]
        return Events.concatenate(parts) if parts else self._buffers.view(0)

    def _block(self, words: NDArray[np.uint16]) -> Events:
        x, y, p, t = self._buffers.at_least(12 * len(words))
        position = written = 0
        while True:
            position, events, triggers = _decode(
                words, position, self._state, self.width, self.height,
                x[written:], y[written:], p[written:], t[written:], self._trigger_buffer,
            )  # fmt: skip
            written += events
            self._triggers.add(self._trigger_buffer[:triggers])
            if position >= len(words):
                break
        view = self._buffers.view(written)
        # Only a packet of several blocks reuses the buffers before the caller has seen them.
        return view.copy() if len(words) == _BLOCK else view

    def take_triggers(self) -> Triggers:
        """Triggers since the last call."""
        return self._triggers.take()


@njit(cache=True, nogil=True)
def _encode(x, y, p, t, start, words):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write words for events (times non-decreasing) from time ``start`` on; return how many."""
    k = 0
    current = start
    words[k] = np.uint16((TIME_HIGH << 12) | ((current >> 12) & 0xFFF))
    words[k + 1] = np.uint16((TIME_LOW << 12) | (current & 0xFFF))
    k += 2
    row = np.int64(-1)
    n = t.size
    i = 0
    while i < n:
        time = t[i]
        if time != current:
            if time >> 12 != current >> 12:
                # A reader counts rollovers: it must hear of each half epoch that passes in silence.
                while time - current > EPOCH // 2:
                    current += EPOCH // 2
                    words[k] = np.uint16((TIME_HIGH << 12) | ((current >> 12) & 0xFFF))
                    k += 1
                words[k] = np.uint16((TIME_HIGH << 12) | ((time >> 12) & 0xFFF))
                k += 1
            words[k] = np.uint16((TIME_LOW << 12) | (time & 0xFFF))
            k += 1
            current = time
        if y[i] != row:
            row = np.int64(y[i])
            words[k] = np.uint16(row)
            k += 1
        # How many events follow that one vector word of 12 columns could hold?
        left = np.int64(x[i])
        mask = 1
        j = i + 1
        while j < n and t[j] == time and y[j] == row and p[j] == p[i] and x[j] > x[j - 1] and x[j] < left + 12:
            mask |= 1 << (np.int64(x[j]) - left)
            j += 1
        if j - i < 3:
            for m in range(i, j):
                words[k] = np.uint16((ADDR_X << 12) | (np.int64(p[m]) << 11) | np.int64(x[m]))
                k += 1
        else:
            words[k] = np.uint16((VECT_BASE_X << 12) | (np.int64(p[i]) << 11) | left)
            words[k + 1] = np.uint16((VECT_12 << 12) | mask)
            k += 2
            left += 12
            # Neighbouring columns need no new base.
            while j < n and t[j] == time and y[j] == row and p[j] == p[i] and left <= x[j] < left + 12:
                mask = 0
                previous = np.int64(-1)
                while (
                    j < n
                    and t[j] == time
                    and y[j] == row
                    and p[j] == p[i]
                    and left <= x[j] < left + 12
                    and np.int64(x[j]) > previous
                ):
                    previous = np.int64(x[j])
                    mask |= 1 << (previous - left)
                    j += 1
                words[k] = np.uint16((VECT_12 << 12) | mask)
                k += 1
                left += 12
        i = j
    return k


@njit(cache=True, nogil=True)
def _first_step_back(t):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(1, t.size):
        if t[i] < t[i - 1]:
            return i
    return -1


def encode_evt3(events: Events, start: int | None = None) -> bytes:
    """Encode events as one EVT3 packet that can be decoded on its own.

    It begins with TIME_HIGH, TIME_LOW and, when there are events, ADDR_Y; runs in a row become vectors.
    A packet without events carries the time alone, so that a reader's clock goes on in silence.

    Args:
        events: times non-decreasing; x and y below 2048.
        start: us at which the packet begins, at or before the first event; the first event's time if None.

    Returns:
        The packet's bytes.

    Raises:
        FormatError: times step back, start lies behind the first event, or a coordinate needs over 11 bits.
    """
    if events.width > 2048 or events.height > 2048:
        raise FormatError(f"EVT3 has 11 bits for a coordinate; the sensor has {events.width}x{events.height} px")
    back = _first_step_back(events.t)
    if back >= 0:
        raise FormatError(
            f"EVT3 needs times in order: event {back} at {events.t[back]} us follows {events.t[back - 1]} us"
        )
    if start is None:
        start = int(events.t[0]) if len(events) else 0
    if len(events) and start > events.t[0]:
        raise FormatError(f"packet begins at {start} us, behind its first event at {events.t[0]} us")
    silence = (int(events.t[-1]) - start) // (EPOCH // 2) if len(events) else 0
    words = np.empty(4 * len(events) + silence + 2, np.uint16)
    used = _encode(events.x, events.y, events.p, events.t, start, words)
    return words[:used].astype("<u2", copy=False).tobytes()


def encode_evt3_triggers(triggers: Triggers) -> bytes:
    """Encode external triggers as EVT3 words, each with its time.

    Args:
        triggers: times in us, ids 0-15.
    """
    words: list[int] = []
    for time, identity, edge in zip(triggers.t.tolist(), triggers.id.tolist(), triggers.edge.tolist(), strict=True):
        words += [
            (TIME_HIGH << 12) | ((time >> 12) & 0xFFF),
            (TIME_LOW << 12) | (time & 0xFFF),
            (EXT_TRIGGER << 12) | ((identity & 0xF) << 8) | (edge & 1),
        ]
    return np.array(words, "<u2").tobytes()
