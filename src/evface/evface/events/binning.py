"""Counting events into the pixels of a two-channel frame: the kernels under the slicer.

A frame is counted in two passes over short blocks of events. The first turns x, y and p into one index,
which the compiler vectorises; the second only increments. Events of a moving edge fall on few pixels, and
a counter that is read before its last write has left the store buffer costs several cycles: neighbouring
events therefore go to different copies of the counters, which are added up when the slice ends.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError

Box = tuple[float, float, float, float]
"""Left, top, width and height on the sensor, px; need not be whole numbers nor inside the sensor."""

_BLOCK = 2048
_COPIES = 2
_LIMIT = np.iinfo(np.uint16).max


@njit(cache=True)
def _count(x, y, p, columns, rows, plane, counters, index):  # type: ignore[no-untyped-def]
    """Add events to the counters; ``columns`` and ``rows`` say where a sensor's coordinate lies in a plane."""
    total = len(x)
    copy = np.uintp(counters.shape[1])
    flat = counters.reshape(-1)
    done = 0
    while done < total:
        size = min(total - done, len(index))
        for i in range(size):
            at = np.uintp(done + i)
            index[np.uintp(i)] = rows[np.uintp(y[at])] + columns[np.uintp(x[at])] + np.uint32(p[at] & 1) * plane
        for i in range(size >> 1):
            flat[np.uintp(index[np.uintp(2 * i)])] += np.uint32(1)
            flat[copy + np.uintp(index[np.uintp(2 * i + 1)])] += np.uint32(1)
        if size & 1:
            flat[np.uintp(index[np.uintp(size - 1)])] += np.uint32(1)
        done += size


def _places(length: int, start: float, extent: float, cells: int, stride: int) -> NDArray[np.uint32]:
    """For each 16-bit coordinate: its cell times ``stride``; cell ``cells`` stands for outside the box."""
    coordinate = np.arange(1 << 16)
    # A pixel lies where its middle lies.
    cell = np.floor((coordinate + 0.5 - start) * (cells / extent)).astype(np.int64)
    outside = (cell < 0) | (cell >= cells) | (coordinate >= length)
    return (np.where(outside, cells, cell) * stride).astype(np.uint32)


class Binner:
    """Counts events into one frame after the other.

    Args:
        width: of the sensor, px.
        height: of the sensor, px.
        box: what of the sensor a frame shows; None is all of it.
        size: width and height of a frame, px; None is that of the sensor.

    Raises:
        GeometryError: a box or size without area.
    """

    def __init__(self, width: int, height: int, box: Box | None = None, size: tuple[int, int] | None = None) -> None:
        self.width, self.height = width, height
        self.columns_out, self.rows_out = size or (width, height)
        if min(width, height, self.columns_out, self.rows_out) <= 0:
            raise GeometryError(
                f"a frame of {self.columns_out}x{self.rows_out} px of a sensor of {width}x{height} px has no pixels"
            )
        self.next_box = box or (0.0, 0.0, float(width), float(height))
        # One more column and row take the events outside the box, so that the kernel need not ask.
        self._counters = np.zeros((_COPIES, 2 * (self.rows_out + 1) * (self.columns_out + 1)), np.uint32)
        self._index = np.empty(_BLOCK, np.uint32)
        self.box: Box | None = None  # type: ignore[assignment]
        self.begin()

    @property
    def next_box(self) -> Box:
        """The box from the next frame on."""
        return self._next_box

    @next_box.setter
    def next_box(self, box: Box) -> None:
        left, top, width, height = (float(value) for value in box)
        if not (width > 0 and height > 0 and np.isfinite([left, top, width, height]).all()):
            raise GeometryError(f"box {left:g}, {top:g}, {width:g}, {height:g}: expected width and height above 0 px")
        self._next_box = (left, top, width, height)

    def begin(self) -> None:
        """Start a frame with the box that is due."""
        if self.box == self._next_box:
            return
        self.box: Box = self._next_box
        left, top, width, height = self.box
        self._columns = _places(self.width, left, width, self.columns_out, 1)
        self._rows = _places(self.height, top, height, self.rows_out, self.columns_out + 1)

    def add(self, x: NDArray[np.uint16], y: NDArray[np.uint16], p: NDArray[np.uint8]) -> None:
        """Count events; those outside the box or the sensor are left out."""
        plane = np.uint32((self.rows_out + 1) * (self.columns_out + 1))
        _count(x, y, p, self._columns, self._rows, plane, self._counters, self._index)

    def take(self) -> NDArray[np.uint16]:
        """The frame, uint16 ``[2, H, W]``, saturated at 65535; the counters are 0 again."""
        total = self._counters.sum(axis=0, dtype=np.uint32)
        self._counters[:] = 0
        frame = total.reshape(2, self.rows_out + 1, self.columns_out + 1)[:, :-1, :-1]
        return np.minimum(frame, _LIMIT).astype(np.uint16)
