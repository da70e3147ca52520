"""Event frames beside what the webcam saw: what a network learns from that makes pictures of events.

The pair of a slice is its event frame and the webcam's picture nearest in time to the slice's end, when the
face looks as its events left it. Both are cut from the face box of their own sensor. Times are compared on
the host's clock, after the offsets between the sensors' stamps that sync.json knows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evface.dataset.clips import clip_span, span_counts
from evface.dataset.event_file import EventFile
from evface.dataset.naming import TakeId
from evface.dataset.recordings import CAMERAS
from evface.dataset.rgb_clips import numbered_faces
from evface.dataset.selection import select_clips
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_times
from evface.errors import DatasetError
from evface.events import DEFAULT_DURATION
from evface.protocol.action_units import AU_NUMBERS

FARTHEST: Final = 50_000_000
"""ns between a slice's end and a picture: farther apart, as where frames were lost, they are no pair."""

_MOST: Final = np.iinfo(np.uint8).max


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a clip, N of them.

    Attributes:
        slices: number of each slice in the clip, from 0, int64 ``[N]``.
        ends: ns, host clock, when each slice is over, int64 ``[N]``.
        counts: off and on events per pixel, up to 255, uint8 ``[N, 2, size, size]``.
        pictures: grey, uint8 ``[N, size, size]``; 0 where the box reaches beyond the webcam's picture.
    """

    slices: NDArray[np.int64]
    ends: NDArray[np.int64]
    counts: NDArray[np.uint8]
    pictures: NDArray[np.uint8]

    @property
    def bytes(self) -> int:
        """Of memory."""
        return self.counts.nbytes + self.pictures.nbytes


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which slices of a clip have a picture, and which."""

    first: int
    slices: NDArray[np.int64]
    ends: NDArray[np.int64]
    frames: NDArray[np.int64]


class FramePairs:
    """The pairs of a dataset's clips, read from HDF5 and video when they are asked for.

    The clips are those of `ClipDataset` that have the webcam's video too. A clip is read event block by
    event block and picture by picture; of the video only what is needed is decoded. The clips that were read
    last are kept, up to a number of bytes.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensor: "davis" or "evk4".
        slice_us: length of a slice, us.
        size: width and height of event frames and pictures, px.
        every: of a clip's slices, each which is used: 1 all, 4 every fourth.
        aus: FACS numbers; clips of others are left out.
        memory: bytes of pairs to keep.

    Attributes:
        takes: which clips, in order.
        counts: pairs of each.

    Raises:
        DatasetError: no dataset, a subject is not in it, or no clip has both events and webcam.
        FormatError: a take's file is broken.
    """

    def __init__(
        self,
        dataset_dir: Path | str,
        subjects: Sequence[str] | None = None,
        sensor: str = "davis",
        slice_us: int = DEFAULT_DURATION,
        size: int = 64,
        every: int = 1,
        aus: Sequence[int] = AU_NUMBERS,
        memory: int = 4 << 30,
    ) -> None:
        self.sensor, self.slice_us, self.size, self.every, self.memory = sensor, slice_us, size, every, memory
        clips = select_clips(dataset_dir, subjects, (sensor, "rgb"), aus)
        self._clips: dict[TakeId, ConvertedTake] = {}
        self._plans: dict[TakeId, _Plan] = {}
        for take, clip in clips.items():
            if len((plan := self._plan(clip)).slices):
                self._clips[take], self._plans[take] = clip, plan
        if not self._clips:
            raise DatasetError(f"{dataset_dir}: no picture of the webcam within 50 ms of a slice of {sensor}")
        self._kept: OrderedDict[TakeId, Pairs] = OrderedDict()
        self.takes: tuple[TakeId, ...] = tuple(self._clips)

    @property
    def counts(self) -> dict[TakeId, int]:
        """How many pairs each clip has."""
        return {take: len(plan.slices) for take, plan in self._plans.items()}

    @property
    def bytes_of_pair(self) -> int:
        """Of memory."""
        return 3 * self.size * self.size

    def clip(self, take: TakeId) -> ConvertedTake:
        """Where a clip comes from."""
        return self._clips[take]

    def first_picture(self, subject: str) -> NDArray[np.uint8]:
        """What the webcam saw first of a subject, in the earliest clip: uint8 ``[size, size]``."""
        takes = [take for take in self.takes if take.subject == subject]
        picture: NDArray[np.uint8] = self[min(takes, key=lambda take: self._clips[take].start)].pictures[0]
        return picture

    def __getitem__(self, take: TakeId) -> Pairs:
        """The pairs of a clip.

        Raises:
            FormatError: one of its files is broken.
        """
        if (kept := self._kept.get(take)) is not None:
            self._kept.move_to_end(take)
            return kept
        pairs = self._read(take)
        self._kept[take] = pairs
        while len(self._kept) > 1 and sum(kept.bytes for kept in self._kept.values()) > self.memory:
            self._kept.popitem(last=False)
        return pairs

    def _plan(self, clip: ConvertedTake) -> _Plan:
        assert clip.window is not None
        with EventFile(clip.events(self.sensor)) as file:
            first, last = clip_span(file, clip.window, self.slice_us)
            slices = np.arange(0, max(0, last - first), self.every)
            ends = file.clock_offset + (first + slices + 1) * self.slice_us * 1000
        stamps = np.array(read_times(clip.times("rgb")), np.int64)
        if len(stamps) == 0:
            return _Plan(first, slices[:0], slices[:0], slices[:0])
        apart = np.abs((ends + _offset(clip, self.sensor))[:, None] - (stamps + _offset(clip, "rgb")))
        frames, near = apart.argmin(1), apart.min(1) <= FARTHEST
        return _Plan(first, slices[near], ends[near], frames[near])

    def _read(self, take: TakeId) -> Pairs:
        clip, plan = self._clips[take], self._plans[take]
        box = clip.boxes.get(self.sensor)
        with EventFile(clip.events(self.sensor)) as file:
            last = plan.first + int(plan.slices[-1]) + 1
            counts = span_counts(
                file, box.as_tuple() if box else None, plan.first, last, self.slice_us, self.size
            )[plan.slices]
        pictures = numbered_faces(clip, plan.frames, self.size, 1)[:, 0]
        return Pairs(plan.slices, plan.ends, np.minimum(counts, _MOST).astype(np.uint8), pictures)


def _offset(clip: ConvertedTake, sensor: str) -> int:
    """ns to add to a sensor's stamps for them to agree with the reference's; 0 where nobody knows."""
    for offset in clip.sync.get("offsets", []):
        if offset.get("sensor") == CAMERAS[sensor] and offset.get("offset") is not None:
            return round(float(offset["offset"]) * 1e9)
    return 0
