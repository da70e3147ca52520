"""Clips as other pictures of events than counts in slices of equal time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import default_box
from evface.dataset.clips import Clips, Sliced
from evface.dataset.event_file import EventFile
from evface.dataset.event_views import Representation, Slicing
from evface.dataset.tree import ConvertedTake
from evface.events import AdaptiveSlicer, CountSlicer, Events, Slice, Slicer, time_surface, voxel_grid
from evface.events.binning import in_cells
from evface.protocol.action_units import AU_NUMBERS

FADED = 6.0
"""Times tau after which an event is no longer seen on a time surface: it would be 0.0025 there."""


class EventClips(Clips):
    """Clips as events cut and pictured in any of the ways there are; see `Clips`.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensor: "davis" or "evk4".
        slice_us: length of a slice, us, where slices are of equal time.
        slicing: where one slice ends and the next begins.
        representation: what a slice's events become.
        size: width and height of a frame.
        aus: FACS numbers in the order of the classes; clips of others are left out.
        keep: keep the frames in memory.
        floats: give frames as float32; without, pictures other than counts are float16.

    Raises:
        DatasetError: no dataset, a subject is not in it, or it has no clip of what was asked for.
        FormatError: a take's file is broken.
    """

    def __init__(
        self,
        dataset_dir: Path | str,
        subjects: Sequence[str] | None = None,
        sensor: str = "davis",
        slice_us: int = 33_000,
        slicing: Slicing = Slicing(),
        representation: Representation = Representation(),
        size: int = 64,
        aus: Sequence[int] = AU_NUMBERS,
        keep: bool = True,
        floats: bool = True,
    ) -> None:
        super().__init__(dataset_dir, sensor, subjects, aus, keep, floats)
        self.sensor, self.slice_us, self.size = sensor, slice_us, size
        self.slicing, self.representation = slicing, representation

    def read(self, clip: ConvertedTake, window: tuple[int, int]) -> Sliced:
        """Pictures of the slices that lie wholly inside the window, ``[T, planes, size, size]``.

        Of slices of an equal number of events the last one has what is left.
        """
        with EventFile(clip.events(self.sensor)) as file:
            start = max(file.to_sensor(window[0]), file.zero)
            stop = min(file.to_sensor(window[1]), file.end)
            if self.slicing.by == "time":
                start, stop = (
                    -(-start // self.slice_us) * self.slice_us,
                    stop // self.slice_us * self.slice_us,
                )
            box = (clip.boxes.get(self.sensor) or default_box(file.width, file.height)).as_tuple()
            parts = [in_cells(block, box, self.size) for block in file.blocks(start, stop)]
            zero = file.to_host(0)
        events = Events.concatenate([Events.empty(self.size, self.size), *parts])
        slices = self._slices(events, start, stop)
        dtype = np.uint16 if self.representation.kind == "counts" else np.float16
        pictures = np.array(list(self._pictures(events, slices)), dtype)
        shape = (-1, self.representation.planes, self.size, self.size)
        return Sliced(
            pictures.reshape(shape), zero + 1000 * np.array([piece.end for piece in slices], np.int64)
        )

    def _slices(self, events: Events, start: int, stop: int) -> list[Slice]:
        slicing, size = self.slicing, self.size
        if slicing.by == "count":
            slicer_of_counts = CountSlicer(size, size, slicing.events)
            return [*slicer_of_counts.push(events), *slicer_of_counts.flush()]
        slicer: Slicer | AdaptiveSlicer = Slicer(size, size, self.slice_us)
        if slicing.by == "adaptive":
            slicer = AdaptiveSlicer(
                size, size, slicing.events, tick=slicing.tick_us, longest=slicing.longest_us
            )
        begun = slicer.push(events[:0], start)
        return [*begun, *slicer.push(events, stop)]

    def _pictures(self, events: Events, slices: Sequence[Slice]) -> Iterator[NDArray[Any]]:
        kind, tau = self.representation.kind, self.representation.tau_us
        for piece in slices:
            if kind == "counts":
                yield piece.counts
                continue
            since = piece.start if kind == "voxel_grid" else piece.end - round(FADED * tau)
            # The last event of a slice of so many events is its end; a slice of time does not reach its end.
            until = piece.end + (1 if self.slicing.by == "count" else 0)
            seen = events[slice(*np.searchsorted(events.t, (since, until)))]
            if kind == "voxel_grid":
                yield voxel_grid(seen, self.representation.bins, start=piece.start, stop=piece.end)
            else:
                yield time_surface(seen, float(tau), stop=piece.end)
