"""Pictures: is the face there, in the middle, large enough, and neither too dark nor too bright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import MARGIN, Box
from evface.quality.finding import Check, Level, advice, graded
from evface.quality.thresholds import Thresholds

_NAMES = ("face found", "face centred", "face size")


def face(sensor: str, box: Box | None, width: int, height: int, t: Thresholds) -> list[Check]:
    """Whether the face is found, centred and large enough.

    Args:
        sensor: whose picture.
        box: as `FaceDetector` gives it, square with its margin; None: no face was found.
        width: of the picture, px.
        height: of the picture, px.
        t: where it may be.
    """
    if box is None:
        reason = "no face in the picture: aim the camera"
        nothing = Check("face found", Level.RED, "none", "a face", reason, sensor)
        return [nothing, *not_looked_at(sensor, "no face")[1:]]
    far = max(
        abs(box.x + box.width / 2 - width / 2) / width, abs(box.y + box.height / 2 - height / 2) / height
    )
    large = box.height / (1 + 2 * MARGIN) / height
    centred = graded(far, t.centre_green, t.centre_red)
    size = graded(-large, -t.size_green, -t.size_red)
    within = f"up to {100 * t.centre_green:.0f} % of the picture"
    turn = advice(centred, "turn the camera towards the face")
    closer = advice(size, "bring camera and face closer together")
    return [
        Check("face found", Level.GREEN, f"with {box.probability:.2f}", "a face", "", sensor),
        Check("face centred", centred, f"{100 * far:.0f} % off", within, turn, sensor),
        Check(
            "face size", size, f"{100 * large:.0f} % of the height", f"at least {100 * t.size_green:.0f} %",
            closer, sensor,
        ),
    ]  # fmt: skip


def not_looked_at(sensor: str, why: str) -> list[Check]:
    """The checks of `face` where nobody could look.

    Args:
        sensor: whose picture.
        why: nobody could.
    """
    return [Check(name, Level.UNKNOWN, why, "a face", "", sensor) for name in _NAMES]


def exposed(image: NDArray[np.uint8], box: Box, t: Thresholds) -> tuple[float, float]:
    """Shares of the face that are too dark and too bright.

    The face is the ellipse in its box without the margin: hair and background do not count.

    Args:
        image: uint8 ``[H, W]`` grey.
        box: of the face, square with its margin, px; may reach beyond the picture.
        t: what is too dark and too bright.

    Returns:
        Too dark, too bright, 0 to 1; NaN both where the box lies outside.
    """
    height, width = image.shape
    half = box.width / (1 + 2 * MARGIN) / 2, box.height / (1 + 2 * MARGIN) / 2
    middle = box.x + box.width / 2, box.y + box.height / 2
    y, x = np.ogrid[:height, :width]
    inside = ((x + 0.5 - middle[0]) / half[0]) ** 2 + ((y + 0.5 - middle[1]) / half[1]) ** 2 <= 1.0
    pixels = image[inside]
    if not len(pixels):
        return float("nan"), float("nan")
    return float(np.mean(pixels <= t.black)), float(np.mean(pixels >= t.white))


def exposure(sensor: str, shares: Sequence[tuple[float, float]], t: Thresholds) -> list[Check]:
    """Whether the face is neither too dark nor too bright.

    Args:
        sensor: whose pictures.
        shares: of the pictures looked at, each as `exposed` gives it; [] where no face was found.
        t: how much of it may be.
    """
    dark, bright = np.median(shares, axis=0) * 100 if len(shares) else (np.nan, np.nan)
    checks = []
    for name, share, mend in (
        ("face underexposed", float(dark), "more light on the face, or a longer exposure"),
        ("face overexposed", float(bright), "less light on the face, or a shorter exposure"),
    ):
        level = graded(share, t.exposure_green, t.exposure_red)
        value = "no face" if level == Level.UNKNOWN else f"{share:.1f} %"
        expected = f"up to {t.exposure_green:g} %"
        checks.append(Check(name, level, value, expected, advice(level, mend), sensor))
    return checks
