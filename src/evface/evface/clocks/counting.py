"""Events counted by the millisecond as packets come, EVT3 without decoding them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.clocks.activity import MILLISECOND, Activity
from evface.clocks.envelope import ClockFit
from evface.events.codecs import Decoder, make_decoder
from evface.events.codecs.decoder import Bytes, as_words
from evface.events.codecs.evt3 import _COUNTS, _next_high
from evface.events.container import Triggers

SECONDS = 40.0
"""Of counts that are kept."""

TRIGGERS = 4096
"""Edges of triggers that are kept."""

_RESTART = 1_000_000  # us that a time must step back to mean that the sensor's clock began anew

_HIGH, _TIME, _BASE, _INSIDE, _NEWEST, _UNSETTLED, _EDGES = range(7)


@njit(cache=True, nogil=True)
def _advance(ring, newest, ms):  # type: ignore[no-untyped-def]
    """Make room for a millisecond; the newest one from now on."""
    if newest < 0 or ms - newest >= len(ring):
        ring[:] = 0
        return ms
    for at in range(newest + 1, ms + 1):
        ring[at % len(ring)] = 0
    return max(newest, ms)


@njit(cache=True, nogil=True)
def _count(words, state, box, ring, edges, bits):  # type: ignore[no-untyped-def]
    left, top, right, bottom = box[0], box[1], box[2], box[3]
    high, time, base, newest = state[_HIGH], state[_TIME], state[_BASE], state[_NEWEST]
    inside = state[_INSIDE] == 1
    n = 0
    for i in range(len(words)):
        word = np.int64(words[np.uintp(i)])
        code, value = word >> 12, word & 0xFFF
        if code == 0:
            inside = top <= (value & 0x7FF) < bottom
        elif code == 2:
            n += int(inside and left <= (value & 0x7FF) < right)
        elif code == 3:
            base = value & 0x7FF
        elif code == 4 or code == 5:
            wide = 12 if code == 4 else 8
            if inside and base < right and base + wide > left:
                mask = value if code == 4 else value & 0xFF
                if base < left:
                    mask = (mask >> (left - base)) << (left - base)
                if base + wide > right:
                    mask &= (1 << (right - base)) - 1
                n += int(bits[np.uintp(mask)])
            base += wide
        elif code == 6 or code == 8:
            after = time
            if code == 8:
                if state[_UNSETTLED] == 1:
                    state[_UNSETTLED] = 0
                    high = max(0, high + ((value - high + 0x800) & 0xFFF) - 0x800)
                else:
                    high = _next_high(high, value)
                after = max(time, high << 12)
            elif high >= 0:
                after = max(time, high << 12 | value)
            if after != time:
                if time >= 0:
                    ring[(time // 1000) % len(ring)] += n
                n, time = 0, after
                if time // 1000 > newest:
                    newest = _advance(ring, newest, time // 1000)
        elif code == 10 and time >= 0:
            at = state[_EDGES] % len(edges)
            edges[at, 0], edges[at, 1], edges[at, 2] = time, value >> 8 & 0xF, value & 1
            state[_EDGES] += 1
    if time >= 0:
        ring[(time // 1000) % len(ring)] += n
    state[_HIGH], state[_TIME], state[_BASE], state[_NEWEST] = high, time, base, newest
    state[_INSIDE] = 1 if inside else 0


class EventCounter:
    """Events by the millisecond of the sensor's clock, the newest ones, and its triggers; of bounded size.

    Args:
        encoding: of the packets; EVT3 is only scanned, others are decoded.
        width: of the sensor, px.
        height: of the sensor, px.
        box: left, top, right, bottom, px: events outside are not counted; None: all are.
        seconds: that are kept.
    """

    def __init__(
        self,
        encoding: str,
        width: int,
        height: int,
        box: tuple[int, int, int, int] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.box = box or (0, 0, width, height)
        self._ring = np.zeros(max(1, round(seconds * 1000)), np.int64)
        self._edges = np.zeros((TRIGGERS, 3), np.int64)
        self._state = np.zeros(7, np.int64)
        self._decoder: Decoder | None = None
        if encoding != "evt3":
            self._decoder = make_decoder(encoding, width, height)
        self._forget()

    def _forget(self) -> None:
        self._state[:] = 0
        self._state[[_HIGH, _TIME, _NEWEST]] = -1
        self._first = -1

    @property
    def time(self) -> int | None:
        """us, sensor clock, that the stream has reached; None before it is known."""
        time = int(self._state[_TIME])
        return None if time < 0 else time

    def add(self, data: Bytes, time_base_ns: int = 0) -> None:
        """Count a packet.

        Args:
            data: its bytes.
            time_base_ns: as in an EventPacket, 0 where there is none.

        Raises:
            FormatError: not a whole number of words.
        """
        base = time_base_ns // 1000
        if base and base < self._state[_TIME] - _RESTART:
            self._forget()
        if self._decoder is None:
            self._scan(as_words(data, np.dtype("<u2"), "evt3"), base)
        else:
            self._decode(self._decoder, data, time_base_ns)
        if self._first < 0 and self._state[_NEWEST] >= 0:
            # The first millisecond may have begun before the stream was heard.
            self._first = int(self._state[_NEWEST]) + 1

    def _scan(self, words: NDArray[np.uint16], base: int) -> None:
        state = self._state
        if base:
            state[_HIGH], state[_UNSETTLED] = base >> 12, 1
            if base > state[_TIME]:
                state[_TIME] = base
                state[_NEWEST] = _advance(self._ring, state[_NEWEST], base // 1000)
        _count(words, state, np.array(self.box, np.int64), self._ring, self._edges, _COUNTS)

    def _decode(self, decoder: Decoder, data: Bytes, time_base_ns: int) -> None:
        events = decoder.decode(data, time_base_ns)
        if decoder.time is None:
            return
        left, top, right, bottom = self.box
        inside = (events.x >= left) & (events.x < right) & (events.y >= top) & (events.y < bottom)
        state, ms = self._state, events.t[inside] // 1000
        if decoder.time // 1000 > state[_NEWEST]:
            state[_NEWEST] = _advance(self._ring, state[_NEWEST], decoder.time // 1000)
        state[_TIME] = max(decoder.time, state[_TIME])
        kept = ms[ms > state[_NEWEST] - len(self._ring)]
        np.add.at(self._ring, kept % len(self._ring), 1)
        found = decoder.drain_triggers()
        for edge in zip(found.t.tolist(), found.id.tolist(), found.edge.tolist(), strict=True):
            self._edges[state[_EDGES] % TRIGGERS] = edge
            state[_EDGES] += 1

    def activity(self, fit: ClockFit) -> Activity | None:
        """The counts on the host's clock; None before there are some.

        Args:
            fit: of this sensor's clock.
        """
        newest = int(self._state[_NEWEST])
        oldest = max(self._first, newest - len(self._ring) + 1)
        # The newest millisecond is not over yet.
        if self._first < 0 or newest - oldest < 2:
            return None
        counts = self._ring[np.arange(oldest, newest) % len(self._ring)].astype(np.float64)
        edges = fit.all_to_host(np.arange(oldest, newest + 1, dtype=np.int64) * MILLISECOND)
        return Activity.of_counts(edges, counts)

    def triggers(self) -> Triggers:
        """The newest edges of its trigger inputs."""
        number = int(self._state[_EDGES])
        order = np.arange(max(0, number - TRIGGERS), number) % TRIGGERS
        found = self._edges[order]
        return Triggers(found[:, 0].copy(), found[:, 1].astype(np.uint8), found[:, 2].astype(np.uint8))
