"""The last moment before a take: what came while the news of its countdown was still on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from evface.errors import FormatError
from evface.events import stamp_of


class PreRoll:
    """Remembers the newest messages, bounded in time and in bytes.

    Without it a take would begin when the recorder hears of the countdown, not when the countdown began:
    some ms later on an idle machine, a tenth of a second on a busy one.

    Args:
        duration: ns to remember.
        limit: bytes to remember at most.
    """

    def __init__(self, duration: int, limit: int) -> None:
        self._duration = duration
        self._limit = limit
        self._size = 0
        self._messages: deque[tuple[int, str, bytes]] = deque()

    def add(self, topic: str, received: int, message: bytes) -> None:
        """Remember a serialized message that arrived at ``received``, ns on the monotonic clock."""
        self._messages.append((received, topic, message))
        self._size += len(message)
        while self._messages[0][0] < received - self._duration or self._size > self._limit:
            self._size -= len(self._messages.popleft()[2])
            if not self._messages:
                break

    def since(self, begin: int) -> Iterator[tuple[str, int, bytes]]:
        """Topic, arrival and bytes of messages stamped at or after ``begin``, ns on the host's clock.

        Forgets all of them.
        """
        while self._messages:
            received, topic, message = self._messages.popleft()
            try:
                if stamp_of(message) >= begin:
                    yield topic, received, message
            except FormatError:
                continue  # without a stamp nobody knows which take it belongs to
        self._size = 0
