"""Clips for PyTorch: event frames, the class, the subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from evface.dataset.clips import clip_frames
from evface.dataset.naming import TakeId
from evface.dataset.tree import ConvertedTake, list_takes, training_takes
from evface.errors import DatasetError
from evface.events import DEFAULT_DURATION
from evface.protocol.action_units import AU_NUMBERS

Sample = tuple[Tensor, int, str]
"""Event counts uint16 ``[T, 2, size, size]`` (off, on), class index, subject."""


class AuDataset(Dataset[Sample]):
    """The clips of a converted dataset that count for training.

    A clip is cut from its event file whenever it is asked for; `evface.training` keeps what it got.

    Args:
        root: of the dataset.
        sensor: whose events.
        slice_us: length of a slice, us.
        size: width and height of an event frame.
        aus: FACS numbers in the order of the classes; clips of others are left out.

    Attributes:
        takes: which clips, in order.

    Raises:
        DatasetError: no dataset, or it has no clip of this sensor and these AUs.
    """

    def __init__(
        self,
        root: Path,
        sensor: Literal["davis", "evk4"] = "davis",
        *,
        slice_us: int = DEFAULT_DURATION,
        size: int = 64,
        aus: Sequence[int] = AU_NUMBERS,
    ) -> None:
        self.sensor, self.slice_us, self.size, self.aus = sensor, slice_us, size, tuple(aus)
        found = [take for take in training_takes(list_takes(root)) if take.id.au in self.aus]
        self._clips: dict[TakeId, ConvertedTake] = {take.id: take for take in found if take.events(sensor).exists()}
        self.takes: tuple[TakeId, ...] = tuple(self._clips)
        if not self.takes:
            raise DatasetError(f"{root}: no clip with events of {sensor} of the AUs asked for")

    def __len__(self) -> int:
        return len(self.takes)

    def __getitem__(self, index: int) -> Sample:
        take = self.takes[index]
        clip = self._clips[take]
        assert clip.window is not None
        box = clip.boxes[self.sensor].as_tuple()
        frames = clip_frames(clip.events(self.sensor), box, clip.window, self.slice_us, self.size)
        if len(frames) == 0:
            raise DatasetError(f"{take.name}: its clip holds no whole slice of {self.slice_us} us")
        return torch.from_numpy(frames), self.aus.index(take.au), take.subject
