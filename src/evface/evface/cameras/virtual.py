"""Cameras that are not there: a scene, an ideal event sensor or a colour camera, and real time."""

from __future__ import annotations

import time

import cv2
import numpy as np

from evface.cameras.options import SIZES, Davis346Options, Evk4Options, WebcamOptions
from evface.cameras.pacing import SECOND, Pace
from evface.cameras.packing import pack
from evface.cameras.source import CameraDescription, Cue, Frame, Reading
from evface.errors import DeviceError
from evface.events import Events
from evface.simulation import EventSensor, Scene, make_sensor, open_scene, to_grey

SENSOR_START = 1_000_000
"""us that a virtual sensor's clock shows when it is read first."""

LONGEST_CUT = 1_000_000
"""us between two pictures up to which their events are cut into several packets."""


class VirtualEventCamera:
    """An event camera, with frames on the same clock if it is a DAVIS.

    Between two of its pictures the light is taken to change evenly: what moves by several pixels in one step
    is told less well the lower the step rate is.

    Args:
        camera: davis346 or evk4.
        options: of the camera.
    """

    def __init__(self, camera: str, options: Davis346Options | Evk4Options) -> None:
        self._options = options
        self._model = "DAVIS346" if isinstance(options, Davis346Options) else "EVK4"
        self._width, self._height = (
            SIZES["davis346"] if isinstance(options, Davis346Options) else SIZES["evk4"]
        )
        self._camera = camera
        self._pace = Pace(options.step_rate, together=int(options.packet_ms / 1000 * options.step_rate))
        self._frame_period = round(SECOND / options.frame_rate) if isinstance(options, Davis346Options) else 0
        self._packet_us = round(options.packet_ms * 1000)
        self._scene: Scene | None = None
        self._begun: int | None = None

    @property
    def late(self) -> int:
        """Steps skipped because the machine did not keep up."""
        return self._pace.late

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        options = self._options
        # One thread: a second one wins little here, and the other cameras need the machine's cores.
        cv2.setNumThreads(1)
        self._scene = open_scene(options.scene, options.seed, options.loop)
        self._warm_up()
        self._sensor = self._make_sensor()
        self._pending: list[Events] = []
        self._packet_end = SENSOR_START + self._packet_us
        detail = (
            f"{options.scene}, seed {options.seed}: {options.pixels} pixels, "
            f"events from {options.step_rate:g} pictures/s"
        )
        return CameraDescription(self._model, "", self._width, self._height, "virtual", detail)

    def _make_sensor(self) -> EventSensor:
        options = self._options
        return make_sensor(
            self._width, self._height, options.pixels, on=options.threshold_on, off=options.threshold_off,
            lux=options.lux, seed=options.seed,
        )  # fmt: skip

    def _warm_up(self) -> None:
        """Compile before the clock runs."""
        assert self._scene is not None
        sensor = self._make_sensor()
        for step in (1, 2):
            image = self._scene.render(0, self._width, self._height)
            image[:1] *= step
            pack(sensor.step(image, step), step, 0)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._scene is None:
            raise DeviceError(f"{self._camera}: the virtual camera is not open")
        if self._begun is None:
            # Not on opening: a node may be active much later, and nothing would be late by that.
            self._begun = self._next_frame = self._pace.start()
        end = time.monotonic() + timeout
        readings: list[Reading] = []
        while not readings:
            now = self._pace.wait(end - time.monotonic())
            if now is None:
                break
            self._step(self._scene, now, readings)
        return readings

    def _step(self, scene: Scene, now: int, readings: list[Reading]) -> None:
        assert self._begun is not None
        time_us = SENSOR_START + (now - self._begun) // 1000
        light = scene.render(now, self._width, self._height)
        self._pending.append(self._sensor.step(light, time_us))
        if self._frame_period and now >= self._next_frame:
            readings.append(Frame(to_grey(light), "mono8", self._width, self._height, time_us * 1000, now))
            missed = (now - self._next_frame) // self._frame_period
            self._next_frame += (missed + 1) * self._frame_period
        if time_us >= self._packet_end:
            readings += self._packets(Events.concatenate(self._pending), time_us)
            self._pending = []

    def _packets(self, events: Events, time_us: int) -> list[Reading]:
        """The events up to a time; of a step that is longer than a packet, several packets."""
        packets: list[Reading] = []
        arrival, at = time.time_ns(), 0
        # After a stop of seconds there is one packet: nobody wants hundreds of them at once.
        while 0 < time_us - self._packet_us - self._packet_end < LONGEST_CUT:
            stop = int(np.searchsorted(events.t, self._packet_end, "right"))
            packets.append(pack(events[at:stop], self._packet_end, arrival))
            at = stop
            self._packet_end += self._packet_us
        packets.append(pack(events[at:], time_us, arrival))
        self._packet_end += ((time_us - self._packet_end) // self._packet_us + 1) * self._packet_us
        return packets

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: the subject acts on it."""
        if self._scene is not None:
            self._scene.cue(cue)

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._scene = None


class VirtualWebcam:
    """A webcam that delivers JPEGs.

    Args:
        options: of the webcam.
    """

    def __init__(self, options: WebcamOptions) -> None:
        self._options = options
        self._pace = Pace(options.frame_rate)
        self._scene: Scene | None = None
        self._begun: int | None = None

    @property
    def late(self) -> int:
        """Pictures skipped because the machine did not keep up."""
        return self._pace.late

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        options = self._options
        cv2.setNumThreads(1)
        self._scene = open_scene(options.scene, options.seed, options.loop)
        self._scene.picture(0, options.width, options.height)
        detail = f"{options.scene}, seed {options.seed}: {options.frame_rate:g} pictures/s"
        return CameraDescription("webcam", "", options.width, options.height, "virtual", detail)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._scene is None:
            raise DeviceError("webcam: the virtual camera is not open")
        if self._begun is None:
            self._begun = self._pace.start()
        now = self._pace.wait(timeout)
        if now is None:
            return []
        options = self._options
        picture = self._scene.picture(now, options.width, options.height)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, options.quality])
        sensor_time = SENSOR_START * 1000 + now - self._begun
        return [Frame(jpeg.tobytes(), "jpeg", options.width, options.height, sensor_time, now)]

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: the subject acts on it."""
        if self._scene is not None:
            self._scene.cue(cue)

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._scene = None
