"""Noise that is a function of place: smooth between the corners of a lattice, random at them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.simulation.face.fields import Field


def _random_at(cells: NDArray[np.int64], seed: int) -> Field:
    """A number from -1 to 1 for each integer place, the same for ever."""
    mixed = cells.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * (2.0 / 2**53) - 1.0)


def _lattice(places: tuple[Field, ...], seed: int) -> Field:
    wholes = [np.floor(place).astype(np.int64) for place in places]
    shares = [place - whole for place, whole in zip(places, wholes, strict=True)]
    shares = [share * share * (3.0 - 2.0 * share) for share in shares]
    total = np.zeros(places[0].shape)
    factors = (1, 73856093, 19349669 * 4096)
    for corner in range(2 ** len(places)):
        weight, cell = np.ones(places[0].shape), np.zeros(places[0].shape, np.int64)
        for axis, (whole, share) in enumerate(zip(wholes, shares, strict=True)):
            far = corner >> axis & 1
            weight = weight * (share if far else 1.0 - share)
            cell = cell + (whole + far) * factors[axis]
        total += weight * _random_at(cell, seed)
    return total


def patches(x: Field, y: Field, z: Field, size: float, seed: int, layer: int) -> Field:
    """Patches in space, about -1 to 1.

    Args:
        x: mm.
        y: mm.
        z: mm.
        size: of a patch, mm.
        seed: of the person.
        layer: tells noises of one person apart.
    """
    return _lattice((x / size, y / size, z / size), seed * 64 + layer)


def grain(u: Field, v: Field, seed: int, layer: int) -> Field:
    """Patches on a plane, each 1 by 1, about -1 to 1; stretch the coordinates to make strands."""
    return _lattice((u, v), seed * 64 + layer)
