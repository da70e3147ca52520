"""The DAVIS346 on USB, read with neuromorphic-drivers."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.cameras.live_davis346 import FILTER_STEP, missing_davis346
from evface.cameras.options import SIZES, Davis346Options, parse_bias
from evface.cameras.pacing import ArrivalClock
from evface.cameras.packing import pack, warm_up
from evface.cameras.source import CameraDescription, Cue, Frame, ImuSample, Reading
from evface.errors import ConfigError, DeviceError
from evface.events import Events, Triggers

_PULSE = 2
"""Third kind of edge of the DAVIS's trigger input, which evt3 has no word for."""


class NeuromorphicDavis346:
    """Events, frames and IMU of a DAVIS346; all carry the device's times, which begin when it is opened.

    The library tells what it wrote to the camera, it cannot read it back: a write that fails is an error.

    Args:
        options: of the camera.

    Attributes:
        lost: USB packets that the library had to drop.
    """

    def __init__(self, options: Davis346Options) -> None:
        self._options = options
        self._device: Any = None
        self._clock = ArrivalClock()
        self._temperature = float("nan")
        self._connection = ""
        self.lost = 0

    def open(self) -> CameraDescription:
        """See `CameraSource.open`.

        Raises:
            ConfigError: this library has no automatic exposure.
        """
        try:
            import neuromorphic_drivers as nd
        except ImportError as error:
            raise DeviceError(
                f"davis346: neuromorphic-drivers cannot be imported ({error}): pip install "
                "neuromorphic-drivers, or set driver to dv_processing"
            ) from error
        self._library = nd.inivation_davis346
        serial = self._options.serial
        configuration = self._configuration(self._options)
        warm_up()
        try:
            self._device = nd.open(
                configuration=configuration, iterator_timeout=0.05, serial=serial or None,
                iterator_maximum_raw_packets=8,
            )  # fmt: skip
            self._device.__enter__()
            found, self._connection = self._device.serial(), self._device.connection().value
        except (RuntimeError, OSError) as error:
            self.close()
            if "not found" in str(error) or "no device" in str(error):
                raise DeviceError(missing_davis346(serial, "neuromorphic-drivers")) from error
            raise DeviceError(
                f"davis346: {serial or 'the camera'} cannot be opened with neuromorphic-drivers ({error}): "
                "close other programs that use it, and check that a udev rule lets you use it (docker/udev)"
            ) from error
        width, height = self._size = SIZES["davis346"]
        detail = f"neuromorphic-drivers {version('neuromorphic-drivers')}"
        return CameraDescription("DAVIS346", found, width, height, "live", detail)

    def _configuration(self, options: Davis346Options) -> Any:
        if options.auto_exposure:
            raise ConfigError(
                "davis346: auto_exposure: neuromorphic-drivers has none; set an exposure, or driver to "
                "dv_processing"
            )
        # The library holds a bias as one number, the coarse part above the fine one.
        given = {name.lower(): coarse << 8 | fine for name, coarse, fine in map(parse_bias, options.biases)}
        return self._library.Configuration(
            biases=self._library.Biases(**given),
            activity_filter=self._library.ActivityFilter(
                mask_isolated_enable=options.noise_filter > 0,
                mask_isolated_tau=round(options.noise_filter / FILTER_STEP),
            ),
            exposure_us=round(options.exposure * 1000),
            frame_interval_us=round(1e6 / options.frame_rate),
        )

    def adjust(self, changes: dict[str, Any]) -> None:
        """See `LiveSource.adjust`."""
        options = self._options.model_copy(update=changes)
        try:
            self._open_device().update_configuration(self._configuration(options))
        except (RuntimeError, OSError, ConfigError) as error:
            raise DeviceError(f"davis346: the camera refuses {', '.join(changes)}: {error}") from error
        self._options = options

    def settings(self) -> dict[str, Any]:
        """See `LiveSource.settings`."""
        options, written = self._options, self._configuration(self._options)
        return {
            "frame_rate": 1e6 / written.frame_interval_us,
            "auto_exposure": False,
            "exposure": written.exposure_us / 1000,
            "noise_filter": written.activity_filter.mask_isolated_tau * FILTER_STEP,
            "biases": options.biases,
        }

    def facts(self) -> dict[str, str | int | float]:
        """See `LiveSource.facts`."""
        facts: dict[str, str | int | float] = {"connection": self._connection}
        if self._temperature == self._temperature:
            facts["temperature"] = round(self._temperature, 1)
        return facts

    def _open_device(self) -> Any:
        if self._device is None:
            raise DeviceError("davis346: the camera is not open")
        return self._device

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        device = self._open_device()
        end = time.monotonic() + timeout
        while True:
            try:
                status, packet = next(device)
            except (RuntimeError, OSError, StopIteration) as error:
                raise DeviceError(
                    f"davis346: the camera was unplugged or stopped answering: {error}"
                ) from error
            if status.ring is not None and packet is not None:
                arrival = round(status.ring.system_time * 1e9)
                # The library counts from the opening.
                lost = max(0, status.ring.dropped_packets - self.lost)
                self.lost = status.ring.dropped_packets
                readings = self._events(packet, arrival, lost)
                readings += [self._frame(frame, arrival) for frame in packet.frames]
                readings += self._imu(packet.imu_events, arrival)
                if readings:
                    return sorted(readings, key=lambda reading: reading.host_time)
            if time.monotonic() >= end:
                return []

    def _events(self, packet: Any, arrival: int, lost: int) -> list[Reading]:
        found, triggers = packet.polarity_events, Triggers()
        if self._options.triggers and packet.trigger_events is not None:
            triggers = _triggers(packet.trigger_events)
        if found is None or not len(found):
            if not len(triggers):
                return []
            events, last = Events.empty(*self._size), int(triggers.t[-1])
        else:
            events = Events(
                found["x"].astype(np.uint16), found["y"].astype(np.uint16), found["on"].astype(np.uint8),
                found["t"].astype(np.int64), *self._size,
            )  # fmt: skip
            last = int(events.t[-1])
        self._clock.arrived(last * 1000, arrival)
        return [pack(events, last, arrival, triggers, lost)]

    def _frame(self, frame: Any, arrival: int) -> Reading:
        begin = frame.start_t if frame.exposure_start_t is None else frame.exposure_start_t
        end = frame.t if frame.exposure_end_t is None else frame.exposure_end_t
        middle = (int(begin) + int(end)) * 500
        # The library moves the 10 bits of the sensor to the top of 16.
        image = (frame.pixels >> 8).astype(np.uint8)
        host_time = self._clock.host_time(middle) or arrival
        return Frame(image, "mono8", *self._size, middle, host_time)

    def _imu(self, samples: NDArray[Any] | None, arrival: int) -> list[Reading]:
        readings: list[Reading] = []
        for sample in () if samples is None else samples:
            sensor_time = int(sample["t"]) * 1000
            acceleration = tuple(float(sample[f"accelerometer_{axis}"]) for axis in "xyz")
            rotation = tuple(float(sample[f"gyroscope_{axis}"]) for axis in "xyz")
            host_time = self._clock.host_time(sensor_time) or arrival
            readings.append(ImuSample(acceleration, rotation, sensor_time, host_time))  # type: ignore[arg-type]
            self._temperature = float(sample["temperature"])
        return readings

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._device is not None:
            self._device.close()
            self._device = None


def _triggers(found: NDArray[Any]) -> Triggers:
    """Edges of the library's trigger events, whose last field tells their kind."""
    kinds = found[list(found.dtype.fields or ())[-1]].astype(np.uint8)
    edges = kinds != _PULSE
    times = found["t"][edges].astype(np.int64)
    return Triggers(times, np.zeros(len(times), np.uint8), kinds[edges])
