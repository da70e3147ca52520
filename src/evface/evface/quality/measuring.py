"""What a take's bag holds, measured in one pass over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.bags import Bag, grey_picture
from evface.dataset.boxes import Box, median_box
from evface.dataset.cues import CueRecord
from evface.errors import EvfaceError, FormatError
from evface.events import Decoder, make_decoder, parse_event_packet, stamp_of
from evface.quality.flicker import Flicker, FlickerSpectrum
from evface.quality.picture_checks import exposed
from evface.quality.rates import RateSeries, RestingPixels
from evface.quality.streams import Stream
from evface.quality.thresholds import Thresholds

LOOKS = 4
"""Pictures of a take in which the face is looked for."""

Detect = Callable[[NDArray[np.uint8]], Box | None]
"""Finds the face in a picture, uint8 ``[H, W]`` or bgr ``[H, W, 3]``."""


@dataclass(slots=True)
class Arrivals:
    """When the messages of one stream came.

    Attributes:
        stamps: ns, host clock, of each message.
        age: s from a stamp to its arrival, the farthest from 0; NaN without messages.
        unreadable: messages that could not be read.
    """

    stamps: list[int] = field(default_factory=list)
    age: float = float("nan")
    unreadable: int = 0

    def add(self, arrival: int, stamp: int) -> None:
        """One message; ns, host clock."""
        self.stamps.append(stamp)
        age = (arrival - stamp) * 1e-9
        if not abs(age) <= abs(self.age):
            self.age = age

    def longest_silence(self, begin: int, end: int) -> float:
        """s without a message between two moments in ns, host clock; inf without any."""
        inside = [stamp for stamp in self.stamps if begin <= stamp <= end]
        if not inside:
            return float("inf")
        return float(np.diff([begin, *sorted(inside), end]).max() * 1e-9)


@dataclass(slots=True)
class PhaseRate:
    """Events of the packets of one kind of phase."""

    events: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """events/s; NaN where there was no such phase."""
        return self.events / self.seconds if self.seconds > 0 else float("nan")


class EventsOfTake:
    """Measures the event stream of one sensor.

    Args:
        cues: the phases of the take; what happens in the countdown and in the later half of the rest is
            taken for the face at rest.
        end: ns, host clock, when the take was over.
    """

    def __init__(self, cues: Sequence[CueRecord], end: int) -> None:
        self.arrivals = Arrivals()
        self.rates = RateSeries()
        self.pixels: RestingPixels | None = None
        self.rest, self.performing = PhaseRate(), PhaseRate()
        self.packets = self.missing = self.events = 0
        self._resting, self._perform = _phases(cues, end)
        self._decoder: Decoder | None = None
        self._next = -1
        self._previous: int | None = None

    def add(self, arrival: int, message: bytes) -> None:
        """One serialized EventPacket and when it arrived, ns, host clock."""
        try:
            view = parse_event_packet(message)
            if self._decoder is None:
                self._decoder = make_decoder(view.encoding, view.width, view.height)
                self.pixels = RestingPixels(view.width, view.height)
            if view.seq != self._next and self._next >= 0:
                self.missing += max(view.seq - self._next, 0)
                self._decoder.lost()
            self._next = view.seq + 1
            events = self._decoder.decode(view.events, view.time_base)
        except EvfaceError:
            self.arrivals.unreadable += 1
            return
        seconds = 0.0 if self._previous is None else max(view.stamp - self._previous, 0) * 1e-9
        self._previous = view.stamp
        self.arrivals.add(arrival, view.stamp)
        self.packets += 1
        self.events += len(events)
        self.rates.add(events)
        for phase, spans in ((self.rest, self._resting), (self.performing, self._perform)):
            if any(begin < view.stamp <= end for begin, end in spans):
                phase.events += len(events)
                phase.seconds += seconds
                if phase is self.rest and self.pixels is not None:
                    self.pixels.add(events, seconds)

    @property
    def dropped(self) -> int:
        """Events that could not be decoded."""
        return 0 if self._decoder is None else self._decoder.dropped

    @property
    def flicker(self) -> Flicker | None:
        """In the whole take; None where there was too little to tell."""
        spectrum = FlickerSpectrum()
        spectrum.add(self.rates.on, self.rates.off)
        return spectrum.flicker()


def _phases(cues: Sequence[CueRecord], end: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Spans in ns, host clock, of rest and of performance."""
    ends = [cue.start for cue in cues[1:]] + [end]
    resting, performing = [], []
    for cue, until in zip(cues, ends, strict=False):
        if cue.phase == "countdown":
            resting.append((cue.start, until))
        elif cue.phase == "rest":
            resting.append(((cue.start + until) // 2, until))
        elif cue.phase == "perform":
            performing.append((cue.start, until))
    return resting, performing


class FramesOfTake:
    """Measures the frames of one camera; looks for the face in a few of them.

    Args:
        count: frames that there will be.
        detect: of faces; None: nobody looks.
        thresholds: what is too dark and too bright.
    """

    def __init__(self, count: int, detect: Detect | None, thresholds: Thresholds) -> None:
        self.arrivals = Arrivals()
        self.frames = 0
        self.width = self.height = 0
        self.exposures: list[tuple[float, float]] = []
        self._boxes: list[Box] = []
        self._detect, self._thresholds = detect, thresholds
        self._looks = set(np.linspace(0, count - 1, 2 * LOOKS + 1)[1::2].astype(int)) if count else set()

    def add(self, arrival: int, message: bytes, decoded: Callable[[], NDArray[np.uint8]]) -> None:
        """One serialized frame, when it arrived (ns, host clock), and its picture if wanted."""
        self.frames += 1
        try:
            self.arrivals.add(arrival, stamp_of(message))
            if self.frames - 1 in self._looks and self._detect is not None:
                self._look(decoded())
        except FormatError:
            self.arrivals.unreadable += 1

    def _look(self, image: NDArray[np.uint8]) -> None:
        assert self._detect is not None
        self.height, self.width = image.shape[:2]
        box = self._detect(image)
        if box is not None:
            self._boxes.append(box)
            grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
            self.exposures.append(exposed(grey, box, self._thresholds))

    @property
    def looked(self) -> bool:
        """Whether anybody looked at a picture."""
        return self.height > 0

    @property
    def box(self) -> Box | None:
        """The face, the median of the looks; None where it was found in less than half of them."""
        return median_box(self._boxes) if 2 * len(self._boxes) >= len(self._looks) > 0 else None


Measured = dict[Stream, EventsOfTake | FramesOfTake]
"""What was found on each stream of a take."""


def measure(
    bag: Bag,
    streams: Sequence[Stream],
    cues: Sequence[CueRecord],
    end: int,
    detect: Detect | None,
    thresholds: Thresholds,
) -> Measured:
    """Measure the streams of a take.

    Args:
        bag: of the take, open.
        streams: those that it should have.
        cues: the phases of the take.
        end: ns, host clock, when it was over.
        detect: of faces; None: nobody looks.
        thresholds: what is too dark and too bright.

    Raises:
        FormatError: the bag breaks off.
    """
    by_topic = {stream.topic: stream for stream in streams}
    measured: Measured = {
        stream: EventsOfTake(cues, end)
        if stream.kind == "events"
        else FramesOfTake(bag.count(stream.topic), detect, thresholds)
        for stream in streams
    }
    for topic, arrival, message in bag.raw(*by_topic):
        found = measured[by_topic[topic]]
        if isinstance(found, EventsOfTake):
            found.add(arrival, message)
        else:
            found.add(arrival, message, lambda t=topic, m=message: picture(bag.deserialized(t, m)))  # type: ignore[misc]
    return measured


def picture(message: object) -> NDArray[np.uint8]:
    """The picture of a sensor_msgs Image (mono8) or CompressedImage (JPEG).

    Args:
        message: deserialized, by rclpy or by rosbags.

    Returns:
        uint8 ``[H, W]``, or bgr ``[H, W, 3]``.

    Raises:
        FormatError: it is neither.
    """
    if not hasattr(message, "format"):
        return grey_picture(message)
    data = np.frombuffer(message.data, np.uint8)  # type: ignore[attr-defined]
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise FormatError(f"picture of {len(data)} bytes cannot be decoded")
    return np.asarray(image, np.uint8)
