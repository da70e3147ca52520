"""mono: one 64-bit word an event, 63 polarity, 48-62 y, 32-47 x, 0-31 ns since the packet's time base."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.codecs.packets import PacketDecoder
from evface.events.container import Events

_SPAN = 1 << 32  # ns that a packet can span
_MAX_ROW = 1 << 15


@njit(cache=True)
def _decode(words, base, x, y, p, t, width, height):  # type: ignore[no-untyped-def]
    n, last = 0, np.int64(-1)
    for i in range(len(words)):
        word = words[i]
        column, row = np.int64(word >> np.uint64(32)) & 0xFFFF, np.int64(word >> np.uint64(48)) & 0x7FFF
        last = max(last, (base + np.int64(word & np.uint64(0xFFFFFFFF))) // 1000)
        x[n], y[n], p[n], t[n] = column, row, np.uint8(word >> np.uint64(63)), last
        n += np.int64((column < width) & (row < height))
    return n, last


class MonoDecoder(PacketDecoder):
    """Decodes ``mono`` packets."""

    encoding: ClassVar[str] = "mono"
    word: ClassVar[np.dtype[Any]] = np.dtype("<u8")

    def _fill(self, words: NDArray[Any], time_base_ns: int) -> tuple[int, int, int]:
        b = self._buffers
        n, last = _decode(words, time_base_ns, b.x, b.y, b.p, b.t, self.width, self.height)
        return n, len(words), last


def encode_mono(events: Events) -> tuple[bytes, int]:
    """One ``mono`` packet and its time base in ns.

    Raises:
        FormatError: the events span more than 4.29 s, or a time steps back behind the first.
    """
    base = int(events.t[0]) * 1000 if len(events) else 0
    elapsed = events.t * 1000 - base
    if len(events) and (elapsed.min() < 0 or elapsed.max() >= _SPAN):
        raise FormatError(
            f"mono: times from {events.t.min()} to {events.t.max()} us do not fit into one packet"
        )
    if len(events) and events.y.max() >= _MAX_ROW:
        raise FormatError(f"mono: row {events.y.max()} does not fit into 15 bits")
    words = elapsed.astype(np.uint64)
    for part, shift in ((events.x, 32), (events.y, 48), (events.p, 63)):
        words |= part.astype(np.uint64) << np.uint64(shift)
    return words.astype("<u8").tobytes(), base
