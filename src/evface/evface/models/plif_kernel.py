"""Parametric LIF neurons over time, compiled: forward and backward without a tensor per slice.

A layer's input lies as ``[N, H, W * C]``, a row for each slice of each clip, see `packing.Slices`. The
neurons are worked off in segments, each through all slices of its clip, so that what they remember stays in
the cache. Backward a segment is charged once more, every potential kept, and then gone through from the last
slice to the first: nothing but the layer's input has to be remembered from the way forward.

In front of the neurons stands the affine map of a normalisation, behind them may stand a 2x2 maximum. The
arithmetic of a neuron is that of spikingjelly's `ParametricLIFNode`, operation by operation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

LANE: Final = 1024
"""Neurons of a segment, per line of the picture, at most."""

_PITCH: Final = LANE + 16
"""From one field of a segment to the next; not a power of two, which caches dislike."""

_GRADIENT, _CARRY, _LEAK, _SUM, _PRODUCT, _SCALE, _SHIFT, _CENTRE = (
    np.uintp(field * _PITCH) for field in range(8)
)
"""Fields of a segment on the way back: gradient of the spikes; of the potential that the next slice finds; of
the leak; sums of the gradient of the input, and of its product with the input; the affine map; the mean."""

_FIELDS: Final = 8 * _PITCH
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@njit(cache=True, nogil=True)
def columns(width, pooling, channels):  # type: ignore[no-untyped-def]
    """Pooled columns of a segment, for lines of ``width`` pooled columns."""
    return max(1, min(width, LANE // (pooling * channels)))


@njit(cache=True, nogil=True)
def _charge(y, scale, shift, v, h, leak, threshold, reset, decay_input):  # type: ignore[no-untyped-def]
    """One slice of a line of neurons: potentials before firing to ``h``, after it to ``v``."""
    for i in range(len(y)):
        x = y[i] * scale[i] + shift[i]
        before = v[i]
        now = before + (x - (before - reset)) * leak if decay_input else before - (before - reset) * leak + x
        h[i] = now
        v[i] = reset if now >= threshold else now


@njit(cache=True, nogil=True)
def _fire(h, spikes, threshold):  # type: ignore[no-untyped-def]
    for i in range(len(spikes)):
        spikes[i] = _ONE if h[i] >= threshold else _ZERO


@njit(cache=True, nogil=True)
def _fire_pooled(upper, lower, spikes, channels, threshold):  # type: ignore[no-untyped-def]
    """Spikes of 2x2 neurons, of which one is enough."""
    for column in range(len(spikes) // channels):
        left, right = np.uintp(2 * column * channels), np.uintp((2 * column + 1) * channels)
        to = np.uintp(column * channels)
        for channel in range(channels):
            c = np.uintp(channel)
            most = max(max(upper[left + c], upper[right + c]), max(lower[left + c], lower[right + c]))
            spikes[to + c] = _ONE if most >= threshold else _ZERO


@njit(cache=True, nogil=True)
def forward(  # type: ignore[no-untyped-def]
    y, rows, scale, shift, v, spikes, pooling, channels, leak, threshold, reset, decay_input, begin, end
):
    """Segments ``begin`` to ``end`` of a layer through time.

    Args:
        y: float32 ``[N, H, W * C]``, input.
        rows: int64 ``[T, B]``.
        scale: float32, of the affine map, one segment's line.
        shift: float32, likewise.
        v: float32 ``[B, H, W * C]``, potentials, carried on.
        spikes: float32 ``[N, H // pooling, W // pooling * C]``, written.
        pooling: 1 or 2.
        channels: C.
        leak: 1 / tau.
        threshold: potential of a spike.
        reset: potential after it.
        decay_input: whether the input decays with the membrane.
        begin: first segment.
        end: behind the last one.
    """
    lines, width = spikes.shape[1], spikes.shape[2] // channels
    step = columns(width, pooling, channels)
    segments = (width + step - 1) // step
    h = np.empty((2, _PITCH), np.float32)
    for unit in range(begin, end):
        clip, line, first = unit // (lines * segments), unit // segments % lines, unit % segments * step
        last = min(first + step, width)
        left, right = first * pooling * channels, last * pooling * channels
        for t in range(len(rows)):
            row = rows[t, clip]
            if row < 0:
                break
            for d in range(pooling):
                at = line * pooling + d
                _charge(
                    y[row, at, left:right],
                    scale,
                    shift,
                    v[clip, at, left:right],
                    h[d],
                    leak,
                    threshold,
                    reset,
                    decay_input,
                )
            out = spikes[row, line, first * channels : last * channels]
            if pooling == 1:
                _fire(h[0], out, threshold)
            else:
                _fire_pooled(h[0], h[1], out, channels, threshold)


@njit(cache=True, nogil=True)
def _route(upper, lower, gradient, to_upper, to_lower, channels, threshold):  # type: ignore[no-untyped-def]
    """The gradient of a 2x2 maximum goes to the first neuron that fired, or to the first one."""
    for column in range(len(gradient) // channels):
        left, right = np.uintp(2 * column * channels), np.uintp((2 * column + 1) * channels)
        to = np.uintp(column * channels)
        for channel in range(channels):
            c = np.uintp(channel)
            g = gradient[to + c]
            one, two = upper[left + c] >= threshold, upper[right + c] >= threshold
            three, four = lower[left + c] >= threshold, lower[right + c] >= threshold
            to_upper[left + c] = g if one | (not (two | three | four)) else _ZERO
            to_upper[right + c] = g if two & (not one) else _ZERO
            to_lower[left + c] = g if three & (not (one | two)) else _ZERO
            to_lower[right + c] = g if four & (not (one | two | three)) else _ZERO


@njit(cache=True, nogil=True, error_model="numpy")
def _return(  # type: ignore[no-untyped-def]
    h, earlier, y, fields, gradient, leak, threshold, reset, decay_input, half, slope
):
    """One slice back: the gradient of the spikes to that of the input and of the slice before.

    Written so that it is compiled to vectors: with Python's errors (a division by zero) it is not.
    """
    for i in range(len(y)):
        u = np.uintp(i)
        now, before, carried = h[i], earlier[i], fields[_CARRY + u]
        before = reset if before >= threshold else before
        away = slope * (now - threshold)
        g = fields[_GRADIENT + u] * (half / (_ONE + away * away))
        g += _ZERO if now >= threshold else carried
        fields[_CARRY + u] = g - g * leak
        if decay_input:
            x = y[i] * fields[_SCALE + u] + fields[_SHIFT + u]
            fields[_LEAK + u] += g * (x - (before - reset))
            g *= leak
        else:
            fields[_LEAK + u] -= g * (before - reset)
        fields[_SUM + u] += g
        fields[_PRODUCT + u] += g * (y[i] - fields[_CENTRE + u])
        gradient[i] = g


@njit(cache=True, nogil=True)
def backward(  # type: ignore[no-untyped-def]
    gradient,
    y,
    rows,
    scale,
    shift,
    centre,
    to_input,
    sums,
    to_leak,
    pooling,
    channels,
    leak,
    threshold,
    reset,
    decay_input,
    alpha,
    begin,
    end,
):
    """Segments ``begin`` to ``end`` of a layer back through time, from rest; see `forward`.

    Args:
        gradient: float32 ``[N, H // pooling, W // pooling * C]``, of the spikes.
        y: as `forward` had it.
        rows: likewise.
        scale: likewise.
        shift: likewise.
        centre: float32, mean of the input, one segment's line.
        to_input: float32 ``[N, H, W * C]``, gradient behind the affine map, written.
        sums: float64 ``[segments, 2, C]``, sums of it, and of its product with input - mean; written.
        to_leak: float64 ``[segments]``, gradient of 1 / tau, written.
        pooling: as `forward` had it.
        channels: likewise.
        leak: likewise.
        threshold: likewise.
        reset: likewise.
        decay_input: likewise.
        alpha: steepness of the arctangent surrogate.
        begin: first segment.
        end: behind the last one.
    """
    lines, width = gradient.shape[1], gradient.shape[2] // channels
    step = columns(width, pooling, channels)
    segments = (width + step - 1) // step
    half, slope = np.float32(alpha / 2), np.float32(np.pi * (alpha / 2))
    h = np.empty((len(rows) + 1, 2, _PITCH), np.float32)
    v = np.empty((2, _PITCH), np.float32)
    fields = np.empty((2, _FIELDS), np.float32)
    for unit in range(begin, end):
        clip, line, first = unit // (lines * segments), unit // segments % lines, unit % segments * step
        last = min(first + step, width)
        left, right = first * pooling * channels, last * pooling * channels
        count = right - left
        v[:] = reset
        h[0] = reset
        length = 0
        while length < len(rows) and rows[length, clip] >= 0:
            for d in range(pooling):
                _charge(
                    y[rows[length, clip], line * pooling + d, left:right],
                    scale,
                    shift,
                    v[d],
                    h[length + 1, d],
                    leak,
                    threshold,
                    reset,
                    decay_input,
                )
            length += 1
        for d in range(pooling):
            fields[d] = _ZERO
            for i in range(count):
                u = np.uintp(i)
                fields[d, _SCALE + u], fields[d, _SHIFT + u] = scale[i], shift[i]
                fields[d, _CENTRE + u] = centre[i]
        for t in range(length, 0, -1):
            row = rows[t - 1, clip]
            given = gradient[row, line, first * channels : last * channels]
            if pooling == 1:
                fields[0, :count] = given
            else:
                _route(h[t, 0], h[t, 1], given, fields[0], fields[1], channels, threshold)
            for d in range(pooling):
                at = line * pooling + d
                _return(
                    h[t, d],
                    h[t - 1, d],
                    y[row, at, left:right],
                    fields[d],
                    to_input[row, at, left:right],
                    leak,
                    threshold,
                    reset,
                    decay_input,
                    half,
                    slope,
                )
        sums[unit] = 0.0
        total = 0.0
        for d in range(pooling):
            for i in range(count):
                u = np.uintp(i)
                sums[unit, 0, i % channels] += fields[d, _SUM + u]
                sums[unit, 1, i % channels] += fields[d, _PRODUCT + u]
                total += fields[d, _LEAK + u]
        to_leak[unit] = total


@njit(cache=True, nogil=True)
def moments(y, sums, begin, end):  # type: ignore[no-untyped-def]
    """Sums over pixels.

    Args:
        y: float32 ``[lines, W, C]``.
        sums: float64 ``[lines, 2, C]``: of the values and of their squares, written.
        begin: first line.
        end: behind the last one.
    """
    channels = y.shape[2]
    total, square = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for line in range(begin, end):
        total[:] = _ZERO
        square[:] = _ZERO
        for pixel in range(y.shape[1]):
            values = y[line, pixel]
            for c in range(channels):
                total[c] += values[c]
                square[c] += values[c] * values[c]
        sums[line, 0] = total
        sums[line, 1] = square


@njit(cache=True, nogil=True)
def normalised(gradient, y, slope, tilt, level, begin, end):  # type: ignore[no-untyped-def]
    """The gradient behind a normalisation to that before it, in place.

    Args:
        gradient: float32 ``[lines, W * C]``.
        y: float32 ``[lines, W * C]``, what was normalised.
        slope: float32 ``[W * C]``, factor of the gradient.
        tilt: float32 ``[W * C]``, factor of ``y``.
        level: float32 ``[W * C]``, added.
        begin: first line.
        end: behind the last one.
    """
    for line in range(begin, end):
        g, x = gradient[line], y[line]
        for i in range(len(g)):
            g[i] = g[i] * slope[i] + x[i] * tilt[i] + level[i]
