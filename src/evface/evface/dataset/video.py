"""Frames into Matroska files: DAVIS frames without loss, the webcam's JPEGs as they came."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from evface.dataset.recordings import Picture
from evface.errors import FormatError

_MILLISECOND = Fraction(1, 1000)


class VideoWriter:
    """Writes pictures of one camera to a .mkv and their exact times to a .csv beside it.

    Matroska keeps milliseconds; the table keeps nanoseconds. A context manager; files appear at the
    first picture.

    Args:
        video: path of the .mkv.
        table: path of the timestamps' .csv.
        origin: ns, host clock, of the video's zero.
    """

    def __init__(self, video: Path, table: Path, origin: int) -> None:
        self.frames = 0
        self.width = self.height = 0
        self._video, self._table, self._origin = video, table, origin
        self._last = -1
        self._container: av.container.OutputContainer | None = None
        self._times: list[int] = []

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._container is None:
            return
        if kind is None and self._encodes:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        self._container = None
        with self._table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["frame", "host_time_ns"])
            writer.writerows(enumerate(self._times))

    def add(self, picture: Picture) -> None:
        """Append a picture; all must be of one kind and size.

        Raises:
            FormatError: a JPEG is broken, or a picture's size differs from the first one's.
        """
        if self._container is None:
            self._open(picture)
        assert self._container is not None
        if not isinstance(picture.image, bytes) and picture.image.shape != (self.height, self.width):
            found = picture.image.shape
            raise FormatError(f"a frame of {found[1]}x{found[0]} px after {self.width}x{self.height}")
        # Matroska wants rising times; two frames within a millisecond stay apart in the table.
        self._last = max(self._last + 1, (picture.host_time - self._origin) // 1_000_000)
        if isinstance(picture.image, bytes):
            packet = av.Packet(picture.image)
            packet.stream, packet.time_base = self._stream, _MILLISECOND
            packet.pts = packet.dts = self._last
            packet.is_keyframe = True
            self._container.mux(packet)
        else:
            self._encode(picture.image)
        self._times.append(picture.host_time)
        self.frames += 1

    def _open(self, picture: Picture) -> None:
        self._encodes = not isinstance(picture.image, bytes)
        image = picture.image if not isinstance(picture.image, bytes) else decode_jpeg(picture.image)
        self.height, self.width = image.shape[:2]
        # bitexact: no random identifiers, no date: the same take gives the same file.
        self._container = av.open(str(self._video), "w", format="matroska", options={"fflags": "+bitexact"})
        if self._encodes:
            encoder = self._container.add_stream("ffv1", rate=1000)
            encoder.width, encoder.height = self.width, self.height
            encoder.pix_fmt, encoder.time_base = "gray", _MILLISECOND
            self._stream: Any = encoder
        else:
            self._stream = self._container.add_mux_stream(
                "mjpeg", rate=1000, width=self.width, height=self.height, time_base=_MILLISECOND
            )

    def _encode(self, image: NDArray[np.uint8]) -> None:
        assert self._container is not None
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
        frame.pts, frame.time_base = self._last, _MILLISECOND
        self._container.mux(self._stream.encode(frame))


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """A JPEG as uint8 ``[H, W, 3]`` bgr.

    Raises:
        FormatError: the bytes are not a picture.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise FormatError(f"webcam frame of {len(data)} bytes is not a JPEG")
    return np.asarray(image, np.uint8)


def read_video(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Pictures of a .mkv of the dataset.

    Yields:
        Seconds since the take's start, and uint8 ``[H, W]`` (DAVIS) or ``[H, W, 3]`` bgr (webcam).

    Raises:
        FormatError: the file is missing or broken.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            gray = stream.codec_context.name == "ffv1"
            for frame in container.decode(stream):
                image = frame.to_ndarray(format="gray" if gray else "bgr24")
                yield float(frame.time or 0.0), np.asarray(image, np.uint8)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise FormatError(f"{path}: not a readable video: {error}") from error


def read_jpegs(path: Path) -> Iterator[bytes]:
    """The webcam's JPEGs of a .mkv of the dataset, as they came, undecoded.

    Raises:
        FormatError: the file is missing or broken, or holds something else.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.name != "mjpeg":
                raise FormatError(f"{path}: expected JPEGs, found {stream.codec_context.name}")
            for packet in container.demux(stream):
                if packet.size:
                    yield bytes(packet)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise FormatError(f"{path}: not a readable video: {error}") from error


def read_times(table: Path) -> list[int]:
    """The times of a video's frames, ns on the host's clock.

    Args:
        table: a ``*_timestamps.csv``.

    Raises:
        FormatError: it is missing or broken, or does not number frames from 0.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = [(int(row["frame"]), int(row["host_time_ns"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{table}: not a table of frames' times: {error}") from error
    if [number for number, _ in rows] != list(range(len(rows))):
        raise FormatError(f"{table}: its frames are not numbered 0, 1, 2 and so on")
    return [time for _, time in rows]
