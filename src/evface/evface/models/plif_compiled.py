"""`plif_kernel` on torch's CPU tensors, shared by as many threads as torch has."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evface.models import plif_kernel

_WORTH_SHARING: Final = 1 << 18
"""Neurons times slices from which on a second thread pays."""


@dataclass(frozen=True, slots=True)
class Neurons:
    """What is set, not learnt, of a layer of neurons.

    Attributes:
        pooling: 1, or 2 for a maximum over 2x2 of them.
        threshold: potential of a spike.
        reset: potential after it, and at rest.
        decay_input: whether the input decays with the membrane.
        alpha: steepness of the arctangent surrogate.
    """

    pooling: int
    threshold: float
    reset: float
    decay_input: bool
    alpha: float


def forward(
    y: Tensor,
    rows: Tensor,
    scale: Tensor,
    shift: Tensor,
    leak: Tensor,
    v: Tensor | None,
    spikes: Tensor,
    neurons: Neurons,
) -> None:
    """A layer through time.

    Args:
        y: float32 ``[N, H, W, C]``, its input.
        rows: int64 ``[T, B]``, see `Slices`.
        scale: float32 ``[C]``, factor of the input.
        shift: float32 ``[C]``, added to it then.
        leak: 1 / tau.
        v: float32 ``[B, H, W, C]``, potentials, carried on; None: from rest.
        spikes: float32 ``[N, H // pooling, W // pooling, C]``, written where a clip has a slice.
        neurons: what else there is to know.
    """
    C = y.shape[-1]
    if v is None:
        v = torch.full((rows.shape[1], *y.shape[1:]), neurons.reset)
    count, line = _segments(rows, neurons, spikes.shape)
    _shared(
        plif_kernel.forward,
        count,
        y.numel(),
        _lines(y),
        rows.numpy(),
        _tiled(scale, line),
        _tiled(shift, line),
        _lines(v),
        _lines(spikes),
        *_constants(neurons, C, leak),
    )


def backward(
    gradient: Tensor,
    y: Tensor,
    rows: Tensor,
    scale: Tensor,
    shift: Tensor,
    centre: Tensor,
    leak: Tensor,
    to_input: Tensor,
    neurons: Neurons,
) -> tuple[Tensor, Tensor, Tensor]:
    """A layer back through time, from rest.

    Args:
        gradient: float32, of the spikes.
        y: as `forward` had it, like the next ones.
        rows: likewise.
        scale: likewise.
        shift: likewise.
        centre: float32 ``[C]``, mean of the input.
        leak: likewise.
        to_input: float32, as ``y``: the gradient between affine map and neurons, written.
        neurons: likewise.

    Returns:
        float64: sums of that gradient ``[C]`` and of its product with input - mean ``[C]``; the gradient of
        the leak.
    """
    C = y.shape[-1]
    count, line = _segments(rows, neurons, gradient.shape)
    sums, to_leak = np.empty((count, 2, C)), np.empty(count)
    _shared(
        plif_kernel.backward,
        count,
        y.numel(),
        _lines(gradient),
        _lines(y),
        rows.numpy(),
        _tiled(scale, line),
        _tiled(shift, line),
        _tiled(centre, line),
        _lines(to_input),
        sums,
        to_leak,
        *_constants(neurons, C, leak),
        neurons.alpha,
    )
    total, product = torch.from_numpy(sums.sum(0))
    return total, product, torch.tensor(to_leak.sum())


def normalised(gradient: Tensor, y: Tensor, slope: Tensor, tilt: Tensor, level: Tensor) -> Tensor:
    """``gradient * slope + y * tilt + level``, in the place of the gradient.

    Args:
        gradient: float32 ``[N, H, W, C]``.
        y: float32, likewise.
        slope: float32 ``[C]``, like the next two.
        tilt: likewise.
        level: likewise.
    """
    N, H, W, C = y.shape
    flat, seen = _lines(gradient).reshape(N * H, W * C), _lines(y).reshape(N * H, W * C)
    factors = (_tiled(factor, W * C) for factor in (slope, tilt, level))
    _shared(plif_kernel.normalised, N * H, y.numel(), flat, seen, *factors)
    return gradient


def moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the values and of their squares, float64 ``[C]``, of float32 ``[N, H, W, C]``."""
    N, H, W, C = y.shape
    sums = np.empty((N * H, 2, C))
    _shared(plif_kernel.moments, N * H, y.numel(), y.detach().view(N * H, W, C).numpy(), sums)
    total, square = torch.from_numpy(sums.sum(0))
    return total, square


def _constants(neurons: Neurons, channels: int, leak: Tensor) -> tuple[Any, ...]:
    return (
        neurons.pooling,
        channels,
        np.float32(leak),
        np.float32(neurons.threshold),
        np.float32(neurons.reset),
        neurons.decay_input,
    )


def _segments(rows: Tensor, neurons: Neurons, shape: torch.Size) -> tuple[int, int]:
    """Segments of a layer that spikes ``[N, lines, width, C]``, and the neurons of a segment's line."""
    _, lines, width, channels = shape
    step = plif_kernel.columns(width, neurons.pooling, channels)
    return rows.shape[1] * lines * -(-width // step), step * neurons.pooling * channels


def _lines(x: Tensor) -> NDArray[np.float32]:
    return x.detach().view(*x.shape[:2], -1).numpy()


def _tiled(of_channels: Tensor, length: int) -> NDArray[np.float32]:
    return np.tile(of_channels.detach().numpy(), length // len(of_channels))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "neurons")


def _shared(kernel: Callable[..., None], count: int, work: int, *arrays: Any) -> None:
    """Run a kernel over ``count`` parts."""
    threads = min(torch.get_num_threads(), count) if work >= _WORTH_SHARING else 1
    if threads == 1:
        kernel(*arrays, 0, count)
        return
    ends = [count * part // threads for part in range(threads + 1)]
    others = [_pool(threads - 1).submit(kernel, *arrays, begin, end) for begin, end in pairwise(ends[1:])]
    kernel(*arrays, 0, ends[1])
    for other in others:
        other.result()
