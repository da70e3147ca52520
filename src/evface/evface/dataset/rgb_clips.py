"""Clips as the webcam saw them: its frames at the pace of the slices, cut to the face box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box, default_box
from evface.dataset.clips import Clips, Sliced
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_jpegs, read_times
from evface.errors import FormatError
from evface.events import DEFAULT_DURATION
from evface.protocol.action_units import AU_NUMBERS

CAMERA = "rgb"

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def slice_ends(window: tuple[int, int], slice_us: int) -> NDArray[np.int64]:
    """Ends of the slices of the host's clock that lie wholly inside a window.

    Args:
        window: ns on the host's clock, start and end.
        slice_us: length of a slice, us; slice k covers ``[k * slice_us, (k + 1) * slice_us)``.

    Returns:
        ns on the host's clock, int64 ``[T]``; T may be 0.
    """
    length = slice_us * 1000
    return np.arange(-(-window[0] // length) + 1, window[1] // length + 1, dtype=np.int64) * length


def face_frames(
    clip: ConvertedTake, ends: Sequence[int] | NDArray[np.int64], size: int = 64, channels: int = 3
) -> NDArray[np.uint8]:
    """The webcam's newest frame at each of these instants, cut to the face.

    Where the camera was slower than the slices a frame comes again; before its first one there is none, and
    that one is taken. A JPEG that is broken is as if it had been missed. A box that reaches beyond the
    picture is black there.

    Args:
        clip: a take with a webcam video.
        ends: ns on the host's clock, rising.
        size: width and height of the result, px.
        channels: 3 for red, green, blue; 1 for grey.

    Returns:
        uint8 ``[T, channels, size, size]``.

    Raises:
        FormatError: the video or its table of times is missing or broken, or one has more frames.
    """
    times = np.array(read_times(clip.times(CAMERA)), np.int64)
    if len(times) == 0:
        raise FormatError(f"{clip.times(CAMERA)}: has no frame")
    return numbered_faces(clip, np.maximum(np.searchsorted(times, ends, "right") - 1, 0), size, channels)


def numbered_faces(
    clip: ConvertedTake, wanted: NDArray[np.int64], size: int, channels: int
) -> NDArray[np.uint8]:
    """Some of the webcam's frames, cut to the face, as `face_frames` does it.

    Args:
        clip: a take with a webcam video.
        wanted: numbers of the frames, from 0, rising; the same may come again.
        size: width and height of the result, px.
        channels: 3 for red, green, blue; 1 for grey.

    Returns:
        uint8 ``[T, channels, size, size]``.

    Raises:
        FormatError: the video or its table of times is missing or broken, or one has more frames.
    """
    path, listed = clip.video(CAMERA), len(read_times(clip.times(CAMERA)))
    faces = np.zeros((len(wanted), size, size, channels), np.uint8)
    number = -1
    for number, jpeg in enumerate(read_jpegs(path)):
        first, stop = np.searchsorted(wanted, [number, number + 1])
        if first < stop and (face := _face(jpeg, clip.boxes.get(CAMERA), size, channels)) is not None:
            faces[first:] = face  # also of those to come, should their own be broken
    if number + 1 != listed:
        raise FormatError(f"{path}: has {number + 1} frames, its table of times {listed}")
    return np.ascontiguousarray(faces.transpose(0, 3, 1, 2))


def _face(jpeg: bytes, box: Box | None, size: int, channels: int) -> NDArray[np.uint8] | None:
    """One JPEG's face, uint8 ``[size, size, channels]``; None where it is no JPEG."""
    # A JPEG can be decoded at a fraction of its size, which is what takes the time.
    step = max(step for step in _REDUCED if step == 1 or (box is not None and box.width >= step * size))
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), _REDUCED[step])
    if image is None:
        return None
    height, width = image.shape[:2]
    place = box.scaled(1 / step, 1 / step) if box is not None else default_box(width, height)
    face = cv2.resize(_cut(np.asarray(image, np.uint8), place), (size, size), interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(face, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGR2GRAY)
    return np.asarray(colours, np.uint8).reshape(size, size, channels)


def _cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """What a box shows, to the nearest pixel; black beyond the picture."""
    height, width = image.shape[:2]
    left, top = round(box.x), round(box.y)
    right, bottom = left + max(1, round(box.width)), top + max(1, round(box.height))
    cut = np.zeros((bottom - top, right - left, 3), np.uint8)
    inside = image[max(top, 0) : max(min(bottom, height), 0), max(left, 0) : max(min(right, width), 0)]
    if inside.size:
        y, x = max(-top, 0), max(-left, 0)
        cut[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return cut


class RgbClips(Clips):
    """Clips as the webcam's frames, uint8 colours; see `Clips`.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        slice_us: time from frame to frame, us.
        size: width and height of a frame, px.
        channels: 3 for red, green, blue; 1 for grey.
        aus: FACS numbers in the order of the classes; clips of others are left out.
        keep: keep the frames in memory, 12 KB a slice of 64x64.
        floats: give frames as float32 from 0 to 1.

    Raises:
        DatasetError: no dataset, a subject is not in it, or it has no clip of what was asked for.
        FormatError: a take's file is broken.
    """

    def __init__(
        self,
        dataset_dir: Path | str,
        subjects: Sequence[str] | None = None,
        slice_us: int = DEFAULT_DURATION,
        size: int = 64,
        channels: int = 3,
        aus: Sequence[int] = AU_NUMBERS,
        keep: bool = True,
        floats: bool = True,
    ) -> None:
        super().__init__(dataset_dir, CAMERA, subjects, aus, keep, floats)
        self.slice_us, self.size, self.channels = slice_us, size, channels

    def read(self, clip: ConvertedTake, window: tuple[int, int]) -> Sliced:
        """Colours, uint8 ``[T, channels, size, size]``; see `face_frames`."""
        ends = slice_ends(window, self.slice_us)
        return Sliced(face_frames(clip, ends, self.size, self.channels), ends)
