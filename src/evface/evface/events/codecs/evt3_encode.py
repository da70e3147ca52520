"""The way back: events to EVT3 words, in vectors where a row has several events at one time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import FormatError, GeometryError
from evface.events.container import Events, Triggers

MAX_SIZE = 2048
"""EVT3 holds coordinates below this."""

MAX_GAP = 86_400_000_000
"""us without an event that an encoder bridges: a day; longer is a broken clock."""

_BRIDGE = (
    2048  # TIME_HIGH steps after which a silence needs a word of its own, else rollovers cannot be counted
)


@njit(cache=True)
def _write_time(words, n, high, time):  # type: ignore[no-untyped-def]
    """TIME_HIGH where it changed (bridging a silence) and TIME_LOW; new n and high."""
    target = time >> 12
    while target - high > _BRIDGE:
        high += _BRIDGE
        words[n] = 0x8000 | high & 0xFFF
        n += 1
    if target != high:
        high = target
        words[n] = 0x8000 | high & 0xFFF
        n += 1
    words[n] = 0x6000 | time & 0xFFF
    return n + 1, high


@njit(cache=True)
def _write_triggers(words, n, high, now, k, until, trigger_t, trigger_id, trigger_edge):  # type: ignore[no-untyped-def]
    """The triggers up to a time, from the k-th on; new n, high, now and k."""
    while k < len(trigger_t) and trigger_t[k] <= until:
        if trigger_t[k] != now:
            now = trigger_t[k]
            n, high = _write_time(words, n, high, now)
        words[n] = 0xA000 | np.int64(trigger_id[k] & 0xF) << 8 | trigger_edge[k] & 1
        n += 1
        k += 1
    return n, high, now, k


@njit(cache=True)
def _encode(x, y, p, t, trigger_t, trigger_id, trigger_edge, begin, end, words):  # type: ignore[no-untyped-def]
    """Write the packet from ``begin`` to ``end``, us; number of words, or -1 - i where a time steps back."""
    high, now, row, i = begin >> 12, begin, np.int64(-1), 0
    words[0] = 0x8000 | high & 0xFFF
    words[1] = 0x6000 | begin & 0xFFF
    n = 2
    if len(x):
        row = np.int64(y[0])
        words[n] = row
        n += 1
    n, high, now, k = _write_triggers(words, n, high, now, 0, now, trigger_t, trigger_id, trigger_edge)
    while i < len(x):
        at = np.uintp(i)
        time, base, polarity = t[at], np.int64(x[at]), np.int64(p[at] & 1)
        if time != now:
            if time < now:
                return -1 - i
            if k < len(trigger_t) and trigger_t[k] <= time:
                n, high, now, k = _write_triggers(
                    words, n, high, now, k, time, trigger_t, trigger_id, trigger_edge
                )
            if time != now:
                now = time
                n, high = _write_time(words, n, high, now)
        words[np.uintp(n)] = y[at]
        n += np.int64(np.int64(y[at]) != row)
        row = np.int64(y[at])
        i += 1
        after = np.uintp(min(i, len(x) - 1))
        # One branch for all conditions: each by itself is as good as random.
        if not (
            (np.int64(y[after]) == row) & (np.int64(x[after]) > base) & (np.int64(x[after]) < base + 12)
            & (np.int64(p[after] & 1) == polarity) & (t[after] == now)
        ):  # fmt: skip
            words[np.uintp(n)] = 0x2000 | polarity << 11 | base
            n += 1
            continue
        words[np.uintp(n)] = 0x3000 | polarity << 11 | base
        n += 1
        last, mask = base, 1
        while i < len(x):
            at = np.uintp(i)
            column = np.int64(x[at])
            if not (
                (np.int64(y[at]) == row) & (column > last) & (column < base + 24)
                & (np.int64(p[at] & 1) == polarity) & (t[at] == now)
            ):  # fmt: skip
                break
            if column >= base + 12:
                words[np.uintp(n)] = 0x4000 | mask
                n += 1
                base += 12
                mask = 0
            mask |= 1 << (column - base)
            last = column
            i += 1
        words[np.uintp(n)] = (0x5000 if mask < 0x100 else 0x4000) | mask
        n += 1
    n, high, now, k = _write_triggers(words, n, high, now, k, end, trigger_t, trigger_id, trigger_edge)
    if end > now:
        n, high = _write_time(words, n, high, end)
    return n


def encode_evt3(events: Events, *, triggers: Triggers | None = None, time: int | None = None) -> bytes:
    """One EVT3 packet that can be decoded on its own.

    It begins with TIME_HIGH, TIME_LOW and ADDR_Y; without events it holds the time only, so that a
    decoder's clock goes on in silence. The time base that goes with it is the time of the earliest
    event or trigger, or ``time`` for an empty packet.

    Args:
        events: in the order of their times (non-decreasing), coordinates below 2048.
        triggers: in the order of their times; written between the events.
        time: us that the stream has reached: the only time of an empty packet, and the last one of
            any other where it is later than the last event.

    Returns:
        Little-endian 16-bit words; b"" when there is nothing to say.

    Raises:
        FormatError: a time steps back, is negative, or leaves a gap of more than a day.
        GeometryError: the sensor is larger than EVT3 can address.
    """
    triggers = Triggers() if triggers is None else triggers
    if events.width > MAX_SIZE or events.height > MAX_SIZE:
        raise GeometryError(
            f"evt3 holds coordinates below {MAX_SIZE}, found a sensor of {events.width}x{events.height}"
        )
    edges = [int(a[i]) for a in (events.t, triggers.t) if len(a) for i in (0, -1)]
    if time is not None:
        edges.append(time)
    if not edges:
        return b""
    begin, end = min(edges), max(edges)
    if len(events) or len(triggers):
        begin = min(int(a[0]) for a in (events.t, triggers.t) if len(a))
    if begin < 0 or end - begin > MAX_GAP:
        raise FormatError(f"evt3: times from {begin} to {end} us: expected none below 0 and less than a day")
    if len(events) and (int(events.x.max()) >= MAX_SIZE or int(events.y.max()) >= MAX_SIZE):
        raise GeometryError(
            f"evt3 holds coordinates below {MAX_SIZE}, found x {events.x.max()}, y {events.y.max()}"
        )
    if np.any(np.diff(triggers.t) < 0):
        raise FormatError("evt3: times of triggers step back; sort them first")
    bridges = (end - begin) // (_BRIDGE << 12) + 2
    words: NDArray[np.uint16] = np.empty(4 * len(events) + 3 * len(triggers) + bridges + 8, np.dtype("<u2"))
    count = _encode(
        events.x, events.y, events.p, events.t, triggers.t, triggers.id, triggers.edge, begin, end, words
    )
    if count < 0:
        at = -1 - count
        raise FormatError(f"evt3: time of event {at} ({events.t[at]} us) steps back; sort the events first")
    return words[:count].tobytes()
