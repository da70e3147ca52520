"""rosbag2 bags read without ROS: any bag that rosbags opens, messages by topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from evface.errors import EvfaceError, FormatError


class Bag:
    """A bag, open for reading; messages bring their definitions along. A context manager.

    Args:
        path: folder of the bag.

    Raises:
        FormatError: on opening or reading: the bag is missing, broken or of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: AnyReader | None = None

    def __enter__(self) -> Self:
        try:
            self._reader = AnyReader([self.path])
            self._reader.open()
        except Exception as error:  # rosbags passes on whatever its parsers of yaml, mcap and msg meet
            raise FormatError(f"{self.path}: not a readable bag: {_short(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def topics(self) -> set[str]:
        """Topics with at least one message."""
        return {name for name, info in self._open().topics.items() if info.msgcount}

    @property
    def span(self) -> tuple[int, int]:
        """ns, host clock, of arrival of the first message and of the last."""
        reader = self._open()
        return int(reader.start_time), int(reader.end_time)

    def count(self, topic: str) -> int:
        """Messages on a topic."""
        info = self._open().topics.get(topic)
        return 0 if info is None else int(info.msgcount)

    def raw(self, *topics: str) -> Iterator[tuple[str, int, bytes]]:
        """Topic, ns of arrival on the host's clock, and serialized message, in the order of arrival.

        Raises:
            FormatError: the bag breaks off.
        """
        reader = self._open()
        connections = [connection for connection in reader.connections if connection.topic in topics]
        if not connections:
            return
        try:
            for connection, arrival, raw in reader.messages(connections):
                yield connection.topic, int(arrival), bytes(raw)
        except (EvfaceError, GeneratorExit):
            raise
        except Exception as error:  # as above
            raise FormatError(f"{self.path}: breaks off: {_short(error)}") from error

    def deserialized(self, topic: str, raw: bytes) -> Any:
        """A message of `raw`.

        Raises:
            FormatError: it is not what its definition says.
        """
        reader = self._open()
        try:
            kind = next(connection.msgtype for connection in reader.connections if connection.topic == topic)
            return reader.deserialize(raw, kind)
        except Exception as error:  # as above
            raise FormatError(f"{self.path}: message on {topic}: {_short(error)}") from error

    def messages(self, *topics: str) -> Iterator[tuple[str, Any]]:
        """Topic and message, in the order of arrival.

        Raises:
            FormatError: the bag breaks off.
        """
        for topic, _, raw in self.raw(*topics):
            yield topic, self.deserialized(topic, raw)

    def _open(self) -> AnyReader:
        if self._reader is None:
            raise FormatError(f"{self.path}: the bag is not open")
        return self._reader


def stamp(message: Any) -> int:
    """``header.stamp`` in ns."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def grey_picture(message: Any) -> NDArray[np.uint8]:
    """The picture of a sensor_msgs/Image of encoding mono8, deserialized by rclpy or by rosbags.

    Returns:
        uint8 ``[H, W]``; of the message's own bytes.

    Raises:
        FormatError: another encoding, or another number of bytes.
    """
    data = np.frombuffer(message.data, np.uint8)
    if message.encoding != "mono8" or len(data) != message.height * message.step:
        found = f"found {message.encoding} of {len(data)}"
        raise FormatError(f"expected mono8 of {message.height}x{message.step} bytes, {found}")
    return data.reshape(message.height, message.step)[:, : message.width]


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
