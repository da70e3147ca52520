"""Cutting a stream of events into packets of equal time."""

from __future__ import annotations

import numpy as np

from evface.cameras.source import EncodedEvents
from evface.events.codecs import encode_evt3
from evface.events.container import Events


class Packer:
    """Makes self-contained EVT3 packets on a grid of the sensor's clock; silence gives packets that hold the time only.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        duration: of a packet, us.
    """

    def __init__(self, width: int, height: int, duration: int) -> None:
        self._width = width
        self._height = height
        self._duration = duration
        self._parts: list[Events] = []
        self._end: int | None = None

    def push(self, events: Events, now_us: int, host_time: int) -> list[EncodedEvents]:
        """Take in events and hand out the packets that are complete.

        Args:
            events: all events since the last call, in the order of their times.
            now_us: us, sensor clock: no event before this one will come any more.
            host_time: ns, host clock, at which the packets are there.
        """
        if self._end is None:
            first = int(events.t[0]) if len(events) else now_us
            self._end = (first // self._duration + 1) * self._duration
        if len(events):
            self._parts.append(events)
        packets = []
        if now_us >= self._end:
            pending = Events.concatenate(self._parts) if self._parts else Events.empty(self._width, self._height)
            at = 0
            while now_us >= self._end:
                stop = int(np.searchsorted(pending.t, self._end, "left"))
                packets.append(self._packet(pending[at:stop], self._end, host_time))
                at = stop
                self._end += self._duration
            self._parts = [pending[at:]] if at < len(pending) else []
        return packets

    def flush(self, host_time: int) -> list[EncodedEvents]:
        """Hand out what is left, as one packet; the next event begins a new grid."""
        if not self._parts:
            return []
        rest = Events.concatenate(self._parts)
        self._parts, self._end = [], None
        return [self._packet(rest, int(rest.t[-1]), host_time)]

    def _packet(self, events: Events, end: int, host_time: int) -> EncodedEvents:
        begin = int(events.t[0]) if len(events) else end
        return EncodedEvents(
            encode_evt3(events, time=end), "evt3", self._width, self._height,
            sensor_time=begin * 1000, host_time=host_time, count=len(events),
        )  # fmt: skip
