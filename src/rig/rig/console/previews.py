"""What a sensor sees now, drawn small and only when somebody asks.

Event streams keep the packets of the last moments as they came and decode a few milliseconds of them per
picture: what a preview costs does not grow with the rate of the sensor.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from event_camera_msgs.msg import EventPacket
from evface.errors import EvfaceError
from evface.events import ENCODINGS, Decoder, EventPacketView, make_decoder, parse_event_packet, stamp_of
from evface.events.binning import Binner

WIDEST = 640
"""px."""

WINDOW = 33_000_000
"""ns of events in a picture."""

BUDGET = 600_000
"""bytes of packets decoded for a picture, some 200,000 events; at higher rates its window is shorter."""

KEPT = 64
"""Packets that are remembered; fewer when they are more than twice the budget."""

QUALITY = 82
"""Of JPEG."""

# BGR. Brightness tells the polarity too, for eyes that do not tell the colours.
_GROUND, _OFF, _ON = (22, 17, 14), (232, 150, 70), (225, 240, 255)


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture for a page.

    Attributes:
        jpeg: at most `WIDEST` px wide.
        stamp: ns, host clock, of the newest datum in it.
        window: ns of events in it; 0 for a frame.
    """

    jpeg: bytes
    stamp: int
    window: int = 0


class Stream(Protocol):
    """One topic that can be drawn.

    Attributes:
        topic: its name.
        kind: its message class.
    """

    topic: str
    kind: type[Any]

    def add(self, message: bytes) -> None:
        """Take in a serialized message."""
        ...

    def draw(self) -> Preview | None:
        """The newest picture; None while there is nothing.

        Raises:
            EvfaceError: what came cannot be read.
        """
        ...


class EventStream:
    """Previews of event packets.

    Args:
        topic: of the packets.
    """

    kind = EventPacket

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._packets: deque[bytes] = deque()
        self._size = 0
        self._decoder: Decoder | None = None
        self._binner: Binner | None = None
        self._looks = _shades()

    def add(self, message: bytes) -> None:
        """Remember a packet, forget the oldest."""
        self._packets.append(message)
        self._size += len(message)
        while len(self._packets) > KEPT or (self._size > 2 * BUDGET and len(self._packets) > 1):
            self._size -= len(self._packets.popleft())

    def draw(self) -> Preview | None:
        """The last `WINDOW`, or what of it the budget allows."""
        packets = self._recent()
        if not packets:
            return None
        decoder, binner = self._made_for(packets[-1])
        decoder.lost()  # the packets since the last picture were not looked at
        begin: int | None = None
        for packet in packets:
            events = decoder.decode(packet.events, packet.time_base)
            binner.add(events.x, events.y, events.p)
            if begin is None and len(events):
                begin = int(events.t[0])
        jpeg = _jpeg(self._looks[_shade(binner.take())])
        end = decoder.time
        span = 0 if begin is None or end is None else (end - begin) * 1000
        return Preview(jpeg, packets[-1].stamp, span)

    def _recent(self) -> list[EventPacketView]:
        """The packets of the window, oldest first."""
        found: list[EventPacketView] = []
        size = 0
        for message in reversed(tuple(self._packets)):
            packet = parse_event_packet(message)
            size += len(packet.events)
            if found and (found[0].stamp - packet.stamp > WINDOW or size > BUDGET):
                break
            found.append(packet)
            if found[0].stamp - packet.stamp >= WINDOW:
                break
        return found[::-1]

    def _made_for(self, packet: EventPacketView) -> tuple[Decoder, Binner]:
        decoder, binner = self._decoder, self._binner
        if decoder is None or (decoder.encoding, decoder.width, decoder.height) != (
            packet.encoding,
            packet.width,
            packet.height,
        ):
            decoder = self._decoder = make_decoder(packet.encoding, packet.width, packet.height)
            binner = None
        if binner is None:
            scale = min(1.0, WIDEST / packet.width)
            size = round(packet.width * scale), round(packet.height * scale)
            binner = self._binner = Binner(packet.width, packet.height, size=size)
        return decoder, binner


def _shades() -> NDArray[np.uint8]:
    """A colour for each number of events of each polarity, up to three, uint8 ``[16, 3]`` BGR."""
    ground, off, on = (np.array(colour, float) for colour in (_GROUND, _OFF, _ON))
    strength = np.array([0.0, 0.8, 0.92, 1.0])
    colours = np.empty((16, 3))
    for more in range(4):
        for fewer in range(4):
            # A pixel with both shows the one that it has more of.
            colour, weight = (on, strength[more]) if more >= fewer else (off, strength[fewer])
            colours[4 * more + fewer] = ground + (colour - ground) * weight
    return colours.astype(np.uint8)


def _shade(counts: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Indices into `_shades` for counts ``[2, H, W]``, channel 0 off."""
    few = np.minimum(counts, 3).astype(np.uint8)
    return few[1] * np.uint8(4) + few[0]


class NewestPicture(ABC):
    """Remembers the newest message of a topic of pictures.

    Args:
        topic: of the pictures.
    """

    kind: type[Any]

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._newest: bytes | None = None

    def add(self, message: bytes) -> None:
        """Remember a picture, forget the one before."""
        self._newest = message

    def draw(self) -> Preview | None:
        """The newest picture."""
        message = self._newest
        return None if message is None else Preview(self._drawn(message), stamp_of(message))

    @abstractmethod
    def _drawn(self, message: bytes) -> bytes: ...


class FrameStream(NewestPicture):
    """Previews of sensor_msgs/Image, mono8, rgb8 or bgr8."""

    kind = Image

    def _drawn(self, message: bytes) -> bytes:
        image: Image = deserialize_message(message, Image)
        channels = {"mono8": 1, "rgb8": 3, "bgr8": 3}.get(image.encoding)
        if channels is None:
            raise EvfaceError(f"{self.topic}: no preview of encoding {image.encoding!r}")
        rows = np.frombuffer(image.data, np.uint8)[: image.height * image.step].reshape(
            image.height, image.step
        )
        pixels = rows[:, : image.width * channels].reshape(image.height, image.width, channels)
        if image.encoding == "rgb8":
            pixels = pixels[:, :, ::-1]
        return _jpeg(_narrowed(pixels))


class CompressedStream(NewestPicture):
    """Previews of sensor_msgs/CompressedImage; a JPEG that is small enough is passed on as it came."""

    kind = CompressedImage

    def _drawn(self, message: bytes) -> bytes:
        data = deserialize_message(message, CompressedImage).data.tobytes()
        # Read at half its size at most: libjpeg leaves out the work that would not be seen.
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
        if found is None:
            raise EvfaceError(f"{self.topic}: a picture of {len(data)} bytes that is no JPEG")
        if 2 * found.shape[1] > WIDEST:
            data = _jpeg(_narrowed(np.asarray(found, np.uint8)))
        return data


def _narrowed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if width <= WIDEST:
        return np.ascontiguousarray(pixels)
    size = WIDEST, round(height * WIDEST / width)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(data)


def streams_of(cameras: list[str]) -> dict[str, Stream]:
    """What can be looked at of each camera, by name: ``davis346-events``, ``webcam-frames``."""
    known: dict[str, Stream] = {}
    for camera in cameras:
        if camera == "webcam":
            known["webcam-frames"] = CompressedStream("/webcam/image_raw/compressed")
            continue
        known[f"{camera}-events"] = EventStream(f"/{camera}/events")
        if camera == "davis346":
            known[f"{camera}-frames"] = FrameStream(f"/{camera}/image_raw")
    return known


class Gallery:
    """Draws each stream at most ten times a second, however many pages ask.

    Args:
        streams: by name.
    """

    PERIOD = 0.095
    """s."""

    def __init__(self, streams: dict[str, Stream]) -> None:
        self.streams = streams
        self._drawn: dict[str, tuple[float, Preview | None]] = {}
        self._locks = {name: threading.Lock() for name in streams}

    def preview(self, name: str) -> Preview | None:
        """The newest picture of a stream, None while there is none; may be asked for in any thread.

        Raises:
            EvfaceError: what came cannot be read.
        """
        with self._locks[name]:
            now = time.monotonic()
            before = self._drawn.get(name)
            if before is None or now - before[0] >= self.PERIOD:
                before = self._drawn[name] = (now, self.streams[name].draw())
            return before[1]


def warm_up() -> None:
    """Load the compiled kernels before the first picture is waited for."""
    for encoding in ENCODINGS:
        make_decoder(encoding, 16, 16).decode(b"", 1_000)
    one = np.zeros(1, np.uint16)
    Binner(16, 16).add(one, one, one.astype(np.uint8))
    Binner(16, 16, size=(8, 8)).add(one, one, one.astype(np.uint8))
