"""Cameras that are not there: a scene, a model of the sensor, and real time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.options import SIZES, Camera, Davis346Options, EventCameraOptions, Evk4Options, WebcamOptions
from evface.cameras.pacing import SECOND, SYSTEM_CLOCK, Clock, unix_time, wait_until
from evface.cameras.packing import Packer
from evface.cameras.source import CameraDescription, Cue, Frame, Reading, SourceKind
from evface.errors import DeviceError
from evface.simulation.scene import Scene, to_gray
from evface.simulation.threshold import ThresholdSensor
from evface.simulation.video import VideoScene

MAX_LAG = 50_000_000
"""ns that a camera may lag behind before it leaves steps out."""


class Metronome:
    """Steps at a steady rate, in real time: those that were missed are made up for, or left out and counted.

    Args:
        rate: steps per second.
        clock: to keep time by.

    Attributes:
        late: steps left out.
        done: the last step that was handed out.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        self.late = 0
        self.done = 0
        self._rate = rate
        self._clock = clock
        self._start: int | None = None

    @property
    def running(self) -> bool:
        """Whether step 0 has been."""
        return self._start is not None

    def start(self) -> int:
        """Make this moment step 0; its unix time, ns."""
        self._start = self._clock.monotonic_ns()
        return self.unix(0)

    def since_start(self, step: int) -> int:
        """ns from step 0 to a step."""
        return round(step * SECOND / self._rate)

    def unix(self, step: int) -> int:
        """Unix time of a step, ns, as the host's clock has it now."""
        assert self._start is not None
        return unix_time(self._clock, self._start + self.since_start(step))

    def due(self, timeout: float, together: int = 1) -> range:
        """Wait for the next steps.

        Args:
            timeout: s to wait at most.
            together: steps to wait for at once, which saves waking up for each.

        Returns:
            Steps whose time has come, none when the timeout was earlier.
        """
        assert self._start is not None
        deadline = self._clock.monotonic_ns() + round(timeout * SECOND)
        if not wait_until(self._clock, self._start + self.since_start(self.done + together), deadline):
            return range(0)
        elapsed = self._clock.monotonic_ns() - self._start
        last = max(int(elapsed * self._rate / SECOND), self.done + together)
        first = self.done + 1
        if elapsed - self.since_start(first + together - 1) > MAX_LAG:
            self.late += last - first
            first = last
        self.done = last
        return range(first, last + 1)


class VirtualEventCamera:
    """A virtual DAVIS346 (events and grey frames) or EVK4 (events).

    The scene is rendered at ``step_rate``. Where that is more than the machine can do, steps are left out, so that
    the source does not lag behind: the events of the next step then span the gap, and ``late`` counts the steps.

    Args:
        camera: which of the two.
        options: of that camera.
        scene: what it sees.
        title: of the scene, for the description.
        clock: to keep time by.
        end: ns after the first reading at which the source ends; None goes on.
        kind: what it says of itself.
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
        self._model = camera.upper()
        self._title, self._kind = title, kind
        self._width, self._height = SIZES[camera]
        self._scene = scene
        self._clock = clock
        self._end = end
        self._rate = options.step_rate
        self._frame_rate = options.frame_rate if isinstance(options, Davis346Options) else 0.0
        self._frames = 0
        self._together = max(1, int(options.packet_ms / 1000 * options.step_rate))
        self._steps = Metronome(options.step_rate, clock)
        self._sensor = ThresholdSensor(self._width, self._height, options.threshold_on, options.threshold_off)
        self._packer = Packer(self._width, self._height, round(options.packet_ms * 1000))
        self._opened = self._over = False

    @property
    def late(self) -> int:
        """Steps left out because rendering did not keep up."""
        return self._steps.late

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
            serial="",
            width=self._width,
            height=self._height,
            kind=self._kind,
            detail=f"{self._title}, rendered at {self._rate:g} Hz, threshold model",
        )

    def cue(self, cue: Cue) -> None:
        """Hand the cue to the scene."""
        self._scene.cue(cue)

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait for the next steps and render them; see `CameraSource.read`."""
        if not self._opened:
            raise DeviceError(f"{self._model}: read before open or after close")
        if self._over:
            return None
        if not self._steps.running:
            return self._begin()
        readings: list[Reading] = []
        for step in self._steps.due(timeout, self._together):
            if self._end is not None and self._steps.since_start(step) > self._end:
                self._over = True
                return readings or None
            readings += self._advance(step)
        return readings

    def close(self) -> None:
        """Give back the scene's file, if it has one."""
        self._opened = False
        _close(self._scene)

    def _begin(self) -> list[Reading]:
        now = self._steps.start()
        if isinstance(self._scene, VideoScene):
            self._scene.begin(now)
        light = self._render(0)
        self._sensor.step(light, 0)
        return [self._frame(0, light)] if self._frame_rate else []

    def _render(self, step: int) -> NDArray[np.float32]:
        return self._scene.render(self._steps.unix(step), self._width, self._height)

    def _advance(self, step: int) -> list[Reading]:
        light = self._render(step)
        time_us = self._steps.since_start(step) // 1000
        readings: list[Reading] = []
        if self._frame_rate and int(step * self._frame_rate / self._rate) > self._frames:
            readings.append(self._frame(step, light))
        events = self._sensor.step(light, time_us)
        readings += self._packer.push(events, time_us, self._clock.time_ns())
        return readings

    def _frame(self, step: int, light: NDArray[np.float32]) -> Frame:
        self._frames = int(step * self._frame_rate / self._rate)
        return Frame(
            to_gray(light), "mono8", self._width, self._height,
            sensor_time=self._steps.since_start(step), host_time=self._steps.unix(step),
        )  # fmt: skip


class VirtualWebcam:
    """A virtual webcam: JPEGs of the scene at a steady rate; pictures that come too late are left out and counted.

    Args:
        scene: what it sees.
        width: of the picture, px.
        height: of the picture, px.
        rate: pictures per second.
        quality: of the JPEG.
        title: of the scene, for the description.
        clock: to keep time by.
        end: ns after the first picture at which the source ends; None goes on.
        kind: what it says of itself.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        width: int,
        height: int,
        rate: float,
        quality: int,
        title: str,
        clock: Clock = SYSTEM_CLOCK,
        end: int | None = None,
        kind: SourceKind = "virtual",
    ) -> None:
        self._scene = scene
        self._width, self._height, self._rate, self._quality = width, height, rate, quality
        self._title, self._kind = title, kind
        self._clock = clock
        self._end = end
        self._steps = Metronome(rate, clock)
        self._opened = self._over = False

    @property
    def late(self) -> int:
        """Pictures left out because drawing did not keep up."""
        return self._steps.late

    def open(self) -> CameraDescription:
        """Draw once, so that everything is compiled before time counts."""
        cv2.setNumThreads(1)
        self._jpeg(self._clock.time_ns())
        self._opened = True
        return CameraDescription(
            model="webcam",
            serial="",
            width=self._width,
            height=self._height,
            kind=self._kind,
            detail=f"{self._title}, {self._rate:g} Hz, JPEG quality {self._quality}",
        )

    def cue(self, cue: Cue) -> None:
        """Hand the cue to the scene."""
        self._scene.cue(cue)

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait for the next picture; see `CameraSource.read`."""
        if not self._opened:
            raise DeviceError("webcam: read before open or after close")
        if self._over:
            return None
        if not self._steps.running:
            now = self._steps.start()
            if isinstance(self._scene, VideoScene):
                self._scene.begin(now)
            return [self._frame(0)]
        readings: list[Reading] = []
        for step in self._steps.due(timeout):
            if self._end is not None and self._steps.since_start(step) >= self._end:
                self._over = True
                return readings or None
            readings.append(self._frame(step))
        return readings

    def close(self) -> None:
        """Give back the scene's file, if it has one."""
        self._opened = False
        _close(self._scene)

    def _frame(self, step: int) -> Frame:
        host_time = self._steps.unix(step)
        return Frame(
            self._jpeg(host_time), "jpeg", self._width, self._height,
            sensor_time=self._steps.since_start(step), host_time=host_time,
        )  # fmt: skip

    def _jpeg(self, time_ns: int) -> bytes:
        picture = self._scene.picture(time_ns, self._width, self._height)
        made, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        if not made:
            raise DeviceError(f"webcam: OpenCV made no JPEG of {self._width}x{self._height} px")
        return bytes(data)


def virtual_webcam(options: WebcamOptions, scene: Scene, *, title: str, clock: Clock = SYSTEM_CLOCK) -> VirtualWebcam:
    """The virtual webcam that these options describe."""
    return VirtualWebcam(
        scene, width=options.width, height=options.height, rate=options.frame_rate, quality=options.quality,
        title=title, clock=clock,
    )  # fmt: skip


def _close(scene: Scene) -> None:
    if isinstance(scene, VideoScene):
        scene.close()
