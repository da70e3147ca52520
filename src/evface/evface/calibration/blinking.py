"""A blinking board in a stream of events, as a picture.

When the board comes, its dark squares make off events; when it goes, on events. What a pixel makes in those
moments, signed by them, is how dark the board is there; a movement in between counts up and down alike.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.calibration.board import Board
from evface.events import Events

BIN = 2_000
"""us of the rate that the blinks are found in."""

REACH = 80_000
"""us around a blink in which its events come: screens, and pixels in little light, take their time."""

STRONG = 0.25
"""Share of the strongest blink that another one has at least."""

LEAST_BLINKS = 2
"""Fewer show nothing."""

DARKEST = 99.0
"""Percentile of the counts that is shown as black."""


@njit(cache=True, nogil=True)
def _add_up(x, y, p, t, begins, ends, signs, total):  # type: ignore[no-untyped-def]
    """Events of each blink onto a sum: +1 of the polarity that the blink has, -1 of the other."""
    at = 0
    for k in range(len(begins)):
        while at < len(t) and t[at] < begins[k]:
            at += 1
        while at < len(t) and t[at] < ends[k]:
            total[y[at], x[at]] += signs[k] if p[at] else -signs[k]
            at += 1


def find_blinks(events: Events, board: Board) -> NDArray[np.int64]:
    """When the board came and went.

    Args:
        events: in the order of their times.
        board: its blinking.

    Returns:
        int64 ``[N, 2]``: us, the middle of a blink, and 1 where the light rose (the board went) or -1.
    """
    none = np.zeros((0, 2), np.int64)
    if len(events) < 100:
        return none
    start = int(events.t[0])
    where = (events.t - start) // BIN
    rate = np.bincount(where, 2.0 * events.p - 1.0)
    near = max(1, min(REACH, board.period // 4) // BIN)
    smooth = np.convolve(rate, np.hanning(near + 2), mode="same")
    blinks: list[tuple[int, int]] = []
    floor = STRONG * float(np.abs(smooth).max())
    # The strongest one first; within a third of a period there is no other.
    apart = max(1, board.period // 3 // BIN)
    free = np.abs(smooth)
    while free[at := int(free.argmax())] > max(floor, 1.0):
        blinks.append((start + at * BIN + BIN // 2, 1 if smooth[at] > 0 else -1))
        free[max(0, at - apart) : at + apart + 1] = 0.0
    return np.array(sorted(blinks), np.int64) if blinks else none


def board_picture(events: Events, board: Board) -> NDArray[np.uint8] | None:
    """The board that blinked, dark squares dark.

    Args:
        events: of a second or so in which nothing moved, in the order of their times.
        board: its blinking.

    Returns:
        uint8 ``[H, W]``, or None where nothing blinks.
    """
    blinks = find_blinks(events, board)
    if len(blinks) < LEAST_BLINKS:
        return None
    reach = min(REACH, board.period // 4)
    total = np.zeros((events.height, events.width), np.float32)
    _add_up(
        events.x, events.y, events.p, events.t,
        blinks[:, 0] - reach, blinks[:, 0] + reach, blinks[:, 1].astype(np.float32), total,
    )  # fmt: skip
    # Thresholds differ from pixel to pixel: a little blur takes their noise, the saddles stay where they are.
    total = np.asarray(cv2.GaussianBlur(total, (0, 0), 0.8), np.float32)
    top = float(np.percentile(total, DARKEST))
    if top < 0.5 * len(blinks):
        return None
    return np.asarray(255.0 - np.clip(total / top, 0.0, 1.0) * 255.0, np.uint8)
