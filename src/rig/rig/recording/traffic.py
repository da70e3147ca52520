"""How much comes in."""

from __future__ import annotations

import time


class Traffic:
    """Bytes a second, over the last whole second or so."""

    def __init__(self) -> None:
        self._size = 0
        self._since = time.monotonic()
        self.rate = 0.0

    def add(self, size: int) -> None:
        """Count bytes that came."""
        self._size += size

    def measure(self) -> None:
        """Set ``rate`` from what came since the last call; to be called once a second."""
        now = time.monotonic()
        self.rate = self._size / max(now - self._since, 1e-3)
        self._size, self._since = 0, now
