"""The EVK4 on USB: its EVT3 words as they come from neuromorphic-drivers, or events from Metavision."""

from __future__ import annotations

import time
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.cameras.options import SIZES, Evk4Options
from evface.cameras.packing import pack
from evface.cameras.source import CameraDescription, CameraSource, Cue, EncodedEvents, Reading
from evface.errors import DeviceError
from evface.events import Events
from evface.events.codecs.evt3_scan import Evt3Scanner

BIASES = ("diff_on", "diff_off", "fo", "hpf", "refr")
"""Biases that can be set, each relative to the factory's."""

_POLL = 0.001
_MEND = "plug it in, check that `lsusb` lists it, and that a udev rule lets you use it (docker/udev)"


def open_evk4(options: Evk4Options) -> CameraSource:
    """The reader of an EVK4 that its options choose."""
    driver = options.driver
    if driver == "auto":
        driver = "neuromorphic" if find_spec("metavision_hal") is None else "metavision"
    return MetavisionEvk4(options) if driver == "metavision" else NeuromorphicEvk4(options)


def biases_of(options: Evk4Options) -> dict[str, int]:
    """The biases by the sensor's names for them."""
    return {name: getattr(options, f"bias_{name}") for name in BIASES}


class Evt3Stream:
    """Puts a time base to pieces of an EVT3 stream."""

    def __init__(self) -> None:
        self._scanner = Evt3Scanner()
        self._time = 0

    def packet(self, data: bytes, host_time: int) -> EncodedEvents:
        """A packet of whole words, its time base the last time known at its beginning."""
        words: NDArray[np.uint16] = np.frombuffer(data, "<u2")
        cuts = self._scanner.cuts(words)
        base = self._time or (cuts[0][1] if cuts else 0)
        if cuts:
            self._time = cuts[-1][1]
        width, height = SIZES["evk4"]
        return EncodedEvents(data, "evt3", width, height, base * 1000, host_time)


class NeuromorphicEvk4:
    """An EVK4 read with neuromorphic-drivers, undecoded.

    Args:
        options: of the camera.

    Attributes:
        lost: USB packets that the driver had to drop.
    """

    def __init__(self, options: Evk4Options) -> None:
        self._options = options
        self._device: Any = None
        self.lost = 0

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        try:
            import neuromorphic_drivers as nd
        except ImportError as error:
            raise DeviceError(
                f"evk4: neither metavision_hal nor neuromorphic-drivers can be imported ({error}): "
                "pip install neuromorphic-drivers"
            ) from error
        serial = self._options.serial
        configuration = nd.prophesee_evk4.Configuration(
            biases=nd.prophesee_evk4.Biases(**biases_of(self._options))
        )
        try:
            self._device = nd.open(
                configuration=configuration, iterator_timeout=0.05, raw=True, serial=serial or None
            )
            self._device.__enter__()
            found = self._device.serial()
        except (RuntimeError, OSError) as error:
            self.close()
            wanted = f"an EVK4 with serial number {serial}" if serial else "an EVK4"
            raise DeviceError(
                f"evk4: looked for {wanted} on USB with neuromorphic-drivers: {error}: {_MEND}"
            ) from error
        self._stream = Evt3Stream()
        width, height = SIZES["evk4"]
        detail = f"neuromorphic-drivers {version('neuromorphic-drivers')}"
        return CameraDescription("EVK4", found, width, height, "live", detail)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._device is None:
            raise DeviceError("evk4: the camera is not open")
        end = time.monotonic() + timeout
        while True:
            try:
                status, data = next(self._device)
            except (RuntimeError, OSError, StopIteration) as error:
                raise DeviceError(f"evk4: the camera was unplugged or stopped answering: {error}") from error
            if status.ring is not None:
                self.lost += status.ring.dropped_packets
                if data:
                    return [self._stream.packet(bytes(data), round(status.ring.system_time * 1e9))]
            if time.monotonic() >= end:
                return []

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._device is not None:
            self._device.close()
            self._device = None


class MetavisionEvk4:
    """An EVK4 read with the vendor's Metavision SDK or OpenEB.

    Its Python interface (`metavision_hal`) hands out events, not the camera's bytes: they are encoded anew.

    Args:
        options: of the camera.
    """

    def __init__(self, options: Evk4Options) -> None:
        self._options = options
        self._device: Any = None
        self._stream: Any = None
        self._parts: list[Events] = []

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        try:
            from metavision_hal import DeviceDiscovery
        except ImportError as error:
            raise DeviceError(
                f"evk4: metavision_hal cannot be imported ({error}): install the Metavision SDK or OpenEB, "
                "or set driver to neuromorphic"
            ) from error
        serial = self._options.serial
        try:
            self._device = DeviceDiscovery.open(serial)
            if self._device is None:
                raise RuntimeError("none was found")
            self._set_up()
            identification = self._device.get_i_hw_identification()
            found, sensor = identification.get_serial(), identification.get_sensor_info().name
        except RuntimeError as error:
            self.close()
            wanted = f"an EVK4 with serial number {serial}" if serial else "an EVK4"
            raise DeviceError(
                f"evk4: looked for {wanted} on USB with Metavision: {error}: {_MEND}"
            ) from error
        detail = f"Metavision, sensor {sensor}, events encoded anew"
        return CameraDescription("EVK4", found, self._width, self._height, "live", detail)

    def _set_up(self) -> None:
        biases = self._device.get_i_ll_biases()
        for name, value in biases_of(self._options).items():
            biases.set(f"bias_{name}", value)
        geometry = self._device.get_i_geometry()
        self._width, self._height = geometry.get_width(), geometry.get_height()
        self._decoder = self._device.get_i_events_stream_decoder()
        self._device.get_i_event_cd_decoder().add_event_buffer_callback(self._collect)
        self._stream = self._device.get_i_events_stream()
        self._stream.start()

    def _collect(self, found: NDArray[Any]) -> None:
        """Called while a buffer is decoded, with the next of its events."""
        x, y, p = (
            found["x"].astype(np.uint16),
            found["y"].astype(np.uint16),
            (found["p"] != 0).astype(np.uint8),
        )
        self._parts.append(Events(x, y, p, found["t"].astype(np.int64), self._width, self._height))

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._stream is None:
            raise DeviceError("evk4: the camera is not open")
        end = time.monotonic() + timeout
        while True:
            try:
                state = self._stream.poll_buffer()
                if state > 0:
                    self._decoder.decode(self._stream.get_latest_raw_data())
            except RuntimeError as error:
                raise DeviceError(f"evk4: the camera stopped answering: {error}") from error
            if state < 0:
                raise DeviceError("evk4: the camera was unplugged or stopped answering")
            parts, self._parts = [part for part in self._parts if len(part)], []
            if parts:
                events = Events.concatenate(parts)
                return [pack(events, int(events.t[-1]), time.time_ns())]
            if time.monotonic() >= end:
                return []
            if state == 0:
                time.sleep(_POLL)

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._stream is not None:
            self._stream.stop()
        self._stream = self._decoder = self._device = None
