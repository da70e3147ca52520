"""What the decoders share whose packets stand alone: each has its own time base, none needs another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from evface.events.codecs.decoder import Bytes, EventBuffers, as_words, check_sensor, check_time_base
from evface.events.container import Events, Triggers


class PacketDecoder(ABC):
    """Base of decoders of packets that stand alone; see `Decoder` for what the methods promise.

    A subclass fills the buffers from words in ``_fill`` and gives room for ``events_per_word`` each.
    """

    encoding: ClassVar[str]
    word: ClassVar[np.dtype[Any]]
    events_per_word: ClassVar[int] = 1

    def __init__(self, width: int, height: int) -> None:
        check_sensor(width, height)
        self.width = width
        self.height = height
        self._buffers = EventBuffers()
        self.reset()

    def reset(self) -> None:
        """Forget the stream: time and counters."""
        self._time: int | None = None
        self._dropped = 0

    def lost(self) -> None:  # noqa: B027
        """Nothing to find anew: packets stand alone."""

    @property
    def time(self) -> int | None:
        """Time of the last event so far, us, sensor clock; None before the first."""
        return self._time

    @property
    def dropped(self) -> int:
        """Events left out: outside the sensor."""
        return self._dropped

    def drain_triggers(self) -> Triggers:
        """None: these encodings carry no triggers."""
        return Triggers()

    def decode(self, data: Bytes, time_base_ns: int = 0) -> Events:
        """Decode a packet; see `Decoder.decode`.

        Raises:
            FormatError: not a whole number of words, or an impossible time base.
        """
        words = as_words(data, self.word, self.encoding)
        check_time_base(time_base_ns, self.encoding)
        self._buffers.reserve(self.events_per_word * len(words) + 16)
        n, seen, time = self._fill(words, time_base_ns)
        self._dropped += seen - n
        if time >= 0:
            self._time = time
        elif time_base_ns:
            self._time = max(self._time or 0, time_base_ns // 1000)
        return self._buffers.view(n, self.width, self.height)

    @abstractmethod
    def _fill(self, words: NDArray[Any], time_base_ns: int) -> tuple[int, int, int]:
        """Decode into the buffers: events kept, events seen, last time in us or -1."""
