"""A webcam on V4L2: its own JPEGs, unchanged, at the times of the kernel's buffers."""

from __future__ import annotations

import re
import time
from pathlib import Path

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
            nodes = [node for node in nodes if node.resolve() in known]
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
        return ""

    def _describe(self, node: Path) -> CameraDescription:
        assert self._capture is not None
        self._node = node
        self._width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self._height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        name = NAMES / node.name / "name"
        model = name.read_text().strip() if name.is_file() else "webcam"
        detail = f"{node}, OpenCV {cv2.__version__} V4L2, MJPEG at {rate:g} Hz"
        return CameraDescription(model, self._options.serial, self._width, self._height, "live", detail)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._capture is None:
            raise DeviceError("webcam: the camera is not open")
        try:
            ready, _ = cv2.VideoCapture.waitAny([self._capture], max(1, round(timeout * _SECOND)))
            ok, data = self._capture.retrieve() if ready else (False, None)
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
        sensor_time = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return [Frame(jpeg, "jpeg", self._width, self._height, sensor_time, host_time_of_buffer(sensor_time))]

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: a device does not act on it."""

    def close(self) -> None:
        """See `CameraSource.close`."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def host_time_of_buffer(stamp: int) -> int:
    """ns since 1970 of a V4L2 buffer's stamp, which counts from the boot or, in old drivers, from 1970.

    A stamp that is neither is no stamp: then it is the present moment.
    """
    now, since_boot = time.time_ns(), time.monotonic_ns()
    if abs(stamp - since_boot) < 10 * _SECOND:
        return stamp + now - since_boot
    return stamp if abs(stamp - now) < 10 * _SECOND else now
