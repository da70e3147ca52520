"""Who a virtual person is: everything that stays the same from one day to the next, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Colour = tuple[float, float, float]
"""Linear reflectance, 0 to 1: blue, green, red."""

HairStyle = Literal["bald", "cropped", "short", "parted", "long", "bun"]
BeardStyle = Literal["none", "stubble", "moustache", "goatee", "full"]
GlassesStyle = Literal["none", "thin", "thick"]

_SKIN: tuple[Colour, ...] = (
    (0.47, 0.56, 0.74), (0.38, 0.48, 0.68), (0.30, 0.40, 0.60), (0.22, 0.31, 0.50),
    (0.145, 0.21, 0.37), (0.085, 0.125, 0.235), (0.055, 0.08, 0.15),
)  # fmt: skip
"""From the lightest to the darkest."""

_HAIR: tuple[Colour, ...] = (
    (0.012, 0.013, 0.016), (0.018, 0.026, 0.042), (0.035, 0.06, 0.105),
    (0.10, 0.18, 0.30), (0.03, 0.07, 0.22), (0.32, 0.34, 0.36),
)  # fmt: skip
"""Black, dark brown, brown, blond, red, grey."""

_EYES: tuple[Colour, ...] = (
    (0.015, 0.025, 0.05), (0.03, 0.06, 0.11), (0.10, 0.13, 0.10), (0.30, 0.20, 0.12), (0.22, 0.19, 0.15),
)  # fmt: skip
"""Dark brown, brown, green, blue, grey."""

_SHIRTS: tuple[Colour, ...] = (
    (0.05, 0.05, 0.06), (0.55, 0.55, 0.55), (0.25, 0.10, 0.06), (0.08, 0.08, 0.35), (0.10, 0.25, 0.12),
    (0.30, 0.28, 0.25), (0.10, 0.30, 0.42), (0.45, 0.35, 0.20),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """A virtual person. Lengths are factors of an average face's unless a unit is given.

    Attributes:
        seed: that it was drawn from.
        sex: "f" or "m".
        age: years.
        size: of the whole head.
        width: of head and face.
        length: of the face, from brow to chin.
        jaw: width of the jaw.
        chin: how far the chin stands forward, mm from average.
        cheekbones: how far they stand out, mm from average.
        brow_ridge: how far it stands out, mm from average.
        nose_length: of the nose.
        nose_width: of the nose.
        nose_height: how far the nose stands out.
        nose_hook: bend of its bridge, mm outwards.
        eye_distance: between the pupils, mm.
        eye_size: of the lids' fissure.
        eye_tilt: outer corner above the inner one, mm.
        lid_fold: how visible the upper lid's crease is, 0 to 1.
        brow_height: above the pupils, mm.
        brow_thickness: mm.
        brow_arch: mm.
        brow_density: 0 to 1.
        mouth_width: of the mouth.
        lip_fullness: of the red of the lips.
        skin: reflectance.
        blotches: strength of the skin's patches.
        pores: strength of the skin's fine texture.
        freckles: how many.
        moles: how many.
        wrinkles: how deep lines are, at rest and in action.
        hair: colour.
        hair_style: shape.
        hairline: above the pupils, mm.
        beard: shape.
        glasses: shape.
        iris: colour.
        lips: reflectance of their red.
        shirt: reflectance.
        stripes: contrast of the shirt's pattern.
    """

    seed: int
    sex: Literal["f", "m"]
    age: int
    size: float
    width: float
    length: float
    jaw: float
    chin: float
    cheekbones: float
    brow_ridge: float
    nose_length: float
    nose_width: float
    nose_height: float
    nose_hook: float
    eye_distance: float
    eye_size: float
    eye_tilt: float
    lid_fold: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_density: float
    mouth_width: float
    lip_fullness: float
    skin: Colour
    blotches: float
    pores: float
    freckles: int
    moles: int
    wrinkles: float
    hair: Colour
    hair_style: HairStyle
    hairline: float
    beard: BeardStyle
    glasses: GlassesStyle
    iris: Colour
    lips: Colour
    shirt: Colour
    stripes: float

    @classmethod
    def of(cls, seed: int) -> Identity:
        """The person of a seed."""
        rng = np.random.default_rng([seed, 0x1DE4717])

        def around(mean: float, spread: float, reach: float = 2.0) -> float:
            return float(mean + spread * np.clip(rng.normal(), -reach, reach))

        female = bool(rng.random() < 0.5)
        age = int(rng.integers(19, 62))
        tone = float(
            rng.choice([0.3, 1.0, 1.7, 2.4, 3.2, 4.2, 5.2], p=[0.14, 0.2, 0.2, 0.16, 0.12, 0.1, 0.08])
        )
        skin = _between(_SKIN, tone + rng.uniform(-0.3, 0.3))
        dark = tone > 2.2
        hair = _HAIR[int(rng.choice(6, p=_hair_odds(dark, age)))]
        iris = _EYES[int(rng.choice(2 if dark else 5))]
        return cls(
            seed=seed,
            sex="f" if female else "m",
            age=age,
            size=around(0.975 if female else 1.02, 0.025),
            width=around(0.985 if female else 1.0, 0.05),
            length=around(1.0, 0.045),
            jaw=around(0.93 if female else 1.04, 0.07),
            chin=around(-1.0 if female else 1.0, 2.2),
            cheekbones=around(1.0 if female else 0.0, 1.8),
            brow_ridge=around(-1.5 if female else 1.5, 1.2),
            nose_length=around(1.0, 0.07),
            nose_width=around(0.93 if female else 1.05, 0.13) + (0.12 if dark else 0.0),
            nose_height=around(1.0, 0.14),
            nose_hook=around(0.5, 1.3),
            eye_distance=around(62.0 if female else 64.5, 2.4),
            eye_size=around(1.03 if female else 0.98, 0.06),
            eye_tilt=around(1.4, 1.0),
            lid_fold=float(rng.uniform(0.2, 1.0)),
            brow_height=around(23.0 if female else 20.5, 1.6),
            brow_thickness=around(6.0 if female else 8.5, 1.7),
            brow_arch=around(3.2 if female else 1.8, 1.0),
            brow_density=float(rng.uniform(0.6, 1.0)),
            mouth_width=around(0.98 if female else 1.03, 0.07),
            lip_fullness=around(1.1 if female else 0.92, 0.17) + (0.15 if dark else 0.0),
            skin=skin,
            blotches=float(rng.uniform(0.04, 0.10)),
            pores=float(rng.uniform(0.05, 0.12)),
            freckles=int(rng.integers(60, 200)) if not dark and rng.random() < 0.3 else 0,
            moles=int(rng.integers(2, 9)),
            wrinkles=float(0.35 + 0.012 * (age - 19) + rng.uniform(0.0, 0.25)),
            hair=hair,
            hair_style=_hair_style(rng, female, age),
            hairline=around(72.0, 4.0) + (0.0 if female else 0.12 * (age - 19)),
            beard="none" if female else rng.choice(["none", "stubble", "moustache", "goatee", "full"],
                                                   p=[0.38, 0.25, 0.08, 0.09, 0.20]).item(),
            glasses=rng.choice(["none", "thin", "thick"], p=[0.66, 0.14, 0.20]).item(),
            iris=iris,
            lips=_lips(skin, rng.uniform(0.0, 1.0) if female else 0.25),
            shirt=_SHIRTS[int(rng.integers(len(_SHIRTS)))],
            stripes=float(rng.choice([0.0, 0.25, 0.6])),
        )  # fmt: skip


def _between(colours: tuple[Colour, ...], place: float) -> Colour:
    place = float(np.clip(place, 0.0, len(colours) - 1.001))
    low, share = int(place), place % 1.0
    blue, green, red = (
        (1 - share) * a + share * b for a, b in zip(colours[low], colours[low + 1], strict=True)
    )
    return blue, green, red


def _hair_odds(dark: bool, age: int) -> list[float]:
    grey = float(np.clip((age - 38) / 40, 0.0, 0.6))
    colours = [0.8, 0.18, 0.02, 0.0, 0.0] if dark else [0.15, 0.3, 0.28, 0.2, 0.07]
    return [(1 - grey) * share for share in colours] + [grey]


def _hair_style(rng: np.random.Generator, female: bool, age: int) -> HairStyle:
    styles: list[HairStyle] = ["bald", "cropped", "short", "parted", "long", "bun"]
    bald = 0.06 + 0.004 * (age - 19)
    odds = [0.0, 0.06, 0.14, 0.16, 0.44, 0.20] if female else [bald, 0.26, 0.34, 0.28, 0.06, 0.06 - 0.0]
    return styles[int(rng.choice(6, p=np.array(odds) / sum(odds)))]


def _lips(skin: Colour, paint: float) -> Colour:
    """Redder and darker than the skin; the more so with lipstick."""
    blue, green, red = skin
    return blue * (0.72 - 0.3 * paint), green * (0.62 - 0.34 * paint), red * (0.88 - 0.12 * paint)
