"""Clips as both cameras saw them: event counts, and the webcam's newest frame when each slice was over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evface.dataset.clips import Clips, Sliced, sliced_counts
from evface.dataset.rgb_clips import CAMERA, face_frames
from evface.dataset.tree import ConvertedTake
from evface.events import DEFAULT_DURATION
from evface.protocol.action_units import AU_NUMBERS


class FusedClips(Clips):
    """Clips as frames with two planes of event counts and then colours from 0 to 1; see `Clips`.

    Each camera is cut to its own face box; a take needs both.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensor: "davis" or "evk4".
        slice_us: length of a slice, us.
        size: width and height of a frame.
        channels: of colours: 3 for red, green, blue; 1 for grey.
        aus: FACS numbers in the order of the classes; clips of others are left out.
        keep: keep the frames in memory.
        floats: give frames as float32; without, as float16, in which counts are exact up to 2048.

    Raises:
        DatasetError: no dataset, a subject is not in it, or it has no clip of what was asked for.
        FormatError: a take's file is broken.
    """

    def __init__(
        self,
        dataset_dir: Path | str,
        subjects: Sequence[str] | None = None,
        sensor: str = "davis",
        slice_us: int = DEFAULT_DURATION,
        size: int = 64,
        channels: int = 3,
        aus: Sequence[int] = AU_NUMBERS,
        keep: bool = True,
        floats: bool = True,
    ) -> None:
        super().__init__(dataset_dir, (sensor, CAMERA), subjects, aus, keep, floats)
        self.sensor, self.slice_us, self.size, self.channels = sensor, slice_us, size, channels

    def read(self, clip: ConvertedTake, window: tuple[int, int]) -> Sliced:
        """Counts and colours, float16 ``[T, 2 + channels, size, size]``."""
        counts, ends = sliced_counts(clip, self.sensor, window, self.slice_us, self.size)
        colours = face_frames(clip, ends, self.size, self.channels).astype(np.float16) / np.float16(255)
        return Sliced(np.concatenate([counts.astype(np.float16), colours], 1), ends)
