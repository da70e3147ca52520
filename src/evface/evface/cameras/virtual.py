"""Cameras that are not there: a scene, a model of the sensor, and real time."""

from __future__ import annotations

import cv2
import numpy as np

from evface.cameras.options import SIZES, Camera, Davis346Options, EventCameraOptions, Evk4Options, WebcamOptions
from evface.cameras.packing import Packer
from evface.cameras.pacing import SECOND, SYSTEM_CLOCK, Clock, unix_time, wait_until
from evface.cameras.source import CameraDescription, Cue, Frame, Reading, SourceKind
from evface.errors import DeviceError
from evface.simulation.scene import Scene, to_gray
from evface.simulation.threshold import ThresholdSensor


class VirtualEventCamera:
    """A virtual DAVIS346 (events and grey frames) or EVK4 (events).

    The scene is rendered at ``step_rate``; a step that cannot be rendered in time is left out, so that the
    source never lags behind: the events of the next step then span both, and ``late`` counts it.

    Args:
        camera: which of the two.
        options: of that camera.
        scene: what it sees.
        clock: to keep time by.
        end: ns after the first reading at which the source ends; None goes on.
        kind: what it says of itself.

    Attributes:
        late: steps left out because rendering did not keep up.
    """

    def __init__(
        self,
        camera: Camera,
        options: EventCameraOptions,
        scene: Scene,
        *,
        title: str,
        clock: Clock = SYSTEM_CLOCK,
        end: int | None = None,
        kind: SourceKind = "virtual",
    ) -> None:
        assert isinstance(options, Davis346Options | Evk4Options)
        self.late = 0
        self._model = camera.upper()
        self._title, self._kind = title, kind
        self._width, self._height = SIZES[camera]
        self._scene = scene
        self._clock = clock
        self._end = end
        self._rate = options.step_rate
        self._frame_rate = options.frame_rate if isinstance(options, Davis346Options) else 0.0
        self._sensor = ThresholdSensor(self._width, self._height, options.threshold_on, options.threshold_off)
        self._packer = Packer(self._width, self._height, round(options.packet_duration * 1000))
        self._start: int | None = None
        self._step = 0
        self._opened = False

    def open(self) -> CameraDescription:
        """Draw once, so that everything is compiled before time counts."""
        cv2.setNumThreads(1)
        warm = ThresholdSensor(self._width, self._height)
        warm.step(self._scene.render(self._clock.time_ns(), self._width, self._height), 0)
        events = warm.step(np.zeros((self._height, self._width), np.float32), 100)
        Packer(self._width, self._height, 50).push(events, 100, 0)
        self._opened = True
        return CameraDescription(
            model=self._model,
            serial=self._kind,
            width=self._width,
            height=self._height,
            kind=self._kind,
            detail=f"{self._title}, rendered at {self._rate:g} Hz, threshold model",
        )

    def cue(self, cue: Cue) -> None:
        """Hand the cue to the scene."""
        self._scene.cue(cue)

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait for the next step and render it; see `CameraSource.read`."""
        if not self._opened:
            raise DeviceError(f"{self._model}: read before open or after close")
        now = self._clock.monotonic_ns()
        if self._start is None:
            self._start = now
            self._sensor.step(self._render(0), 0)
            if self._frame_rate:
                return [self._frame(0)]
        deadline = now + round(timeout * SECOND)
        if not wait_until(self._clock, self._due(self._step + 1), deadline):
            return []
        behind = int((self._clock.monotonic_ns() - self._start) * self._rate / SECOND)
        step = max(self._step + 1, behind)
        self.late += step - self._step - 1
        if self._end is not None and self._due(step) - self._start > self._end:
            return None
        return self._advance(step)

    def close(self) -> None:
        """Nothing is claimed but the scene's file."""
        self._opened = False
        close = getattr(self._scene, "close", None)
        if close is not None:
            close()

    def _due(self, step: int) -> int:
        assert self._start is not None
        return self._start + round(step * SECOND / self._rate)

    def _time(self, step: int) -> int:
        """us, sensor clock."""
        return round(step * 1_000_000 / self._rate)

    def _render(self, step: int) -> np.ndarray:
        return self._scene.render(unix_time(self._clock, self._due(step)), self._width, self._height)

    def _advance(self, step: int) -> list[Reading]:
        previous, self._step = self._step, step
        light = self._render(step)
        time_us = self._time(step)
        events = self._sensor.step(light, time_us)
        readings: list[Reading] = list(self._packer.push(events, time_us, self._clock.time_ns()))
        if self._frame_rate:
            frames = int(step * self._frame_rate / self._rate)
            if frames > int(previous * self._frame_rate / self._rate):
                readings.insert(0, self._frame(step, light))
        return readings

    def _frame(self, step: int, light: np.ndarray | None = None) -> Frame:
        light = self._render(step) if light is None else light
        return Frame(
            to_gray(light), "mono8", self._width, self._height,
            sensor_time=self._time(step) * 1000, host_time=unix_time(self._clock, self._due(step)),
        )  # fmt: skip


class VirtualWebcam:
    """A virtual webcam: JPEGs of the scene at a steady rate; pictures that come too late are left out and counted.

    Args:
        options: of the webcam.
        scene: what it sees.
        clock: to keep time by.

    Attributes:
        late: pictures left out because drawing did not keep up.
    """

    def __init__(self, options: WebcamOptions, scene: Scene, *, title: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self.late = 0
        self._options = options
        self._scene = scene
        self._title = title
        self._clock = clock
        self._start: int | None = None
        self._next = 0
        self._opened = False

    def open(self) -> CameraDescription:
        """Draw once, so that everything is compiled before time counts."""
        cv2.setNumThreads(1)
        self._jpeg(self._clock.time_ns())
        self._opened = True
        return CameraDescription(
            model="webcam",
            serial="virtual",
            width=self._options.width,
            height=self._options.height,
            kind="virtual",
            detail=f"{self._title}, {self._options.frame_rate:g} Hz, JPEG quality {self._options.quality}",
        )

    def cue(self, cue: Cue) -> None:
        """Hand the cue to the scene."""
        self._scene.cue(cue)

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait for the next picture; see `CameraSource.read`."""
        if not self._opened:
            raise DeviceError("webcam: read before open or after close")
        now = self._clock.monotonic_ns()
        if self._start is None:
            self._start = now
        if not wait_until(self._clock, self._due(self._next), now + round(timeout * SECOND)):
            return []
        behind = int((self._clock.monotonic_ns() - self._start) * self._options.frame_rate / SECOND)
        index = max(self._next, behind)
        self.late += index - self._next
        self._next = index + 1
        due = self._due(index)
        host_time = unix_time(self._clock, due)
        frame = Frame(
            self._jpeg(host_time), "jpeg", self._options.width, self._options.height,
            sensor_time=due - self._start, host_time=host_time,
        )  # fmt: skip
        return [frame]

    def close(self) -> None:
        """Nothing is claimed but the scene's file."""
        self._opened = False
        close = getattr(self._scene, "close", None)
        if close is not None:
            close()

    def _due(self, index: int) -> int:
        assert self._start is not None
        return self._start + round(index * SECOND / self._options.frame_rate)

    def _jpeg(self, time_ns: int) -> bytes:
        picture = self._scene.picture(time_ns, self._options.width, self._options.height)
        return encode_jpeg(picture, self._options.quality)


def encode_jpeg(picture: np.ndarray, quality: int) -> bytes:
    """A picture, uint8 ``[H, W, 3]`` bgr, as JPEG."""
    made, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not made:
        raise DeviceError("OpenCV could not make a JPEG")
    return bytes(data)
