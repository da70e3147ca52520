"""Parametric LIF neurons, fused over time with the normalisation before and the pooling behind them.

`Plif` is spikingjelly's `ParametricLIFNode` with an arctangent surrogate and a detached reset, on rows of
slices (`Slices`). What computes it depends on the device, see `implementation`. The neuron's arithmetic is
the same everywhere; the normalisation before it may differ in the last bit, and so may a spike now and then.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from spikingjelly.activation_based import functional, surrogate
from torch import Tensor, nn

from evface.models import plif_compiled
from evface.models.packing import Slices
from evface.models.plif_compiled import Neurons


def implementation(device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    """What computes the neurons there.

    Returns:
        "compiled" (numba, float32 on the CPU), "triton" (on a GPU), or "spikingjelly" (everything else).
    """
    if device.type == "cpu" and dtype == torch.float32:
        return "compiled"
    if device.type == "cuda" and dtype in (torch.float32, torch.bfloat16) and _has_triton():
        return "triton"
    return "spikingjelly"


class Plif(nn.Module):
    """A layer of parametric LIF neurons that share one learnt time constant, 1 / tau = sigmoid(w).

    Args:
        init_tau: time constant at first, slices; above 1.
        decay_input: whether the input decays with the membrane (the PLIF authors' code) or not (Eq. 3).
        v_threshold: potential at which a neuron spikes.
        v_reset: potential afterwards and at rest.
        surrogate_alpha: steepness of the arctangent surrogate.
    """

    def __init__(
        self,
        init_tau: float = 2.0,
        decay_input: bool = False,
        v_threshold: float = 1.0,
        v_reset: float = 0.0,
        surrogate_alpha: float = 2.0,
    ) -> None:
        super().__init__()
        self.decay_input, self.v_threshold, self.v_reset = decay_input, v_threshold, v_reset
        self.surrogate_alpha = surrogate_alpha
        self.w = nn.Parameter(torch.as_tensor(-math.log(init_tau - 1.0)))
        self.v: Tensor | None = None

    def reset(self) -> None:
        """Forget the membranes of a stream."""
        self.v = None

    def forward(self, x: Tensor, slices: Slices, keep: bool = False) -> Tensor:
        """Spikes of neurons without a place.

        Args:
            x: ``[N, features]``, input.
            slices: where the slices lie.
            keep: go on from the membranes that the last call left, and leave them for the next one (for a
                stream, without gradients); False: from rest.

        Returns:
            0 or 1, ``[N, features]``, of the type of ``x``.
        """
        backend = _backend(x, keep)
        if backend is None:
            return self._reference(x, slices, keep)
        neurons = self._neurons(1)
        lines = x.contiguous()[:, None, :, None]
        spikes = _Fused.apply(
            lines,
            None,
            None,
            self.w,
            None,
            None,
            None,
            slices,
            neurons,
            backend,
            self._v(lines, slices, keep),
        )
        return spikes[:, 0, :, 0]

    def normalised(
        self, y: Tensor, norm: nn.Module, slices: Slices, pooling: int = 1, keep: bool = False
    ) -> Tensor:
        """Spikes of a convolution's output, normalised before and pooled afterwards.

        Args:
            y: ``[N, C, H, W]``, best in channels-last memory; 0 behind the end of a clip.
            norm: normalises it, by this batch in training.
            slices: where the slices lie.
            pooling: 1, or 2 for the maximum of 2x2 neurons.
            keep: as in `forward`.

        Returns:
            0 or 1, ``[N, C, H // pooling, W // pooling]`` in channels-last memory.
        """
        backend = _backend(y, keep)
        if backend is None:
            spikes = self._reference(_without_padding(norm, y, slices), slices, keep)
            return spikes if pooling == 1 else nn.functional.max_pool2d(spikes, pooling)
        lines = y.permute(0, 2, 3, 1).contiguous()
        mean, deviation, pixels = _statistics(lines, norm, slices, backend)
        neurons, v = self._neurons(pooling), self._v(lines, slices, keep)
        spikes = _Fused.apply(
            lines, norm.weight, norm.bias, self.w, mean, deviation, pixels, slices, neurons, backend, v
        )
        return spikes.permute(0, 3, 1, 2)

    def _neurons(self, pooling: int) -> Neurons:
        return Neurons(pooling, self.v_threshold, self.v_reset, self.decay_input, self.surrogate_alpha)

    def _v(self, lines: Tensor, slices: Slices, keep: bool) -> Tensor | None:
        """Potentials ``[B, H, W, C]`` to go on from; None: from rest, and they are not kept."""
        if not keep:
            self.v = None
        elif self.v is None:
            self.v = torch.full((slices.clips, *lines.shape[1:]), self.v_reset)
        return self.v

    def _reference(self, x: Tensor, slices: Slices, keep: bool) -> Tensor:
        padded = slices.unpack(x)
        rest = torch.full_like(padded[0], self.v_reset, dtype=torch.float32)
        spikes, v, _ = functional.plif_multi_step(
            padded,
            self.v if keep and self.v is not None else rest,
            self.w,
            self.decay_input,
            self.v_threshold,
            self.v_reset,
            surrogate.ATan(self.surrogate_alpha),
            True,
        )
        self.v = v if keep else None
        if not slices.dense:
            spikes = spikes * (slices.rows >= 0).view(*slices.rows.shape, *[1] * (spikes.ndim - 2))
        return slices.pack(spikes)


class _Fused(torch.autograd.Function):
    """Input ``[N, H, W, C]`` to spikes ``[N, H // pooling, W // pooling, C]``."""

    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        gain: Tensor | None,
        offset: Tensor | None,
        w: Tensor,
        mean: Tensor | None,
        deviation: Tensor | None,
        pixels: Tensor | None,
        slices: Slices,
        neurons: Neurons,
        backend: ModuleType,
        v: Tensor | None,
    ) -> Tensor:
        N, H, W, C = y.shape
        # Behind the end of a clip nothing is written.
        new = y.new_empty if slices.dense else y.new_zeros
        spikes = new(N, H // neurons.pooling, W // neurons.pooling, C)
        if gain is None or offset is None or mean is None or deviation is None:
            scale, shift = w.new_ones(C), w.new_zeros(C)
        else:
            scale = gain / deviation
            shift = offset - mean * scale
        backend.forward(y, slices.rows, scale, shift, w.sigmoid(), v, spikes, neurons)
        ctx.save_for_backward(y, gain, w, mean, deviation, pixels, scale, shift)
        ctx.slices, ctx.neurons, ctx.backend = slices, neurons, backend
        return spikes

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        y, gain, w, mean, deviation, pixels, scale, shift = ctx.saved_tensors
        neurons: Neurons = ctx.neurons
        leak = w.sigmoid()
        # What pooling leaves over at the margin has no gradient.
        whole = ctx.slices.dense and y.shape[1] % neurons.pooling == y.shape[2] % neurons.pooling == 0
        to_input = (torch.empty_like if whole else torch.zeros_like)(y, dtype=torch.float32)
        centre = torch.zeros_like(shift) if mean is None else mean
        total, product, to_leak = ctx.backend.backward(
            gradient.contiguous(), y, ctx.slices.rows, scale, shift, centre, leak, to_input, neurons
        )
        to_w = (to_leak * leak * (1 - leak)).to(w.dtype)
        nothing = (None,) * 7
        if gain is None:
            return to_input.to(y.dtype), None, None, to_w, *nothing
        tilt, level = torch.zeros_like(total), torch.zeros_like(total)
        if pixels is not None:
            tilt = -scale * product / (deviation.double() ** 2 * pixels)
            level = -scale * total / pixels - tilt * mean
        to_y = ctx.backend.normalised(to_input, y, scale, tilt.float(), level.float())
        return to_y, (product / deviation).float(), total.float(), to_w, *nothing


def _statistics(
    lines: Tensor, norm: nn.Module, slices: Slices, backend: ModuleType
) -> tuple[Tensor, Tensor, Tensor | None]:
    """What a normalisation goes by; in training it learns from the batch.

    Args:
        lines: ``[N, H, W, C]``, 0 behind the end of a clip.
        norm: of which running statistics and momentum are used.
        slices: where the slices lie.
        backend: what sums.

    Returns:
        Mean and standard deviation, float32 ``[C]``, and how many pixels they are of; None: of others.
    """
    if not isinstance(norm, nn.BatchNorm2d) or norm.momentum is None:
        raise TypeError(f"expected a BatchNorm2d with a momentum before these neurons, found {norm}")
    running_mean, running_var, batches = norm.running_mean, norm.running_var, norm.num_batches_tracked
    if running_mean is None or running_var is None or batches is None:
        raise TypeError(f"expected a BatchNorm2d with running statistics before these neurons, found {norm}")
    if not norm.training:
        return running_mean, (running_var + norm.eps).sqrt(), None
    with torch.no_grad():
        pixels = slices.valid * lines.shape[1] * lines.shape[2]
        total, square = backend.moments(lines)
        mean = total / pixels
        variance = (square / pixels - mean**2).clamp(min=0.0)
        running_mean.lerp_(mean.float(), norm.momentum)
        running_var.lerp_((variance * pixels / (pixels - 1).clamp(min=1)).float(), norm.momentum)
        batches.add_(1)
        return mean.float(), (variance + norm.eps).sqrt().float(), pixels


def _without_padding(norm: nn.Module, y: Tensor, slices: Slices) -> Tensor:
    """``[N, C, H, W]`` normalised, 0 behind the end of a clip, of which the normalisation sees nothing."""
    if slices.dense:
        return norm(y)
    rows = slices.rows[slices.rows >= 0]
    return torch.zeros_like(y).index_copy(0, rows, norm(y[rows]))


def _backend(x: Tensor, keep: bool) -> ModuleType | None:
    found = implementation(x.device, x.dtype)
    if found == "compiled":
        return plif_compiled
    return _triton() if found == "triton" and not keep else None


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


@cache
def _triton() -> ModuleType:
    # Comes with torch's wheels for CUDA alone.
    from evface.models import plif_triton

    return plif_triton
