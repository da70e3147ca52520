"""Stretches of clips in batches: pairs of event frame and picture, in a row for networks that remember."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from evface.dataset.frame_pairs import FramePairs
from evface.dataset.naming import TakeId
from evface.errors import DatasetError


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """Pairs in a row.

    Attributes:
        take: of which clip.
        start: its first pair.
    """

    take: TakeId
    start: int


def stretches(pairs: FramePairs, takes: Sequence[TakeId], length: int) -> list[Stretch]:
    """All stretches of some clips; what is left at a clip's end overlaps with the one before.

    Raises:
        DatasetError: no clip is so long.
    """
    found = []
    for take in takes:
        count = pairs.counts[take]
        found += [Stretch(take, start) for start in range(0, count - length + 1, length)]
        if count > length and count % length:
            found.append(Stretch(take, count - length))
    if not found:
        raise DatasetError(f"there is no clip with {length} pairs in a row to learn from")
    return found


def batches(
    pairs: FramePairs, learnt: Sequence[Stretch], size: int, generator: torch.Generator, least: int = 1
) -> Iterator[list[Stretch]]:
    """A random order of stretches in batches.

    Where the clips do not fit the pairs' memory they are gone through in groups that do, so that each is read
    once in an epoch; in what group a clip is changes from epoch to epoch.

    Args:
        pairs: where they come from.
        learnt: the stretches, each once in an epoch.
        size: stretches of a batch.
        generator: of the randomness.
        least: a last batch that is smaller joins its neighbour.
    """
    for group in _groups(pairs, learnt, generator):
        order = torch.randperm(len(group), generator=generator).tolist()
        cuts = [order[at : at + size] for at in range(0, len(order), size)]
        if len(cuts) > 1 and len(cuts[-1]) < least:
            lone = cuts.pop()
            cuts[-1] += lone
        for cut in cuts:
            yield [group[index] for index in cut]


def _groups(pairs: FramePairs, learnt: Sequence[Stretch], generator: torch.Generator) -> list[list[Stretch]]:
    takes = sorted({stretch.take for stretch in learnt})
    number, room = {}, pairs.memory
    group = 0
    for index in torch.randperm(len(takes), generator=generator).tolist():
        needed = pairs.counts[takes[index]] * pairs.bytes_of_pair
        if needed > room and room < pairs.memory:
            group, room = group + 1, pairs.memory
        room -= needed
        number[takes[index]] = group
    found: list[list[Stretch]] = [[] for _ in range(group + 1)]
    for stretch in learnt:
        found[number[stretch.take]].append(stretch)
    return found


def collate(pairs: FramePairs, batch: Sequence[Stretch], length: int) -> tuple[Tensor, Tensor]:
    """Stretches side by side.

    Returns:
        Event counts uint8 ``[length, B, 2, size, size]`` and pictures uint8 ``[length, B, 1, size, size]``.
    """
    counts, pictures = [], []
    for stretch in batch:
        clip, span = pairs[stretch.take], slice(stretch.start, stretch.start + length)
        counts.append(torch.from_numpy(clip.counts[span]))
        pictures.append(torch.from_numpy(clip.pictures[span]))
    return torch.stack(counts, 1), torch.stack(pictures, 1).unsqueeze(2)
