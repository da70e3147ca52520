"""The skin of a head and what grows on it, painted from the place of each texel on the average face.

All noise is a function of that place and the person's seed: a camera of another resolution sees the same
freckles. Reflectance is linear; what a face reflects less because it lies deep (occlusion) is painted too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.fields import Field, rise, sample_grid, step
from evface.simulation.face.identity import Identity
from evface.simulation.face.mesh import grid_normals
from evface.simulation.face.shape import MOUTH_HALF, HeadShape
from evface.simulation.face.texture_noise import grain, patches

Map = NDArray[np.float32]


@dataclass(frozen=True)
class SkinMap:
    """A head's texture and where its texels lie.

    Attributes:
        texel: mm, its width and height.
        albedo: reflectance, float32 ``[h, w, 3]`` (blue, green, red), eyes closed.
        place: of each texel on the average face, mm, ``[h, w, 3]``.
        u: column of each of the head's columns of points.
        v: row of each of its rows.
    """

    texel: float
    albedo: Map
    place: Map
    u: Field
    v: Field


def paint_skin(head: HeadShape, who: Identity, texel: float) -> SkinMap:
    """The texture of a head.

    Args:
        head: its shape.
        who: the person.
        texel: mm; as much as a pixel of the camera sees is enough.
    """
    u = (head.across - head.across[0]) / texel
    v = (head.down - head.down[0]) / texel
    columns, rows = np.arange(int(np.ceil(u[-1])) + 2), np.arange(int(np.ceil(v[-1])) + 2)
    place = _spread(head.base, v, u, rows, columns)
    x, y, z = (place[..., k].astype(np.float64) for k in range(3))
    painter = _Painter(who, x, y, z, rows[:, None] < (v[head.cut] + v[head.cut + 1]) / 2)
    albedo = painter.paint(_occlusion(head, v, u, rows, columns, texel))
    return SkinMap(texel, albedo.astype(np.float32), place.astype(np.float32), u, v)


def _spread(grid: Field, v: Field, u: Field, rows: NDArray[Any], columns: NDArray[Any]) -> Field:
    """Values of a grid's points at every texel, bilinear."""
    row = np.interp(rows, v, np.arange(len(v)))
    column = np.interp(columns, u, np.arange(len(u)))
    return sample_grid(grid, row, column)


def _occlusion(
    head: HeadShape, v: Field, u: Field, rows: NDArray[np.int64], columns: NDArray[np.int64], texel: float
) -> Field:
    """Light that reaches a place from all around, 1 where nothing is in the way: hollows get less.

    What stands above a place's tangent plane hides a part of the light. It is looked for on a grid of 3 mm,
    so that cameras of every resolution see the same person.
    """
    fine = 3.0 / texel
    down, right = np.arange(0.0, v[-1], fine), np.arange(0.0, u[-1], fine)
    points = _spread(head.base, v, u, down, right)
    normals = grid_normals(points)
    hidden = np.zeros(points.shape[:2])
    for reach in (2, 4, 8):
        for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)):
            rows_of = np.clip(np.arange(len(down)) + dy * reach, 0, len(down) - 1)
            columns_of = (np.arange(len(right)) + dx * reach) % len(right)
            to = points[rows_of][:, columns_of] - points
            above = (to * normals).sum(-1) / np.maximum(np.linalg.norm(to, axis=-1), 1.0)
            hidden += np.clip(above - 0.05, 0.0, 1.0) / 24.0
    # The seam between the lips is no hollow of the grid's making.
    light = np.asarray(cv2.GaussianBlur(np.clip(1.0 - 1.9 * hidden, 0.35, 1.0), (0, 0), 0.8), np.float64)
    row, column = np.minimum(rows / fine, len(down) - 1.0), np.minimum(columns / fine, len(right) - 1.0)
    whole = _spread(light[..., None], np.arange(0.0, len(down)), np.arange(0.0, len(right)), row, column)
    return np.asarray(whole[..., 0])


class _Painter:
    """Paints one head; each method lays a layer over what is there."""

    def __init__(self, who: Identity, x: Field, y: Field, z: Field, upper: NDArray[np.bool_]) -> None:
        self.who, self.x, self.y, self.z = who, x, y, z
        self.side = np.abs(x)
        # mm around the head: what grows is as dense at the sides as in front.
        self.arc = 82.0 * np.arctan2(x, np.maximum(z, 1.0))
        self.front = rise(z, 0.0, 40.0)
        self.upper = np.broadcast_to(upper, x.shape)
        self.rng = np.random.default_rng([who.seed, 0x5C1])

    def paint(self, occlusion: Field) -> Field:
        who, x, y, z = self.who, self.x, self.y, self.z
        tone = 1.0 + who.blotches * patches(x, y, z, 16.0, who.seed, 1)
        tone += who.pores * patches(x, y, z, 2.2, who.seed, 2) + 0.6 * who.pores * patches(
            x, y, z, 0.9, who.seed, 3
        )
        albedo = np.array(who.skin)[None, None] * tone[..., None]
        # Blood near the surface: cheeks, nose, ears are redder, around the eyes the skin is darker.
        blush = 0.5 * self._pair(38, -28, 16, 14) + 0.6 * self._pair(0, -36, 12, 10)
        albedo *= 1.0 - blush[..., None] * np.array([0.16, 0.16, 0.0])
        albedo *= 1.0 - 0.22 * self._pair(27, -8, 14, 6)[..., None]
        albedo *= occlusion[..., None]
        self._dark_spots(albedo)
        self._rest_wrinkles(albedo)
        self._nostrils(albedo)
        self._lips(albedo)
        self._beard(albedo)
        self._brows(albedo)
        self._hair(albedo)
        return np.clip(albedo, 0.004, 0.95)

    def _pair(self, cx: float, cy: float, sx: float, sy: float) -> Field:
        return np.exp(-0.5 * (((self.side - cx) / sx) ** 2 + ((self.y - cy) / sy) ** 2)) * self.front

    def _dark_spots(self, albedo: Field) -> None:
        spots = [(self.rng.normal(0, 24), self.rng.normal(-22, 12), self.rng.uniform(0.5, 1.0), 0.22)
                 for _ in range(self.who.freckles)]  # fmt: skip
        spots += [(self.rng.uniform(-55, 55), self.rng.uniform(-100, 55), self.rng.uniform(0.8, 1.6), 0.65)
                  for _ in range(self.who.moles)]  # fmt: skip
        for cx, cy, size, depth in spots:
            near = (np.abs(self.x - cx) < 4 * size) & (np.abs(self.y - cy) < 4 * size) & (self.z > 20)
            if not near.any():
                continue
            x, y, z = self.x[near], self.y[near], self.z[near]
            # Round on the skin, not in the picture.
            cz = z[np.argmin((x - cx) ** 2 + (y - cy) ** 2)]
            distance = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
            albedo[near] *= 1.0 - depth * np.exp(-0.5 * distance / size**2)[:, None]

    def _rest_wrinkles(self, albedo: Field) -> None:
        deep = self.who.wrinkles
        fold_x = 16.0 + 0.44 * np.clip(-34.0 - self.y, 0, 40)
        fold = (
            np.exp(-0.5 * ((self.side - fold_x) / 1.6) ** 2)
            * rise(-self.y, 34, 46)
            * (1 - rise(-self.y, 58, 70))
        )
        bags = np.exp(-0.5 * ((self.y + 13 - 0.012 * (self.side - 30) ** 2) / 1.6) ** 2) * self._pair(
            30, -13, 10, 6
        )
        albedo *= 1.0 - (0.22 * deep * fold * self.front + 0.20 * deep * bags)[..., None]
        for height in (38.0, 46.0, 55.0):
            line = np.exp(-0.5 * ((self.y - height - 1.5 * np.sin(self.x / 14 + height)) / 0.9) ** 2)
            albedo *= 1.0 - (0.10 * deep * line * self._pair(0, height, 26, 20))[..., None]

    def _nostrils(self, albedo: Field) -> None:
        wide = 7.2 * self.who.nose_width
        hole = np.exp(
            -0.5
            * (((self.side - wide) / 3.4) ** 2 + ((self.y + 45.6 - 0.2 * (self.side - wide)) / 1.9) ** 2)
            ** 1.6
        )
        wing = np.exp(
            -0.5 * (((np.hypot(self.side - 10 * self.who.nose_width, self.y + 41) - 6.5) / 1.3) ** 2)
        )
        wing *= rise(self.side, 11 * self.who.nose_width, 15 * self.who.nose_width)
        albedo *= 1.0 - (0.88 * hole * self.front)[..., None]
        albedo *= 1.0 - (0.30 * wing * self._pair(15, -41, 8, 6))[..., None]

    def _lips(self, albedo: Field) -> None:
        upper, lower = lip_edges(self.side, self.who)
        soft = 0.8
        red = np.where(self.upper, step(upper - self.y, soft), step(self.y - lower, soft))
        red *= step(MOUTH_HALF + 1 - self.side, 1.2) * (self.z > 20)
        lines = 1.0 + 0.12 * grain(self.x * 2.2, self.y * 0.35, self.who.seed, 7)
        colour = np.array(self.who.lips)[None, None] * lines[..., None]
        albedo += red[..., None] * (colour - albedo) * 0.9
        between = np.exp(-0.5 * ((self.y + 70) / 0.7) ** 2) * step(MOUTH_HALF + 1.5 - self.side, 1.5)
        albedo *= 1.0 - (0.6 * between * self.front)[..., None]

    def _beard(self, albedo: Field) -> None:
        who = self.who
        if who.beard == "none":
            return
        upper, lower = lip_edges(self.side, who)
        lips = (
            step(MOUTH_HALF + 1 - self.side, 1.0)
            * step(upper + 0.5 - self.y, 1.0)
            * step(self.y - lower + 0.4, 1.0)
        )
        moustache = rise(self.y, -68, -63) * (1 - rise(self.y, -54, -50)) * (1 - rise(self.side, 22, 30))
        goatee = rise(-self.y, 76, 84) * (1 - rise(self.side, 16, 24))
        goatee = np.maximum(goatee, (1 - rise(np.abs(self.side - 27), 2, 6)) * rise(-self.y, 60, 66))
        cheek_line = -44.0 + 0.55 * (self.side - 30)
        ragged = 4.0 * patches(self.x, self.y, self.z, 5.0, who.seed, 41)
        cheeks = rise(cheek_line + ragged - self.y, -4.0, 12.0) * rise(self.side, 18.0, 28.0)
        chin = rise(-self.y, 80, 90)
        where = {
            "moustache": moustache,
            "goatee": np.maximum(moustache, goatee),
            "stubble": np.maximum.reduce([moustache, cheeks, chin, goatee]),
            "full": np.maximum.reduce([moustache, cheeks, chin, goatee]),
        }[who.beard]
        where = where * (1 - lips) * rise(self.z, -22.0, 10.0)
        hairs = 0.5 + 0.5 * np.clip(grain(self.arc * 1.3, self.y * 0.55, who.seed, 9) * 1.6, -1, 1)
        cover = where * ((0.18 + 0.30 * hairs) if who.beard == "stubble" else (0.68 + 0.32 * hairs))
        colour = np.array(who.hair)[None, None] * (0.7 + 0.8 * hairs[..., None])
        albedo += cover[..., None] * (colour - albedo)

    def _brows(self, albedo: Field) -> None:
        who = self.who
        cover = brow_cover(self.side, self.y, who) * self.front
        slant = self.side * 0.9 - self.y * 0.8
        hairs = 0.5 + 0.5 * np.clip(
            grain(slant * 1.1, (self.side + self.y) * 0.35, who.seed, 11) * 1.8, -1, 1
        )
        cover = np.clip(cover * (0.45 + 0.75 * hairs) * who.brow_density, 0.0, 1.0)
        # Grey heads keep darker brows.
        grey = float(np.clip((np.mean(who.hair) - 0.2) * 8.0, 0.0, 1.0))
        colour = np.array(who.hair) * (0.75 - 0.5 * grey) + 0.004
        albedo += cover[..., None] * (colour - albedo)

    def _hair(self, albedo: Field) -> None:
        who = self.who
        if who.hair_style == "bald":
            stubble = 0.16 * hair_cover(self.x, self.y, self.z, who, receded=14.0)
            albedo += stubble[..., None] * (np.array(who.hair) - albedo)
            return
        cover = hair_cover(self.x, self.y, self.z, who)
        albedo += cover[..., None] * (hair_colour(self.x, self.y, self.z, who) - albedo)


def lip_edges(side: Field, who: Identity) -> tuple[Field, Field]:
    """Heights of the upper and the lower edge of the lips' red on the average face, mm."""
    reach = np.clip(1.0 - (side / (MOUTH_HALF + 0.5)) ** 2, 0.0, 1.0)
    bow = 1.2 * np.exp(-0.5 * ((side - 6.0) / 3.5) ** 2) - 1.0 * np.exp(-0.5 * (side / 2.6) ** 2)
    upper = -70.0 + (7.0 * reach**0.8 + bow * reach) * who.lip_fullness
    lower = -70.0 - 9.6 * reach**0.62 * who.lip_fullness
    return upper, lower


def brow_cover(side: Field, y: Field, who: Identity) -> Field:
    """Where the brows' hairs stand, 0 to 1; on the average face."""
    along = np.clip((side - 11.0) / 42.0, -0.5, 1.5)
    middle = 20.5 + who.brow_arch * np.sin(np.pi * np.clip(along, 0, 1) ** 1.25) * 1.3 - 1.5 * along
    thick = 0.5 * who.brow_thickness * (1.0 - 0.55 * np.clip(along, 0, 1) ** 2)
    ends = step(side - 11.5, 6.0) * step(53.0 - side, 7.0)
    return step(thick - np.abs(y - middle), 2.6) * ends


def hair_cover(x: Field, y: Field, z: Field, who: Identity, receded: float = 0.0, soft: float = 7.0) -> Field:
    """Where the head's hair grows, 0 to 1; on the average face.

    Args:
        x: mm, as y and z.
        y: mm.
        z: mm.
        who: the person.
        receded: mm that the hairline has gone back.
        soft: mm over which the hair begins.
    """
    side = np.abs(x)
    line = who.hairline + receded + 2.5 * grain(x / 13.0, 0.0 * x, who.seed, 33)
    # Back at the corners of the forehead, down over the temples, around the ears, to the nape.
    corner = np.interp(side, [0, 25, 44, 54, 62, 68, 74], [0, -1, -9, -20, -38, -56, -64])
    burns = {"f": 0.0, "m": -14.0}[who.sex]
    around_ear = np.interp(z, [-75, -50, -28, -14, 2, 12, 18], [-72, -62, -10, 10, 8, 4 + burns, 8])
    below = np.where(z > 18, line + corner, np.minimum(line + corner, around_ear))
    single = 2.5 * grain(x * 1.1, y * 0.12, who.seed, 37)
    return step(y - below + single, soft)


def hair_colour(x: Field, y: Field, z: Field, who: Identity) -> Field:
    """Strands, ``[..., 3]``: they run from the crown down, or lie to a side."""
    around = np.arctan2(x, z + 10.0) * 75.0
    lean = 0.5 * y if who.hair_style == "parted" else 0.0 * y
    strands = grain((around + lean) * 0.55, y * 0.05, who.seed, 13)
    strands = 0.6 * strands + 0.5 * grain((around + lean) * 1.6, y * 0.12, who.seed, 15)
    tuft = 0.35 * patches(x, y, z, 12.0, who.seed, 17)
    sheen = np.exp(-0.5 * ((y - 88) / 12) ** 2) * 0.8
    bright = np.clip(1.0 + 0.75 * strands + tuft + sheen, 0.15, 3.5)
    return np.asarray(np.array(who.hair) * bright[..., None] + 0.006 * sheen[..., None])
