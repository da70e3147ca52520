"""Cameras that are not there: a scene, an event sensor or a frame camera before it, and real time."""

from __future__ import annotations

import random
import time
from typing import Any

import cv2
import numpy as np

from evface.cameras.clock_faults import ClockFaults
from evface.cameras.modelled import event_sensor, frame_sensor, sensor_size
from evface.cameras.options import CameraOptions, Davis346Options, Evk4Options, WebcamOptions
from evface.cameras.pacing import Pace
from evface.cameras.packing import pack
from evface.cameras.source import CameraDescription, Cue, Frame, Reading
from evface.cameras.step_pace import StepPace
from evface.errors import DeviceError
from evface.events import Events
from evface.simulation.scene import Scene, open_scene
from evface.simulation.sensor.frame_sensor import RollingShutter, Shot
from evface.simulation.subject.truth import performances_of, truth_of

SENSOR_START = 1_000_000
"""us that a virtual sensor's clock shows when it is read first."""

LONGEST_CUT = 1_000_000
"""us between two pictures up to which their events are cut into several packets."""

FULL_RATE = 1000.0
"""Hz that follow a moving face; a camera that makes fewer pictures says so."""


class _VirtualCamera:
    """What virtual cameras share: the scene, the session's cues, and what the subject really did."""

    def __init__(self, camera: str, options: CameraOptions) -> None:
        self._camera = camera
        self._seed = options.seed
        self._scene: Scene | None = None
        self._begun: int | None = None
        self._faults = ClockFaults.of(options)
        self._chance = random.Random(f"{camera} {options.seed}")

    def _look(self, options: CameraOptions) -> Scene:
        # One thread: a second one wins little here, and the other cameras need the machine's cores.
        cv2.setNumThreads(1)
        self._scene = open_scene(options.scene, options.seed, options.loop, self._camera)
        return self._scene

    def _open_scene(self) -> Scene:
        if self._scene is None:
            raise DeviceError(f"{self._camera}: the virtual camera is not open")
        return self._scene

    def _sensor_time(self, time_ns: int) -> int:
        """ns on the sensor's clock of a moment of the host's."""
        assert self._begun is not None
        return SENSOR_START * 1000 + self._faults.shown(time_ns - self._begun)

    def _stamp(self, time_ns: int) -> int:
        """ns, host clock, that is said of a moment."""
        return self._faults.stamp(time_ns, self._chance)

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: the subject acts on it."""
        if self._scene is not None:
            self._scene.cue(cue)

    def truths(self) -> list[dict[str, Any]]:
        """What the subject did in each take so far, oldest first; see `subject.truth.truth_of`."""
        if self._scene is None:
            return []
        return [truth_of(performance, self._seed) for performance in performances_of(self._scene)]

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._scene = None


class VirtualEventCamera(_VirtualCamera):
    """An event camera, with frames on the same clock if it is a DAVIS.

    It looks often while something moves and seldom while nothing does. Between two of its pictures the light
    is taken to change evenly: what moves by several pixels in one step is told less well.

    Args:
        camera: davis346 or evk4.
        options: of the camera.
    """

    def __init__(self, camera: str, options: Davis346Options | Evk4Options) -> None:
        super().__init__(camera, options)
        self._options = options
        self._model = "DAVIS346" if isinstance(options, Davis346Options) else "EVK4"
        self._width, self._height = sensor_size(options)
        self._packet_us = round(options.packet_ms * 1000)
        self._pace = StepPace(options.step_rate, together=self._packet_us * 1000)

    @property
    def late(self) -> int:
        """Steps that were longer than they should be because the machine did not keep up."""
        return self._pace.late

    def facts(self) -> dict[str, float]:
        """What to know of its speed: steps so far, and the most a second, now and at worst."""
        pace = self._pace
        rates = {"steps": pace.steps, "step_rate": round(pace.rate, 1), "lowest_rate": round(pace.lowest, 1)}
        return rates | self._faults.facts()

    def news(self) -> str:
        """What the operator should hear of by now, "" when there is nothing new."""
        return self._pace.news()

    def summary(self) -> str:
        """How it went, in one line for the operator."""
        pace = self._pace
        if not pace.late:
            return f"{pace.steps} pictures, none late"
        return (
            f"{pace.steps} pictures, {pace.late} late or left out: at worst {pace.lowest:.0f} a second, "
            f"{pace.asked:g} were asked for"
        )

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        options = self._options
        scene = self._look(options)
        self._lux = options.lux or scene.lux
        self._warm_up(scene)
        self._sensor, self._shutter = event_sensor(options, self._lux), frame_sensor(options)
        self._pending: list[Events] = []
        self._seen = 0
        self._packet_end = SENSOR_START + self._packet_us
        reduced = ", a reduced rate" if options.step_rate < FULL_RATE else ""
        detail = (
            f"{options.scene}, seed {options.seed}: {options.pixels} pixels at {self._lux:.0f} lux, "
            f"events from at most {options.step_rate:g} pictures/s{reduced}"
        )
        return CameraDescription(self._model, "", self._width, self._height, "virtual", detail)

    def _warm_up(self, scene: Scene) -> None:
        """Compile before the clock runs."""
        sensor, shutter = event_sensor(self._options, self._lux), frame_sensor(self._options)
        now = time.time_ns()
        scene.motion(now, now + 1, self._width, self._height)
        for step in range(1, 4):
            image = scene.render(now, self._width, self._height)
            image[:1] *= step
            pack(sensor.step(image, step), step, 0)
            if shutter is not None:
                shutter.see(image, step * 1_000_000_000, self._lux)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        scene = self._open_scene()
        if self._begun is None:
            # Not on opening: a node may be active much later, and nothing would be late by that.
            self._begun = self._pace.start()
            if self._shutter is not None:
                self._shutter.start(self._begun)
        end = time.monotonic() + timeout
        readings: list[Reading] = []
        while not readings and self._pace.wait(end - time.monotonic()):
            while not readings:
                now = self._pace.step(scene, self._width, self._height)
                if now is None:
                    break
                self._step(scene, now, readings)
        return readings

    def _step(self, scene: Scene, now: int, readings: list[Reading]) -> None:
        self._go_on(now)
        time_us = self._sensor_time(now) // 1000
        light = scene.render(now, self._width, self._height)
        self._pending.append(self._sensor.step(light, time_us))
        if self._shutter is not None:
            readings += [self._frame(shot) for shot in self._shutter.see(light, now, self._lux)]
        if time_us >= self._packet_end:
            readings += self._packets(Events.concatenate(self._pending), time_us)
            self._pending = []

    def _go_on(self, now: int) -> None:
        """The sensor's clock goes on even when the host's was set back."""
        assert self._begun is not None
        if now <= self._seen:
            self._begun -= self._seen + 1000 - now
            if self._shutter is not None:
                self._shutter.start(now)
        self._seen = now

    def _frame(self, shot: Shot) -> Frame:
        # The sensor's clock counts in us.
        sensor_time = self._sensor_time(shot.time) // 1000 * 1000
        stamp = self._stamp(shot.time)
        return Frame(shot.image, "mono8", self._width, self._height, sensor_time, stamp)

    def _packets(self, events: Events, time_us: int) -> list[Reading]:
        """The events up to a time; of a step that is longer than a packet, several packets."""
        packets: list[Reading] = []
        at = 0
        # After a stop of seconds there is one packet: nobody wants hundreds of them at once.
        while 0 < time_us - self._packet_us - self._packet_end < LONGEST_CUT:
            stop = int(np.searchsorted(events.t, self._packet_end, "right"))
            packets.append(self._packet(events[at:stop], self._packet_end))
            at = stop
            self._packet_end += self._packet_us
        packets.append(self._packet(events[at:], time_us))
        self._packet_end += ((time_us - self._packet_end) // self._packet_us + 1) * self._packet_us
        return packets

    def _packet(self, events: Events, end_us: int) -> Reading:
        # It arrives when its time is over: how long the machine took to make it is not the sensor's delay,
        # and would shift whatever is brought onto the host's clock by the shortest delay.
        assert self._begun is not None
        passed = self._faults.passed((end_us - SENSOR_START) * 1000)
        return pack(events, end_us, self._stamp(self._begun + passed))


class VirtualWebcam(_VirtualCamera):
    """A webcam that delivers JPEGs: a rolling shutter, an exposure that follows the light.

    Args:
        options: of the webcam.
    """

    def __init__(self, options: WebcamOptions) -> None:
        super().__init__("webcam", options)
        self._options = options
        self._pace = Pace(options.frame_rate)
        self._pictures = 0
        self._shutter = RollingShutter(
            options.width, options.height, options.frame_rate, options.seed, options.pictures, options.readout
        )

    @property
    def late(self) -> int:
        """Pictures skipped because the machine did not keep up."""
        return self._pace.late

    def facts(self) -> dict[str, float]:
        """What is wrong with its clock."""
        return self._faults.facts()

    def summary(self) -> str:
        """How it went, in one line for the operator."""
        return f"{self._pictures} pictures, {self._pace.late or 'none'} left out"

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        options = self._options
        scene = self._look(options)
        self._lux = options.lux or scene.lux
        self._shutter.warm_up()
        shot = self._shutter.shoot(scene, time.time_ns(), self._lux)
        detail = (
            f"{options.scene}, seed {options.seed}: {options.frame_rate:g} pictures/s, "
            f"exposed for {shot.exposure / 1e6:.1f} ms at {self._lux:.0f} lux"
        )
        return CameraDescription("webcam", "", options.width, options.height, "virtual", detail)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        scene = self._open_scene()
        if self._begun is None:
            self._begun = self._pace.start()
        now = self._pace.wait(timeout)
        if now is None:
            return []
        options = self._options
        self._pictures += 1
        shot = self._shutter.shoot(scene, now, self._lux)
        _, jpeg = cv2.imencode(".jpg", shot.image, [cv2.IMWRITE_JPEG_QUALITY, options.quality])
        sensor_time = self._sensor_time(shot.time)
        # Its driver has nothing but its own clock to go by, which was right when it began.
        stamp = self._stamp(self._begun + sensor_time - SENSOR_START * 1000)
        return [Frame(jpeg.tobytes(), "jpeg", options.width, options.height, sensor_time, stamp)]
