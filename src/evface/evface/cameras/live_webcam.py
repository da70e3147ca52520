"""A webcam on V4L2: its own JPEGs, unchanged, at the times of the kernel's buffers."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evface.cameras.options import WebcamOptions
from evface.cameras.source import CameraDescription, Cue, Frame, Reading
from evface.errors import DeviceError

NODES = Path("/dev")
NAMES = Path("/sys/class/video4linux")
LINKS = Path("/dev/v4l/by-id")
"""Where Linux keeps the devices, their names, and links that hold their serial numbers."""

_MJPG = cv2.VideoWriter.fourcc(*"MJPG")
_SECOND = 1_000_000_000

_MANUAL, _AUTOMATIC = 1, 3
"""V4L2's V4L2_EXPOSURE_MANUAL and V4L2_EXPOSURE_APERTURE_PRIORITY, which is what webcams have."""

_EXPOSURE_STEP = 0.1
"""ms: the unit of V4L2_CID_EXPOSURE_ABSOLUTE."""


class LiveWebcam:
    """A webcam that compresses its pictures itself.

    Args:
        options: of the camera.
    """

    def __init__(self, options: WebcamOptions) -> None:
        self._options = options
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        nodes = self._candidates()
        refused = []
        for node in nodes:
            why = self._claim(node)
            if not why:
                return self._describe(node)
            refused.append(f"{node}: {why}")
        raise DeviceError(
            f"webcam: no camera that gives MJPEG: {'; '.join(refused)}: `v4l2-ctl --list-formats` tells more"
        )

    def _candidates(self) -> list[Path]:
        """The nodes to try.

        Raises:
            DeviceError: there are none.
        """
        options = self._options
        if options.device:
            node = Path(options.device).resolve()
            if not node.exists() or not re.fullmatch(r"video\d+", node.name):
                raise DeviceError(
                    f"webcam: {options.device} is no V4L2 device here: plug it in, or name another device"
                )
            return [node]
        nodes = sorted(NODES.glob("video*"), key=lambda node: int(node.name.removeprefix("video") or 0))
        if options.serial:
            links = LINKS.glob("*") if LINKS.is_dir() else ()
            known = {link.resolve() for link in links if options.serial in link.name}
            nodes = [
                node
                for node in nodes
                if node.resolve() in known or _usb_fact(node, "serial") == options.serial
            ]
        if not nodes:
            wanted = (
                f"with serial number {options.serial} in {LINKS}" if options.serial else f"as {NODES}/video*"
            )
            raise DeviceError(
                f"webcam: looked for a V4L2 camera {wanted} and found none: plug it in, "
                "check that you are in the group `video`, or name its device"
            )
        return nodes

    def _claim(self, node: Path) -> str:
        """Open a node for MJPEG; why not, "" if it worked."""
        options = self._options
        wishes = [
            cv2.CAP_PROP_FOURCC, _MJPG,
            cv2.CAP_PROP_FRAME_WIDTH, options.width,
            cv2.CAP_PROP_FRAME_HEIGHT, options.height,
            cv2.CAP_PROP_FPS, round(options.frame_rate),
            cv2.CAP_PROP_CONVERT_RGB, 0,
        ]  # fmt: skip
        capture = cv2.VideoCapture(int(node.name.removeprefix("video")), cv2.CAP_V4L2, wishes)
        if not capture.isOpened():
            return "cannot be opened (busy, no capture device, or no permission)"
        if int(capture.get(cv2.CAP_PROP_FOURCC)) != _MJPG:
            capture.release()
            return "gives no MJPEG"
        self._capture = capture
        # What the camera does not have it refuses; `settings` tells what it took.
        self._apply({"auto_exposure", "exposure", "autofocus"})
        return ""

    def _apply(self, names: set[str]) -> list[str]:
        """Give the camera the options of these names; those that it refuses."""
        options = self._options
        wishes: list[tuple[str, int, float]] = []
        if "frame_rate" in names:
            wishes.append(("frame_rate", cv2.CAP_PROP_FPS, round(options.frame_rate)))
        if names & {"auto_exposure", "exposure"}:
            mode = _AUTOMATIC if options.auto_exposure else _MANUAL
            wishes.append(("auto_exposure", cv2.CAP_PROP_AUTO_EXPOSURE, mode))
            if not options.auto_exposure:
                wishes.append(("exposure", cv2.CAP_PROP_EXPOSURE, round(options.exposure / _EXPOSURE_STEP)))
        if "autofocus" in names:
            wishes.append(("autofocus", cv2.CAP_PROP_AUTOFOCUS, float(options.autofocus)))
        capture = self._open_capture()
        return [name for name, property_, value in wishes if not capture.set(property_, value)]

    def adjust(self, changes: dict[str, Any]) -> None:
        """See `LiveSource.adjust`."""
        before, self._options = self._options, self._options.model_copy(update=changes)
        refused = self._apply(set(changes))
        if refused:
            self._options = before
            raise DeviceError(
                f"webcam: {self._node} refuses {', '.join(refused)}: `v4l2-ctl -L` tells what it has"
            )

    def settings(self) -> dict[str, Any]:
        """See `LiveSource.settings`: also of the picture, which may be not quite what was asked for."""
        capture = self._open_capture()
        automatic = capture.get(cv2.CAP_PROP_AUTO_EXPOSURE) != _MANUAL
        exposure = capture.get(cv2.CAP_PROP_EXPOSURE) * _EXPOSURE_STEP
        return {
            "width": self._width,
            "height": self._height,
            "frame_rate": capture.get(cv2.CAP_PROP_FPS),
            "auto_exposure": automatic,
            "exposure": self._options.exposure if automatic else exposure,
            "autofocus": capture.get(cv2.CAP_PROP_AUTOFOCUS) > 0,
        }

    def facts(self) -> dict[str, str | int | float]:
        """See `LiveSource.facts`: USB's names and version of the camera."""
        names = {"idVendor": "usb_vendor", "idProduct": "usb_product", "bcdDevice": "usb_version"}
        return {name: found for file, name in names.items() if (found := _usb_fact(self._node, file))}

    def _open_capture(self) -> cv2.VideoCapture:
        if self._capture is None:
            raise DeviceError("webcam: the camera is not open")
        return self._capture

    def _describe(self, node: Path) -> CameraDescription:
        assert self._capture is not None
        self._node = node
        self._width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self._height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        name = NAMES / node.name / "name"
        model = name.read_text().strip() if name.is_file() else "webcam"
        detail = f"{node}, OpenCV {cv2.__version__} V4L2, MJPEG at {rate:g} Hz"
        serial = self._options.serial or _usb_fact(node, "serial")
        return CameraDescription(model, serial, self._width, self._height, "live", detail)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        capture = self._open_capture()
        try:
            ready, _ = cv2.VideoCapture.waitAny([capture], max(1, round(timeout * _SECOND)))
            ok, data = capture.retrieve() if ready else (False, None)
        except cv2.error as error:
            raise DeviceError(
                f"webcam: {self._node} was unplugged or stopped answering: {error.err}"
            ) from error
        if not ready:
            if not self._node.exists():
                raise DeviceError(f"webcam: {self._node} was unplugged")
            return []
        jpeg = np.asarray(data, np.uint8).tobytes() if ok else b""
        if not jpeg.startswith(b"\xff\xd8"):
            return []  # the first buffers of some cameras are broken
        sensor_time = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return [Frame(jpeg, "jpeg", self._width, self._height, sensor_time, host_time_of_buffer(sensor_time))]

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _usb_fact(node: Path, file: str) -> str:
    """What the kernel tells of the USB device behind a node, such as its serial number; "" where nothing."""
    path = (NAMES / node.name / "device").resolve().parent / file
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def host_time_of_buffer(stamp: int) -> int:
    """ns since 1970 of a V4L2 buffer's stamp, which counts from the boot or, in old drivers, from 1970.

    A stamp that is neither is no stamp: then it is the present moment.
    """
    now, since_boot = time.time_ns(), time.monotonic_ns()
    if abs(stamp - since_boot) < 10 * _SECOND:
        return stamp + now - since_boot
    return stamp if abs(stamp - now) < 10 * _SECOND else now
