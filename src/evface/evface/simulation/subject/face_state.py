"""What a face does at one moment, and what it did in a take: the words that behaviour, face and truth share.

Left and right are the subject's own. Strength 1 is strong intensity: the movement in millimetres that a face
of this identity makes when asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ACTIONS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 17, 23, 24, 25, 26, 43)
"""FACS numbers of the muscles' actions that a face knows; 43 closes the lid, for 41, 43 and 45."""

ACTION_INDEX: dict[int, int] = {number: index for index, number in enumerate(ACTIONS)}
"""Place of a FACS number in a side's strengths."""


@dataclass(frozen=True, slots=True)
class FaceState:
    """A face at one moment.

    Attributes:
        left: strength of each of `ACTIONS` on the left half, float64 ``[16]``, 0 to about 1.3; of 43 it is
            the share of the lids' aperture that is closed, 0 to 1.
        right: the same of the right half.
        gaze: of both eyes in the head, degrees (to the left, up).
        head: rotation about the neck, degrees (yaw to the left, pitch up, roll towards the left shoulder).
        position: of the head, mm from where it rests (to the left, up, towards the camera).
        breath: of the shoulders, mm up.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    gaze: tuple[float, float] = (0.0, 0.0)
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    breath: float = 0.0

    @classmethod
    def neutral(cls) -> FaceState:
        """A face at rest that looks into the camera."""
        return cls(np.zeros(len(ACTIONS)), np.zeros(len(ACTIONS)))


@dataclass(frozen=True, slots=True)
class Performance:
    """The truth of one take: what the subject did, and when; times in ns of the host's clock.

    Attributes:
        au: FACS number asked for.
        trial: of the script.
        take: from 1.
        onset: the movement begins.
        apex: it is at its height.
        offset: it begins to go back.
        end: the face is at rest again.
        intensity: strength at the apex, mean of both halves; 1 is strong; 0 when nothing was done.
        left: strength on the left half.
        right: strength on the right half.
        failed: the subject did not do what was asked, or so weakly that nobody would see it.
        others: FACS number and strength of what came along (a stray blink is 45).
    """

    au: int
    trial: int
    take: int
    onset: int
    apex: int
    offset: int
    end: int
    intensity: float
    left: float
    right: float
    failed: bool = False
    others: dict[int, float] = field(default_factory=dict)
