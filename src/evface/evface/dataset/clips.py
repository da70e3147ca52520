"""Clips as torch Datasets, and as event frames: slices on the sensor's grid, counted into the face box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from evface.dataset.boxes import default_box
from evface.dataset.event_file import EventFile
from evface.dataset.intensity import known_intensity
from evface.dataset.naming import TakeId
from evface.dataset.selection import select_clips
from evface.dataset.tree import ConvertedTake
from evface.errors import DatasetError
from evface.events import DEFAULT_DURATION, Box, Events, Slicer
from evface.protocol.action_units import AU_NUMBERS

ClipItem = tuple[Tensor, int, str]
"""Frames ``[T, C, size, size]``, such as event counts (off, on); class index; subject."""


def take_counts(
    path: Path, box: Box | None = None, slice_us: int = DEFAULT_DURATION, size: int = 64
) -> tuple[int, NDArray[np.uint16]]:
    """Event frames of a whole take, as the live slicer hands them out from the first event's slice on.

    Args:
        path: event file of the dataset.
        box: left, top, width, height on the sensor, px; None is the largest centred square.
        slice_us: length of a slice, us.
        size: width and height of a frame.

    Returns:
        Number k of the first slice, which covers ``[k * slice_us, (k + 1) * slice_us)`` of the sensor's
        clock and may have begun before the recording; uint16 ``[T, 2, size, size]``, off and on counts.

    Raises:
        FormatError: the file is broken.
    """
    with EventFile(path) as file:
        first, last = file.zero // slice_us, file.end // slice_us
        return first, span_counts(file, box, first, last, slice_us, size)


def clip_counts(
    path: Path, box: Box | None, window: tuple[int, int], slice_us: int = DEFAULT_DURATION, size: int = 64
) -> NDArray[np.uint16]:
    """Event frames of the slices that lie wholly inside a window and inside the recording.

    Args:
        path: event file of the dataset.
        box: left, top, width, height on the sensor, px; None is the largest centred square.
        window: ns on the host's clock, start and end.
        slice_us: length of a slice, us; slice k covers ``[k * slice_us, (k + 1) * slice_us)`` of the
            sensor's clock.
        size: width and height of a frame.

    Returns:
        uint16 ``[T, 2, size, size]``, counts of off and on events; T may be 0.

    Raises:
        FormatError: the file is broken.
    """
    with EventFile(path) as file:
        return span_counts(file, box, *clip_span(file, window, slice_us), slice_us, size)


def clip_span(file: EventFile, window: tuple[int, int], slice_us: int) -> tuple[int, int]:
    """Numbers of the slices that lie wholly inside a window and inside the recording: first, and last + 1.

    Args:
        file: open.
        window: ns on the host's clock, start and end.
        slice_us: length of a slice, us.
    """
    first = -(-max(file.to_sensor(window[0]), file.zero) // slice_us)
    return first, min(file.to_sensor(window[1]), file.end) // slice_us


def span_counts(
    file: EventFile, box: Box | None, first: int, last: int, slice_us: int, size: int
) -> NDArray[np.uint16]:
    """Event frames of the slices from ``first`` up to ``last``, without it.

    Args:
        file: open.
        box: left, top, width, height on the sensor, px; None is the largest centred square.
        first: number of the first slice.
        last: number of the one after the last.
        slice_us: length of a slice, us.
        size: width and height of a frame.

    Returns:
        uint16 ``[last - first, 2, size, size]``, counts of off and on events.
    """
    frames = np.zeros((max(0, last - first), 2, size, size), np.uint16)
    if len(frames) == 0:
        return frames
    slicer = Slicer(
        file.width,
        file.height,
        slice_us,
        box=box or default_box(file.width, file.height).as_tuple(),
        size=(size, size),
    )
    for block in file.blocks(first * slice_us, last * slice_us):
        for piece in slicer.push(block):
            frames[piece.index - first] = piece.counts
    for piece in slicer.push(Events.empty(file.width, file.height), last * slice_us):
        if piece.index < last:
            frames[piece.index - first] = piece.counts
    return frames


class Sliced(NamedTuple):
    """What a network sees of a clip.

    Attributes:
        frames: ``[T, C, size, size]``; T may be 0.
        ends: when each slice was over, ns on the host's clock, int64 ``[T]``.
    """

    frames: NDArray[Any]
    ends: NDArray[np.int64]


class Clips(Dataset[ClipItem], ABC):
    """The clips of a dataset that count for training: complete takes, of each trial the last one.

    A clip is the span that sync.json names, or a person's correction of it. What a network sees of it is read
    when it is asked for, and nothing else; it is kept from then on, or not.

    Args:
        dataset_dir: root of the dataset.
        sensors: whose recordings a clip needs; takes that lack one are left out.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        aus: FACS numbers in the order of the classes; clips of others are left out.
        keep: keep the frames in memory; without, each clip is read anew every time, for datasets that do not
            fit.
        floats: give frames as float32; without, as they are kept: counts as uint16, colours as uint8.

    Attributes:
        takes: which clips, in order.

    Raises:
        DatasetError: no dataset, a subject is not in it, or it has no clip of what was asked for.
        FormatError: a take's file is broken.
    """

    def __init__(
        self,
        dataset_dir: Path | str,
        sensors: str | Sequence[str],
        subjects: Sequence[str] | None = None,
        aus: Sequence[int] = AU_NUMBERS,
        keep: bool = True,
        floats: bool = True,
    ) -> None:
        self.aus, self.keep, self.floats = tuple(aus), keep, floats
        self._clips = select_clips(dataset_dir, subjects, sensors, self.aus)
        self._kept: dict[TakeId, tuple[Tensor, NDArray[np.int64]]] = {}
        self.takes: tuple[TakeId, ...] = tuple(self._clips)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the clips, as in the files."""
        return tuple(take.name for take in self.takes)

    def subset(self, takes: Sequence[TakeId]) -> Self:
        """The same clips, only these; what was read already is shared.

        Raises:
            DatasetError: one of them is not in the dataset.
        """
        if missing := [take.name for take in takes if take not in self._clips]:
            raise DatasetError(f"not in the dataset: {', '.join(missing)}")
        part = object.__new__(type(self))
        part.__dict__ = self.__dict__ | {"takes": tuple(takes)}
        return part

    def __len__(self) -> int:
        return len(self.takes)

    def __getitem__(self, index: int) -> ClipItem:
        take = self.takes[index]
        frames = self._at(take)[0]
        return as_float(frames) if self.floats else frames, self.aus.index(take.au), take.subject

    def intensity(self, index: int) -> Tensor | None:
        """How strongly the clip's Action Unit shows in each slice; see `known_intensity`.

        Returns:
            float32 ``[T]`` from 0 to 1; None where nobody knows.
        """
        take = self.takes[index]
        curve = known_intensity(self._clips[take], self._at(take)[1])
        return None if curve is None else torch.from_numpy(curve)

    def _at(self, take: TakeId) -> tuple[Tensor, NDArray[np.int64]]:
        if (kept := self._kept.get(take)) is not None:
            return kept
        clip = self._clips[take]
        assert clip.window is not None  # else it would not have been selected
        read = self.read(clip, clip.window)
        if len(read.frames) == 0:
            raise DatasetError(f"{take.name}: its clip holds no whole slice")
        found = torch.from_numpy(read.frames), read.ends
        if self.keep:
            self._kept[take] = found
        return found

    @abstractmethod
    def read(self, clip: ConvertedTake, window: tuple[int, int]) -> Sliced:
        """What a network sees of a clip.

        Args:
            clip: the take.
            window: of it, ns on the host's clock.

        Raises:
            FormatError: a file is missing or broken.
        """


class ClipDataset(Clips):
    """Clips as event frames, uint16 counts of off and on events in the face box; see `Clips`.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensor: "davis" or "evk4".
        slice_us: length of a slice, us.
        size: width and height of an event frame.
        aus: FACS numbers in the order of the classes; clips of others are left out.
        keep: keep the frames in memory, 16 KB a slice of 64x64.
        floats: give frames as float32.

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
        aus: Sequence[int] = AU_NUMBERS,
        keep: bool = True,
        floats: bool = True,
    ) -> None:
        super().__init__(dataset_dir, sensor, subjects, aus, keep, floats)
        self.sensor, self.slice_us, self.size = sensor, slice_us, size

    def read(self, clip: ConvertedTake, window: tuple[int, int]) -> Sliced:
        """Counts of off and on events, uint16 ``[T, 2, size, size]``; see `clip_counts`."""
        return sliced_counts(clip, self.sensor, window, self.slice_us, self.size)


def sliced_counts(
    clip: ConvertedTake, sensor: str, window: tuple[int, int], slice_us: int, size: int
) -> Sliced:
    """Event frames of a clip with the ends of their slices; see `clip_counts`."""
    box = clip.boxes.get(sensor)
    with EventFile(clip.events(sensor)) as file:
        first, last = clip_span(file, window, slice_us)
        frames = span_counts(file, box.as_tuple() if box else None, first, last, slice_us, size)
        return Sliced(
            frames, file.to_host(0) + np.arange(first + 1, last + 1, dtype=np.int64) * slice_us * 1000
        )


def as_float(frames: Tensor) -> Tensor:
    """Frames as a network wants them, float32: colours (uint8) from 0 to 1, everything else as it is."""
    return frames.to(torch.float32).div_(255.0) if frames.dtype == torch.uint8 else frames.to(torch.float32)
