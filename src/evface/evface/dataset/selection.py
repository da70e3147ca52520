"""Which clips of a dataset somebody wants: of these subjects, this sensor, these Action Units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evface.dataset.naming import TakeId
from evface.dataset.tree import ConvertedTake, list_takes, training_takes
from evface.errors import DatasetError


def select_clips(
    dataset_dir: Path | str, subjects: Sequence[str] | None, sensors: str | Sequence[str], aus: Sequence[int]
) -> dict[TakeId, ConvertedTake]:
    """The clips that count for training: complete takes, of each trial the last one; in order.

    Args:
        dataset_dir: root of the dataset.
        subjects: pseudonyms whose clips are wanted ("S01"); None: all.
        sensors: "davis" or "evk4" for events, "rgb" for the webcam's frames, or several; takes that lack one
            are left out.
        aus: FACS numbers; clips of others are left out.

    Raises:
        DatasetError: no dataset, a subject is not in it, or it has no clip of what was asked for.
        FormatError: a take's file is broken.
    """
    found = training_takes(list_takes(Path(dataset_dir)))
    known = {take.id.subject for take in found}
    if subjects is not None and (unknown := sorted(set(subjects) - known)):
        raise DatasetError(
            f"{dataset_dir}: no clip of {', '.join(unknown)}; there are: {', '.join(sorted(known))}"
        )
    wanted = known if subjects is None else set(subjects)
    needed = (sensors,) if isinstance(sensors, str) else sensors
    clips = {
        take.id: take
        for take in found
        if take.id.subject in wanted and take.id.au in aus and all(_has(take, sensor) for sensor in needed)
    }
    if not clips:
        what = " and ".join("frames of rgb" if name == "rgb" else f"events of {name}" for name in needed)
        raise DatasetError(f"{dataset_dir}: no clip with {what} of the AUs asked for")
    return clips


def _has(take: ConvertedTake, sensor: str) -> bool:
    if sensor == "rgb":
        return take.video(sensor).exists() and take.times(sensor).exists()
    return take.events(sensor).exists()
