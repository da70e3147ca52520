"""How much moves before a sensor, over time: events by the millisecond, or differences between frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import FormatError

MILLISECOND = 1_000_000
"""ns."""

LENGTH, HOP = 50 * MILLISECOND, 5 * MILLISECOND
"""ns of an interval of events and from one to the next: lamps at 100 and 120 Hz flicker away in it."""

WIDTH, HEIGHT = 160, 90
"""px of a frame that is looked at, about: an eighth of 1280x720."""

MIDDLE = (0.2, 0.1, 0.8, 0.9)
"""Left, top, right and bottom of where a face is looked for, of the sensor's width and height, until somebody
knows better: a passer-by behind a person crosses every camera's picture at another time."""

CONTRAST = 0.05
"""Change of log intensity that counts, at that size."""

DARK = 1.8 / 255.0
"""Light below which a change says little, of 1."""

_REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)
_GAMMA = 2.2
_LOG_LIGHT = np.log((np.arange(256) / 255.0) ** _GAMMA + DARK).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Activity:
    """Events of a sensor by the millisecond.

    Attributes:
        begin: ns, where the count begins; the clock is the caller's.
        cumulative: events up to each ms from there on, float64 ``[ms + 1]``.
    """

    begin: int
    cumulative: NDArray[np.float64]

    @property
    def end(self) -> int:
        """ns."""
        return self.begin + (len(self.cumulative) - 1) * MILLISECOND

    @property
    def events(self) -> float:
        """In all of it."""
        return float(self.cumulative[-1] - self.cumulative[0])

    @classmethod
    def of_counts(cls, edges: NDArray[np.int64], counts: NDArray[np.float64]) -> Activity:
        """Counts between edges brought onto whole milliseconds.

        Args:
            edges: ns, int64 ``[N + 1]``, rising.
            counts: of events, float64 ``[N]``.
        """
        begin = int(edges[0])
        ms = max(1, int((edges[-1] - begin) // MILLISECOND))
        total = np.concatenate(([0.0], np.cumsum(counts)))
        grid = np.arange(ms + 1, dtype=np.float64) * MILLISECOND
        return cls(begin, np.interp(grid, (edges - begin).astype(np.float64), total))

    def intervals(self) -> Intervals:
        """Events in overlapping intervals."""
        length, hop = LENGTH // MILLISECOND, HOP // MILLISECOND
        first = np.arange(0, len(self.cumulative) - length, hop)
        begin = self.begin + first.astype(np.int64) * MILLISECOND
        return Intervals(begin, begin + LENGTH, self.cumulative[first + length] - self.cumulative[first])


@dataclass(frozen=True, slots=True)
class Intervals:
    """How much a sensor saw move in intervals.

    Attributes:
        begin: ns, int64 ``[N]``, rising.
        end: ns, int64 ``[N]``.
        amount: in any unit, float64 ``[N]``, 0 or above.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    amount: NDArray[np.float64]


@njit(cache=True, nogil=True)
def _crossings(log, reference, contrast):  # type: ignore[no-untyped-def]
    """Steps of ``contrast`` that each pixel has gone from its reference, which follows."""
    total = 0
    for i in range(log.size):
        steps = int((log[i] - reference[i]) / contrast)
        if steps != 0:
            reference[i] += steps * contrast
            total += abs(steps)
    return total


class FrameActivity:
    """What changes between frames, counted as an event camera would: steps of contrast, with a memory.

    An event comes when the light has changed by a threshold since the last one; a slow movement's events come
    late by that. Frames that are treated alike are late alike. What a whole row does is a lamp's flicker.
    """

    def __init__(self) -> None:
        self._log: NDArray[np.float32] | None = None
        self._reference = np.zeros(0, np.float32)
        self._time = 0

    def add(self, host_ns: int, image: NDArray[np.uint8] | bytes) -> tuple[int, int, float] | None:
        """One more frame.

        Args:
            host_ns: of its exposure, as stamped; frames that do not come later than the last are left out.
            image: uint8 ``[H, W]`` or a JPEG.

        Returns:
            Time of the frame before, of this one, and what changed; None for the first one.

        Raises:
            FormatError: the JPEG is broken.
        """
        log = _LOG_LIGHT[_middle(small(image))]
        before, self._log = self._log, log
        if before is None or before.shape != log.shape or host_ns <= self._time:
            self._reference, self._time = log.ravel().copy(), host_ns
            return None
        change = log - before
        flicker = np.median(change, axis=1)
        self._reference += np.repeat(flicker, log.shape[1])
        noise = 1.4826 * float(np.median(np.abs(change - flicker[:, None])))
        amount = float(_crossings(log.ravel(), self._reference, max(CONTRAST, 3.0 * noise)))
        begin, self._time = self._time, host_ns
        return begin, host_ns, amount


def _middle(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape
    left, top, right, bottom = MIDDLE
    return image[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]


def _reduction(jpeg: bytes) -> int:
    """How small a JPEG may be decoded, which saves most of the work, by the width in its frame header."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        # Start of frame: C0 to CF but for the tables C4, C8 and CC (ITU T.81, table B.1).
        if 0xC0 <= jpeg[at + 1] <= 0xCF and jpeg[at + 1] not in (0xC4, 0xC8, 0xCC):
            width = int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return next((flag for times, flag in _REDUCED if width >= times * WIDTH), cv2.IMREAD_GRAYSCALE)
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return cv2.IMREAD_GRAYSCALE


def small(image: NDArray[np.uint8] | bytes) -> NDArray[np.uint8]:
    """A frame in about 160x90 px, grey, of a picture that is grey or a JPEG.

    Raises:
        FormatError: the JPEG is broken.
    """
    if isinstance(image, bytes):
        found = cv2.imdecode(np.frombuffer(image, np.uint8), _reduction(image))
        if found is None:
            raise FormatError(f"a frame of {len(image)} bytes is not a readable JPEG")
        image = np.asarray(found, np.uint8)
    height, width = image.shape
    times = max(1, round(width / WIDTH))
    size = (max(1, width // times), max(1, height // times))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
