"""Scores of a recorded take, slice by slice, exactly as the live graph computes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evface.clocks.envelope import MinimumDelay
from evface.dataset.event_file import EventFile
from evface.dataset.naming import TakeId
from evface.dataset.recordings import TakeBag
from evface.errors import DatasetError
from evface.evaluation.recognizer import StreamingRecognizer
from evface.events import Box, Events, Slice, Slicer


class TakeScores(NamedTuple):
    """Scores of T slices in a row.

    Attributes:
        window_starts_us: sensor clock, us, int64 ``[T]``; divided by the slices' length they are the
            slices' numbers.
        scores: voting rate of each slice, float32 ``[T, classes]``.
        means: mean of the scores since the last reset, float32 ``[T, classes]``.
    """

    window_starts_us: NDArray[np.int64]
    scores: NDArray[np.float32]
    means: NDArray[np.float32]


def score_slices(
    checkpoint: Path | StreamingRecognizer, counts: NDArray[np.uint16]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores of slices in a row, from rest, as the live recogniser gives them.

    Args:
        checkpoint: the trained network, or a recogniser that holds it.
        counts: off and on events, uint16 ``[T, 2, size, size]``.

    Returns:
        Voting rate of each slice, and its mean since the first: float32 ``[T, classes]``.

    Raises:
        FormatError: the checkpoint is broken.
        GeometryError: the frames have another size.
    """
    recognizer = (
        checkpoint if isinstance(checkpoint, StreamingRecognizer) else StreamingRecognizer(checkpoint)
    )
    recognizer.reset()
    scores = np.zeros((len(counts), recognizer.config.model.classes), np.float32)
    means = np.zeros_like(scores)
    for index, frame in enumerate(counts):
        scores[index], means[index] = recognizer.step(frame)
    return scores, means


def score_take(source: Path, checkpoint: Path | StreamingRecognizer, box: Box) -> TakeScores:
    """Run a take through slicer and network.

    A bag is read packet by packet as the live slicer gets it, and the network forgets at the countdown
    as the live recogniser does. An event file of the dataset gives the same slices from its first event on.

    Args:
        source: folder of a take's bag, or a ``*_dvs.h5``.
        checkpoint: the trained network, or a recogniser that holds it.
        box: left, top, width, height on the sensor, px.

    Raises:
        FormatError: source or checkpoint is broken.
        DatasetError: the source has no events of the sensor that the network was trained for.
    """
    recognizer = (
        checkpoint if isinstance(checkpoint, StreamingRecognizer) else StreamingRecognizer(checkpoint)
    )
    recognizer.reset()
    slices = (
        _file_slices(source, recognizer, box) if source.is_file() else _bag_slices(source, recognizer, box)
    )
    starts, scores, means = [], [], []
    for piece in slices:
        score, mean = recognizer.step(piece.counts)
        starts.append(piece.start)
        scores.append(score)
        means.append(mean)
    if not starts:
        raise DatasetError(f"{source}: no whole slice of events of {recognizer.config.sensor}")
    return TakeScores(np.array(starts, np.int64), np.stack(scores), np.stack(means))


def _slicer(width: int, height: int, recognizer: StreamingRecognizer, box: Box) -> Slicer:
    size = recognizer.config.model.size
    return Slicer(width, height, recognizer.config.slice_us, box=box, size=(size, size))


def _bag_slices(bag_path: Path, recognizer: StreamingRecognizer, box: Box) -> Iterator[Slice]:
    slicer: Slicer | None = None
    clock = MinimumDelay()
    with TakeBag(bag_path) as bag:
        countdown = _countdown(bag, bag_path)
        for block in bag.events(recognizer.config.sensor):
            if slicer is None:
                slicer = _slicer(block.events.width, block.events.height, recognizer, box)
            clock.add(block.host_time, block.sensor_time * 1000)
            for piece in slicer.push(block.events, block.sensor_time):
                if countdown is not None and clock.to_host(piece.end * 1000) > countdown:
                    recognizer.reset()
                    countdown = None
                yield piece


def _countdown(bag: TakeBag, path: Path) -> int | None:
    """ns, host clock, when the take's countdown began; None where the bag does not say."""
    try:
        take = TakeId.parse(path.name)
    except DatasetError:
        return None
    return next((cue.start for cue in bag.cues(take) if cue.phase == "countdown"), None)


def _file_slices(path: Path, recognizer: StreamingRecognizer, box: Box) -> Iterator[Slice]:
    with EventFile(path) as file:
        slicer = _slicer(file.width, file.height, recognizer, box)
        for block in file.blocks():
            yield from slicer.push(block)
        yield from slicer.push(Events.empty(file.width, file.height), file.end)
