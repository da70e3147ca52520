"""libcaer: pairs of 32-bit words, the address of an event and its time in us since the packet's time base."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.events.codecs.packets import PacketDecoder


@njit(cache=True)
def _decode(words, base, x, y, p, t, width, height):  # type: ignore[no-untyped-def]
    n, last, before, wrapped = 0, np.int64(-1), np.int64(-1), np.int64(0)
    for i in range(len(words)):
        data = np.int64(words[i] & np.uint64(0xFFFFFFFF))
        elapsed = np.int64(words[i] >> np.uint64(32)) & 0x7FFFFFFF
        # The device's 31-bit counter runs over inside a packet.
        wrapped += (1 << 31) if elapsed < before else 0
        before = elapsed
        last = (base + 1000 * (elapsed + wrapped)) // 1000
        column, row = data >> 17 & 0x7FFF, data >> 2 & 0x7FFF
        x[n], y[n], p[n], t[n] = column, row, data >> 1 & 1, last
        n += np.int64((column < width) & (row < height))
    return n, last


class LibcaerDecoder(PacketDecoder):
    """Decodes ``libcaer`` packets."""

    encoding: ClassVar[str] = "libcaer"
    word: ClassVar[np.dtype[Any]] = np.dtype("<u8")

    def _fill(self, words: NDArray[Any], time_base_ns: int) -> tuple[int, int, int]:
        b = self._buffers
        n, last = _decode(words, time_base_ns, b.x, b.y, b.p, b.t, self.width, self.height)
        return n, len(words), last
