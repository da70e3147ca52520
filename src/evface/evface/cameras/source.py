"""What every camera is to the rest of the house: a source of packets and frames.

A live device, a file and a virtual camera are the same to whoever reads them. All times are
integers in nanoseconds: ``sensor_time`` on the device's own clock, ``host_time`` since
1970-01-01 UTC on the host's clock, at arrival (events) or at exposure (frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

SourceKind = Literal["live", "file", "virtual"]


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """Who is speaking: written into every session's metadata.

    Attributes:
        model: "DAVIS346", "EVK4", "ROG Eye S", or what a file says of itself.
        serial: as the device gives it; "" where there is none.
        width: px.
        height: px.
        kind: live, file or virtual.
        detail: the driver library and version, the file's path, or the scene.
    """

    model: str
    serial: str
    width: int
    height: int
    kind: SourceKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EncodedEvents:
    """A packet of events as the device sent it, undecoded; it becomes one EventPacket message.

    Attributes:
        data: the bytes, in ``encoding`` (see docs/formats.md).
        encoding: "evt3", "libcaer_cmp", "libcaer" or "mono".
        width: of the sensor, px.
        height: of the sensor, px.
        sensor_time: ns, sensor clock, of the packet's first event (goes into ``time_base``).
        host_time: ns, host clock, when the packet was there.
        count: events inside where the source knows it without decoding, else -1.
        lost: packets known to be lost before this one; the count of packets (``seq``) skips as many.
    """

    data: bytes | memoryview
    encoding: str
    width: int
    height: int
    sensor_time: int
    host_time: int
    count: int = -1
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture.

    Attributes:
        image: uint8 ``[H, W]`` (mono8) or ``[H, W, 3]`` (bgr8), or the bytes of a JPEG.
        encoding: "mono8", "bgr8" or "jpeg".
        width: px.
        height: px.
        sensor_time: ns, sensor clock; for a DAVIS the clock of its events.
        host_time: ns, host clock, of the exposure as well as the source knows it.
    """

    image: NDArray[np.uint8] | bytes
    encoding: Literal["mono8", "bgr8", "jpeg"]
    width: int
    height: int
    sensor_time: int
    host_time: int


@dataclass(frozen=True, slots=True)
class ImuSample:
    """One reading of the inertial sensor.

    Attributes:
        acceleration: m/s^2, (x, y, z).
        angular_velocity: rad/s, (x, y, z).
        sensor_time: ns, sensor clock.
        host_time: ns, host clock.
    """

    acceleration: tuple[float, float, float]
    angular_velocity: tuple[float, float, float]
    sensor_time: int
    host_time: int


Reading = EncodedEvents | Frame | ImuSample


@dataclass(frozen=True, slots=True)
class Cue:
    """What the session asks of the person in the chair; virtual subjects act on it.

    Attributes:
        phase: of the protocol: "countdown", "perform", "rest", ...
        au: FACS number of the trial, 0 outside a trial.
        start: ns, host clock, when the phase began.
        duration: ns planned; 0 when open-ended.
        trial: index of the trial in the script, from 0.
        take: from 1; 0 outside a trial.
    """

    phase: str
    au: int
    start: int
    duration: int
    trial: int = 0
    take: int = 0


class CameraSource(Protocol):
    """A camera that can be opened, read and closed, once each, from one thread."""

    def open(self) -> CameraDescription:
        """Claim the device, file or scene.

        Raises:
            DeviceError: no such device, its library is missing, or it is busy.
            FormatError: the file is not what it should be.
        """
        ...

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait up to ``timeout`` seconds for what comes next.

        Returns:
            Readings in the order of their host time, [] when nothing came, None once the source has ended.

        Raises:
            DeviceError: the device went away.
            FormatError: the file breaks off.
        """
        ...

    def cue(self, cue: Cue) -> None:
        """Tell the source what the session asks now; only virtual sources act on it."""
        ...

    def close(self) -> None:
        """Give back what ``open`` claimed; may be called twice."""
        ...


@runtime_checkable
class LiveSource(CameraSource, Protocol):
    """A device: what can be set of it can be set while it runs, and it tells what it took."""

    def adjust(self, changes: dict[str, Any]) -> None:
        """Give the device new values, from the thread that reads it.

        Args:
            changes: valid values by option name; only options marked adjustable.

        Raises:
            DeviceError: the device refuses them, or is gone.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """What the device has now, by option name: read back where its library can, else as it was taken.

        Raises:
            DeviceError: the device is gone.
        """
        ...

    def facts(self) -> dict[str, str | int | float]:
        """What else to know of the device by now, such as its temperature, for whoever records it."""
        ...
