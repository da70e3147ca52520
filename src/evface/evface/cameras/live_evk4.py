"""The EVK4 on USB: which library reads it, and its EVT3 words as they come from neuromorphic-drivers."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.cameras.options import SIZES, Evk4Options
from evface.cameras.pacing import Every
from evface.cameras.packing import warm_up
from evface.cameras.source import CameraDescription, CameraSource, Cue, EncodedEvents, Reading
from evface.errors import DeviceError
from evface.events.codecs.evt3_scan import Evt3Scanner

BIASES = ("diff_on", "diff_off", "fo", "hpf", "refr")
"""Biases that can be set, each relative to the factory's."""

MEND = "plug it in, check that `lsusb` lists it, and that a udev rule lets you use it (docker/udev)"
"""What to do about a camera that is not found."""

LOOK = 1.0
"""s between two looks at the sensor's light and temperature."""


def open_evk4(options: Evk4Options) -> CameraSource:
    """The reader of an EVK4 that its options choose."""
    driver = options.driver
    if driver == "auto":
        driver = "neuromorphic" if find_spec("metavision_hal") is None else "metavision"
    if driver == "metavision":
        from evface.cameras.live_evk4_metavision import MetavisionEvk4

        return MetavisionEvk4(options)
    return NeuromorphicEvk4(options)


def biases_of(options: Evk4Options) -> dict[str, int]:
    """The biases by the sensor's names for them."""
    return {name: getattr(options, f"bias_{name}") for name in BIASES}


def lux_of(count: int) -> float:
    """Light on the sensor of the IMX636's light meter.

    The formula is that of OpenEB (TzImx636::get_illumination); no calibration of it is published, so it
    tells bright from dark, and does not replace a lux meter.

    Args:
        count: clock ticks of 10 ns that the meter needed to reach its threshold.
    """
    return float(10**3.5 / (0.37 * max(1, count & (1 << 27) - 1) / 100))


class Evt3Stream:
    """Puts a time base to pieces of an EVT3 stream."""

    def __init__(self) -> None:
        self._scanner = Evt3Scanner()
        self._time = 0

    def packet(self, data: bytes, host_time: int, lost: int = 0) -> EncodedEvents:
        """A packet of whole words, its time base the last time known at its beginning.

        Args:
            data: the words as they came.
            host_time: ns, host clock, of their arrival.
            lost: pieces of the stream known to be lost before these.
        """
        words: NDArray[np.uint16] = np.frombuffer(data, "<u2")
        cuts = self._scanner.cuts(words)
        base = self._time or (cuts[0][1] if cuts else 0)
        if cuts:
            self._time = cuts[-1][1]
        width, height = SIZES["evk4"]
        return EncodedEvents(data, "evt3", width, height, base * 1000, host_time, lost=lost)


class NeuromorphicEvk4:
    """An EVK4 read with neuromorphic-drivers: its words are passed on as they came, undecoded.

    The library tells what it wrote to the camera, it cannot read it back: a write that fails is an error.

    Args:
        options: of the camera.

    Attributes:
        lost: USB packets that the library had to drop.
    """

    def __init__(self, options: Evk4Options) -> None:
        self._options = options
        self._device: Any = None
        self._look = Every(LOOK)
        self._facts: dict[str, str | int | float] = {}
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
        self._library = nd.prophesee_evk4
        serial = self._options.serial
        Evt3Stream().packet(bytes(warm_up().data), 0)
        try:
            self._device = nd.open(
                configuration=self._configuration(self._options), iterator_timeout=0.05, raw=True,
                serial=serial or None, iterator_maximum_raw_packets=8,
            )  # fmt: skip
            self._device.__enter__()
            found = self._device.serial()
            self._facts["connection"] = self._device.connection().value
        except (RuntimeError, OSError) as error:
            self.close()
            wanted = f"an EVK4 with serial number {serial}" if serial else "an EVK4"
            raise DeviceError(
                f"evk4: looked for {wanted} on USB with neuromorphic-drivers: {error}: {MEND}"
            ) from error
        self._stream = Evt3Stream()
        width, height = SIZES["evk4"]
        detail = f"neuromorphic-drivers {version('neuromorphic-drivers')}"
        return CameraDescription("EVK4", found, width, height, "live", detail)

    def _configuration(self, options: Evk4Options) -> Any:
        return self._library.Configuration(
            biases=self._library.Biases(**biases_of(options)), enable_external_trigger=options.triggers
        )

    def adjust(self, changes: dict[str, Any]) -> None:
        """See `LiveSource.adjust`."""
        options = self._options.model_copy(update=changes)
        try:
            self._open_device().update_configuration(self._configuration(options))
        except (RuntimeError, OSError) as error:
            raise DeviceError(f"evk4: the camera refuses {', '.join(changes)}: {error}") from error
        self._options = options

    def settings(self) -> dict[str, Any]:
        """See `LiveSource.settings`."""
        return {f"bias_{name}": value for name, value in biases_of(self._options).items()}

    def facts(self) -> dict[str, str | int | float]:
        """See `LiveSource.facts`: illuminance in lux, its raw count, temperature in degrees Celsius."""
        return self._facts.copy()

    def _examine(self) -> None:
        """Ask the sensor for its light and temperature; it does not have them ready at all times."""
        with suppress(RuntimeError):
            count = int(self._device.illuminance())
            self._facts |= {"illuminance": round(lux_of(count), 1), "illuminance_count": count}
        with suppress(RuntimeError):
            self._facts["temperature"] = round(float(self._device.temperature_celsius()), 1)

    def _open_device(self) -> Any:
        if self._device is None:
            raise DeviceError("evk4: the camera is not open")
        return self._device

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        device = self._open_device()
        end = time.monotonic() + timeout
        while True:
            if self._look.due():
                self._examine()
            try:
                status, data = next(device)
            except (RuntimeError, OSError, StopIteration) as error:
                raise DeviceError(f"evk4: the camera was unplugged or stopped answering: {error}") from error
            if status.ring is not None and data:
                return self._packets(status.ring, bytes(data))
            if time.monotonic() >= end:
                return []

    def _packets(self, ring: Any, data: bytes) -> list[Reading]:
        """What came, cut where the library had to drop something: a decoder must not read on across it."""
        # The library counts from the opening.
        lost, self.lost = max(0, ring.dropped_packets - self.lost), ring.dropped_packets
        arrival = round(ring.system_time * 1e9)
        gaps = [at for at in ring.overflow_indices or [] if at < len(data)]
        if lost and not gaps:
            gaps = [0]
        edges = sorted({0, *gaps, len(data)})
        return [
            self._stream.packet(data[begin:end], arrival, max(1, lost // len(gaps)) if begin in gaps else 0)
            for begin, end in pairwise(edges)
        ]

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._device is not None:
            self._device.close()
            self._device = None
