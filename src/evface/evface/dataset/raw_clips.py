"""Clips as raw events, in the words of tonic: structured arrays that its transforms take and give.

Neither tonic nor torch is needed. A clip's events are read from its HDF5 file when the clip is asked for, and
no others. Where a `torch.utils.data.DataLoader` is given this, each of its workers opens files of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.dataset.event_file import EventFile
from evface.dataset.selection import select_clips
from evface.dataset.tree import ConvertedTake
from evface.errors import DatasetError
from evface.protocol.action_units import AU_NUMBERS, action_unit

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
"""An event as `tonic.io.events_struct` has it: px, px, us from the clip's start, brighter or not."""


class RawClips:
    """The clips of a dataset as tonic's own datasets are: indexed, each a pair of events and class.

    The clips are those of `ClipDataset`, which counts the same events into frames.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensor: "davis" or "evk4".
        aus: FACS numbers in the order of the classes; clips of others are left out.
        transform: of the events, tonic's or your own.
        target_transform: of the class index.
        transforms: of both at once: takes and gives (events, class).

    Attributes:
        sensor_size: (width, height, polarities), px; what tonic's transforms ask for.
        dtype: of an event.
        ordering: of its fields.
        classes: names of the classes, "AU 12 Lip Corner Puller".
        takes: which clips, in order.
        targets: class index of each.

    Raises:
        DatasetError: no dataset, a subject is not in it, it has no clip of what was asked for, or its clips
            are of sensors of different sizes.
        FormatError: a take's file is broken.
    """

    dtype = EVENT
    ordering = EVENT.names

    def __init__(
        self,
        dataset_dir: Path | str,
        subjects: Sequence[str] | None = None,
        sensor: str = "davis",
        aus: Sequence[int] = AU_NUMBERS,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        transforms: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    ) -> None:
        self.transform, self.target_transform, self.transforms = transform, target_transform, transforms
        clips = select_clips(dataset_dir, subjects, sensor, aus)
        self._sensor, self._clips = sensor, tuple(clips.values())
        self.takes = tuple(clips)
        self.targets = tuple(tuple(aus).index(take.au) for take in clips)
        self.classes = tuple(f"{(unit := action_unit(au)).label} {unit.name}" for au in aus)
        self.sensor_size = (*self._size(dataset_dir), 2)

    def _size(self, dataset_dir: Path | str) -> tuple[int, int]:
        told = [clip.quality["sensors"][f"{self._sensor} events"] for clip in self._clips]
        sizes = sorted({(int(facts["width"]), int(facts["height"])) for facts in told})
        if len(sizes) > 1:
            found = " and ".join(f"{width}x{height}" for width, height in sizes)
            raise DatasetError(
                f"{dataset_dir}: events of {self._sensor} are of {found} px, expected one size"
            )
        return sizes[0]

    def __len__(self) -> int:
        return len(self.takes)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        events: Any = clip_events(self._clips[index], self._sensor)
        target: Any = self.targets[index]
        if self.transform is not None:
            events = self.transform(events)
        if self.target_transform is not None:
            target = self.target_transform(target)
        if self.transforms is not None:
            events, target = self.transforms(events, target)
        return events, target


def clip_events(clip: ConvertedTake, sensor: str) -> NDArray[np.void]:
    """The events of a clip; no others are read.

    Args:
        clip: a take that has a clip.
        sensor: "davis" or "evk4".

    Returns:
        `EVENT` ``[N]``, in order; t in us from the clip's start.

    Raises:
        DatasetError: the take has no clip.
        FormatError: its event file is missing or broken.
    """
    if clip.window is None:
        raise DatasetError(f"{clip.id.name}: has no clip")
    with EventFile(clip.events(sensor)) as file:
        start, end = (file.to_sensor(instant) for instant in clip.window)
        parts = []
        for block in file.blocks(start, end):
            part = np.empty(len(block), EVENT)
            part["x"], part["y"], part["t"], part["p"] = block.x, block.y, block.t - start, block.p
            parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, EVENT)
