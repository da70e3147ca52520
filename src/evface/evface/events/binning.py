"""Counting events into the pixels of a two-channel frame: the kernels under the slicer.

Events are counted in two passes over short blocks. The first turns x, y and p into one index, many at once
in the machine's vectors; the second only increments. In one pass the processor would do neither well. One
column and one row more than the frame has take the events outside, so that nobody need ask where one lies.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import GeometryError
from evface.events.container import Events

Box = tuple[float, float, float, float]
"""Left, top, width and height on the sensor, px; need not be whole numbers nor inside the sensor."""

_BLOCK = 2048  # events whose indices stay in the first-level cache


@njit(cache=True, inline="always")
def _increment(counters, index, size):  # type: ignore[no-untyped-def]
    """Add one at each index; a counter stays at its largest value."""
    for i in range(size):
        at = np.uintp(index[np.uintp(i)])
        count = counters[at]
        counters[at] = count + np.uint16(count < np.uint16(0xFFFF))


@njit(cache=True)
def _count_all(x, y, p, width, height, counters, index):  # type: ignore[no-untyped-def]
    """Count events of the whole sensor, pixel for pixel."""
    right, bottom, stride = np.uint32(width), np.uint32(height), np.uint32(width + 1)
    plane = np.uint32((width + 1) * (height + 1))
    done, total = 0, len(x)
    while done < total:
        size = min(total - done, len(index))
        for i in range(size):
            at = np.uintp(done + i)
            row = np.uint32(min(np.uint32(y[at]), bottom) * stride)
            channel = plane if p[at] & np.uint8(1) else np.uint32(0)
            index[np.uintp(i)] = min(np.uint32(x[at]), right) + row + channel
        _increment(counters, index, size)
        done += size


@njit(cache=True)
def _count_box(x, y, p, columns, rows, plane, counters, index):  # type: ignore[no-untyped-def]
    """Count events into the cells of a box; the tables say where a coordinate lies in a plane."""
    done, total = 0, len(x)
    while done < total:
        size = min(total - done, len(index))
        for i in range(size):
            at = np.uintp(done + i)
            # Not chosen by "if": this loop is no vector loop, and a branch on polarity is a coin's toss.
            channel = np.uint32(p[at] & np.uint8(1)) * plane
            index[np.uintp(i)] = columns[np.uintp(x[at])] + rows[np.uintp(y[at])] + channel
        _increment(counters, index, size)
        done += size


def _places(length: int, start: float, extent: float, cells: int, stride: int) -> NDArray[np.uint32]:
    """For each 16-bit coordinate: its cell times ``stride``; cell ``cells`` stands for outside the box."""
    coordinate = np.arange(1 << 16)
    # A pixel lies where its middle lies.
    cell = np.floor((coordinate + 0.5 - start) * (cells / extent)).astype(np.int64)
    outside = (cell < 0) | (cell >= cells) | (coordinate >= length)
    return (np.where(outside, cells, cell) * stride).astype(np.uint32)


def in_cells(events: Events, box: Box, size: int) -> Events:
    """Events of a box, their places counted in cells of a square frame; those outside are left out.

    Args:
        events: of a sensor.
        box: what of the sensor the frame shows.
        size: width and height of the frame.

    Returns:
        Copies, as of a sensor of ``size`` x ``size``; each in the cell in which a `Binner` counts it.
    """
    left, top, width, height = box
    x = _places(events.width, left, width, size, 1)[events.x]
    y = _places(events.height, top, height, size, 1)[events.y]
    inside = (x < size) & (y < size)
    kept = events[inside]
    return replace(
        kept, x=x[inside].astype(np.uint16), y=y[inside].astype(np.uint16), width=size, height=size
    )


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

    def __init__(
        self, width: int, height: int, box: Box | None = None, size: tuple[int, int] | None = None
    ) -> None:
        self.width, self.height = width, height
        self.columns_out, self.rows_out = size or (width, height)
        if min(width, height, self.columns_out, self.rows_out) <= 0:
            raise GeometryError(
                f"a frame of {self.columns_out}x{self.rows_out} px "
                f"of a sensor of {width}x{height} px has no pixels"
            )
        self.next_box = box or (0.0, 0.0, float(width), float(height))
        self._plane = (self.rows_out + 1) * (self.columns_out + 1)
        self._counters = np.zeros(2 * self._plane, np.uint16)
        self._index = np.empty(_BLOCK, np.uint32)
        self.box: Box = self._next_box
        self._look()

    @property
    def next_box(self) -> Box:
        """The box from the next frame on."""
        return self._next_box

    @next_box.setter
    def next_box(self, box: Box) -> None:
        left, top, width, height = (float(value) for value in box)
        if not (width > 0 and height > 0 and np.isfinite([left, top, width, height]).all()):
            raise GeometryError(
                f"box {left:g}, {top:g}, {width:g}, {height:g}: expected width and height above 0 px"
            )
        self._next_box = (left, top, width, height)

    def begin(self) -> None:
        """Start a frame with the box that is due."""
        if self.box != self._next_box:
            self.box = self._next_box
            self._look()

    def _look(self) -> None:
        left, top, width, height = self.box
        whole = (0.0, 0.0, float(self.width), float(self.height))
        self._whole = self.box == whole and (self.columns_out, self.rows_out) == (self.width, self.height)
        if not self._whole:
            self._columns = _places(self.width, left, width, self.columns_out, 1)
            self._rows = _places(self.height, top, height, self.rows_out, self.columns_out + 1)

    def add(self, x: NDArray[np.uint16], y: NDArray[np.uint16], p: NDArray[np.uint8]) -> None:
        """Count events; those outside the box or the sensor are left out."""
        if self._whole:
            _count_all(x, y, p, self.width, self.height, self._counters, self._index)
        else:
            plane = np.uint32(self._plane)
            _count_box(x, y, p, self._columns, self._rows, plane, self._counters, self._index)

    def take(self) -> NDArray[np.uint16]:
        """The frame, uint16 ``[2, H, W]``; the counters are 0 again."""
        padded = self._counters.reshape(2, self.rows_out + 1, self.columns_out + 1)
        frame = padded[:, :-1, :-1].copy()
        self._counters.fill(0)
        return frame
