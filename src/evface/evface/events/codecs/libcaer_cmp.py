"""libcaer_cmp: 16-bit words like EVT3's with the axes swapped; each packet begins at its own time base."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.codecs.packets import PacketDecoder


@njit(cache=True)
def _decode(words, base_time, x, y, p, t, width, height):  # type: ignore[no-untyped-def]
    n, seen, high, low = 0, 0, np.int64(0), np.int64(0)
    column, base, base_p = np.int64(0x7FFFFFFF), np.int64(0x7FFFFFFF), np.int64(0)
    time = base_time // 1000
    for i in range(len(words)):
        word = np.int64(words[i])
        code, value = word >> 12, word & 0xFFF
        if code == 0:
            high = value
        elif code == 1:
            low = value
            time = max(time, (base_time + 1000 * (high << 12 | low)) // 1000)
        elif code == 2:
            column = value & 0x7FF
        elif code == 3:
            row = value & 0x7FF
            x[n], y[n], p[n], t[n] = column, row, value >> 11, time
            n += np.int64((column < width) & (row < height))
            seen += 1
        elif code == 4:
            base, base_p = value & 0x7FF, value >> 11
        elif code == 5:
            for bit in range(8):
                if value >> bit & 1:
                    row = base + bit
                    x[n], y[n], p[n], t[n] = column, row, base_p, time
                    n += np.int64((column < width) & (row < height))
                    seen += 1
            base += 8
    return n, seen, time if len(words) else np.int64(-1)


class LibcaerCmpDecoder(PacketDecoder):
    """Decodes ``libcaer_cmp`` packets."""

    encoding: ClassVar[str] = "libcaer_cmp"
    word: ClassVar[np.dtype[Any]] = np.dtype("<u2")
    events_per_word: ClassVar[int] = 8

    def _fill(self, words: NDArray[Any], time_base_ns: int) -> tuple[int, int, int]:
        b = self._buffers
        n, seen, last = _decode(words, time_base_ns, b.x, b.y, b.p, b.t, self.width, self.height)
        return n, seen, last
