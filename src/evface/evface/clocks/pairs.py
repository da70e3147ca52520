"""From each camera's own signals to the offsets between them; the DAVIS346, if there, is the bridge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.clocks.activity import ANYWHERE, FACE, Activity, inner
from evface.clocks.counting import SECONDS, EventCounter
from evface.clocks.envelope import ClockFit, MinimumDelay
from evface.clocks.frames import FrameIntervals
from evface.clocks.offsets import SensorOffset, correlated, triggered, with_drift
from evface.events.codecs.decoder import Bytes

EVENTS = ("davis346", "evk4")
"""Cameras with events whose clocks are compared; the first one there is the reference."""

FRAMES = {"davis346": "image_raw", "webcam": "image_raw/compressed"}
"""Cameras with frames, and the topic of each. The DAVIS346's have the clock of its events."""


class EventClock:
    """An event camera's clock and activity, packet by packet.

    Args:
        camera: whose they are; where it sees the face.
        encoding: of its packets.
        width: of the sensor, px.
        height: of the sensor, px.
        seconds: of counts that are kept.
        window: ns of packets that count for the fit; None: all.
    """

    def __init__(
        self,
        camera: str,
        encoding: str,
        width: int,
        height: int,
        seconds: float = SECONDS,
        window: int | None = None,
    ) -> None:
        self._size = width, height
        left, top, right, bottom = FACE.get(camera, ANYWHERE)
        middle = int(left * width), int(top * height), int(right * width), int(bottom * height)
        self._counter = EventCounter(encoding, width, height, middle, seconds)
        self._delay = MinimumDelay(window)
        self._heard = False

    def look_at(self, x: float, y: float, width: float, height: float) -> None:
        """Count what happens in a face box alone, px."""
        across, down = self._size
        left, top, right, bottom = inner(x, y, width, height)
        box = max(0, int(left)), max(0, int(top)), min(across, int(right)), min(down, int(bottom))
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


def look_at(camera: str, box: Any, clocks: dict[str, EventClock], frames: dict[str, FrameIntervals]) -> None:
    """Have a camera's events and frames looked at where its face box (rig_interfaces/msg/FaceBox) is."""
    if box.width <= 0 or box.sensor_width <= 0 or box.sensor_height <= 0:
        return
    if camera in clocks:
        clocks[camera].look_at(box.x, box.y, box.width, box.height)
    if camera in frames:
        across, down = box.sensor_width, box.sensor_height
        frames[camera].look_at(box.x / across, box.y / down, box.width / across, box.height / down)


def offsets_of(clocks: dict[str, EventClock], frames: dict[str, FrameIntervals]) -> list[SensorOffset]:
    """The offset of every camera's stamps from the reference's.

    The webcam is compared with the DAVIS346's frames where there are any: those are not late in dim light, as
    events are.

    Args:
        clocks: of the event cameras, by name.
        frames: of the cameras that have frames, by name.

    Returns:
        One for each camera but the reference; none where no event camera was heard.
    """
    heard = [name for name in EVENTS if name in clocks and clocks[name].heard]
    if not heard:
        return []
    reference = heard[0]
    against, clock = clocks[reference].activity(), clocks[reference]
    offsets = [_between_events(name, clocks[name], reference, clock, against) for name in heard[1:]]
    if "webcam" in frames:
        offsets.append(of_webcam(frames["webcam"], reference, frames.get(reference), against))
    return offsets


def of_webcam(
    own: FrameIntervals, reference: str, others: FrameIntervals | None, against: Activity | None
) -> SensorOffset:
    """The offset of the webcam's stamps from an event camera's.

    Args:
        own: the webcam's frames.
        reference: whose stamps it is compared with.
        others: the reference's frames, where it has any: events come late in dim light, frames do not.
        against: the reference's events, which count where the frames tell nothing.
    """
    found = SensorOffset("webcam", reference, reason="no frames or no events yet")
    intervals = own.intervals()
    other = others.activity() if others is not None else None
    if intervals is not None and other is not None:
        found = correlated("webcam", reference, "frame difference correlation", intervals, other)
    if not found.known and intervals is not None and against is not None:
        found = correlated("webcam", reference, "frame and event correlation", intervals, against)
    return found


def _between_events(
    name: str, own: EventClock, reference: str, other: EventClock, against: Activity | None
) -> SensorOffset:
    activity = own.activity()
    found = SensorOffset(name, reference, reason="no events yet")
    if activity is not None and against is not None:
        found = correlated(name, reference, "event rate correlation", activity.intervals(), against)
    found = triggered(name, reference, own.edges(), other.edges(), found) or found
    return with_drift(found, own.fit, other.fit)
