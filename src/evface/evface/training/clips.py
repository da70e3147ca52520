"""Clips as the training loop sees them: in memory, in batches of unequal length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from evface.dataset.clips import Clips, as_float
from evface.errors import DatasetError
from evface.models import NetworkConfig

ClipItem = tuple[Tensor | NDArray[Any], int, str]
"""Frames ``[T, C, size, size]``, such as event counts (off, on); class index; subject."""


class ClipSource(Protocol):
    """Any torch Dataset whose items are `ClipItem`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> ClipItem: ...


@dataclass(frozen=True, slots=True)
class Clip:
    """One performance of one Action Unit.

    Attributes:
        frames: ``[T, C, size, size]``; uint8 are colours, see `as_float`.
        label: class index.
        subject: pseudonym of who performs, "S01".
        name: what the clip is called in tables.
        intensity: of the Action Unit in each slice, from 0 to 1, float32 ``[T]``; None where nobody knows.
    """

    frames: Tensor
    label: int
    subject: str
    name: str
    intensity: Tensor | None = None


def load_clips(
    source: ClipSource,
    network: NetworkConfig,
    names: Sequence[str] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Clip]:
    """Read every clip once, so that an epoch touches no file.

    Args:
        source: where they come from.
        network: that shall see them.
        names: of the clips, in the order of ``source``; None: they are numbered.
        progress: called with clips read, clips in all, and the clip's name.

    Raises:
        DatasetError: there are no clips, or one has the wrong shape or class.
    """
    if len(source) == 0:
        raise DatasetError("the dataset has no clip that is fit for training")
    clips = []
    shape = [network.in_channels, network.size, network.size]
    for index in range(len(source)):
        frames, label, subject = source[index]
        frames = frames if isinstance(frames, Tensor) else torch.from_numpy(frames)
        name = names[index] if names is not None else f"clip-{index:04d}"
        if frames.ndim != 4 or list(frames.shape[1:]) != shape or len(frames) == 0:
            expected = ", ".join(str(length) for length in ("T", *shape))
            raise DatasetError(f"{name}: frames are {list(frames.shape)}, expected [{expected}] with T > 0")
        if not 0 <= int(label) < network.classes:
            raise DatasetError(
                f"{name}: class {int(label)} is not one of the {network.classes} of the network"
            )
        intensity = source.intensity(index) if isinstance(source, Clips) else None
        clips.append(Clip(frames, int(label), str(subject), name, intensity))
        if progress is not None:
            progress(index + 1, len(source), name)
    return clips


def collate(clips: Sequence[Clip]) -> tuple[Tensor, Tensor, Tensor]:
    """Put clips side by side, zeros behind the end of the shorter ones.

    Returns:
        Frames float32 ``[T, B, C, size, size]``, valid slices int64 ``[B]`` and class indices int64 ``[B]``.
    """
    lengths = torch.tensor([len(clip.frames) for clip in clips])
    frames = torch.zeros((int(lengths.max()), len(clips), *clips[0].frames.shape[1:]), dtype=torch.float32)
    for column, clip in enumerate(clips):
        frames[: len(clip.frames), column] = as_float(clip.frames)
    return frames, lengths, torch.tensor([clip.label for clip in clips])


def collate_intensity(clips: Sequence[Clip], classes: int) -> tuple[Tensor, Tensor]:
    """What the scores of slices should be: the intensity of the clip's Action Unit, 0 of all others.

    Args:
        clips: of a batch, in the order of its columns.
        classes: how many the network tells apart.

    Returns:
        float32 ``[T, B, classes]``, and bool ``[T, B]``: which slices of which clips are known.
    """
    slices = max(len(clip.frames) for clip in clips)
    wanted = torch.zeros(slices, len(clips), classes)
    known = torch.zeros(slices, len(clips), dtype=torch.bool)
    for column, clip in enumerate(clips):
        if clip.intensity is not None:
            wanted[: len(clip.frames), column, clip.label] = clip.intensity
            known[: len(clip.frames), column] = True
    return wanted, known


def batches(lengths: Sequence[int], size: int, generator: torch.Generator) -> list[list[int]]:
    """A random order of clips in batches of similar length, so that little is padded.

    Args:
        lengths: slices of each clip.
        size: clips of a batch.
        generator: of the randomness.

    Returns:
        Indices, each once. A last batch of one clip joins its neighbour.
    """
    order: list[int] = torch.randperm(len(lengths), generator=generator).tolist()
    pool = size * 8
    found: list[list[int]] = []
    for start in range(0, len(order), pool):
        chunk = sorted(order[start : start + pool], key=lambda index: lengths[index])
        found += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    if len(found) > 1 and len(found[-1]) == 1:
        lone = found.pop()
        found[-1] += lone
    return [found[index] for index in torch.randperm(len(found), generator=generator).tolist()]
