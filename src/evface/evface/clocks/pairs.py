"""From each camera's own signals to the offsets between them; the DAVIS346, if there, is the bridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.clocks.activity import MIDDLE, Activity
from evface.clocks.counting import SECONDS, EventCounter
from evface.clocks.envelope import ClockFit, MinimumDelay
from evface.clocks.frames import FrameIntervals
from evface.clocks.offsets import SensorOffset, correlated, triggered, with_drift
from evface.events.codecs.decoder import Bytes

CAMERAS = {"davis346": "events", "evk4": "events", "webcam": "image_raw/compressed"}
"""Cameras whose clocks are compared, and the topic of each; the first one there is the reference."""


class EventClock:
    """An event camera's clock and activity, packet by packet.

    Args:
        encoding: of its packets.
        width: of the sensor, px.
        height: of the sensor, px.
        seconds: of counts that are kept.
        window: ns of packets that count for the fit; None: all.
    """

    def __init__(
        self, encoding: str, width: int, height: int, seconds: float = SECONDS, window: int | None = None
    ) -> None:
        self._size = width, height
        left, top, right, bottom = MIDDLE
        middle = int(left * width), int(top * height), int(right * width), int(bottom * height)
        self._counter = EventCounter(encoding, width, height, middle, seconds)
        self._delay = MinimumDelay(window)
        self._heard = False

    def look_at(self, x: float, y: float, width: float, height: float) -> None:
        """Count what happens in a face box alone, px."""
        across, down = self._size
        box = max(0, int(x)), max(0, int(y)), min(across, int(x + width)), min(down, int(y + height))
        if box[0] < box[2] and box[1] < box[3]:
            self._counter.box = box

    def add(self, stamp_ns: int, data: Bytes, time_base_ns: int) -> None:
        """One more packet: host's clock at arrival, its bytes, and its time base (0: none).

        Raises:
            FormatError: not a whole number of words.
        """
        self._counter.add(data, time_base_ns)
        time = self._counter.time
        if time is not None:
            self._delay.add(stamp_ns, time * 1000)
            self._heard = True

    @property
    def heard(self) -> bool:
        """Whether there is anything to fit."""
        return self._heard

    @property
    def fit(self) -> ClockFit:
        """Of its clock to the host's.

        Raises:
            DatasetError: nothing was heard yet.
        """
        return self._delay.fit()

    def activity(self) -> Activity | None:
        """Events by the millisecond on the host's clock."""
        return self._counter.activity(self.fit) if self._heard else None

    def edges(self) -> NDArray[np.int64]:
        """Rising edges on its trigger inputs, ns, host clock."""
        found = self._counter.triggers()
        if not len(found) or not self._heard:
            return np.zeros(0, np.int64)
        return self.fit.all_to_host(found.t[found.edge == 1] * 1000)


def offsets_of(clocks: dict[str, EventClock], frames: FrameIntervals | None) -> list[SensorOffset]:
    """The offset of every camera's stamps from the reference's.

    Args:
        clocks: of the event cameras, by name.
        frames: of the webcam; None where there is none.

    Returns:
        One for each camera but the reference; none where no event camera was heard.
    """
    heard = [name for name in CAMERAS if name in clocks and clocks[name].heard]
    if not heard:
        return []
    reference = heard[0]
    against, clock = clocks[reference].activity(), clocks[reference]
    offsets = [_between_events(name, clocks[name], reference, clock, against) for name in heard[1:]]
    if frames is not None:
        intervals = frames.intervals()
        if intervals is None or against is None:
            offsets.append(SensorOffset("webcam", reference, reason="no frames or no events yet"))
        else:
            offsets.append(
                correlated("webcam", reference, "frame difference correlation", intervals, against)
            )
    return offsets


def _between_events(
    name: str, own: EventClock, reference: str, other: EventClock, against: Activity | None
) -> SensorOffset:
    activity = own.activity()
    found = SensorOffset(name, reference, reason="no events yet")
    if activity is not None and against is not None:
        found = correlated(name, reference, "event rate correlation", activity.intervals(), against)
    found = triggered(name, reference, own.edges(), other.edges(), found) or found
    return with_drift(found, own.fit, other.fit)
