"""A take as EVREAL reads sequences: a folder of numpy arrays, its events mapped into memory.

Layout after EVREAL (Ercan et al., 2023), https://github.com/ercanburak/EVREAL: dataset.py reads it,
tools/bag_to_npy.py writes it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_times, read_video
from evface.errors import FormatError


def write_evreal(take: ConvertedTake, folder: Path, sensor: str) -> None:
    """Write a whole take.

    ``events_ts.npy`` float64 ``[N]`` s, ``events_xy.npy`` int16 ``[N, 2]`` px, ``events_p.npy`` uint8 ``[N]``
    0 or 1, ``metadata.json`` with ``sensor_resolution`` ``[height, width]``; of a sensor with frames also
    ``images.npy`` uint8 ``[M, height, width, 1]``, ``images_ts.npy`` float64 ``[M, 1]`` s and
    ``image_event_indices.npy`` int64 ``[M, 1]``, the last event not after each frame. Times count from the
    first event or frame, on the host's clock.

    Args:
        take: of the dataset.
        folder: to be made.
        sensor: "davis" or "evk4".

    Raises:
        FormatError: its event file, its video or the table of its frames' times is broken.
    """
    folder.mkdir()
    video, table = (take.file(f"recording-{sensor}_{end}") for end in ("video.mkv", "timestamps.csv"))
    frames = np.array(read_times(table) if video.exists() else [], np.int64)
    with EventFile(take.events(sensor)) as file:
        first = min([file.to_host(file.zero), *frames[:1].tolist()])
        times = _write_events(file, folder, first)
        size = [file.height, file.width]
    if len(frames):
        stamps = ((frames - first) / 1e9)[:, None]
        last = np.clip(np.searchsorted(times, stamps, "right") - 1, 0, len(times) - 1)
        np.save(folder / "images_ts.npy", stamps)
        np.save(folder / "image_event_indices.npy", last.astype(np.int64))
        _write_images(video, folder / "images.npy", (len(frames), *size, 1))
    (folder / "metadata.json").write_text(json.dumps({"sensor_resolution": size}) + "\n", encoding="utf-8")


def _write_events(file: EventFile, folder: Path, first: int) -> NDArray[np.float64]:
    """The events, block by block; their times in s since ``first`` (ns, host clock)."""
    count = file.count
    times = open_memmap(folder / "events_ts.npy", "w+", np.float64, (count,))
    places = open_memmap(folder / "events_xy.npy", "w+", np.int16, (count, 2))
    polarities = open_memmap(folder / "events_p.npy", "w+", np.uint8, (count,))
    at = 0
    for block in file.blocks():
        span = slice(at, at + len(block))
        times[span] = (block.t * 1000 + (file.clock_offset - first)) / 1e9
        places[span, 0], places[span, 1] = block.x, block.y
        polarities[span] = block.p
        at += len(block)
    for array in (times, places, polarities):
        array.flush()
    return times


def _write_images(video: Path, path: Path, shape: tuple[int, ...]) -> None:
    images = open_memmap(path, "w+", np.uint8, shape)
    count = 0
    for _, image in read_video(video):
        if count == len(images) or image.shape != shape[1:3]:
            raise FormatError(f"{video}: expected {len(images)} grey frames of {shape[2]}x{shape[1]} px")
        images[count, :, :, 0] = image
        count += 1
    if count != len(images):
        raise FormatError(f"{video}: holds {count} frames, the table of their times has {len(images)}")
    images.flush()
