"""Clips of unequal length side by side: a row for each slice of each clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Slices:
    """Where the slices of a batch lie, one after the other.

    Layers without memory see the rows as one batch; neurons follow a clip down its column of the table. On
    the CPU the padding behind the end of a clip has no rows, so it costs nothing. On a GPU it keeps them: the
    sizes then do not depend on what the batch holds, and nobody waits for the answer.

    Attributes:
        rows: int64 ``[T, B]``, on the device of the frames: the row of slice t of clip b, -1 behind its end.
        count: rows in all, N.
        valid: how many of them belong to a clip, int64.
        padded: whether rows are those of ``[T, B, ...]`` flattened, padding or not.
        dense: whether it is known that every row belongs to a clip.
    """

    rows: Tensor
    count: int
    valid: Tensor
    padded: bool
    dense: bool

    @classmethod
    def of(cls, frames: Tensor, lengths: Tensor | None = None, padded: bool | None = None) -> Slices:
        """The slices of a padded batch.

        Args:
            frames: ``[T, B, ...]``, 0 behind the end of a clip.
            lengths: int64 ``[B]``, valid slices of each clip; None: all T of all.
            padded: keep rows for the padding; None: on a GPU.
        """
        slices, clips = frames.shape[:2]
        count = slices * clips
        rows = torch.arange(count, device=frames.device).view(slices, clips)
        keep = frames.is_cuda if padded is None else padded
        if lengths is None or (not keep and bool((lengths == slices).all())):
            return cls(rows, count, torch.full((), count, device=frames.device), True, True)
        lengths = lengths.to(frames.device)
        valid = rows // clips < lengths
        if keep:
            return cls(torch.where(valid, rows, -1), count, lengths.sum(), True, False)
        packed = torch.where(valid, valid.flatten().cumsum(0).view(slices, clips) - 1, -1)
        return cls(packed, int(lengths.sum()), lengths.sum(), False, True)

    @property
    def clips(self) -> int:
        """Clips of the batch, B."""
        return self.rows.shape[1]

    def pack(self, frames: Tensor) -> Tensor:
        """``[T, B, ...]`` to ``[N, ...]``."""
        return frames.flatten(0, 1) if self.padded else frames[self.rows >= 0]

    def unpack(self, packed: Tensor) -> Tensor:
        """``[N, ...]`` to ``[T, B, ...]``, zeros behind the end of a clip where the padding has no rows."""
        if self.padded:
            return packed.unflatten(0, self.rows.shape)
        frames = packed.new_zeros(*self.rows.shape, *packed.shape[1:])
        frames[self.rows >= 0] = packed
        return frames

    def times(self, packed: Tensor, of_clips: Tensor) -> Tensor:
        """Every slice ``[N, ...]`` times what its clip has ``[B, ...]``."""
        if self.padded:
            return (packed.unflatten(0, self.rows.shape) * of_clips).flatten(0, 1)
        clips = torch.arange(self.clips, device=packed.device).expand_as(self.rows)
        return packed * of_clips[self.pack(clips)]
