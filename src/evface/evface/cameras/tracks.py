"""What a file has to say, in the order of its own time: readings with the moment when each is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2

from evface.bags import Bag, grey_picture, stamp
from evface.cameras.modelled import event_sensor, frame_sensor, sensor_size
from evface.cameras.options import Davis346Options, EventCameraOptions, Evk4Options, WebcamOptions
from evface.cameras.packing import cut, pack
from evface.cameras.source import CameraDescription, EncodedEvents, Frame, ImuSample, Reading
from evface.errors import FormatError
from evface.events import Events
from evface.events.files import Recording, open_recording
from evface.simulation.stepping import Steps
from evface.simulation.video import VideoScene

RECORDINGS = (".aedat4", ".raw", ".h5", ".hdf5", ".mcap", ".db3")
"""Endings of recordings of events; anything else is a video."""

SECOND = 1_000_000_000
"""ns."""


@dataclass(frozen=True, slots=True)
class Due:
    """A reading and when it came.

    Attributes:
        time: ns on the file's clock.
        reading: its ``host_time`` is still 0.
    """

    time: int
    reading: Reading


class Track(Protocol):
    """A file that can be played any number of times."""

    def describe(self) -> CameraDescription:
        """Who speaks; raises FormatError where the file is not what it should be."""
        ...

    def play(self) -> Iterator[Due]:
        """Everything from the beginning, in the order of time; FormatError where the file breaks off."""
        ...


def open_track(camera: str, options: Davis346Options | Evk4Options | WebcamOptions) -> Track:
    """The file that stands in for a camera.

    Raises:
        FormatError: no file, or not what its ending says.
    """
    if not options.path:
        raise FormatError(f"{camera}: source is file, but path is empty: give a recording or a video")
    path = Path(options.path).expanduser()
    if not path.exists():
        raise FormatError(f"{path}: no such file")
    if isinstance(options, WebcamOptions):
        return BagPictures(path, camera) if _is_bag(path) else VideoPictures(path, options)
    if path.is_dir() or path.suffix.lower() in RECORDINGS:
        return EventRecording(path, camera, options)
    return VideoEvents(path, options)


def _is_bag(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".mcap", ".db3")


class EventRecording:
    """A recording of events with the frames and IMU samples beside them.

    Packets of bags and RAW files are passed on as they are; events of aedat4 and HDF5 files become evt3.
    """

    def __init__(self, path: Path, camera: str, options: EventCameraOptions) -> None:
        self._path = path
        self._camera = camera
        self._packet_us = round(options.packet_ms * 1000)
        self._recording = _open_events(path, camera)

    def describe(self) -> CameraDescription:
        """See `Track`."""
        found = self._recording
        model, _, serial = str(getattr(found, "model", "")).partition("_")
        return CameraDescription(
            model or found.format, serial, found.width, found.height, "file", str(self._path)
        )

    def play(self) -> Iterator[Due]:
        """See `Track`."""
        events = self._packets() if self._recording.encoding else self._made_packets()
        others = self._in_bag() if self._recording.format == "bag" else self._beside()
        return heapq.merge(events, *others, key=lambda due: due.time)

    def _packets(self) -> Iterator[Due]:
        found, last = self._recording, 0
        for packet in found.packets():
            # A packet whose time nobody knows goes with the one before it.
            last = max(last, packet.stamp or packet.sensor_time)
            yield Due(
                last,
                EncodedEvents(
                    packet.data,
                    packet.encoding,
                    found.width,
                    found.height,
                    packet.sensor_time,
                    0,
                    packet.count,
                ),
            )

    def _made_packets(self) -> Iterator[Due]:
        for end, events in cut(self._recording.chunks(), self._packet_us):
            yield Due(end * 1000, pack(events, end - self._packet_us, 0))

    def _beside(self) -> list[Iterator[Due]]:
        def frames() -> Iterator[Due]:
            for picture in self._recording.frames():
                rows, columns = picture.image.shape[:2]
                encoding: Literal["mono8", "bgr8"] = "mono8" if picture.image.ndim == 2 else "bgr8"
                yield Due(
                    picture.time * 1000, Frame(picture.image, encoding, columns, rows, picture.time * 1000, 0)
                )

        def imu() -> Iterator[Due]:
            for sample in self._recording.imu():
                time = sample.time * 1000
                yield Due(time, ImuSample(sample.acceleration, sample.angular_velocity, time, 0))

        return [frames(), imu()]

    def _in_bag(self) -> list[Iterator[Due]]:
        topics = [f"/{self._camera}/image_raw", f"/{self._camera}/imu"]
        return [_bag_messages(self._path, topics)]


def _open_events(path: Path, camera: str) -> Recording:
    """The recording; of a bag with several event cameras, the topic of this one."""
    topics = getattr(_try_topics(path, camera), "topics", [])
    return open_recording(path, topic=f"/{camera}/events" if f"/{camera}/events" in topics else "")


def _try_topics(path: Path, camera: str) -> Recording | None:
    if not _is_bag(path):
        return None
    try:
        return open_recording(path, topic=f"/{camera}/events")
    except FormatError:
        # Another name in somebody else's bag: open_recording says what is wrong if it is not that.
        return None


def _bag_messages(path: Path, topics: list[str]) -> Iterator[Due]:
    """Frames and IMU samples of a bag, at their stamps."""
    bag = Bag(path)
    try:
        bag.__enter__()
    except FormatError:
        # A bag that lacks what this reader wants of an index still gives its events.
        return
    try:
        for topic, message in bag.messages(*topics):
            reading = _from_message(message, path, topic)
            yield Due(stamp(message), reading)
    finally:
        bag.__exit__(None, None, None)


def _from_message(message: Any, path: Path, topic: str) -> Reading:
    time = stamp(message)
    if topic.endswith("/imu"):
        a, w = message.linear_acceleration, message.angular_velocity
        return ImuSample((a.x, a.y, a.z), (w.x, w.y, w.z), time, 0)
    if topic.endswith("/compressed"):
        data = bytes(message.data)
        width, height = jpeg_size(data, path)
        return Frame(data, "jpeg", width, height, time, 0)
    try:
        image = grey_picture(message).copy()
    except FormatError as error:
        raise FormatError(f"{path}: {topic}: {error}") from error
    return Frame(image, "mono8", message.width, message.height, time, 0)


def jpeg_size(data: bytes, path: Path) -> tuple[int, int]:
    """Width and height from the JPEG's frame header, without decoding it."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise FormatError(f"{path}: a picture of {len(data)} bytes is no JPEG")


class BagPictures:
    """The webcam's JPEGs in a bag, as they came."""

    def __init__(self, path: Path, camera: str) -> None:
        self._path = path
        self._topic = f"/{camera}/image_raw/compressed"

    def describe(self) -> CameraDescription:
        """See `Track`."""
        first = next(self.play(), None)
        if first is None or not isinstance(first.reading, Frame):
            raise FormatError(f"{self._path}: nothing on {self._topic} in this bag")
        return CameraDescription(
            "webcam", "", first.reading.width, first.reading.height, "file", str(self._path)
        )

    def play(self) -> Iterator[Due]:
        """See `Track`."""
        return _bag_messages(self._path, [self._topic])


class VideoPictures:
    """The frames of a video as a webcam's JPEGs, in the video's own size."""

    def __init__(self, path: Path, options: WebcamOptions) -> None:
        self._scene = VideoScene(path)
        self._quality = [cv2.IMWRITE_JPEG_QUALITY, options.quality]

    def describe(self) -> CameraDescription:
        """See `Track`."""
        frames = self._scene.frames
        detail = f"{frames.path}, {frames.frame_rate:.4g} pictures/s"
        return CameraDescription("video", "", frames.width, frames.height, "file", detail)

    def play(self) -> Iterator[Due]:
        """See `Track`."""
        for time, image in self._scene.frames:
            _, jpeg = cv2.imencode(".jpg", image, self._quality)
            yield Due(time, Frame(jpeg.tobytes(), "jpeg", image.shape[1], image.shape[0], time, 0))


WARM_UP = 150_000_000
"""ns of a video that are played before it begins: by then a first frame and packet have been made."""


class VideoEvents:
    """What an event camera sees of a video, with its frames if it is a DAVIS."""

    def __init__(self, path: Path, options: Davis346Options | Evk4Options) -> None:
        self._scene = VideoScene(path)
        self._options = options
        self._width, self._height = sensor_size(options)
        self._lux = options.lux or self._scene.lux
        self._warm_up()

    def _warm_up(self) -> None:
        """Compile before the clock runs: a take may be over in the time that it takes."""
        for due in self.play():
            if due.time > WARM_UP:
                break

    def describe(self) -> CameraDescription:
        """See `Track`."""
        rate = self._options.step_rate
        detail = (
            f"{self._scene.frames.path}: {self._options.pixels} pixels, events from at most {rate:g} "
            "pictures/s, interpolated between its frames"
        )
        return CameraDescription("video", "", self._width, self._height, "file", detail)

    def play(self) -> Iterator[Due]:
        """See `Track`."""
        options = self._options
        packet_us = round(options.packet_ms * 1000)
        sensor, shutter = event_sensor(options, self._lux), frame_sensor(options)
        pending, end = [], packet_us
        for time in self._moments():
            light = self._scene.render_at(time, self._width, self._height)
            if shutter is not None:
                for shot in shutter.see(light, time, self._lux):
                    yield Due(time, Frame(shot.image, "mono8", self._width, self._height, shot.time, 0))
            pending.append(sensor.step(light, time // 1000))
            if time // 1000 >= end:
                yield Due(time, pack(Events.concatenate(pending), time // 1000, 0))
                pending, end = [], (time // 1000 // packet_us + 1) * packet_us

    def _moments(self) -> Iterator[int]:
        """ns from the video's beginning."""
        shortest = round(SECOND / self._options.step_rate)
        steps = Steps(shortest=shortest, longest=max(shortest, Steps().longest))
        return steps.times(self._scene, 0, self._scene.frames.duration, self._width, self._height)
