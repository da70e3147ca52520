"""A virtual person shows an Action Unit, clearly and alone, for the clips that subjects are shown.

What people really do, with their habits and failures, is `evface.simulation.subject`; here is what they are
asked for: one movement out of rest and back, strong, the same on both halves. Clips are mirrored: whoever
does as the face on the screen, as before a mirror, moves to the side that the text names, the subject's own.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from evface.errors import ConfigError
from evface.protocol.action_units import CLASS_OF_AU
from evface.simulation.face import FaceScene
from evface.simulation.motion import minimum_jerk
from evface.simulation.scene import to_grey
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState

INSTRUCTOR = 33
"""Seed of the person who shows it: no glasses and no beard, in a plain room."""

SIZE = (640, 480)
"""Width and height of a clip, px."""

RATE = 25
"""Pictures a second."""

LENGTH = 3.0
"""s, of a clip at its natural pace."""

REST, ONSET, OFFSET = 0.4, 0.45, 0.5
"""s before the movement and after it, to its height, and back; the height lasts for what is left."""

BLINK = (0.12, 0.06, 0.2)
"""s in which a blink closes the eyes, keeps them closed and opens them: slow enough to be seen."""

FARTHER = (0.0, -8.0, -60.0)
"""mm that the face lies from where the lens is aimed, so that all of it is seen when it turns."""

_YAW = {51: 38.0, 52: -38.0}
_PITCH = {53: 24.0, 54: -24.0}
_GAZE = {61: (28.0, 0.0), 62: (-28.0, 0.0), 63: (0.0, 22.0), 64: (0.0, -26.0)}
_LIDS = {41: 0.5, 43: 1.0, 45: 1.0}
_WITH: dict[int, dict[int, float]] = {
    9: {10: 0.4}, 26: {25: 1.0}, 63: {5: 0.45}, 64: {43: 0.3},
}  # fmt: skip
"""What belongs to a movement and cannot be left out: parted lips to a dropped jaw, lids to the eyes."""


def strength_at(au: int, time: float, length: float = LENGTH) -> float:
    """How far the movement has gone, 0 to 1.

    Args:
        au: FACS number.
        time: s since the clip began.
        length: of the clip, s; a shorter one is as much quicker.
    """
    time *= LENGTH / length
    if au == 45:
        close, hold, reopen = BLINK
        begin = (LENGTH - sum(BLINK)) / 2.0
    else:
        close, reopen, begin = ONSET, OFFSET, REST
        hold = LENGTH - 2.0 * REST - ONSET - OFFSET
    if time < begin + close + hold:
        return minimum_jerk((time - begin) / close)
    return 1.0 - minimum_jerk((time - begin - close - hold) / reopen)


def shown(au: int, strength: float) -> FaceState:
    """The face of somebody who shows an Action Unit.

    Args:
        au: FACS number of the protocol.
        strength: how far the movement has gone, 0 to 1.

    Raises:
        ConfigError: it is not one of the protocol.
    """
    if au not in CLASS_OF_AU:
        raise ConfigError(f"demonstration: AU {au} is not one of the 21 of the protocol")
    sides = np.zeros(len(ACTIONS))
    for number, share in _WITH.get(au, {}).items():
        sides[ACTION_INDEX[number]] = share * strength
    if au in _LIDS:
        sides[ACTION_INDEX[43]] = _LIDS[au] * strength
    elif au in ACTION_INDEX:
        sides[ACTION_INDEX[au]] = 1.1 * strength
    gaze = _GAZE.get(au, (0.0, 0.0))
    head = (_YAW.get(au, 0.0) * strength, _PITCH.get(au, 0.0) * strength, 0.0)
    return FaceState(sides, sides.copy(), gaze=(gaze[0] * strength, gaze[1] * strength), head=head)


def render_clip(au: int, path: Path, length: float = LENGTH, seed: int = INSTRUCTOR) -> None:
    """Write a clip of an Action Unit: WebM with VP9, which every browser plays; whole or not at all.

    Args:
        au: FACS number.
        path: of the file, in a folder that is there.
        length: of the clip, s.
        seed: of the person who shows it.

    Raises:
        ConfigError: the Action Unit is not of the protocol, or the file cannot be written.
    """
    scene = FaceScene(seed)
    scene.seat = FARTHER
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with av.open(temporary, "w", format="webm") as file:
            stream = file.add_stream(
                "libvpx-vp9", RATE, {"crf": "30", "b": "0", "cpu-used": "5", "row-mt": "1"}
            )
            stream.width, stream.height = SIZE
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, RATE)
            seen: dict[float, NDArray[np.uint8]] = {}
            for number in range(round(length * RATE)):
                strength = strength_at(au, number / RATE, length)
                if strength not in seen:
                    seen[strength] = _picture(scene, au, strength)
                frame = av.VideoFrame.from_ndarray(seen[strength], format="bgr24")
                frame.pts = number
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _picture(scene: FaceScene, au: int, strength: float) -> NDArray[np.uint8]:
    """BGR, mirrored; light and room stand still, so that nothing but the movement is to be seen."""
    light = scene.look(shown(au, strength), 0, *SIZE, np.eye(3))
    return np.ascontiguousarray(to_grey(light)[:, ::-1])
