"""Dense pictures of a stretch of events: two-channel counts, voxel grid, time surface."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evface.errors import ConfigError
from evface.events.binning import Binner, Box
from evface.events.container import Events


def event_counts(
    events: Events, *, box: Box | None = None, size: tuple[int, int] | None = None
) -> NDArray[np.uint16]:
    """Events per pixel and polarity, the paper's Eq. 1.

    Args:
        events: to count.
        box: left, top, width, height on the sensor, px; None is the whole sensor.
        size: width and height of the result, px; None is that of the sensor.

    Returns:
        uint16 ``[2, H, W]``: off and on events, saturating at 65535.

    Raises:
        GeometryError: a box or size without area.
    """
    binner = Binner(events.width, events.height, box, size)
    binner.add(events.x, events.y, events.p)
    return binner.take()


@njit(cache=True)
def _voxel_grid(x, y, p, t, start, scale, grid):  # type: ignore[no-untyped-def]
    bins, height, width = grid.shape
    for i in range(len(t)):
        if x[i] >= width or y[i] >= height:
            continue
        at = (t[i] - start) * scale
        if at < 0 or at > bins - 1:
            continue
        left = min(int(at), bins - 2) if bins > 1 else 0
        right_share = np.float32(at - left)
        sign = np.float32(1.0) if p[i] else np.float32(-1.0)
        grid[left, y[i], x[i]] += sign * (np.float32(1.0) - right_share)
        if bins > 1:
            grid[left + 1, y[i], x[i]] += sign * right_share


def voxel_grid(
    events: Events, bins: int, *, start: int | None = None, stop: int | None = None
) -> NDArray[np.float32]:
    """Signed events spread over time bins, linearly between the two nearest (Zhu et al., CVPR 2019).

    An event at time t lies at ``(bins - 1) * (t - start) / (stop - start)`` and gives each neighbouring bin
    its polarity (-1 or +1) times one minus the distance.

    Args:
        events: in any order.
        bins: number of bins.
        start: us of the first bin; None is the first event.
        stop: us of the last bin; None is the last event. Events outside are left out.

    Returns:
        float32 ``[bins, H, W]``.

    Raises:
        ConfigError: no bins, or a stretch of time that ends before it starts.
    """
    if bins < 1:
        raise ConfigError(f"voxel grid: expected at least 1 bin, found {bins}")
    grid = np.zeros((bins, events.height, events.width), np.float32)
    if not len(events):
        return grid
    start = int(events.t[0]) if start is None else start
    stop = int(events.t[-1]) if stop is None else stop
    if stop < start:
        raise ConfigError(f"voxel grid: expected a stretch of time, found {start} to {stop} us")
    scale = (bins - 1) / (stop - start) if stop > start else 0.0
    inside = events[(events.t >= start) & (events.t <= stop)]
    _voxel_grid(inside.x, inside.y, inside.p, inside.t, start, scale, grid)
    return grid


@njit(cache=True)
def _latest(x, y, p, t, stop, latest):  # type: ignore[no-untyped-def]
    _, height, width = latest.shape
    for i in range(len(t)):
        if t[i] <= stop and x[i] < width and y[i] < height:
            channel = p[i] & 1
            latest[channel, y[i], x[i]] = max(latest[channel, y[i], x[i]], t[i])


@njit(cache=True)
def _decay(latest, stop, tau, surface):  # type: ignore[no-untyped-def]
    flat, out = latest.reshape(-1), surface.reshape(-1)
    never = np.iinfo(np.int64).min
    for i in range(len(flat)):
        out[i] = np.exp((flat[i] - stop) / tau) if flat[i] != never else 0.0


def time_surface(events: Events, tau: float, *, stop: int | None = None) -> NDArray[np.float32]:
    """How long ago each pixel had its last event, decaying exponentially (Lagorce et al., PAMI 2017).

    Args:
        events: in any order.
        tau: us in which the surface falls to 1/e.
        stop: us at which the surface is taken, later events are left out; None is the last event.

    Returns:
        float32 ``[2, H, W]``: off and on; ``exp((t_last - stop) / tau)``, 0 where nothing happened.

    Raises:
        ConfigError: ``tau`` not above 0.
    """
    if not tau > 0:
        raise ConfigError(f"time surface: expected tau above 0 us, found {tau}")
    shape = (2, events.height, events.width)
    surface = np.zeros(shape, np.float32)
    if not len(events):
        return surface
    stop = int(events.t.max()) if stop is None else stop
    latest = np.full(shape, np.iinfo(np.int64).min, np.int64)
    _latest(events.x, events.y, events.p, events.t, stop, latest)
    _decay(latest, stop, tau, surface)
    return surface
