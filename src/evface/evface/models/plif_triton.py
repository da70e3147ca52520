"""The kernels of `plif_kernel` for a GPU, in Triton.

A program follows a block of pooled cells and channels through time, membranes in registers. Backward it
charges its neurons once more and leaves their potentials where their gradients will be written on the way
back, so neither way needs memory beside input and output.
"""

from __future__ import annotations

import math
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from evface.models.plif_compiled import Neurons

_CELLS: Final = 8
"""Pooled cells of a program; with 32 channels and 2x2 neurons four float32 membranes a thread of 256."""


@triton.jit
def _charge(x, v, leak, threshold, reset, DECAY_INPUT: tl.constexpr):  # type: ignore[no-untyped-def]
    h = v + (x - (v - reset)) * leak if DECAY_INPUT else v - (v - reset) * leak + x
    return h, tl.where(h >= threshold, reset, h)


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    y_ptr, rows_ptr, scale_ptr, shift_ptr, leak_ptr, spikes_ptr,
    T, B, H, W, C, lines, width, threshold, reset,
    POOLING: tl.constexpr, DECAY_INPUT: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    clip, line, column = cell // (lines * width), cell // width % lines, cell % width
    inside = cell < B * lines * width
    known = inside[:, None] & (channel < C)[None, :]
    leak = tl.load(leak_ptr)
    scale = tl.load(scale_ptr + channel, mask=channel < C, other=0.0)[None, :]
    shift = tl.load(shift_ptr + channel, mask=channel < C, other=0.0)[None, :]
    v1 = tl.zeros((CELLS, CHANNELS), tl.float32) + reset
    v2, v3, v4 = v1, v1, v1
    for t in range(T):
        row = tl.load(rows_ptr + t * B + clip, mask=inside, other=-1)
        there = known & (row >= 0)[:, None]
        at = y_ptr + (((row * H + line * POOLING) * W + column * POOLING) * C)[:, None] + channel[None, :]
        h1, v1 = _charge(tl.load(at, mask=there, other=0.0).to(tl.float32) * scale + shift, v1,
                         leak, threshold, reset, DECAY_INPUT)  # fmt: skip
        most = h1
        if POOLING == 2:
            h2, v2 = _charge(tl.load(at + C, mask=there, other=0.0).to(tl.float32) * scale + shift, v2,
                             leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            h3, v3 = _charge(tl.load(at + W * C, mask=there, other=0.0).to(tl.float32) * scale + shift, v3,
                             leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            h4, v4 = _charge(tl.load(at + W * C + C, mask=there, other=0.0).to(tl.float32) * scale + shift,
                             v4, leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            most = tl.maximum(tl.maximum(h1, h2), tl.maximum(h3, h4))
        to = (((row * lines + line) * width + column) * C)[:, None] + channel[None, :]
        tl.store(spikes_ptr + to, tl.where(most >= threshold, 1.0, 0.0), mask=there)


@triton.jit
def _return(  # type: ignore[no-untyped-def]
    gradient, y_ptr, h_ptr, at, before, there, earlier, scale, shift, centre, carry, to_leak, total, product,
    leak, threshold, reset, half, slope, DECAY_INPUT: tl.constexpr,
):  # fmt: skip
    """One slice back for one neuron of each cell; what lies at ``h_ptr + at`` becomes its gradient."""
    h = tl.load(h_ptr + at, mask=there, other=0.0)
    y = tl.load(y_ptr + at, mask=there, other=0.0).to(tl.float32)
    was = tl.load(h_ptr + before, mask=earlier, other=reset)
    was = tl.where(was >= threshold, reset, was)
    away = slope * (h - threshold)
    g = gradient * (half / (1.0 + away * away)) + tl.where(h >= threshold, 0.0, carry)
    g = tl.where(there, g, 0.0)
    carry = tl.where(there, g - g * leak, carry)
    if DECAY_INPUT:
        to_leak += g * ((y * scale + shift) - (was - reset))
        g = g * leak
    else:
        to_leak -= g * (was - reset)
    tl.store(h_ptr + at, g, mask=there)
    return carry, to_leak, total + g, product + g * (y - centre)


@triton.jit
def _backward(  # type: ignore[no-untyped-def]
    gradient_ptr, y_ptr, rows_ptr, scale_ptr, shift_ptr, centre_ptr, leak_ptr, h_ptr, sums_ptr, to_leak_ptr,
    T, B, H, W, C, lines, width, threshold, reset, half, slope,
    POOLING: tl.constexpr, DECAY_INPUT: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    clip, line, column = cell // (lines * width), cell // width % lines, cell % width
    inside = cell < B * lines * width
    known = inside[:, None] & (channel < C)[None, :]
    leak = tl.load(leak_ptr)
    scale = tl.load(scale_ptr + channel, mask=channel < C, other=0.0)[None, :]
    shift = tl.load(shift_ptr + channel, mask=channel < C, other=0.0)[None, :]
    centre = tl.load(centre_ptr + channel, mask=channel < C, other=0.0)[None, :]
    zero = tl.zeros((CELLS, CHANNELS), tl.float32)
    v1 = zero + reset
    v2, v3, v4 = v1, v1, v1
    for t in range(T):
        row = tl.load(rows_ptr + t * B + clip, mask=inside, other=-1)
        there = known & (row >= 0)[:, None]
        at = (((row * H + line * POOLING) * W + column * POOLING) * C)[:, None] + channel[None, :]
        h, v1 = _charge(tl.load(y_ptr + at, mask=there, other=0.0).to(tl.float32) * scale + shift, v1,
                        leak, threshold, reset, DECAY_INPUT)  # fmt: skip
        tl.store(h_ptr + at, h, mask=there)
        if POOLING == 2:
            right, below, across = at + C, at + W * C, at + W * C + C
            h, v2 = _charge(tl.load(y_ptr + right, mask=there, other=0.0).to(tl.float32) * scale + shift, v2,
                            leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            tl.store(h_ptr + right, h, mask=there)
            h, v3 = _charge(tl.load(y_ptr + below, mask=there, other=0.0).to(tl.float32) * scale + shift, v3,
                            leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            tl.store(h_ptr + below, h, mask=there)
            h, v4 = _charge(tl.load(y_ptr + across, mask=there, other=0.0).to(tl.float32) * scale + shift, v4,
                            leak, threshold, reset, DECAY_INPUT)  # fmt: skip
            tl.store(h_ptr + across, h, mask=there)
    tl.debug_barrier()
    c1, c2, c3, c4 = zero, zero, zero, zero
    to_leak, total, product = zero, zero, zero
    for step in range(T):
        t = T - 1 - step
        row = tl.load(rows_ptr + t * B + clip, mask=inside, other=-1)
        there = known & (row >= 0)[:, None]
        last = tl.load(rows_ptr + (t - 1) * B + clip, mask=inside & (t > 0), other=-1)
        earlier = there & (last >= 0)[:, None]
        at = (((row * H + line * POOLING) * W + column * POOLING) * C)[:, None] + channel[None, :]
        before = (((last * H + line * POOLING) * W + column * POOLING) * C)[:, None] + channel[None, :]
        given = (((row * lines + line) * width + column) * C)[:, None] + channel[None, :]
        g = tl.load(gradient_ptr + given, mask=there, other=0.0).to(tl.float32)
        g1 = g
        if POOLING == 2:
            # To the first neuron that fired, or to the first one.
            s1 = tl.load(h_ptr + at, mask=there, other=0.0) >= threshold
            s2 = tl.load(h_ptr + at + C, mask=there, other=0.0) >= threshold
            s3 = tl.load(h_ptr + at + W * C, mask=there, other=0.0) >= threshold
            s4 = tl.load(h_ptr + at + W * C + C, mask=there, other=0.0) >= threshold
            g2 = tl.where(s1, 0.0, tl.where(s2, g, 0.0))
            g3 = tl.where(s1 | s2, 0.0, tl.where(s3, g, 0.0))
            g4 = tl.where(s1 | s2 | s3, 0.0, tl.where(s4, g, 0.0))
            g1 = tl.where(s1, g, tl.where(s2 | s3 | s4, 0.0, g))
            c2, to_leak, total, product = _return(
                g2, y_ptr, h_ptr, at + C, before + C, there, earlier, scale, shift, centre, c2, to_leak,
                total, product, leak, threshold, reset, half, slope, DECAY_INPUT)  # fmt: skip
            c3, to_leak, total, product = _return(
                g3, y_ptr, h_ptr, at + W * C, before + W * C, there, earlier, scale, shift, centre, c3,
                to_leak, total, product, leak, threshold, reset, half, slope, DECAY_INPUT)  # fmt: skip
            c4, to_leak, total, product = _return(
                g4, y_ptr, h_ptr, at + W * C + C, before + W * C + C, there, earlier, scale, shift, centre,
                c4, to_leak, total, product, leak, threshold, reset, half, slope, DECAY_INPUT)  # fmt: skip
        c1, to_leak, total, product = _return(
            g1, y_ptr, h_ptr, at, before, there, earlier, scale, shift, centre, c1, to_leak, total, product,
            leak, threshold, reset, half, slope, DECAY_INPUT)  # fmt: skip
    block = tl.program_id(0) * 2 * C
    tl.store(sums_ptr + block + channel, tl.sum(total, 0), mask=channel < C)
    tl.store(sums_ptr + block + C + channel, tl.sum(product, 0), mask=channel < C)
    tl.store(to_leak_ptr + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), tl.sum(to_leak))


@triton.jit
def _moments(  # type: ignore[no-untyped-def]
    y_ptr, sums_ptr, pixels, C, STEPS: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr
):
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    total, square = tl.zeros((CHANNELS,), tl.float32), tl.zeros((CHANNELS,), tl.float32)
    for step in range(STEPS):
        pixel = (tl.program_id(0).to(tl.int64) * STEPS + step) * PIXELS + tl.arange(0, PIXELS)
        inside = (pixel < pixels)[:, None] & (channel < C)[None, :]
        at = y_ptr + pixel[:, None] * C + channel[None, :]
        y = tl.load(at, mask=inside, other=0.0).to(tl.float32)
        total += tl.sum(y, 0)
        square += tl.sum(y * y, 0)
    to = sums_ptr + tl.program_id(0) * 2 * C + channel
    tl.store(to, total, mask=channel < C)
    tl.store(to + C, square, mask=channel < C)


@triton.jit
def _normalised(  # type: ignore[no-untyped-def]
    gradient_ptr, y_ptr, slope_ptr, tilt_ptr, level_ptr, out_ptr, count, C, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    c = (at % C).to(tl.int32)
    g = tl.load(gradient_ptr + at, mask=inside, other=0.0)
    y = tl.load(y_ptr + at, mask=inside, other=0.0).to(tl.float32)
    out = (
        g * tl.load(slope_ptr + c, mask=inside, other=0.0)
        + y * tl.load(tilt_ptr + c, mask=inside, other=0.0)
        + tl.load(level_ptr + c, mask=inside, other=0.0)
    )
    tl.store(out_ptr + at, out, mask=inside)


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
    """See `plif_compiled.forward`; from rest always."""
    _, H, W, C = y.shape
    _, lines, width, _ = spikes.shape
    grid, channels = _grid(rows, spikes)
    _forward[grid](
        y, rows, scale, shift, leak, spikes, len(rows), rows.shape[1], H, W, C, lines, width,
        neurons.threshold, neurons.reset, neurons.pooling, neurons.decay_input, _CELLS, channels,
        enable_fp_fusion=False,
    )  # fmt: skip


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
    """See `plif_compiled.backward`."""
    _, H, W, C = y.shape
    _, lines, width, _ = gradient.shape
    grid, channels = _grid(rows, gradient)
    sums = torch.empty(grid[0], 2, C, device=y.device)
    to_leak = torch.empty(grid, device=y.device)
    _backward[grid](
        gradient, y, rows, scale, shift, centre, leak, to_input, sums, to_leak, len(rows), rows.shape[1],
        H, W, C, lines, width, neurons.threshold, neurons.reset, neurons.alpha / 2,
        math.pi * neurons.alpha / 2, neurons.pooling, neurons.decay_input, _CELLS, channels,
        enable_fp_fusion=False,
    )  # fmt: skip
    total, product = sums.double().sum(0)
    return total, product, to_leak.double().sum()


def normalised(gradient: Tensor, y: Tensor, slope: Tensor, tilt: Tensor, level: Tensor) -> Tensor:
    """See `plif_compiled.normalised`; the result has the type of ``y``."""
    out = torch.empty_like(y)
    count = y.numel()
    _normalised[(triton.cdiv(count, 1024),)](gradient, y, slope, tilt, level, out, count, y.shape[-1], 1024)
    return out


def moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """See `plif_compiled.moments`."""
    C = y.shape[-1]
    pixels = y.numel() // C
    channels = min(triton.next_power_of_2(C), 32)
    grid = (triton.cdiv(pixels, 1024), triton.cdiv(C, channels))
    sums = torch.empty(grid[0], 2, C, device=y.device)
    _moments[grid](y, sums, pixels, C, 16, 64, channels)
    total, square = sums.double().sum(0)
    return total, square


def _grid(rows: Tensor, spikes: Tensor) -> tuple[tuple[int, int], int]:
    """Programs, and channels of each."""
    _, lines, width, C = spikes.shape
    channels = min(triton.next_power_of_2(C), 32)
    return (triton.cdiv(rows.shape[1] * lines * width, _CELLS), triton.cdiv(C, channels)), channels
