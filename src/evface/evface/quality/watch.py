"""The rig at this moment: what its streams say, looked at as they pass.

Fed with serialized messages and asked for its checks once a second. Of the events only a sample is decoded,
so that it costs little at any rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box
from evface.errors import EvfaceError
from evface.events import Decoder, make_decoder, parse_event_packet, stamp_of
from evface.quality import clock_checks, disk_checks, light_checks, picture_checks, stream_checks
from evface.quality.clock_checks import Offset
from evface.quality.finding import Check, Level, Report
from evface.quality.flicker import FlickerSpectrum
from evface.quality.rates import RateSeries
from evface.quality.streams import Stream, streams_of
from evface.quality.take import LOST
from evface.quality.thresholds import Thresholds

SAMPLE = 8 << 20
"""bytes of events that are decoded of each second and sensor: at 20 Mev/s 130 ms, below 3 Mev/s all."""

MEMORY = 10
"""s that the present moment lasts: intervals, flicker and rates are of these."""

FEWEST_INTERVALS = 20
"""Frame intervals that their p99 needs."""


class StreamWatch:
    """Arrivals on one topic.

    Args:
        stream: which.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._last = 0
        self._stamps: deque[int] = deque()
        self._bytes = 0
        self._age = float("nan")

    def hear(self, arrival: int, message: bytes) -> None:
        """One serialized message and when it came, ns, host clock."""
        try:
            stamp = stamp_of(message)
        except EvfaceError:
            return
        self._last = arrival
        self._bytes += len(message)
        self._stamps.append(stamp)
        age = (arrival - stamp) * 1e-9
        if not abs(age) <= abs(self._age):
            self._age = age

    @property
    def heard(self) -> bool:
        """Whether there was a message."""
        return self._last > 0

    def silent(self, now: int) -> float:
        """s since the last message; inf when there was none."""
        return (now - self._last) * 1e-9 if self.heard else float("inf")

    def turn(self) -> tuple[float, int]:
        """Since the last turn: the age of the stamps farthest from 0 in s, and the bytes that came."""
        age, size = self._age, self._bytes
        self._age, self._bytes = float("nan"), 0
        while self._stamps and self._stamps[-1] - self._stamps[0] > MEMORY * 1e9:
            self._stamps.popleft()
        return age, size

    @property
    def intervals(self) -> NDArray[np.float64]:
        """s between the stamps of the last seconds, float64 ``[N]``; empty where there are too few."""
        found = np.diff(np.array(self._stamps, np.int64)).astype(np.float64) * 1e-9
        return found if len(found) >= FEWEST_INTERVALS else found[:0]


class EventWatch(StreamWatch):
    """Arrivals of event packets; the first ones of every second are decoded."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._decoder: Decoder | None = None
        self._room = SAMPLE
        self._next = -1
        self._series = RateSeries()
        self._samples: deque[RateSeries] = deque(maxlen=MEMORY)
        self._decoded = False

    def hear(self, arrival: int, message: bytes) -> None:
        """See `StreamWatch.hear`."""
        super().hear(arrival, message)
        if self._room <= 0:
            return
        try:
            view = parse_event_packet(message)
            if self._decoder is None:
                self._decoder = make_decoder(view.encoding, view.width, view.height)
            if view.seq != self._next:
                # Another stretch: here the sample of a second begins, or packets did not come this far.
                self._decoder.lost()
                self._begin()
            self._next = view.seq + 1
            self._series.add(self._decoder.decode(view.events, view.time_base))
            self._decoded = True
        except EvfaceError:
            self._room = 0
            return
        self._room -= len(message)

    def turn(self) -> tuple[float, int]:
        """See `StreamWatch.turn`; also closes the sample."""
        self._begin()
        self._room = SAMPLE
        return super().turn()

    def _begin(self) -> None:
        if self._series.seconds > 0:
            self._samples.append(self._series)
            self._series = RateSeries()

    def checks(self, t: Thresholds) -> list[Check]:
        """Event rate and flicker of the last seconds."""
        sensor, samples = self.stream.sensor, list(self._samples)
        if not samples:
            rate = 0.0 if self._decoded else float("nan")
            return [
                stream_checks.event_rate(sensor, rate, rate, t),
                light_checks.flicker(sensor, None, t),
            ]
        spectrum = FlickerSpectrum()
        for sample in samples:
            spectrum.add(sample.on, sample.off)
        highest = np.nanmax([0.0, *(sample.highest for sample in samples)])
        mean = float(np.mean([sample.mean for sample in samples]))
        return [
            stream_checks.event_rate(sensor, float(highest), mean, t),
            light_checks.flicker(sensor, spectrum.flicker(), t),
        ]


@dataclass(slots=True)
class Look:
    """What a picture of a camera showed.

    Attributes:
        box: of the face; None: there was none.
        width: of the picture, px.
        height: of the picture, px.
        exposure: shares of the face too dark and too bright.
    """

    box: Box | None
    width: int
    height: int
    exposure: tuple[float, float] | None


@dataclass(slots=True)
class Surroundings:
    """What is told to the watch rather than heard on the streams.

    Attributes:
        lux: light on the scene; NaN: nobody measures.
        free: bytes on the recordings' disk; -1: not known.
        speed: bytes/s that it takes; NaN: not measured.
        volume: state and detail of the volume, "encrypted", "plain" or "unknown"; None: not looked at.
        lost: messages that the recorder misses in the open take.
        driver_lost: since they were started, of each driver that counts.
        offsets: between the sensors' clocks.
        looks: the last look at each camera's picture.
        why_no_face: why nobody looks for faces; "": somebody does.
    """

    lux: float = float("nan")
    free: int = -1
    speed: float = float("nan")
    volume: tuple[str, str] | None = None
    lost: int = 0
    driver_lost: dict[str, int] = field(default_factory=dict)
    offsets: Sequence[Offset] = ()
    looks: dict[str, Look] = field(default_factory=dict)
    why_no_face: str = ""


class Watch:
    """The present quality of a rig.

    Args:
        cameras: that must be there.
        thresholds: what is green and what red.
        nominal: frames/s asked of each camera; without, the median of what comes.
        silent: cameras that say nothing between takes.
    """

    def __init__(
        self,
        cameras: list[str],
        thresholds: Thresholds,
        nominal: Mapping[str, float],
        silent: Sequence[str] = (),
    ) -> None:
        self.around = Surroundings()
        self._thresholds, self._nominal, self._silent = thresholds, nominal, silent
        self._streams = {
            stream.topic: EventWatch(stream) if stream.kind == "events" else StreamWatch(stream)
            for stream in streams_of(cameras)
        }
        self._totals: deque[float] = deque(maxlen=600)
        self._turned = 0

    @property
    def streams(self) -> list[Stream]:
        """What must be heard."""
        return [watch.stream for watch in self._streams.values()]

    @property
    def complete(self) -> bool:
        """Whether every stream was heard that speaks before a take."""
        return all(watch.heard or watch.stream.sensor in self._silent for watch in self._streams.values())

    def hear(self, topic: str, arrival: int, message: bytes) -> None:
        """One serialized message and when it came, ns, host clock."""
        self._streams[topic].hear(arrival, message)

    @property
    def need(self) -> float:
        """bytes/s that a take writes, estimated; NaN before anything was heard."""
        known = [total for total in self._totals if total > 0]
        if not known:
            return float("nan")
        return float(max(self._thresholds.headroom * np.median(known), max(known)))

    def report(self, now: int) -> Report:
        """All checks of this moment, ns, host clock; call it once a second."""
        t = self._thresholds
        total = 0
        checks: list[Check] = []
        for watch in self._streams.values():
            age, size = watch.turn()
            total += size
            checks += self._stream_checks(watch, age, now)
        if self._turned:
            self._totals.append(total / max(1e-3, (now - self._turned) * 1e-9))
        self._turned = now
        checks += [*self._picture_checks(), *self._rig_checks(), *clock_checks.both(self.around.offsets, t)]
        checks.append(light_checks.illuminance(self.around.lux, t))
        return Report(tuple(checks))

    def _stream_checks(self, watch: StreamWatch, age: float, now: int) -> list[Check]:
        t, stream = self._thresholds, watch.stream
        silent = watch.silent(now)
        if stream.sensor in self._silent and silent > t.silence:
            return [Check(stream.kind, Level.UNKNOWN, "plays when a take begins", "", "", stream.sensor)]
        checks = [
            stream_checks.alive(stream.kind, stream.sensor, silent, t),
            stream_checks.stamps(stream.kind, stream.sensor, age, t),
        ]
        if isinstance(watch, EventWatch):
            return checks + (watch.checks(t) if silent <= t.silence else [])
        intervals = watch.intervals
        if len(intervals):
            interval = 1 / self._nominal.get(stream.sensor, 0.0) if self._nominal.get(stream.sensor) else 0.0
            interval = interval or float(np.median(intervals))
            p99 = float(np.percentile(intervals, 99))
            checks += [
                stream_checks.frame_rate(stream.sensor, 1 / float(np.mean(intervals)), 1 / interval, t),
                stream_checks.frame_interval(stream.sensor, p99, interval, t),
            ]
        return checks

    def _picture_checks(self) -> list[Check]:
        t, checks = self._thresholds, []
        for watch in self._streams.values():
            sensor = watch.stream.sensor
            if watch.stream.kind != "frames":
                continue
            look = self.around.looks.get(sensor)
            if look is None:
                checks += picture_checks.not_looked_at(sensor, self.around.why_no_face or "not looked at yet")
                continue
            checks += picture_checks.face(sensor, look.box, look.width, look.height, t)
            checks += picture_checks.exposure(sensor, [look.exposure] if look.exposure else [], t)
        return checks

    def _rig_checks(self) -> list[Check]:
        around, t = self.around, self._thresholds
        checks = [stream_checks.losses("lost in this take", "", around.lost, LOST)]
        checks += [
            stream_checks.losses("lost by the driver", sensor, count, LOST)
            for sensor, count in sorted(around.driver_lost.items())
        ]
        if around.free >= 0:
            checks.append(disk_checks.disk_space(around.free, self.need, t))
        checks.append(disk_checks.write_speed(around.speed, self.need, t))
        if around.volume is not None:
            checks.append(disk_checks.volume(*around.volume))
        return checks
