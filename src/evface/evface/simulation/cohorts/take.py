"""One take of a cohort: a subject performs before virtual cameras, and the dataset's files come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import evface
from evface.dataset.boxes import FaceDetector
from evface.dataset.cues import CueRecord
from evface.dataset.looks import LOOKS
from evface.dataset.recordings import EventBlock, Picture
from evface.dataset.take_files import TakeFiles, files_of
from evface.events import Events
from evface.simulation.cohorts.plan import SECOND, SENSORS, PlannedTake, Sensor, SimulationPlan
from evface.simulation.face import FaceScene
from evface.simulation.recording import looks
from evface.simulation.scene import Scene
from evface.simulation.sensor.frame_sensor import GlobalShutter, RollingShutter
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.sensor.threshold import EventSensor
from evface.simulation.subject.behaviour import Behaviour
from evface.simulation.subject.timing import Style
from evface.simulation.subject.truth import SIMULATOR, truth_of

PACKET = 5_000_000
"""ns of an event packet."""

SHORTEST_DELAY, MEAN_WAIT = 800_000, 300_000
"""ns until a packet arrives: at least, and what comes to it on average."""

DAVIS_RATE, WEBCAM_RATE = 25.0, 30.0
"""Hz of the frames."""

JPEG_QUALITY = 85
"""Of the webcam's pictures."""

VIRTUAL = "virtual"
"""Source of every stream, as a camera's node would say."""


def simulate_take(
    take: PlannedTake, plan: SimulationPlan, out: Path, detector: FaceDetector | None
) -> dict[str, Any]:
    """Simulate one take; its files appear when all are whole, quality.json last.

    Args:
        take: of the plan.
        plan: of the cohort.
        out: root of the dataset.
        detector: of faces; None: default boxes.

    Returns:
        What its quality.json says.
    """
    cues = [CueRecord(cue.phase, cue.au, cue.start, cue.duration, cue.start) for cue in take.cues()]
    with files_of(take.id, out) as work:
        files = TakeFiles(take.id, work, cues, (take.start, take.end), detector)
        clocks: dict[str, dict[str, int]] = {}
        for sensor in take.sensors:
            scene = open_take(take, plan, sensor)
            if sensor == "webcam":
                files.frames("rgb", _webcam(scene, take, plan), VIRTUAL)
                continue
            view = EventView(scene, take, plan, sensor)
            name = "davis" if sensor == "davis346" else "evk4"
            files.events(name, view.packets(), VIRTUAL)
            clocks[name] = {"offset_ns": view.clock.power_on}
            if sensor == "davis346":
                files.frames("davis", view.frames, VIRTUAL)
            else:
                files.look("evk4", _renderings(scene, take, plan))
        files.truth(truth_of(scene.behaviour.performances[-1], take.subject_seed) | {"clocks": clocks})
        scale = {"scale": {"evk4": plan.scale}} if "evk4" in take.sensors else {}
        return files.finish(
            take.trial,
            "complete",
            simulator={"name": SIMULATOR, "version": evface.__version__, "seed": plan.seed},
            **scale,
        )


def open_take(take: PlannedTake, plan: SimulationPlan, sensor: Sensor) -> FaceScene:
    """The scene of a take as one of its cameras sees it, told all its cues.

    It is the caller's until the next take of the same subject is opened for the same camera.
    """
    scene = _scene(take.subject_seed, plan.style, sensor)
    # What was performed before is over: a take's bytes do not depend on which takes its process made before.
    scene.behaviour = Behaviour(take.subject_seed, plan.style)
    for cue in take.cues():
        scene.cue(cue)
    return scene


@lru_cache(maxsize=len(SENSORS))
def _scene(seed: int, style: Style, sensor: Sensor) -> FaceScene:
    """A person's skin takes a second to paint, and they perform often."""
    return FaceScene(seed, sensor, style)


@dataclass(frozen=True, slots=True)
class SensorClock:
    """The clock of a sensor that was switched on some time before the session.

    Attributes:
        power_on: ns, host clock, when it showed 0.
    """

    power_on: int

    @classmethod
    def of(cls, take: PlannedTake, sensor: Sensor) -> SensorClock:
        """The clock of one of the session's sensors."""
        rng = np.random.default_rng([take.session_seed, *sensor.encode()])
        return cls(take.session - int(rng.integers(30 * SECOND, 1800 * SECOND)))

    def shows(self, time_ns: int) -> int:
        """us on the sensor's clock at a moment of the host's."""
        return (time_ns - self.power_on) // 1000


class EventView:
    """What an event camera makes of a take: packets, and with a DAVIS frames on the way."""

    def __init__(self, scene: Scene, take: PlannedTake, plan: SimulationPlan, sensor: Sensor) -> None:
        self._scene, self._take = scene, take
        self.clock = SensorClock.of(take, sensor)
        self._width, self._height = plan.size(sensor)
        self._sensor: EventSensor = make_sensor(
            self._width, self._height, sensor, lux=scene.lux, seed=take.session_seed
        )
        self._random = np.random.default_rng([take.noise_seed, *sensor.encode()])
        self.frames: list[Picture] = []
        self._shutter: GlobalShutter | None = None
        if sensor == "davis346":
            self._shutter = GlobalShutter(self._width, self._height, DAVIS_RATE, seed=take.session_seed)
            self._shutter.start(take.start + int(self._random.integers(0, int(SECOND / DAVIS_RATE))))

    def packets(self) -> Iterator[EventBlock]:
        """The take's event packets in order; its frames are complete when the last one was asked for."""
        begin, end = self._take.start, self._take.end
        self._settle(begin)
        waiting: list[Events] = []
        sent = begin
        for look in looks(
            self._scene, self._sensor, begin, end, shutter=self._shutter, clock=self.clock.shows
        ):
            waiting.append(look.events)
            self.frames += [Picture(shot.time, shot.image) for shot in look.frames]
            if look.time - sent >= PACKET or look.time == end:
                yield self._packet(Events.concatenate(waiting), look.time)
                waiting, sent = [], look.time

    def _settle(self, begin: int) -> None:
        """The sensor was on before: noise and hot pixels of a session's takes begin at different places."""
        light = self._scene.render(begin, self._width, self._height)
        before = begin - int(self._random.integers(SECOND // 20, SECOND // 2))
        self._sensor.step(light, self.clock.shows(before))
        self._sensor.step(light, self.clock.shows(begin) - 1)

    def _packet(self, events: Events, time: int) -> EventBlock:
        arrival = time + SHORTEST_DELAY + int(self._random.exponential(MEAN_WAIT))
        return EventBlock(arrival, self.clock.shows(time), events, lost=0, dropped=0)


def _webcam(scene: Scene, take: PlannedTake, plan: SimulationPlan) -> Iterator[Picture]:
    width, height = plan.size("webcam")
    shutter = RollingShutter(width, height, WEBCAM_RATE, seed=take.session_seed)
    period = round(SECOND / WEBCAM_RATE)
    phase = int(np.random.default_rng([take.noise_seed, 0xCA3]).integers(0, period))
    for end in range(take.start + phase, take.end, period):
        shot = shutter.shoot(scene, end, scene.lux)
        _, jpeg = cv2.imencode(".jpg", shot.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        yield Picture(shot.time, jpeg.tobytes())


def _renderings(scene: Scene, take: PlannedTake, plan: SimulationPlan) -> Iterator[Picture]:
    """A few pictures of what the EVK4 sees, which it cannot take itself: its face box comes from them."""
    width, height = plan.size("evk4")
    for time in range(take.start, take.end, take.timing.total // (2 * LOOKS)):
        yield Picture(time, scene.picture(time, width, height))
