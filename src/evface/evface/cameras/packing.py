"""Events into packets that can be decoded on their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from evface.cameras.source import EncodedEvents
from evface.events import Events, Triggers, encode_evt3


def pack(
    events: Events, end_us: int, host_time: int, triggers: Triggers | None = None, lost: int = 0
) -> EncodedEvents:
    """A packet of the events up to a time; without events it says that time went on.

    Args:
        events: in the order of their times.
        end_us: sensor clock; the time of an empty packet.
        host_time: ns, host clock, of the packet's arrival.
        triggers: edges in the same stretch of time.
        lost: packets known to be lost before this one.
    """
    firsts = [int(times[0]) for times in (events.t, *([triggers.t] if triggers else [])) if len(times)]
    first = min(firsts, default=end_us)
    return EncodedEvents(
        encode_evt3(events, triggers=triggers, time=None if firsts else end_us),
        "evt3", events.width, events.height, first * 1000, host_time, len(events), lost,
    )  # fmt: skip


def warm_up() -> EncodedEvents:
    """Load the compiled encoder before a device streams: its first call takes a second, and more when busy.

    Returns:
        A packet with one event.
    """
    one = np.ones(1, np.uint16)
    event = Events(one, one, np.ones(1, np.uint8), np.ones(1, np.int64), 2, 2)
    return pack(event, 1, 0, Triggers(np.ones(1, np.int64), np.ones(1, np.uint8), np.ones(1, np.uint8)))


def cut(parts: Iterable[Events], duration_us: int) -> Iterator[tuple[int, Events]]:
    """Cut a stream of events on the grid of multiples of a duration, empty pieces included.

    Args:
        parts: times non-decreasing from part to part; a part may be overwritten by the next one.
        duration_us: of a piece.

    Yields:
        The end of the piece, us, and its events in arrays of their own.
    """
    pending: list[Events] = []
    end: int | None = None
    for part in parts:
        if not len(part):
            continue
        if end is None:
            end = (int(part.t[0]) // duration_us + 1) * duration_us
        at = 0
        while int(part.t[-1]) >= end:
            stop = int(np.searchsorted(part.t, end, "left"))
            pending.append(part[at:stop].copy())
            yield end, Events.concatenate(pending)
            pending, at, end = [], stop, end + duration_us
        pending.append(part[at:].copy())
    if end is not None and pending:
        yield end, Events.concatenate(pending)
