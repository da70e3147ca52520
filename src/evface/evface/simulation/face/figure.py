"""A person drawn as one camera sees it: pose, movement and light of every point, then the triangles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.simulation.face.actions import action_fields, landmark_vertex, reach_of
from evface.simulation.face.backdrop import Shoulders
from evface.simulation.face.body import HAIR_THICKNESS, ears, glasses, hanging_hair, torso
from evface.simulation.face.eyes import EYE_X, EYE_Y, Eye, EyeState, iris_shift
from evface.simulation.face.identity import Identity
from evface.simulation.face.light import Light
from evface.simulation.face.mesh import Mesh, Part, join
from evface.simulation.face.mouth import Mouth
from evface.simulation.face.raster import Rasterizer
from evface.simulation.face.shape import HeadShape, make_head
from evface.simulation.face.skin import SkinMap, hair_cover, paint_skin
from evface.simulation.face.wrinkles import Wrinkles
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState

PIVOT = np.array([0.0, -92.0, -28.0])
"""About which the head turns, mm."""

GREY = np.array([[0.114, 0.587, 0.299]])
"""Luminance of blue, green and red."""


@dataclass(frozen=True, slots=True)
class Lens:
    """How a camera sees the person.

    Attributes:
        focal: px at the height of ``rows``.
        rows: height of the picture that ``focal`` is said for, px.
        x: of the camera beside the first one, mm to the subject's left.
        y: above it, mm.
    """

    focal: float
    rows: int
    x: float = 0.0
    y: float = 0.0


LENSES = {
    "davis346": Lens(648.0, 260),
    "evk4": Lens(1646.0, 720, x=-45.0),
    "webcam": Lens(913.0, 720, y=55.0),
}
"""12 mm before the DAVIS346, 8 mm before the EVK4, a webcam of 70 degrees; side by side on one tripod."""

DISTANCE = 800.0
"""mm from the camera to the head (paper, §3.2)."""


@njit(cache=True, nogil=True, fastmath=True)
def _move(rest, vertices, moves, members, strengths, moved):  # type: ignore[no-untyped-def]
    """Shift points and turn normals, ``[6, V]``, by what the muscles do."""
    for axis in range(6):
        for i in range(rest.shape[1]):
            moved[axis, np.uintp(i)] = rest[axis, np.uintp(i)]
    for k in range(len(strengths)):
        if abs(strengths[k]) <= np.float32(1e-4):
            continue
        for m in range(members[k, 0], members[k, 1]):
            vertex, at = np.uintp(vertices[m]), np.uintp(m)
            for axis in range(6):
                moved[np.uintp(axis), vertex] += strengths[k] * moves[at, np.uintp(axis)]


@njit(cache=True, nogil=True, fastmath=True)
def _project(moved, rotation, shift, camera, x, y, z):  # type: ignore[no-untyped-def]
    """Columns and rows of points that are turned and shifted, px, and how near they are, mm."""
    focal, column, row, distance, eye_x, eye_y = camera
    for i in range(len(x)):
        at = np.uintp(i)
        px, py, pz = moved[0, at], moved[1, at], moved[2, at]
        qx = rotation[0, 0] * px + rotation[0, 1] * py + rotation[0, 2] * pz + shift[0]
        qy = rotation[1, 0] * px + rotation[1, 1] * py + rotation[1, 2] * pz + shift[1]
        qz = rotation[2, 0] * px + rotation[2, 1] * py + rotation[2, 2] * pz + shift[2]
        scale = focal / (distance - qz)
        x[at] = column + (qx - eye_x) * scale
        y[at] = row - (qy - eye_y) * scale
        z[at] = qz


@njit(cache=True, nogil=True, fastmath=True)
def _light(moved, rotation, direction, key, around, shine, shade):  # type: ignore[no-untyped-def]
    """Light on points; the camera is far away, so that its direction is the same for all."""
    one, zero = np.float32(1.0), np.float32(0.0)
    # Skin shines where it mirrors the light: the half way between light and view is its normal.
    hx, hy, hz = direction[0], direction[1], direction[2] + one
    length = one / np.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx * length, hy * length, hz * length
    for i in range(len(shade)):
        at = np.uintp(i)
        nx, ny, nz = moved[3, at], moved[4, at], moved[5, at]
        scale = one / np.sqrt(nx * nx + ny * ny + nz * nz)
        mx = (rotation[0, 0] * nx + rotation[0, 1] * ny + rotation[0, 2] * nz) * scale
        my = (rotation[1, 0] * nx + rotation[1, 1] * ny + rotation[1, 2] * nz) * scale
        mz = (rotation[2, 0] * nx + rotation[2, 1] * ny + rotation[2, 2] * nz) * scale
        lit = mx * direction[0] + my * direction[1] + mz * direction[2]
        lit = max(zero, (lit + np.float32(0.15)) * np.float32(0.87))
        gloss = max(zero, mx * hx + my * hy + mz * hz)
        gloss *= gloss
        gloss *= gloss
        gloss *= gloss
        shade[at] = around * (np.float32(0.72) + np.float32(0.28) * my) + key * (
            np.float32(1.25) * lit + shine * gloss * gloss
        )


def _by_axis(mesh: Mesh) -> NDArray[np.float32]:
    """Points and normals, float32 ``[6, V]``."""
    return np.ascontiguousarray(np.concatenate([mesh.points, mesh.normals], 1).T)


class Person:
    """A person's shape and how it moves.

    Args:
        who: the person.
        coarseness: see `make_head`.
    """

    def __init__(self, who: Identity, coarseness: float = 1.0) -> None:
        self.who = who
        self.head: HeadShape = make_head(who, coarseness)
        self.fields = action_fields(self.head, who)
        self.lid_mm = {action: reach_of(who, action) / who.size for action in (5, 6, 7)}

    def eye_states(self, state: FaceState) -> tuple[EyeState, EyeState]:
        """Left and right eye in a state of the face."""
        left = self._eye(state.left, state.gaze, 1.0)
        right = self._eye(state.right, state.gaze, -1.0)
        return left, right

    def _eye(self, side: NDArray[np.float64], gaze: tuple[float, float], sign: float) -> EyeState:
        five, six, seven = (float(side[ACTION_INDEX[action]]) for action in (5, 6, 7))
        # A raised cheek narrows the eye from above as well.
        upper = self.lid_mm[5] * five - 0.5 * self.lid_mm[7] * seven - 0.2 * self.lid_mm[6] * six
        lower = 0.35 * self.lid_mm[6] * six + self.lid_mm[7] * seven
        closed = min(1.0, max(0.0, float(side[ACTION_INDEX[43]])))
        return EyeState(closed, upper, lower, sign * iris_shift(gaze[0]), iris_shift(gaze[1]))


class Figure:
    """A person with the texture that one camera needs.

    Args:
        person: shape and movement.
        light: on it.
        lens: of the camera.
        texel: mm of the texture.
        weights: of blue, green and red in each channel of the pictures, ``[C, 3]``.
        threads: that draw a picture together.
    """

    def __init__(
        self,
        person: Person,
        light: Light,
        lens: Lens,
        texel: float,
        weights: NDArray[np.float64],
        threads: int = 1,
    ) -> None:
        self.person, self.light, self.lens = person, light, lens
        who = person.who
        skin = paint_skin(person.head, who, texel)
        head = self._head_part(skin)
        eye = landmark_vertex(person.head, (EYE_X, EYE_Y))
        eye_z = float(person.head.points.reshape(-1, 3)[eye, 2])
        self._mouth = Mouth(person.head, head.points.reshape(person.head.points.shape), texel)
        parts = [
            head,
            self._mouth.part,
            *ears(who, texel),
            *hanging_hair(who, texel),
            *glasses(who, texel, eye_z),
        ]
        self.mesh: Mesh = join(parts)
        self._mouth.fix(self.mesh.starts[1], self.mesh.tops[1])
        self._body = join([torso(who, texel)])
        self._shoulders: dict[tuple[int, int], Shoulders] = {}
        self._weights = weights
        self.texture = np.ascontiguousarray(self.mesh.texture[..., :3] @ weights.T.astype(np.float32))
        self._opacity = np.ascontiguousarray(self.mesh.texture[..., 3])
        base = self.texture[: skin.albedo.shape[0], : skin.albedo.shape[1]].copy()
        self._wrinkles = Wrinkles(who, skin, base, self.texture.shape[1])
        self._eyes = (Eye(who, skin, base, 1, weights), Eye(who, skin, base, -1, weights))
        self._head_texture = self.texture[: base.shape[0], : base.shape[1]]
        self._prepare_movement(head)
        self._raster = Rasterizer(self.mesh, threads)
        self._rest = _by_axis(self.mesh)
        self._moved = np.empty_like(self._rest)
        self._x, self._y, self._z, self._shade = (
            np.empty(len(self.mesh.points), np.float32) for _ in range(4)
        )
        self._strengths = np.empty(2 * len(ACTIONS), np.float32)
        self._direction = np.array(light.direction, np.float32)
        # What mirrors is as bright on dark skin as on light skin; light is multiplied with the skin's own.
        self._shine = np.float32(np.clip(0.08 / float((GREY @ np.array(who.skin))[0]), 0.15, 1.0))

    def _head_part(self, skin: SkinMap) -> Part:
        """The head with its hair's volume."""
        head, who = self.person.head, self.person.who
        normals = head.normals(head.points)
        x, y, z = (head.base[..., k] for k in range(3))
        thick = HAIR_THICKNESS[who.hair_style] * hair_cover(x, y - 9.0, z, who, soft=22.0)
        points = head.points + normals * thick[..., None]
        rows, columns = points.shape[:2]
        texture = np.concatenate([skin.albedo, np.ones((*skin.albedo.shape[:2], 1), np.float32)], -1)
        return Part(
            points.reshape(-1, 3), head.normals(points).reshape(-1, 3), head.triangles,
            np.tile(skin.u, rows), np.repeat(skin.v, columns), texture, self._seams(),
        )  # fmt: skip

    def _seams(self) -> NDArray[np.int32]:
        """Where the back is closed: no edge. The lips' edges are edges, over the mouth behind them."""
        rows, columns = self.person.head.points.shape[:2]
        index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
        return np.concatenate(
            [np.stack([index[:-1, column], index[1:, column]], -1) for column in (0, columns - 1)]
        )

    def _prepare_movement(self, head: Part) -> None:
        """The points that each action moves, with how far, and how their normals turn."""
        shape = self.person.head.points.shape
        rest = head.points.reshape(shape)
        rest_normals = self.person.head.normals(rest)
        vertices, moves, members = [], [], np.zeros((2 * len(ACTIONS), 2), np.int64)
        total = 0
        for index in range(len(ACTIONS)):
            for side in range(2):
                field = self.person.fields[index, side]
                turned = self.person.head.normals(rest + field.reshape(shape)) - rest_normals
                moved = np.concatenate([field, turned.reshape(-1, 3).astype(np.float32)], 1)
                near = np.flatnonzero(np.abs(moved).max(1) > 2e-3)
                members[2 * index + side] = total, total + len(near)
                total += len(near)
                vertices.append(near)
                moves.append(moved[near])
        self._members = members
        self._vertices = np.concatenate(vertices).astype(np.int32)
        self._moves = np.ascontiguousarray(np.concatenate(moves), np.float32)

    def draw(
        self, state: FaceState, offset: tuple[float, float, float], gain: float, wall: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Draw the person.

        Args:
            state: of face and body.
            offset: of where the person sits, mm (to the left, up, towards the camera).
            gain: of the light.
            wall: behind the person, without the gain, ``[H, W, C]``.

        Returns:
            Linear light, float32 ``[H, W, C]``.
        """
        height, width = wall.shape[:2]
        if (width, height) not in self._shoulders:
            self._shoulders[width, height] = self._make_shoulders(offset, width, height)
        image = self._shoulders[width, height].paint(wall, *self.body_shift(state, height), gain)
        self._wrinkles.draw(state.left, state.right, self.texture)
        for eye, its_state in zip(self._eyes, self.person.eye_states(state), strict=True):
            eye.draw(its_state, self._head_texture)
        self.place(state, offset, width, height)
        _light(self._moved, self._rotation, *self._lamp(gain), self._shade)
        self._raster.draw(
            self._x, self._y, self._z, self._shade, self.texture, self._opacity, image
        )  # fmt: skip
        return image

    def place(
        self, state: FaceState, offset: tuple[float, float, float], width: int, height: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Columns and rows of every point of the head, px; until the next call. Arguments as `draw`."""
        strengths = self._strengths
        strengths[0::2], strengths[1::2] = state.left, state.right
        rotation = rotation_of(state.head)
        shift = PIVOT - rotation @ PIVOT + np.array(offset) + np.array(state.position)
        self._rotation = rotation.astype(np.float32)
        _move(self._rest, self._vertices, self._moves, self._members, strengths, self._moved)
        self._mouth.follow(self._moved, self.mesh.v)
        _project(
            self._moved, self._rotation, shift.astype(np.float32), self._camera(width, height),
            self._x, self._y, self._z,
        )  # fmt: skip
        return self._x, self._y

    def _lamp(self, gain: float) -> tuple[NDArray[np.float32], np.float32, np.float32, np.float32]:
        """Direction of the light, its strength and that of the light around; how much skin shines."""
        key = self.light.key
        return self._direction, np.float32(key * gain), np.float32((1.0 - key) * gain), self._shine

    def body_shift(self, state: FaceState, height: int) -> tuple[float, float]:
        """px to the right and down that the shoulders are moved."""
        scale = self.lens.focal * height / self.lens.rows / DISTANCE
        across, up, _ = state.position
        return 0.55 * across * scale, -(0.55 * up + state.breath) * scale

    def _make_shoulders(self, offset: tuple[float, float, float], width: int, height: int) -> Shoulders:
        """Neck and shoulders once, with a margin around the picture to be moved in."""
        body, still = self._body, np.eye(3, dtype=np.float32)
        margin = round(0.06 * height)
        focal, column, row, *rest = self._camera(width, height)
        camera = (focal, column + np.float32(margin), row + np.float32(margin), *rest)
        upright = _by_axis(body)
        x, y, z, shade = (np.empty(len(body.points), np.float32) for _ in range(4))
        _project(upright, still, np.array(offset, np.float32), camera, x, y, z)
        _light(upright, still, *self._lamp(1.0), shade)
        size = (height + 2 * margin, width + 2 * margin)
        colour = np.zeros((*size, len(self._weights)), np.float32)
        cover = np.zeros((*size, 1), np.float32)
        texture = np.ascontiguousarray(body.texture[..., :3] @ self._weights.T.astype(np.float32))
        opacity = np.ascontiguousarray(body.texture[..., 3])
        raster = Rasterizer(body)
        raster.draw(x, y, z, shade, texture, opacity, colour)
        raster.draw(x, y, z, np.ones_like(shade), np.ones_like(texture[..., :1]), opacity, cover)
        return Shoulders(colour, cover[..., 0], margin)

    def _camera(self, width: int, height: int) -> tuple[np.float32, ...]:
        lens = self.lens
        focal = lens.focal * height / lens.rows
        # Each camera is turned so that the head's place is in the middle of its picture.
        column = (width - 1) / 2 + focal * lens.x / DISTANCE
        row = (height - 1) / 2 - focal * (lens.y + AIM) / DISTANCE
        values = (focal, column, row, DISTANCE, lens.x, lens.y)
        return tuple(np.float32(value) for value in values)


AIM = 8.0
"""mm below the eyes that cameras point at."""


def rotation_of(head: tuple[float, float, float]) -> NDArray[np.float64]:
    """Matrix of a head's yaw to the left, pitch up and roll towards the left shoulder, degrees."""
    yaw, pitch, roll = (math.radians(angle) for angle in head)
    cy, sy, cp, sp, cr, sr = (
        math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll),
    )  # fmt: skip
    # The head is tilted first, then nods (up: what looks to the camera looks to the ceiling), then turns.
    return np.array(
        [
            [cy * cr + sy * sp * sr, cy * sr - sy * sp * cr, sy * cp],
            [-cp * sr, cp * cr, sp],
            [cy * sp * sr - sy * cr, -sy * sr - cy * sp * cr, cy * cp],
        ]
    )
