"""How much moves before a sensor, over time: events by the millisecond, or differences between frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError

MILLISECOND = 1_000_000
"""ns."""

LENGTH, HOP = 50 * MILLISECOND, 5 * MILLISECOND
"""ns of an interval of events and from one to the next: lamps at 100 and 120 Hz flicker away in it."""

WIDTH, HEIGHT = 160, 90
"""px of a frame that is looked at, about: an eighth of 1280x720."""

FACE = {
    "davis346": (0.3, 0.15, 0.7, 0.85),
    "evk4": (0.36, 0.2, 0.64, 0.82),
    "webcam": (0.42, 0.3, 0.58, 0.72),
}
"""Left, top, right and bottom of the inner face as each camera of the rig sees it, as shares of its picture,
until a face box tells: who passes by behind a person crosses every camera's picture at another time."""

ANYWHERE = (0.2, 0.1, 0.8, 0.9)
"""The same of a camera that is not one of the rig's."""

INNER = 0.65
"""Of a face box's width and height: without its margin, in which there is background."""

STEP_BACK = 200 * MILLISECOND
"""ns that a stamp may lie before the last one."""

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


class FrameChange(NamedTuple):
    """What changed from one frame to the next.

    Attributes:
        begin: ns, stamp of the frame before.
        end: ns, stamp of this one.
        contrast: root of the summed squares of what each pixel's log light changed by: it has no threshold
            and no memory, so it is not late where something moves slowly.
    """

    begin: int
    end: int
    contrast: float


def inner(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a face box without its margin, in the box's own unit."""
    side = (1.0 - INNER) / 2
    return x + side * width, y + side * height, x + (1 - side) * width, y + (1 - side) * height


class FrameActivity:
    """What changes between frames. What a whole row does is a lamp's flicker, and taken away.

    Args:
        camera: whose frames they are; it looks at the face where that camera has it.

    Attributes:
        where: left, top, right and bottom of what is looked at, as shares of the frame; may change.
    """

    def __init__(self, camera: str = "webcam") -> None:
        self.where = FACE.get(camera, ANYWHERE)
        self._log: NDArray[np.float32] | None = None
        self._time = 0

    def add(self, host_ns: int, image: NDArray[np.uint8] | bytes) -> FrameChange | None:
        """One more frame.

        Args:
            host_ns: of its exposure, as stamped. A stamp a little before the last one's comes of that one's
                being late; behind a clock that was set back the comparison begins anew.
            image: uint8 ``[H, W]`` or a JPEG.

        Returns:
            What changed; None for the first one, or where it begins anew.

        Raises:
            FormatError: the JPEG is broken.
        """
        log = _LOG_LIGHT[small(image)]
        before, self._log = self._log, log
        begin, self._time = self._time, host_ns
        if before is None or before.shape != log.shape or host_ns < begin - STEP_BACK:
            return None
        self._time = max(host_ns, begin + 1)
        rows, columns = self._window(log.shape)
        change = log[rows, columns] - before[rows, columns]
        change -= np.median(change, axis=1, keepdims=True)
        return FrameChange(begin, self._time, float(np.linalg.norm(change)))

    def _window(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns, at least one of each."""
        left, top, right, bottom = self.where
        return _span(top, bottom, shape[0]), _span(left, right, shape[1])


def _span(low: float, high: float, count: int) -> slice:
    first = min(max(0, int(low * count)), count - 1)
    return slice(first, max(first + 1, min(count, int(high * count))))


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
