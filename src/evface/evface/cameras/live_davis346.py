"""The DAVIS346 on USB, read with iniVation's dv-processing; which library reads it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from evface.cameras.options import Davis346Options, parse_bias
from evface.cameras.pacing import ArrivalClock
from evface.cameras.packing import pack, warm_up
from evface.cameras.source import CameraDescription, CameraSource, Cue, Frame, ImuSample, Reading
from evface.errors import DeviceError
from evface.events import Events, Triggers

BIASES = {
    "DiffBn": "Diff",
    "ONBn": "On",
    "OFFBn": "Off",
    "PrBp": "Photoreceptor",
    "PrSFBp": "PhotoreceptorSourceFollower",
    "RefrBp": "Refractory",
}
"""dv-processing's names of the biases that can be set."""

FILTER_STEP = 0.25
"""ms: the unit of the camera's noise filter."""

_POLL = 0.001
_MICROSECOND = timedelta(microseconds=1)
_MEND = "close other programs that use it, and check that a udev rule lets you use it (docker/udev)"


def open_davis346(options: Davis346Options) -> CameraSource:
    """The reader of a DAVIS346 that its options choose."""
    if options.driver == "neuromorphic":
        from evface.cameras.live_davis346_neuromorphic import NeuromorphicDavis346

        return NeuromorphicDavis346(options)
    return DvDavis346(options)


def missing_davis346(serial: str, library: str) -> str:
    """What to say when there is no such camera."""
    wanted = f"a DAVIS with serial number {serial}" if serial else "a DAVIS (USB vendor 152a)"
    return (
        f"davis346: looked for {wanted} on USB with {library} and found none: plug it in, "
        "check that `lsusb` lists it and that a udev rule lets you use it (docker/udev)"
    )


class DvDavis346:
    """Events, frames and IMU of a DAVIS346; all carry the device's times.

    dv-processing hands events over decoded; they leave here as evt3 packets. Its times are those of the
    device's clock, moved to Unix time once, when the camera was opened.

    Args:
        options: of the camera.
    """

    def __init__(self, options: Davis346Options) -> None:
        self._options = options
        self._camera: Any = None
        self._clock = ArrivalClock()
        self._temperature = float("nan")
        self._factory: dict[str, tuple[int, int]] = {}
        self._connection = ""

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        try:
            import dv_processing as dv
        except ImportError as error:
            raise DeviceError(
                f"davis346: dv-processing cannot be imported ({error}): pip install dv-processing, "
                "or set driver to neuromorphic"
            ) from error
        self._library = dv.io.camera.DAVIS
        serial = self._options.serial
        try:
            found = self._library.findDevices(serial)
        except RuntimeError as error:
            raise DeviceError(f"davis346: USB cannot be searched: {error}") from error
        if not found:
            raise DeviceError(missing_davis346(serial, "dv-processing"))
        warm_up()
        try:
            camera = self._camera = self._library(found[0])
            self._set_up()
            width, height = camera.getEventResolution()
            firmware = f"firmware {camera.getFirmwareVersion()}, logic {camera.getLogicVersion()}"
            self._connection = camera.getConnectionSpeed().name
            serial = camera.getSerialNumber()
        except (RuntimeError, ValueError) as error:
            self.close()
            raise DeviceError(
                f"davis346: {found[0].serialNumber} cannot be opened ({error}): {_MEND}"
            ) from error
        self._width, self._height = width, height
        return CameraDescription(
            "DAVIS346", serial, width, height, "live", f"dv-processing {dv.__version__}, {firmware}"
        )

    def _set_up(self) -> None:
        options, camera = self._options, self._camera
        camera.setTimeInterval(timedelta(milliseconds=options.packet_ms))
        self._factory = {name: self._bias(name) for name in BIASES}
        self._apply({"frame_rate", "exposure", "noise_filter", "biases"})
        if options.triggers:
            camera.setDetectorRisingEdges(True)
            camera.setDetectorFallingEdges(True)
            camera.setDetectorRunning(True)

    def _apply(self, names: set[str]) -> None:
        """Give the camera the options of these names."""
        options, camera = self._options, self._camera
        if "frame_rate" in names:
            camera.setFrameInterval(timedelta(seconds=1.0 / options.frame_rate))
        if names & {"exposure", "auto_exposure"}:
            camera.setAutoExposure(options.auto_exposure)
            if not options.auto_exposure:
                camera.setExposureDuration(timedelta(milliseconds=options.exposure))
        if "noise_filter" in names:
            camera.setBackgroundActivityFilter(round(options.noise_filter / FILTER_STEP))
        if "biases" in names:
            wanted = {name: (coarse, fine) for name, coarse, fine in map(parse_bias, options.biases)}
            for name, parts in (self._factory | wanted).items():
                if parts != self._bias(name):
                    camera.setDavis346BiasCoarseFine(self._key(name), *parts)

    def _key(self, name: str) -> Any:
        return getattr(self._library.Davis346BiasCF, BIASES[name])

    def _bias(self, name: str) -> tuple[int, int]:
        coarse, fine = self._camera.getDavis346BiasCoarseFine(self._key(name))
        return int(coarse), int(fine)

    def adjust(self, changes: dict[str, Any]) -> None:
        """See `LiveSource.adjust`."""
        before, self._options = self._options, self._options.model_copy(update=changes)
        try:
            self._open_camera()
            self._apply(set(changes))
        except (RuntimeError, ValueError) as error:
            self._options = before
            raise DeviceError(f"davis346: the camera refuses {', '.join(changes)}: {error}") from error

    def settings(self) -> dict[str, Any]:
        """See `LiveSource.settings`."""
        camera = self._open_camera()
        named = [parse_bias(text)[0] for text in self._options.biases]
        try:
            automatic = bool(camera.getAutoExposure())
            return {
                "frame_rate": timedelta(seconds=1) / camera.getFrameInterval(),
                "auto_exposure": automatic,
                "exposure": self._options.exposure if automatic else self._exposure(),
                "noise_filter": camera.getBackgroundActivityFilter() * FILTER_STEP,
                "biases": ["{}={}/{}".format(name, *self._bias(name)) for name in named],
            }
        except RuntimeError as error:
            raise DeviceError(f"davis346: the camera stopped answering: {error}") from error

    def _exposure(self) -> float:
        """ms."""
        return self._camera.getExposureDuration() / timedelta(milliseconds=1)

    def facts(self) -> dict[str, str | int | float]:
        """See `LiveSource.facts`."""
        facts: dict[str, str | int | float] = {"connection": self._connection}
        if self._temperature == self._temperature:
            facts["temperature"] = round(self._temperature, 1)
        if self._camera is not None:
            try:
                facts["exposure_now"] = round(self._exposure(), 3)
                facts |= {f"bias {name}": "{}/{}".format(*self._bias(name)) for name in BIASES}
            except RuntimeError:
                pass  # it has just gone; reading it says so
        return facts

    def _open_camera(self) -> Any:
        if self._camera is None:
            raise DeviceError("davis346: the camera is not open")
        return self._camera

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        camera = self._open_camera()
        end = time.monotonic() + timeout
        while True:
            try:
                readings = [*self._events(), *self._frames(), *self._imu()]
                running = camera.isRunning()
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
        triggers = self._triggers()
        if (batch is None or batch.isEmpty()) and not len(triggers):
            return []
        now = time.time_ns()
        if batch is None or batch.isEmpty():
            events = Events.empty(self._width, self._height)
            last = int(triggers.t[-1])
        else:
            found = batch.numpy()
            events = Events(
                found["x"].astype(np.uint16), found["y"].astype(np.uint16),
                (found["polarity"] != 0).astype(np.uint8), found["timestamp"].astype(np.int64),
                self._width, self._height,
            )  # fmt: skip
            last = int(events.t[-1])
        self._clock.arrived(last * 1000, now)
        return [pack(events, last, now, triggers)]

    def _triggers(self) -> Triggers:
        """Edges at the input; the library's queue is emptied also where nobody wants them."""
        from dv_processing import TriggerType

        edges = {TriggerType.EXTERNAL_SIGNAL_RISING_EDGE: 1, TriggerType.EXTERNAL_SIGNAL_FALLING_EDGE: 0}
        found = [
            (int(trigger.timestamp), edges[trigger.type])
            for trigger in self._camera.getNextTriggerBatch() or []
            if self._options.triggers and trigger.type in edges
        ]
        times, kinds = zip(*found, strict=True) if found else ((), ())
        return Triggers(np.array(times, np.int64), np.zeros(len(times), np.uint8), np.array(kinds, np.uint8))

    def _frames(self) -> list[Reading]:
        frame = self._camera.getNextFrame()
        if frame is None:
            return []
        image = np.array(frame.image, np.uint8)
        # The timestamp is that of the exposure's beginning.
        middle = int(frame.timestamp) * 1000 + frame.exposure // _MICROSECOND * 500
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
            self._temperature = float(sample.temperature)
        return readings

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._camera = None
