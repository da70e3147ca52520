"""The EVK4 on USB, read with the vendor's Metavision SDK or OpenEB."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.cameras.live_evk4 import LOOK, MEND, biases_of
from evface.cameras.options import Evk4Options
from evface.cameras.pacing import Every
from evface.cameras.packing import pack, warm_up
from evface.cameras.source import CameraDescription, Cue, Reading
from evface.errors import DeviceError
from evface.events import Events, Triggers

_POLL = 0.001


class MetavisionEvk4:
    """An EVK4 read with the vendor's Metavision SDK or OpenEB.

    The Python interface of their hardware layer (`metavision_hal`) hands out events, not the camera's bytes
    (its RawBuffer tells only its size): they are encoded anew.

    Args:
        options: of the camera.
    """

    def __init__(self, options: Evk4Options) -> None:
        self._options = options
        self._device: Any = None
        self._stream: Any = None
        self._monitoring: Any = None
        self._look = Every(LOOK)
        self._facts: dict[str, str | int | float] = {}
        self._parts: list[Events] = []
        self._triggers: list[Triggers] = []

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        try:
            import metavision_hal as hal
        except ImportError as error:
            raise DeviceError(
                f"evk4: metavision_hal cannot be imported ({error}): install the Metavision SDK or OpenEB, "
                "or set driver to neuromorphic"
            ) from error
        serial = self._options.serial
        warm_up()
        try:
            self._device = hal.DeviceDiscovery.open(serial)
            if self._device is None:
                raise RuntimeError("none was found")
            self._set_up(hal)
            identification = self._device.get_i_hw_identification()
            found, sensor = identification.get_serial(), identification.get_sensor_info().name
            system = {str(name): str(value) for name, value in identification.get_system_info().items()}
        except RuntimeError as error:
            self.close()
            wanted = f"an EVK4 with serial number {serial}" if serial else "an EVK4"
            raise DeviceError(f"evk4: looked for {wanted} on USB with Metavision: {error}: {MEND}") from error
        self._facts |= system
        detail = f"Metavision, sensor {sensor}, events encoded anew"
        return CameraDescription("EVK4", found, self._width, self._height, "live", detail)

    def _set_up(self, hal: Any) -> None:
        device = self._device
        self._biases = device.get_i_ll_biases()
        self._give(biases_of(self._options))
        geometry = device.get_i_geometry()
        self._width, self._height = geometry.get_width(), geometry.get_height()
        self._monitoring = device.get_i_monitoring()
        self._decoder = device.get_i_events_stream_decoder()
        device.get_i_event_cd_decoder().add_event_buffer_callback(self._collect)
        if self._options.triggers:
            device.get_i_trigger_in().enable(hal.I_TriggerIn.Channel.MAIN)
            device.get_i_event_ext_trigger_decoder().add_event_buffer_callback(self._collect_triggers)
        self._stream = device.get_i_events_stream()
        self._stream.start()

    def _give(self, biases: dict[str, int]) -> None:
        for name, value in biases.items():
            if self._biases.get(f"bias_{name}") != value and not self._biases.set(f"bias_{name}", value):
                raise RuntimeError(f"bias_{name} cannot be set to {value}")

    def adjust(self, changes: dict[str, Any]) -> None:
        """See `LiveSource.adjust`."""
        if self._stream is None:
            raise DeviceError("evk4: the camera is not open")
        before, self._options = biases_of(self._options), self._options.model_copy(update=changes)
        try:
            self._give(biases_of(self._options))
        except RuntimeError as error:
            self._options = self._options.model_copy(
                update={f"bias_{name}": value for name, value in before.items()}
            )
            raise DeviceError(f"evk4: the camera refuses {', '.join(changes)}: {error}") from error

    def settings(self) -> dict[str, Any]:
        """See `LiveSource.settings`."""
        names = [f"bias_{name}" for name in biases_of(self._options)]
        try:
            return {name: int(self._biases.get(name)) for name in names}
        except RuntimeError as error:
            raise DeviceError(f"evk4: the camera stopped answering: {error}") from error

    def facts(self) -> dict[str, str | int | float]:
        """See `LiveSource.facts`: illuminance in lux, temperature in degrees Celsius."""
        return self._facts.copy()

    def _examine(self) -> None:
        """Ask the sensor for its light and temperature; a negative answer says that it does not know."""
        asked = {
            "illuminance": self._monitoring.get_illumination,
            "temperature": self._monitoring.get_temperature,
        }
        for name, ask in asked.items():
            try:
                found = ask()
            except RuntimeError:
                continue
            if found >= 0:
                self._facts[name] = found

    def _collect(self, found: NDArray[Any]) -> None:
        """Called while a buffer is decoded, with the next of its events."""
        x, y, p = (
            found["x"].astype(np.uint16),
            found["y"].astype(np.uint16),
            (found["p"] != 0).astype(np.uint8),
        )
        self._parts.append(Events(x, y, p, found["t"].astype(np.int64), self._width, self._height))

    def _collect_triggers(self, found: NDArray[Any]) -> None:
        """Called while a buffer is decoded, with the next edges at the trigger input."""
        edges = (found["p"] != 0).astype(np.uint8)
        self._triggers.append(Triggers(found["t"].astype(np.int64), found["id"].astype(np.uint8), edges))

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._stream is None:
            raise DeviceError("evk4: the camera is not open")
        end = time.monotonic() + timeout
        while True:
            if self._look.due():
                self._examine()
            try:
                state = self._stream.poll_buffer()
                if state > 0:
                    self._decoder.decode(self._stream.get_latest_raw_data())
            except RuntimeError as error:
                raise DeviceError(f"evk4: the camera stopped answering: {error}") from error
            if state < 0:
                raise DeviceError("evk4: the camera was unplugged or stopped answering")
            if readings := self._packet():
                return readings
            if time.monotonic() >= end:
                return []
            if state == 0:
                time.sleep(_POLL)

    def _packet(self) -> list[Reading]:
        """What the callbacks collected."""
        parts, self._parts = [part for part in self._parts if len(part)], []
        found, self._triggers = self._triggers, []
        if not parts and not any(map(len, found)):
            return []
        events = Events.concatenate(parts) if parts else Events.empty(self._width, self._height)
        triggers = Triggers()
        if found:
            triggers = Triggers(
                np.concatenate([part.t for part in found]), np.concatenate([part.id for part in found]),
                np.concatenate([part.edge for part in found]),
            )  # fmt: skip
        last = max(int(times[-1]) for times in (events.t, triggers.t) if len(times))
        return [pack(events, last, time.time_ns(), triggers)]

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._stream is not None:
            self._stream.stop()
        self._stream = self._decoder = self._monitoring = self._device = None
