"""Writes a take in a thread of its own: the disk may stall, the wire may not."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from evface.errors import EvfaceError
from rig.recording.bag import CHUNK_AGE
from rig.recording.take import TakeWriter

Entry = tuple[str, int, bytes]
"""Topic, ns of arrival, serialized message."""


class Budget:
    """Bytes that may wait for the disk, of all takes together.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()

    def claim(self, size: int) -> bool:
        """Reserve room; False when there is not enough."""
        with self._lock:
            if self.used + size > self.limit:
                return False
            self.used += size
            return True

    def release(self, size: int) -> None:
        """Give room back."""
        with self._lock:
            self.used -= size


class Scribe:
    """Takes messages in at once and writes them in its own thread.

    Args:
        take: open; from now on this thread's.
        budget: room for what waits.

    Attributes:
        error: why the take could not be written, "" while all is well.
    """

    def __init__(self, take: TakeWriter, budget: Budget) -> None:
        self.take = take
        self.error = ""
        self._budget = budget
        self._waiting: deque[Entry] = deque()
        self._news = threading.Condition()
        self._facts: Mapping[str, Any] | None = None
        self._bring_home: Callable[[dict[str, Any]], None] | None = None
        self._thread = threading.Thread(target=self._run, name=f"write {take.name}")
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the thread has ended, well or with an error."""
        return not self._thread.is_alive()

    def put(self, topic: str, received: int, message: bytes) -> bool:
        """Take a message in; it is counted and left out when there is no room.

        Returns:
            Whether there was room.
        """
        with self._news:
            if self.error or not self._budget.claim(len(message)):
                self.take.drop(topic)
                return False
            self._waiting.append((topic, received, message))
            self._news.notify()
            return True

    def finish(self, facts: Mapping[str, Any], bring_home: Callable[[dict[str, Any]], None]) -> None:
        """Write what waits, then close the take; returns at once.

        Args:
            facts: for the manifest, see `TakeWriter.finish`.
            bring_home: called in the thread with the take's line.
        """
        with self._news:
            self._facts, self._bring_home = facts, bring_home
            self._news.notify()

    def join(self) -> None:
        """Wait for the end of the thread; `finish` must have been called."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._write_what_waits():
                pass
            assert self._facts is not None
            assert self._bring_home is not None
            self._bring_home(self.take.finish(self._facts))
        except EvfaceError as error:
            self._give_up(error)

    def _write_what_waits(self) -> bool:
        """Wait for messages and write them; False once the last one is written."""
        with self._news:
            if not self._waiting and self._facts is None:
                self._news.wait(CHUNK_AGE / 2)
            last = self._facts is not None
        while self._waiting:
            entry = self._waiting.popleft()
            self._budget.release(len(entry[2]))
            self.take.write(*entry)
            self.take.keep_up()
        self.take.keep_up()
        return not last

    def _give_up(self, error: EvfaceError) -> None:
        with self._news:
            self.error = str(error)
            self._budget.release(sum(len(message) for _, _, message in self._waiting))
            self._waiting.clear()
        self.take.abandon()
