"""EVT3, the stream of 16-bit words of Prophesee sensors, decoded with state carried from packet to packet.

The kernel walks the words once. Words that alternate at random in a scene (row, single event, base of a
vector) are handled without branches, because a mispredicted branch costs more than the stores it would save;
a vector word writes four columns from a table, and the rest only where more than four bits are set.
Coordinates are held against the sensor's size afterwards, a block at a time, many at once.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.codecs.decoder import Bytes, EventBuffers, as_words, check_sensor, check_time_base
from evface.events.container import Events, Triggers

VECTOR = 12
"""Most events that one word can hold."""

_BLOCK = 8192  # words between two checks of the coordinates: what they decode to stays in the cache
_PIECE = 1 << 20  # words for which room is made at once
_UNKNOWN = 0x8000  # row or base outside every sensor
_RESTART = 1_000_000  # us that a time base must step back to mean that the sensor's clock began anew

# Indices into the state vector. The base of vectors has its polarity in bit 16, out of the columns' way.
_RUNNING, _HIGH, _TIME, _ROW, _BASE, _DROPPED, _AT, _TRIGGERS = range(8)


def _vector_columns() -> NDArray[np.uint16]:
    """For each 12-bit mask: the positions of its bits, in order."""
    columns = np.zeros((1 << VECTOR, VECTOR), np.uint16)
    bits = (np.arange(1 << VECTOR)[:, None] >> np.arange(VECTOR)) & 1
    position = np.cumsum(bits, axis=1) - 1
    mask, bit = np.nonzero(bits)
    columns[mask, position[mask, bit]] = bit
    return columns


_COLUMNS = _vector_columns()
_COUNTS = np.array([mask.bit_count() for mask in range(1 << VECTOR)], np.uint8)


@njit(cache=True, inline="always")
def _next_high(high, value):  # type: ignore[no-untyped-def]
    """Upper part of the time, epoch included: a long step back is a rollover, a short one noise."""
    if high < 0:
        return value
    back = (high & 0xFFF) - value
    if back > 10:
        return (high & ~0xFFF) + 0x1000 + value
    return high if back > 0 else (high & ~0xFFF) + value


@njit(cache=True)
def _synchronise(words, start, state, counts):  # type: ignore[no-untyped-def]
    """Walk to the first TIME_HIGH followed by TIME_LOW; index of that TIME_LOW, or the number of words."""
    high, fresh = state[_HIGH], state[_RUNNING] == 1
    for i in range(start, len(words)):
        word = np.int64(words[i])
        code, value = word >> 12, word & 0xFFF
        if code == 8:
            high, fresh = _next_high(high, value), True
        elif code == 6 and fresh:
            state[_HIGH], state[_RUNNING] = high, 2
            return i
        elif code == 0:
            state[_ROW] = value & 0x7FF
        elif code == 2:
            state[_DROPPED] += 1
        elif code == 4 or code == 5:
            state[_DROPPED] += counts[value if code == 4 else value & 0xFF]
    state[_HIGH], state[_RUNNING] = high, 1 if fresh else 0
    return len(words)


@njit(cache=True)
def _first_high(words):  # type: ignore[no-untyped-def]
    """Index of the first TIME_HIGH, -1 if there is none."""
    for i in range(len(words)):
        if words[i] >> 12 == 8:
            return i
    return -1


@njit(cache=True)
def _decode_block(words, start, stop, state, n, x, y, p, t, columns, counts, triggers):  # type: ignore[no-untyped-def]
    """Decode words[start:stop] behind the first ``n`` events; the new number of events.

    Ends early, with the place in ``state``, when a trigger finds no room.
    """
    high, time, row, base = state[_HIGH] << 12, state[_TIME], state[_ROW], state[_BASE]
    i = start
    while i < stop:
        word = np.int64(words[np.uintp(i)])
        code, value = word >> 12, word & 0xFFF
        if code < 4:
            # ADDR_Y, ADDR_X, VECT_BASE_X: always written, counted only if it is an event.
            column = value & 0x7FF
            row = column if code == 0 else row
            at = np.uintp(n)
            x[at] = column
            y[at] = row
            p[at] = value >> 11
            t[at] = time
            n += np.int64(code == 2)
            base = column | (value & 0x800) << 5 if code == 3 else base
        elif code == 6:
            time = max(time, high | value)
        elif code < 6:
            mask = value if code == 4 else value & 0xFF
            count = np.int64(counts[np.uintp(mask)])
            column, polarity = base & 0xFFFF, base >> 16
            for k in range(4):
                at = np.uintp(n) + np.uintp(k)
                x[at] = column + columns[np.uintp(mask), np.uintp(k)]
                y[at] = row
                p[at] = polarity
                t[at] = time
            if count > 4:
                for k in range(4, 12):
                    at = np.uintp(n) + np.uintp(k)
                    x[at] = column + columns[np.uintp(mask), np.uintp(k)]
                    y[at] = row
                    p[at] = polarity
                    t[at] = time
            n += count
            base += 12 if code == 4 else 8
        elif code == 8:
            high = _next_high(high >> 12, value) << 12
            time = max(time, high)
        elif code == 10:
            k = state[_TRIGGERS]
            if k == len(triggers):
                break
            triggers[k, 0], triggers[k, 1], triggers[k, 2] = time, value >> 8 & 0xF, value & 1
            state[_TRIGGERS] = k + 1
        i += 1
    state[_HIGH], state[_TIME], state[_ROW], state[_BASE], state[_AT] = high >> 12, time, row, base, i
    return n


@njit(cache=True)
def _all_inside(x, y, start, stop, width, height):  # type: ignore[no-untyped-def]
    right, bottom = np.uint16(0), np.uint16(0)
    for i in range(start, stop):
        right = max(right, x[np.uintp(i)])
        bottom = max(bottom, y[np.uintp(i)])
    return right < width and bottom < height


@njit(cache=True)
def _decode(words, start, stop, state, n, x, y, p, t, width, height, columns, counts, triggers):  # type: ignore[no-untyped-def]
    """Decode words[start:stop] and leave out what lies outside the sensor; see `_decode_block`."""
    while start < stop:
        end = min(stop, start + _BLOCK)
        first = n
        n = _decode_block(words, start, end, state, n, x, y, p, t, columns, counts, triggers)
        start = state[_AT]
        if not _all_inside(x, y, first, n, width, height):
            kept = first
            for i in range(first, n):
                if x[i] < width and y[i] < height:
                    x[kept], y[kept], p[kept], t[kept] = x[i], y[i], p[i], t[i]
                    kept += 1
            state[_DROPPED] += n - kept
            n = kept
        if start < end:
            break
    return n


class Evt3Decoder:
    """Decodes EVT3 packets; see `evface.events.codecs.Decoder` for what the methods promise.

    A time word that would step back is noise and is ignored. The bits of the time above 24 come from
    ``time_base_ns`` where it is not 0, otherwise from counting rollovers since the start.
    """

    encoding: ClassVar[str] = "evt3"

    def __init__(self, width: int, height: int) -> None:
        check_sensor(width, height)
        self.width = width
        self.height = height
        self._state = np.zeros(8, np.int64)
        self._buffers = EventBuffers()
        self._triggers = np.empty((64, 3), np.int64)
        self.reset()

    def reset(self) -> None:
        """Forget the stream: time, place, triggers and counters."""
        self._state[:] = 0
        self._state[_HIGH] = self._state[_TIME] = -1
        self._state[_ROW] = self._state[_BASE] = _UNKNOWN

    def lost(self) -> None:
        """Say that packets are missing: events are dropped until time and row are known again."""
        self._state[_ROW] = self._state[_BASE] = _UNKNOWN
        self._state[_RUNNING] = 0

    @property
    def time(self) -> int | None:
        """Last time the stream has reached, us, sensor clock; None before the first one is known."""
        time = int(self._state[_TIME])
        return None if time < 0 else time

    @property
    def dropped(self) -> int:
        """Events left out: outside the sensor, or before their time or row was known."""
        return int(self._state[_DROPPED])

    def drain_triggers(self) -> Triggers:
        """Hand over the triggers collected since the last call."""
        found = self._triggers[: self._state[_TRIGGERS]]
        self._state[_TRIGGERS] = 0
        return Triggers(found[:, 0].copy(), found[:, 1].astype(np.uint8), found[:, 2].astype(np.uint8))

    def decode(self, data: Bytes, time_base_ns: int = 0) -> Events:
        """Decode a packet; see `Decoder.decode`.

        Raises:
            FormatError: an odd number of bytes, or an impossible time base.
        """
        words = as_words(data, np.dtype("<u2"), self.encoding)
        check_time_base(time_base_ns, self.encoding)
        at = n = 0
        if time_base_ns:
            at, n = self._place(words, time_base_ns // 1000)
        elif self._state[_RUNNING] != 2:
            at = _synchronise(words, 0, self._state, _COUNTS)
        n = self._run(words, at, len(words), n)
        return self._buffers.view(n, self.width, self.height)

    def _place(self, words: NDArray[np.uint16], base: int) -> tuple[int, int]:
        """Set the clock by a time base (us); decodes up to the first TIME_HIGH, whose epoch it settles."""
        state = self._state
        if base < state[_TIME] - _RESTART:
            state[_TIME] = base
        state[_TIME] = max(base, state[_TIME])
        state[_HIGH], state[_RUNNING] = base >> 12, 2
        first = _first_high(words)
        if first < 0:
            return 0, 0
        n = self._run(words, 0, first, 0)
        step = (int(words[first]) - (base >> 12) + 0x800) & 0xFFF
        state[_HIGH] = max(0, (base >> 12) + step - 0x800)
        return first, n

    def _run(self, words: NDArray[np.uint16], at: int, stop: int, n: int) -> int:
        """Decode words[at:stop] behind the first ``n`` events, a piece at a time."""
        buffers = self._buffers
        while at < stop:
            end = min(stop, at + _PIECE)
            # Room for the worst case; pages that no event reaches are never touched.
            buffers.reserve(n + VECTOR * (end - at) + VECTOR, keep=n)
            n = _decode(
                words, at, end, self._state, n,
                buffers.x, buffers.y, buffers.p, buffers.t,
                self.width, self.height, _COLUMNS, _COUNTS, self._triggers,
            )  # fmt: skip
            at = int(self._state[_AT])
            if self._state[_TRIGGERS] == len(self._triggers):
                self._triggers = np.concatenate([self._triggers, np.empty_like(self._triggers)])
        return n
