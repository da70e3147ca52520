"""A screen with a blinking checkerboard that is moved before the cameras and held still again."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.calibration.board import Board
from evface.calibration.lens import Lens, Pose
from evface.cameras.source import Cue
from evface.errors import ConfigError
from evface.simulation.face.figure import AIM, DISTANCE, LENSES
from evface.simulation.scene import ROOM_LUX, to_grey

HOLD = 1_900_000_000
"""ns that the board is held still."""

MOVE = 400_000_000
"""ns from one place to the next."""

RISE = 8_000_000
"""ns that the screen takes to change."""

WHITE, DARK, WALL = 0.85, 0.17, 0.1
"""Light of the screen's white and dark, and of what is behind it; black would make too many events."""

MARGIN = 1.0
"""Squares of white around the board."""

SOFT = 1.4
"""px that an edge is wide: pixels have an area, lenses are not perfect."""

NEAR, FAR = 550.0, 950.0
"""mm of the board from the cameras."""

TILT = 34.0
"""Degrees that the board is turned, at most."""

BoardPath = Callable[[int], Pose]
"""Where the board's upper left inner corner and its axes are at a time (ns), in the rig's coordinates."""

CameraView = Callable[[int, int], tuple[Lens, Pose]]
"""For pictures of a width and a height: a camera's lens, and the way from the rig's coordinates to it."""


@njit(cache=True, nogil=True, fastmath=True)
def _square_wave(at, width):  # type: ignore[no-untyped-def]
    """+1 in even squares, -1 in odd ones, averaged over a width."""
    low, high = at - 0.5 * width, at + 0.5 * width
    a, b = low - 2.0 * math.floor(0.5 * low), high - 2.0 * math.floor(0.5 * high)
    rising = (b if b < 1.0 else 2.0 - b) - (a if a < 1.0 else 2.0 - a)
    # The mean of the wave over a whole period is 0: only the rest counts.
    return rising / width


@njit(cache=True, nogil=True, fastmath=True)
def _inside(at, low, high, width):  # type: ignore[no-untyped-def]
    """1 between two bounds, 0 outside, even in between."""
    return min(1.0, max(0.0, min((at - low) / width + 0.5, (high - at) / width + 0.5)))


@njit(cache=True, nogil=True, fastmath=True)
def _draw(rays, to_board, size, bounds, levels, image):  # type: ignore[no-untyped-def]
    """The screen into the rows and columns of ``bounds``; a homography takes rays to squares."""
    columns, rows = size
    top, bottom, left, right = bounds
    white, dark, margin, soft = levels
    h = to_board
    for i in range(top, bottom):
        for j in range(left, right):
            x, y, step = rays[i, j, 0], rays[i, j, 1], soft * rays[i, j, 2]
            w = 1.0 / (h[2, 0] * x + h[2, 1] * y + h[2, 2])
            u = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) * w
            v = (h[1, 0] * x + h[1, 1] * y + h[1, 2]) * w
            wide_u = step * w * (abs(h[0, 0] - u * h[2, 0]) + abs(h[0, 1] - u * h[2, 1]))
            wide_v = step * w * (abs(h[1, 0] - v * h[2, 0]) + abs(h[1, 1] - v * h[2, 1]))
            screen = _inside(u, -margin, columns + margin, wide_u)
            screen *= _inside(v, -margin, rows + margin, wide_v)
            if screen <= 0.0:
                continue
            board = _inside(u, 0.0, columns, wide_u) * _inside(v, 0.0, rows, wide_v)
            # Up to the margin the outermost squares go on: there is no edge between white and white.
            across = _square_wave(min(columns - 0.5 * wide_u, max(0.5 * wide_u, u)), wide_u)
            down = _square_wave(min(rows - 0.5 * wide_v, max(0.5 * wide_v, v)), wide_v)
            shade = 0.5 * board * (1.0 + across * down)
            light = white - (white - dark) * shade
            image[i, j] += np.float32(screen * (light - image[i, j]))


class BoardScene:
    """A screen with a checkerboard; every camera looks at the same one.

    Args:
        view: how a camera sees the rig's coordinates.
        path: of the board.
        board: what is shown.

    Attributes:
        lux: see `Scene`.
    """

    lux = ROOM_LUX

    def __init__(self, view: CameraView, path: BoardPath, board: Board | None = None) -> None:
        self.board = board or Board()
        self.path = path
        self.view = lru_cache(maxsize=4)(view)
        self._rays = lru_cache(maxsize=2)(self._make_rays)

    @classmethod
    def before(cls, camera: str, seed: int = 0, board: Board | None = None) -> BoardScene:
        """The scene before one of the virtual rig's cameras; the lenses are those that see virtual people.

        Args:
            camera: "davis346", "evk4" or "webcam".
            seed: of the board's way.
            board: what is shown.

        Raises:
            ConfigError: there is no such camera.
        """
        if camera not in LENSES:
            raise ConfigError(f"no lens for a camera {camera!r}; there are: {', '.join(LENSES)}")
        board = board or Board()
        return cls(lambda width, height: virtual_view(camera, width, height), wandering(board, seed), board)

    def cue(self, cue: Cue) -> None:
        """See `Scene`: a board does not listen."""

    def shown(self, time_ns: int) -> float:
        """How much of the board there is on the screen, 0 to 1: nothing first, in each period."""
        half = self.board.period * 500
        at = time_ns % (2 * half) - half
        return max(0.0, min(1.0, min(at, half - at) / RISE))

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene`."""
        image = np.full((height, width), WALL, np.float32)
        pose, places = self._seen(time_ns, width, height)
        if pose.shift[2] <= 0.0:
            return image
        low, high = np.floor(places.min(0)).astype(int) - 3, np.ceil(places.max(0)).astype(int) + 4
        (left, top), (right, bottom) = low.clip(0), np.minimum(high, (width, height))
        board = self.board
        # From squares, the origin at the board's outer corner, to the camera's coordinates, and back.
        turn, side = pose.matrix, board.square
        origin = pose.shift - side * (turn[:, 0] + turn[:, 1])
        to_board = np.linalg.inv(np.column_stack([side * turn[:, :2], origin]))
        dark = WHITE - (WHITE - DARK) * self.shown(time_ns)
        size, bounds = (board.columns + 1.0, board.rows + 1.0), (int(top), int(bottom), int(left), int(right))
        _draw(self._rays(width, height), to_board, size, bounds, (WHITE, dark, MARGIN, SOFT), image)
        return image

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """See `Scene`; a screen that changes counts as motion: it is looked at some times in a change."""
        before, after = (self._seen(time, width, height)[1] for time in (begin_ns, end_ns))
        moved = float(np.sqrt(((after - before) ** 2).sum(1).max()))
        half = self.board.period * 500
        in_change = begin_ns % half < RISE or begin_ns // half != end_ns // half
        return max(moved, (end_ns - begin_ns) / RISE) if in_change else moved

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene`."""
        return np.repeat(to_grey(self.render(time_ns, width, height))[..., None], 3, axis=2)

    def _seen(self, time_ns: int, width: int, height: int) -> tuple[Pose, NDArray[np.float64]]:
        """The board before this camera, and where the screen's corners are in its picture, px."""
        lens, from_rig = self.view(width, height)
        pose = from_rig.after(self.path(time_ns))
        return pose, lens.project(pose.apply(outline(self.board)))

    def _make_rays(self, width: int, height: int) -> NDArray[np.float32]:
        """Direction of each pixel, and how far its neighbour's is."""
        lens, _ = self.view(width, height)
        rows, columns = np.mgrid[:height, :width]
        rays = lens.rays(np.column_stack([columns.ravel(), rows.ravel()]))
        rays[:, 2] = 2.0 / sum(lens.focal)
        return np.ascontiguousarray(rays.reshape(height, width, 3), np.float32)


def outline(board: Board) -> NDArray[np.float64]:
    """The screen's four corners and the middles of its sides, mm in the board's coordinates, ``[8, 3]``."""
    low, right, down = -1.0 - MARGIN, board.columns + MARGIN, board.rows + MARGIN
    x, y = (low + right) / 2, (low + down) / 2
    places = [(low, low), (x, low), (right, low), (right, y), (right, down), (x, down), (low, down), (low, y)]
    return np.array([(u, v, 0.0) for u, v in places]) * board.square


def virtual_view(camera: str, width: int, height: int) -> tuple[Lens, Pose]:
    """The lens of a virtual rig's camera, as virtual people are drawn for it, and where the camera is.

    The rig's coordinates are those of the DAVIS346: x right and y down in its picture, z away from it, mm.
    The cameras look in parallel; their principal points lie such that a person's head is in the middle.
    """
    lens = LENSES[camera]
    focal = lens.focal * height / lens.rows
    column = (width - 1) / 2 + focal * lens.x / DISTANCE
    row = (height - 1) / 2 - focal * (lens.y + AIM) / DISTANCE
    return Lens(width, height, (focal, focal), (column, row)), Pose(
        np.zeros(3), np.array([-lens.x, lens.y, 0.0])
    )


AIMS = {"davis346": (346, 260), "evk4": (1280, 720), "webcam": (1280, 720)}
"""Cameras whose pictures the board is held into in turn, and their sizes, px."""


def wandering(board: Board, seed: int = 0) -> BoardPath:
    """A board that is held still at one place after the other, each within the picture of one camera.

    Args:
        board: its size.
        seed: of the places.
    """

    @lru_cache(maxsize=8)
    def place(index: int) -> Pose:
        rng = np.random.default_rng([seed, 0xB0A, index])
        camera = list(AIMS)[index % len(AIMS)]
        return held_into(virtual_view(camera, *AIMS[camera]), board, rng)

    def path(time_ns: int) -> Pose:
        index, at = divmod(time_ns, HOLD + MOVE)
        if at <= HOLD:
            return place(index)
        share = (at - HOLD) / MOVE
        share = share * share * (3.0 - 2.0 * share)
        here, there = place(index), place(index + 1)
        return Pose(
            here.rotation + share * (there.rotation - here.rotation),
            here.shift + share * (there.shift - here.shift),
        )

    return path


def held_into(view: tuple[Lens, Pose], board: Board, rng: np.random.Generator) -> Pose:
    """A place, in the rig's coordinates, at which a camera sees the whole screen.

    Args:
        view: lens and place of the camera.
        board: its size.
        rng: what the place is drawn from.
    """
    lens, from_rig = view
    middle = np.array([(board.columns - 1) / 2, (board.rows - 1) / 2, 0.0]) * board.square
    size = np.array([lens.width, lens.height])
    while True:
        tilt = np.radians(rng.uniform(-TILT, TILT, 3)) * (1.0, 1.0, 0.4)
        pixel = rng.uniform(0.1, 0.9, 2) * size
        ahead = lens.rays(pixel[None])[0] * rng.uniform(NEAR, FAR)
        turned = Pose(tilt, np.zeros(3))
        pose = Pose(tilt, ahead - turned.apply(middle[None])[0])
        seen = lens.project(pose.apply(outline(board)))
        if (seen > 2.0).all() and (seen < size - 3.0).all():
            return from_rig.inverse().after(pose)
