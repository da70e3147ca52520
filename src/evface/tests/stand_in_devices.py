"""Devices that are not here, at the boundary of the library that would read them: they replay recordings.

Each has members that the library's own class has, a test holds that, and no others: code that calls
something else of a device fails here as it would with the device.
"""
# The names are the libraries' own.
# ruff: noqa: N802

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cv2
import dv_processing as dv
import neuromorphic_drivers as nd
import numpy as np
from neuromorphic_drivers import packet as nd_packet
from neuromorphic_drivers import status as nd_status

from evface.events import open_recording

DAVIS_FILE = "events/davis346.aedat4"
EVT3_FILE = "events/hd_evt3.raw"
FACE_FILE = "faces/smile_640x360.mp4"


@dataclass
class Cable:
    """Whether a device is plugged in, and how often it was opened."""

    plugged: bool = True
    opened: int = 0


# --- dv-processing --------------------------------------------------------------------------------------


def dv_davis(recording: Path, cable: Cable) -> type:
    """A class for `dv_processing.io.camera.DAVIS` that replays an aedat4 file."""

    class Davis:
        Davis346BiasCF = dv.io.camera.DAVIS.Davis346BiasCF

        @staticmethod
        def findDevices(filterBySerialNumber: str = "") -> list[Any]:
            found = SimpleNamespace(serialNumber="00000104")
            return [found] if cable.plugged and filterBySerialNumber in ("", "00000104") else []

        def __init__(self, deviceToOpen: Any) -> None:
            if not cable.plugged:
                raise RuntimeError("No such device")
            cable.opened += 1
            self._file = dv.io.MonoCameraRecording(str(recording))
            self._biases = {int(bias): (4, 39) for bias in self.Davis346BiasCF.__members__.values()}
            self._interval, self._exposure = timedelta(milliseconds=25), timedelta(milliseconds=5)
            self._automatic, self._filter, self._edges = True, 8, False

        def _alive(self) -> None:
            if not cable.plugged:
                raise RuntimeError("LIBUSB_ERROR_NO_DEVICE")

        def getEventResolution(self) -> tuple[int, int]:
            return self._file.getEventResolution()

        def getFirmwareVersion(self) -> int:
            return 6

        def getLogicVersion(self) -> int:
            return 18

        def getSerialNumber(self) -> str:
            return "00000104"

        def getConnectionSpeed(self) -> Any:
            return dv.io.camera.libusb_speed.LIBUSB_SPEED_SUPER

        def setTimeInterval(self, timeInterval: timedelta) -> None:
            assert timeInterval > timedelta(0)

        def setFrameInterval(self, frameIntervalUs: timedelta) -> None:
            self._alive()
            self._interval = frameIntervalUs

        def getFrameInterval(self) -> timedelta:
            return self._interval

        def setAutoExposure(self, enabled: bool) -> None:
            self._automatic = enabled

        def getAutoExposure(self) -> bool:
            return self._automatic

        def setExposureDuration(self, exposureDurationUs: timedelta) -> None:
            self._alive()
            # As the camera does: whole microseconds, and no more than the frames leave room for.
            self._exposure = min(
                timedelta(microseconds=exposureDurationUs // timedelta(microseconds=1)), self._interval
            )

        def getExposureDuration(self) -> timedelta:
            return self._exposure

        def setBackgroundActivityFilter(self, timeIn250us: int) -> None:
            self._filter = timeIn250us

        def getBackgroundActivityFilter(self) -> int:
            return self._filter

        def setDavis346BiasCoarseFine(self, bias: Any, coarse: int, fine: int) -> None:
            self._biases[int(bias)] = (coarse, fine)

        def getDavis346BiasCoarseFine(self, bias: Any) -> tuple[int, int]:
            return self._biases[int(bias)]

        def setDetectorRisingEdges(self, detectRising: bool) -> None:
            self._edges = detectRising

        def setDetectorFallingEdges(self, detectFalling: bool) -> None:
            self._edges = detectFalling

        def setDetectorRunning(self, run: bool) -> None:
            self._edges = self._edges and run

        def isRunning(self) -> bool:
            return cable.plugged

        def getNextEventBatch(self) -> Any:
            return self._file.getNextEventBatch() if cable.plugged else None

        def getNextFrame(self) -> Any:
            return self._file.getNextFrame() if cable.plugged else None

        def getNextImuBatch(self) -> Any:
            return self._file.getNextImuBatch() if cable.plugged else None

        def getNextTriggerBatch(self) -> Any:
            found = self._file.getNextTriggerBatch() if cable.plugged else None
            if found is None or not self._edges:
                return found
            kind = dv.TriggerType.EXTERNAL_SIGNAL_RISING_EDGE
            return [SimpleNamespace(timestamp=one.timestamp, type=kind) for one in found]

    return Davis


# --- neuromorphic-drivers -------------------------------------------------------------------------------


class _NeuromorphicDevice:
    """What both cameras have of `neuromorphic_drivers.device.Device`."""

    def __init__(self, cable: Cable, configuration: Any, serial: str | None) -> None:
        if not cable.plugged:
            raise RuntimeError(
                "no device found" if serial is None else f'device with serial "{serial}" not found'
            )
        cable.opened += 1
        self._cable = cable
        self._dropped = 0
        self.update_configuration(configuration)

    def __enter__(self) -> Any:
        return self

    def close(self) -> None:
        self._cable = Cable(plugged=False)

    def serial(self) -> str:
        return "00051501"

    def connection(self) -> nd.Connection:
        return nd.Connection.USB_SUPER

    def update_configuration(self, configuration: Any) -> None:
        configuration.serialize()  # the library's own check of names, types and ranges
        self._written = configuration

    def _check(self) -> float:
        if not self._cable.plugged:
            raise RuntimeError("No such device (it may have been disconnected)")
        return time.time()


class Evk4(_NeuromorphicDevice):
    """A Prophesee EVK4 opened raw; ``drops`` are told with the next piece, at those of its bytes."""

    def __init__(self, cable: Cable, pieces: Iterator[bytes], configuration: Any, serial: str | None) -> None:
        super().__init__(cable, configuration, serial)
        self._pieces = pieces
        self.drops: list[int] = []

    def illuminance(self) -> int:
        return 4200

    def temperature_celsius(self) -> float:
        return 41.3

    def __next__(self) -> tuple[Any, bytes | None]:
        now = self._check()
        piece = next(self._pieces)
        if not piece:
            time.sleep(0.01)
            return nd_status.RawStatus(now, None), None
        drops, self.drops = self.drops, []
        self._dropped += len(drops)
        ring = nd_status.RawRingStatus(now - 0.001, 0, 1, False, drops, self._dropped)
        return nd_status.RawStatus(now, ring), piece


_POLARITY = [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")]
_IMU = [("t", "<u8")] + [
    (f"{sensor}_{axis}", "<f4") for sensor in ("accelerometer", "gyroscope") for axis in "xyz"
] + [("temperature", "<f4")]  # fmt: skip


class Davis346(_NeuromorphicDevice):
    """An iniVation DAVIS346 whose packets hold what an aedat4 file holds."""

    def __init__(self, cable: Cable, recording: Path, configuration: Any, serial: str | None) -> None:
        super().__init__(cable, configuration, serial)
        self._file = dv.io.MonoCameraRecording(str(recording))

    def __next__(self) -> tuple[Any, Any]:
        now = self._check()
        packet = nd_packet.Davis346Packet()
        batch = self._file.getNextEventBatch()
        if batch is None:
            time.sleep(0.01)
            return nd_status.Status(now, None), None
        found = batch.numpy()
        packet.polarity_events = np.empty(len(found), _POLARITY)
        for ours, theirs in (("t", "timestamp"), ("x", "x"), ("y", "y"), ("on", "polarity")):
            packet.polarity_events[ours] = found[theirs]
        samples = self._file.getNextImuBatch() or []
        packet.imu_events = np.array(
            [
                (one.timestamp, *one.getAccelerations(), *one.getAngularVelocities(), one.temperature)
                for one in samples
            ],
            _IMU,
        )
        packet.frames = []
        frame = self._file.getNextFrame()
        if frame is not None:
            found_frame = nd_packet.Frame()
            found_frame.start_t = found_frame.exposure_start_t = frame.timestamp
            found_frame.t = found_frame.exposure_end_t = frame.timestamp + frame.exposure // timedelta(
                microseconds=1
            )
            found_frame.pixels = frame.image.astype(np.uint16) << 8
            packet.frames = [found_frame]
        packet.trigger_events = None
        ring = nd_status.RingStatus(now - 0.001, 0, 1, False, int(found["timestamp"][-1]), self._dropped)
        return nd_status.Status(now, ring), packet


def words_of(recording: Path, size: int = 16_384) -> list[bytes]:
    """The EVT3 words of a RAW file, in pieces of some bytes."""
    data = b"".join(bytes(packet.data) for packet in open_recording(recording).packets())
    return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass
class NeuromorphicUsb:
    """What `neuromorphic_drivers.open` finds: stands in its place."""

    davis: Path | None = None
    evt3: list[bytes] = field(default_factory=list)
    cable: Cable = field(default_factory=Cable)
    device: Any = None

    def open(
        self,
        configuration: Any = None,
        iterator_timeout: float | None = None,
        raw: bool = False,
        serial: str | None = None,
        iterator_maximum_raw_packets: int = 64,
    ) -> Any:
        assert iterator_timeout is not None  # a read must end
        if configuration.type() == "prophesee_evk4":
            assert raw
            pieces = chain(self.evt3, repeat(b""))
            self.device = Evk4(self.cable, pieces, configuration, serial)
        else:
            assert not raw
            assert self.davis is not None
            self.device = Davis346(self.cable, self.davis, configuration, serial)
        return self.device


# --- Metavision -----------------------------------------------------------------------------------------

METAVISION: dict[str, set[str]] = {
    "DeviceDiscovery": {"open"},
    "Device": {
        "get_i_ll_biases", "get_i_geometry", "get_i_monitoring", "get_i_events_stream_decoder",
        "get_i_events_stream", "get_i_event_cd_decoder", "get_i_event_ext_trigger_decoder",
        "get_i_trigger_in", "get_i_hw_identification",
    },
    "I_LL_Biases": {"set", "get"},
    "I_Geometry": {"get_width", "get_height"},
    "I_Monitoring": {"get_temperature", "get_illumination"},
    "I_EventsStream": {"start", "stop", "poll_buffer", "get_latest_raw_data"},
    "I_EventsStreamDecoder": {"decode"},
    "I_EventDecoder": {"add_event_buffer_callback"},
    "I_TriggerIn": {"enable", "Channel"},
    "I_HW_Identification": {"get_serial", "get_sensor_info", "get_system_info"},
}  # fmt: skip
"""Members that OpenEB 5.1 binds for Python (hal/python/bindings), of those that a stand-in has."""


class _Facility:
    """A facility with the members of OpenEB's of that name."""

    def __init__(self, kind: str, **members: Any) -> None:
        assert set(members) <= METAVISION[kind], kind
        self.__dict__ |= members


class MetavisionUsb:
    """A module in the place of `metavision_hal`, with one EVK4 that sends the events of a RAW file.

    Its buffers tell their size only, as OpenEB's RawBuffer does.
    """

    CD = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    TRIGGER = np.dtype([("p", "<i2"), ("t", "<i8"), ("id", "<i2")])

    def __init__(self, recording: Path, cable: Cable) -> None:
        events = open_recording(recording).read()
        sent = np.empty(len(events), self.CD)
        for name in "xypt":
            sent[name] = getattr(events, name)
        self._parts = [sent[at : at + 4000] for at in range(0, len(sent), 4000)]
        self.cable = cable
        self.biases = {f"bias_{name}": 0 for name in ("diff_on", "diff_off", "fo", "hpf", "refr")}
        self.streaming = False
        self.I_TriggerIn = SimpleNamespace(Channel=SimpleNamespace(MAIN=0))
        self.DeviceDiscovery = _Facility("DeviceDiscovery", open=self._open)

    def _open(self, serial: str) -> Any:
        if not self.cable.plugged or serial not in ("", "00ca0009"):
            raise RuntimeError("Unable to open device: camera not found")
        self.cable.opened += 1
        self._sent = iter(self._parts)
        self._callbacks: list[Callable[[Any], None]] = []
        self._on_trigger: list[Callable[[Any], None]] = []
        sensor = SimpleNamespace(name="IMX636")
        facilities = {
            "get_i_ll_biases": _Facility("I_LL_Biases", set=self._set, get=self.biases.__getitem__),
            "get_i_geometry": _Facility("I_Geometry", get_width=lambda: 1280, get_height=lambda: 720),
            "get_i_monitoring": _Facility(
                "I_Monitoring", get_temperature=lambda: 41, get_illumination=lambda: 212
            ),
            "get_i_events_stream_decoder": _Facility("I_EventsStreamDecoder", decode=self._decode),
            "get_i_events_stream": _Facility(
                "I_EventsStream",
                start=lambda: setattr(self, "streaming", True),
                stop=lambda: setattr(self, "streaming", False),
                poll_buffer=self._poll,
                get_latest_raw_data=lambda: SimpleNamespace(size=lambda: 1),
            ),
            "get_i_event_cd_decoder": _Facility(
                "I_EventDecoder", add_event_buffer_callback=self._callbacks.append
            ),
            "get_i_event_ext_trigger_decoder": _Facility(
                "I_EventDecoder", add_event_buffer_callback=self._on_trigger.append
            ),
            "get_i_trigger_in": _Facility("I_TriggerIn", enable=lambda channel: channel == 0),
            "get_i_hw_identification": _Facility(
                "I_HW_Identification",
                get_serial=lambda: "00ca0009",
                get_sensor_info=lambda: sensor,
                get_system_info=lambda: {"firmware version": "3.9.0"},
            ),
        }
        return _Facility("Device", **{name: repeat(one).__next__ for name, one in facilities.items()})

    def _set(self, bias_name: str, bias_value: int) -> bool:
        self.biases[bias_name] = bias_value
        return True

    def _poll(self) -> int:
        if not self.cable.plugged:
            return -1
        self._next = next(self._sent, None)
        return 0 if self._next is None else 1

    def _decode(self, buffer: Any) -> None:
        assert self._next is not None
        half = len(self._next) // 2
        for callback in self._callbacks:
            callback(self._next[:half])
            callback(self._next[half:])
        for tell in self._on_trigger:
            tell(np.array([(1, self._next["t"][-1], 0)], self.TRIGGER))


# --- OpenCV's V4L2 --------------------------------------------------------------------------------------


def v4l2_capture(film: Path, cable: Cable, node: Path) -> type:
    """A class for `cv2.VideoCapture` on a V4L2 node that sends the pictures of a film as MJPEG."""
    reader = cv2.VideoCapture(str(film))
    pictures: list[np.ndarray] = []
    while len(pictures) < 10:
        pictures.append(cv2.imencode(".jpg", reader.read()[1])[1])
    height, width = 360, 640

    class Capture:
        sent: ClassVar[list[bytes]] = [picture.tobytes() for picture in pictures]

        def __init__(self, index: int, apiPreference: int, params: list[int]) -> None:
            self._open = cable.plugged and apiPreference == cv2.CAP_V4L2
            cable.opened += self._open
            wishes = dict(zip(params[::2], params[1::2], strict=True))
            self._has: dict[int, float] = {
                cv2.CAP_PROP_FOURCC: wishes[cv2.CAP_PROP_FOURCC],
                cv2.CAP_PROP_FRAME_WIDTH: width,
                cv2.CAP_PROP_FRAME_HEIGHT: height,
                cv2.CAP_PROP_FPS: 30.0,
                cv2.CAP_PROP_AUTO_EXPOSURE: 3,
                cv2.CAP_PROP_EXPOSURE: 157,
                cv2.CAP_PROP_AUTOFOCUS: 1,
                cv2.CAP_PROP_CONVERT_RGB: wishes[cv2.CAP_PROP_CONVERT_RGB],
            }
            self._number = -1

        def isOpened(self) -> bool:
            return self._open

        def get(self, propId: int) -> float:
            if propId == cv2.CAP_PROP_POS_MSEC:
                return self._stamp * 1000
            return self._has.get(propId, -1.0)

        def set(self, propId: int, value: float) -> bool:
            if propId not in self._has:
                return False
            # As UVC cameras do: some exposures only.
            self._has[propId] = max(3, value) if propId == cv2.CAP_PROP_EXPOSURE else value
            return True

        @staticmethod
        def waitAny(streams: list[Any], timeoutNs: int = 0) -> tuple[bool, list[int]]:
            if not cable.plugged:
                node.unlink(missing_ok=True)
                return False, []
            time.sleep(1 / 30)
            streams[0]._stamp = time.monotonic() - 0.02
            streams[0]._number += 1
            return True, [0]

        def retrieve(self) -> tuple[bool, np.ndarray]:
            return True, pictures[self._number % len(pictures)].reshape(1, -1)

        def release(self) -> None:
            self._open = False

    return Capture
