"""What belongs to a person besides the face: neck and shoulders, ears, hair that hangs, glasses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from evface.simulation.face.fields import Field, sample_grid
from evface.simulation.face.identity import Identity
from evface.simulation.face.mesh import Part, grid_part
from evface.simulation.face.skin import hair_colour
from evface.simulation.face.texture_noise import grain, patches

Map = NDArray[np.float32]

HAIR_THICKNESS = {"bald": 0.0, "cropped": 2.5, "short": 8.0, "parted": 14.0, "long": 13.0, "bun": 6.0}
"""mm that each style stands off the head."""

# y, half width, half depth, z of the middle: neck, slope of the shoulders, chest.
_TORSO = np.array(
    [
        (-70.0, 40.0, 40.0, -36.0), (-100.0, 49.0, 50.0, -34.0), (-140.0, 57.0, 56.0, -31.0),
        (-158.0, 82.0, 62.0, -34.0), (-180.0, 132.0, 70.0, -38.0), (-204.0, 178.0, 80.0, -38.0),
        (-245.0, 202.0, 95.0, -34.0), (-420.0, 198.0, 110.0, -30.0),
    ]
)  # fmt: skip


def _with_opacity(colour: Field, opacity: Field | float = 1.0) -> Map:
    alpha = np.broadcast_to(opacity, colour.shape[:2])[..., None]
    return np.concatenate([np.clip(colour, 0.003, 0.95), alpha], -1).astype(np.float32)


def torso(who: Identity, texel: float) -> Part:
    """Neck and shoulders in a shirt."""
    heights = np.concatenate([np.arange(-70.0, -200.0, -8.0), np.arange(-200.0, -421.0, -20.0)])
    half, depth, middle = (PchipInterpolator(_TORSO[::-1, 0], _TORSO[::-1, k])(heights) for k in (1, 2, 3))
    angle = np.radians(np.linspace(-112, 112, 33))
    wide = who.size * (0.93 if who.sex == "f" else 1.03)
    points = np.stack([
        wide * half[:, None] * np.sin(angle),
        who.size * np.broadcast_to(heights[:, None], (len(heights), 33)),
        who.size * (middle[:, None] + depth[:, None] * np.cos(angle)),
    ], -1)  # fmt: skip
    # The texture follows the grid's rows: their heights are what is painted by.
    rows, columns = round(1.2 * 350 / texel), round(1.6 * 330 / texel)
    y = np.interp(np.linspace(0, 1, rows), np.linspace(0, 1, len(heights)), heights)[:, None]
    turn = np.broadcast_to(np.linspace(-112, 112, columns)[None], (rows, columns))
    x = np.sin(np.radians(turn)) * np.interp(-y, -_TORSO[:, 0], _TORSO[:, 1])
    y = np.broadcast_to(y, x.shape)
    z = np.zeros_like(x)
    skin = np.array(who.skin) * (0.82 + 0.06 * patches(x, y, z, 9.0, who.seed, 21))[..., None]
    # Under the chin it is dark.
    skin *= (1.0 - 0.45 * np.exp(-0.5 * ((y + 95) / 22) ** 2))[..., None]
    cords = np.exp(-0.5 * ((np.abs(x) - 20 - 0.35 * (-105 - y)) / 5) ** 2) * (y < -100)
    skin *= (1.0 + 0.08 * cords)[..., None]
    pattern = 1.0 + who.stripes * np.sign(np.sin(x / (5.0 + who.seed % 5) + 0.15 * np.sin(y / 30)))
    folds = 1.0 + 0.10 * patches(x, y, z, 38.0, who.seed, 23) + 0.05 * patches(x, y, z, 3.0, who.seed, 25)
    cloth = np.array(who.shirt) * (pattern * folds)[..., None]
    neckline = -147.0 - (who.seed % 3) * 9.0 * np.exp(-0.5 * (x / 38) ** 2)
    collar = np.clip((neckline - y) / 2.0 + 0.5, 0.0, 1.0)
    hem = np.exp(-0.5 * ((y - neckline + 5) / 1.2) ** 2)
    colour = skin + collar[..., None] * (cloth * (1 - 0.35 * hem[..., None]) - skin)
    return grid_part(points, _with_opacity(colour))


def _ellipsoid(
    centre: tuple[float, float, float], radii: tuple[float, float, float], rows: int, columns: int
) -> Field:
    """A ball as a grid, its seam at the back."""
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    around = np.linspace(-np.pi, np.pi, columns)[None]
    unit = np.stack(np.broadcast_arrays(
        np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)
    ), -1)  # fmt: skip
    return np.asarray(unit * np.array(radii) + np.array(centre))


def ears(who: Identity, texel: float) -> list[Part]:
    """Both ears; hidden ones too, under long hair."""
    parts = []
    for side in (-1.0, 1.0):
        points = _ellipsoid((0.0, 0.0, 0.0), (6.5, 28.5, 15.0), 11, 17)
        # Leaning back, standing off the head.
        lean, off = 0.22, 0.38 * side
        y, z = (
            points[..., 1] * np.cos(lean) + points[..., 2] * np.sin(lean),
            points[..., 2] * np.cos(lean) - points[..., 1] * np.sin(lean),
        )
        x, z = points[..., 0] * np.cos(off) + z * -np.sin(off), z * np.cos(off) + points[..., 0] * np.sin(off)
        narrow = 1.0 - 0.18 * np.clip(-y / 30.0, 0.0, 1.0)
        place = np.stack(
            [
                side * (72.0 * who.width + 0.35 * HAIR_THICKNESS[who.hair_style]) + x * narrow,
                y - 17.0,
                z - 12.0,
            ],
            -1,
        )
        place *= who.size
        rows, columns = max(8, round(70 / texel)), max(12, round(80 / texel))
        v, u = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(-np.pi, np.pi, columns), indexing="ij")
        down, out = np.cos(v), np.sin(v) * np.cos(u)
        shell = np.exp(-0.5 * (((np.hypot(down * 0.9 - 0.12, out * 0.8) - 0.42) / 0.10) ** 2))
        hollow = np.exp(-0.5 * ((down + 0.1) ** 2 + (out - 0.05) ** 2) / 0.05)
        colour = (
            np.array(who.skin)
            * np.array([0.88, 0.88, 1.0])
            * (0.93 - 0.30 * shell - 0.58 * hollow)[..., None]
        )
        parts.append(grid_part(place, _with_opacity(colour), lift=12.0))
    return parts


def hanging_hair(who: Identity, texel: float) -> list[Part]:
    """Hair that is not on the head's surface: falling to the shoulders, or tied into a bun."""
    if who.hair_style == "bun":
        points = who.size * _ellipsoid((0.0, 108.0, -42.0), (36.0, 30.0, 34.0), 13, 21)
        rows, columns = max(8, round(95 / texel)), max(12, round(210 / texel))
    elif who.hair_style == "long":
        heights = np.linspace(84.0, -150.0 - 8.0 * (who.seed % 6), 16)
        # Beside the neck it comes further to the front than beside the face.
        first = np.interp(-heights, [-20.0, 40.0, 80.0], [43.0, 43.0, 34.0])[:, None]
        angle = np.radians(first + np.linspace(0.0, 1.0, 41)[None] * (360.0 - 2.0 * first))
        half = np.interp(-heights, [-80, -60, -20, 60, 220], [78, 90, 97, 98, 88])[:, None]
        depth = np.where(
            np.cos(angle) > 0,
            np.interp(-heights, [-80, -20, 60, 220], [70, 74, 62, 40])[:, None],
            np.interp(-heights, [-80, -20, 60, 220], [100, 108, 100, 88])[:, None],
        )
        wave = 2.5 * np.sin(heights / 17.0 + who.seed)[:, None]
        points = who.size * np.stack([
            (half + wave) * who.width * np.sin(angle), np.broadcast_to(heights[:, None], (16, 41)),
            depth * np.cos(angle) - 4.0,
        ], -1)  # fmt: skip
        rows, columns = max(8, round(230 / texel)), max(12, round(440 / texel))
    else:
        return []
    place = _stretch(points, rows, columns)
    x, y, z = (place[..., k] for k in range(3))
    colour = hair_colour(x, y, z, who)
    tips = np.ones((rows, columns))
    if who.hair_style == "long":
        ends = 14.0 * grain(np.arctan2(x, z) * 30.0, 0 * y, who.seed, 31)
        tips = np.clip((np.arange(rows)[::-1, None] * texel - 10.0 - ends) / (2.0 * texel), 0.0, 1.0)
        # In front it begins with single strands.
        strands = 2.5 * grain(y * 0.08, 0 * y, who.seed, 35)
        edge = np.minimum(np.arange(columns), np.arange(columns)[::-1])[None] * texel
        tips = tips * np.clip((edge - 2.0 - strands) / 3.0, 0.0, 1.0)
    return [grid_part(points, _with_opacity(colour, tips))]


def _stretch(values: Field, rows: int, columns: int) -> Field:
    """A grid's values, at every texel of its texture."""
    row, column = np.linspace(0, values.shape[0] - 1, rows), np.linspace(0, values.shape[1] - 1, columns)
    return sample_grid(values, row, column)


def glasses(who: Identity, texel: float, eye_z: float) -> list[Part]:
    """Rims before the eyes, and arms to the ears.

    Args:
        who: the person.
        texel: mm.
        eye_z: of the face at the eyes, mm.
    """
    if who.glasses == "none":
        return []
    rim = 1.3 if who.glasses == "thin" else 3.6
    middle = 0.5 * who.eye_distance
    x, y = np.meshgrid(np.linspace(-68, 68, 25), np.linspace(20, -30, 9))
    front = np.stack([x * who.width, y, eye_z + 13.0 - 0.0032 * x**2], -1)
    front *= np.array([who.size, who.size, 1.0])
    rows, columns = max(8, round(50 / texel)), max(12, round(138 / texel))
    px = np.linspace(-68, 68, columns)[None] * who.width * who.size
    py = np.linspace(20, -30, rows)[:, None] * who.size
    # A lens is a rounded box, more or less round.
    power = 2.3 if who.seed % 2 else 3.6
    wide, high = 0.43 * who.eye_distance, 19.0 + who.seed % 4
    radius = (np.abs((np.abs(px) - middle) / wide) ** power + np.abs((py + 4.0) / high) ** power) ** (
        1 / power
    )
    soft = 1.2 * texel
    from_rim = np.abs(radius - 1.0) * 0.5 * (wide + high) - rim / 2
    bridge = np.abs(py - 3.0 + 0.02 * px**2) - rim / 2
    bridge = np.where(np.abs(px) < middle - wide + 1.0, bridge, 99.0)
    hinge = np.where(np.abs(px) > middle + wide - 0.5, np.abs(py - 5.0) - rim / 2, 99.0)
    cover = np.clip(0.5 - np.minimum(np.minimum(from_rim, bridge), hinge) / soft, 0.0, 1.0)
    # Glass: a faint reflection in one corner.
    glint = (
        0.10
        * np.clip((1.0 - radius) * 6, 0, 1)
        * np.exp(-0.5 * ((np.abs(px) - middle - 9 + 0.8 * py) / 3.5) ** 2)
    )
    tint = np.array(((0.03, 0.03, 0.035), (0.05, 0.07, 0.14), (0.16, 0.17, 0.18))[who.seed % 3])
    colour = tint + (cover < glint)[..., None] * (0.9 - tint)
    plate = _with_opacity(colour, np.maximum(cover, glint))
    # Seen from behind, in profile, the far rim is there too.
    parts = [grid_part(front, plate, lift=15.0), grid_part(front[:, ::-1], plate[:, ::-1], lift=15.0)]
    for side in (-1.0, 1.0):
        # Seen from outside columns go to the right of the picture: backwards on the left side of the head.
        back = np.linspace(0.0, 1.0, 9)[None, :] if side > 0 else np.linspace(1.0, 0.0, 9)[None, :]
        height = np.array([[5.0 + rim / 2], [5.0 - rim / 2]])
        z = (eye_z + 13.0 - 0.0032 * 68**2) * (1 - back) - 10.0 * back
        across = side * (68.0 + 6.5 * back) * who.width * who.size
        arm = np.stack(np.broadcast_arrays(across, (height - 2.0 * back) * who.size, z), -1)
        texture = _with_opacity(np.broadcast_to(tint, (4, 12, 3)).astype(np.float64))
        parts.append(grid_part(arm, texture, lift=15.0))
    return parts
