"""Clips as they might also have been: mirrored, elsewhere in the box, cut shorter, with events missing.

A mirrored face turned to the other side: its Action Unit is then the other one of the pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from evface.dataset.clips import as_float
from evface.training.augmentation import Augmentation
from evface.training.clips import Clip

MIRRORED: Final = {51: 52, 52: 51, 61: 62, 62: 61}
"""Action Units that a mirror turns into others; the rest stay what they are."""


class Augmenter:
    """Draws variants of clips.

    Args:
        config: what may be done.
        aus: FACS numbers in the order of the classes.
    """

    def __init__(self, config: Augmentation, aus: Sequence[int]) -> None:
        self.config = config
        classes = {au: index for index, au in enumerate(aus)}
        # A clip whose mirror image would be of no class is not mirrored.
        self._mirrored = {classes[au]: classes.get(MIRRORED.get(au, au)) for au in aus}

    def __call__(self, clip: Clip, generator: torch.Generator) -> Clip:
        """A variant of a clip, its frames float32; the clip itself where nothing is configured.

        Args:
            clip: the original, which stays as it is.
            generator: of the randomness; untouched where nothing is configured.
        """
        if self.config == Augmentation():
            return clip
        draws: list[float] = torch.rand(12, generator=generator).tolist()
        frames, label = as_float(clip.frames), clip.label
        first, last = (int(share * self.config.time_crop * len(frames)) for share in draws[:2])
        kept = slice(first, len(frames) - last)
        frames, intensity = frames[kept], None if clip.intensity is None else clip.intensity[kept]
        mirrored = self._mirrored[label] if draws[2] < self.config.flip else None
        if mirrored is not None:
            frames, label = frames.flip(-1), mirrored
        frames = self._placed(frames, draws[3:6])
        frames = self._thinned(frames, draws[6:], generator)
        return replace(clip, frames=frames, label=label, intensity=intensity)

    def _placed(self, frames: Tensor, draws: Sequence[float]) -> Tensor:
        if self.config.shift == 0.0 and self.config.scale == 0.0:
            return frames
        right, down = (2.0 * self.config.shift * (2.0 * share - 1.0) for share in draws[:2])
        zoom = math.exp(math.log1p(self.config.scale) * (2.0 * draws[2] - 1.0))
        where = torch.tensor([[1.0 / zoom, 0.0, -right / zoom], [0.0, 1.0 / zoom, -down / zoom]])
        grid = nn.functional.affine_grid(where[None], [1, 1, *frames.shape[-2:]], align_corners=False)
        # Slices as planes of one picture: all of a clip move alike.
        planes = frames.flatten(0, 1)[None]
        return nn.functional.grid_sample(planes, grid, align_corners=False)[0].unflatten(0, frames.shape[:2])

    def _thinned(self, frames: Tensor, draws: Sequence[float], generator: torch.Generator) -> Tensor:
        """One of nothing, cells at random, a stretch of time, an area (EventDrop, Gu et al., IJCAI 2021)."""
        if self.config.event_dropout == 0.0:
            return frames
        kind, share = int(4 * draws[0]), self.config.event_dropout * draws[1]
        if kind == 1:
            return frames * (torch.rand(frames.shape, generator=generator) >= share)
        slices, height, width = len(frames), *frames.shape[-2:]
        frames = frames.clone()
        if kind == 2:
            length = int(share * slices)
            begin = int(draws[2] * (slices - length))
            frames[begin : begin + length] = 0.0
        elif kind == 3:
            rows, columns = (int(math.sqrt(share) * side) for side in (height, width))
            top, left = int(draws[2] * (height - rows)), int(draws[3] * (width - columns))
            frames[..., top : top + rows, left : left + columns] = 0.0
        return frames
