"""The DAVIS346 on USB, read with iniVation's dv-processing."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from evface.cameras.options import Davis346Options
from evface.cameras.pacing import ArrivalClock
from evface.cameras.packing import pack
from evface.cameras.source import CameraDescription, Cue, Frame, ImuSample, Reading
from evface.errors import ConfigError, DeviceError
from evface.events import Events

BIASES = {
    "DiffBn": "Diff",
    "ONBn": "On",
    "OFFBn": "Off",
    "PrBp": "Photoreceptor",
    "PrSFBp": "PhotoreceptorSourceFollower",
    "RefrBp": "Refractory",
}
"""Biases that can be set, by the names of the sensor's manual, and dv-processing's names for them."""

_POLL = 0.001


class LiveDavis346:
    """Events, frames and IMU of a DAVIS346; all carry the device's times.

    dv-processing hands events over decoded; they leave here as evt3 packets.

    Args:
        options: of the camera.
    """

    def __init__(self, options: Davis346Options) -> None:
        self._options = options
        self._biases = [_parse_bias(text) for text in options.biases]
        self._camera: Any = None
        self._clock = ArrivalClock()

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        try:
            import dv_processing as dv
        except ImportError as error:
            raise DeviceError(
                f"davis346: dv-processing cannot be imported ({error}): pip install dv-processing"
            ) from error
        davis = dv.io.camera.DAVIS
        serial = self._options.serial
        try:
            found = davis.findDevices(serial)
        except RuntimeError as error:
            raise DeviceError(f"davis346: USB cannot be searched: {error}") from error
        if not found:
            wanted = f"a DAVIS with serial number {serial}" if serial else "a DAVIS (USB vendor 152a)"
            raise DeviceError(
                f"davis346: looked for {wanted} on USB and found none: plug it in, "
                "check that `lsusb` lists it and that a udev rule lets you use it (docker/udev)"
            )
        try:
            self._camera = davis(found[0])
            self._set_up(davis)
        except RuntimeError as error:
            self.close()
            raise DeviceError(
                f"davis346: {found[0].serialNumber} cannot be opened ({error}): "
                "close other programs that use it, and check that a udev rule lets you use it (docker/udev)"
            ) from error
        self._width, self._height = self._camera.getEventResolution()
        return CameraDescription(
            "DAVIS346", self._camera.getSerialNumber(), self._width, self._height, "live",
            f"dv-processing {dv.__version__}, firmware {self._camera.getFirmwareVersion()}",
        )  # fmt: skip

    def _set_up(self, davis: Any) -> None:
        options, camera = self._options, self._camera
        camera.setTimeInterval(timedelta(milliseconds=options.packet_ms))
        camera.setFrameInterval(timedelta(seconds=1.0 / options.frame_rate))
        camera.setAutoExposure(options.auto_exposure)
        if not options.auto_exposure:
            camera.setExposureDuration(timedelta(milliseconds=options.exposure))
        for name, coarse, fine in self._biases:
            camera.setDavis346BiasCoarseFine(getattr(davis.Davis346BiasCF, BIASES[name]), coarse, fine)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._camera is None:
            raise DeviceError("davis346: the camera is not open")
        end = time.monotonic() + timeout
        while True:
            try:
                readings = [*self._events(), *self._frames(), *self._imu()]
                running = self._camera.isRunning()
            except RuntimeError as error:
                raise DeviceError(f"davis346: the camera stopped answering: {error}") from error
            if readings:
                return sorted(readings, key=lambda reading: reading.host_time)
            if not running:
                raise DeviceError("davis346: the camera was unplugged or stopped answering")
            if time.monotonic() >= end:
                return []
            time.sleep(_POLL)

    def _events(self) -> list[Reading]:
        batch = self._camera.getNextEventBatch()
        if batch is None or batch.isEmpty():
            return []
        now = time.time_ns()
        found = batch.numpy()
        events = Events(
            found["x"].astype(np.uint16), found["y"].astype(np.uint16),
            (found["polarity"] != 0).astype(np.uint8), found["timestamp"].astype(np.int64),
            self._width, self._height,
        )  # fmt: skip
        self._clock.arrived(int(events.t[-1]) * 1000, now)
        return [pack(events, int(events.t[-1]), now)]

    def _frames(self) -> list[Reading]:
        frame = self._camera.getNextFrame()
        if frame is None:
            return []
        image = np.array(frame.image, np.uint8)
        # The timestamp is that of the exposure's beginning.
        middle = int(frame.timestamp) * 1000 + frame.exposure // timedelta(microseconds=1) * 500
        encoding: Literal["mono8", "bgr8"] = "mono8" if image.ndim == 2 else "bgr8"
        host_time = self._clock.host_time(middle) or time.time_ns()
        return [Frame(image, encoding, image.shape[1], image.shape[0], middle, host_time)]

    def _imu(self) -> list[Reading]:
        samples = self._camera.getNextImuBatch()
        now = time.time_ns()
        readings: list[Reading] = []
        for sample in samples or []:
            sensor_time = int(sample.timestamp) * 1000
            ax, ay, az = (float(value) for value in sample.getAccelerations())
            wx, wy, wz = (float(value) for value in sample.getAngularVelocities())
            host_time = self._clock.host_time(sensor_time) or now
            readings.append(ImuSample((ax, ay, az), (wx, wy, wz), sensor_time, host_time))
        return readings

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._camera = None


def _parse_bias(text: str) -> tuple[str, int, int]:
    """Name, coarse and fine part of a bias such as DiffBn=4/39.

    Raises:
        ConfigError: another form, an unknown bias, or a part out of range.
    """
    found = re.fullmatch(r"(\w+)=(\d+)/(\d+)", text.strip())
    if not found or found[1] not in BIASES or int(found[2]) > 7 or int(found[3]) > 255:
        raise ConfigError(
            f"davis346: biases: found {text!r}, expected NAME=coarse/fine with coarse 0 to 7, fine 0 to 255, "
            f"and NAME one of {', '.join(BIASES)}"
        )
    return found[1], int(found[2]), int(found[3])
