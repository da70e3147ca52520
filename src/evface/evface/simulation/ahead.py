"""Rendering on a second core while the sensor works on the picture before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from evface.simulation.scene import Scene


def render_ahead(
    scene: Scene, times: Iterable[int], width: int, height: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pictures of a scene, each rendered by another thread while the caller has the one before.

    The scene must have been told its cues for the moment after the one handed out, and nobody else may ask it
    for pictures meanwhile. It pays off where rendering and sensor take milliseconds: for the EVK4.

    Args:
        scene: looked at.
        times: moments of the host clock, ns; may ask the scene how far it moves.
        width: px.
        height: px.

    Yields:
        Each time and the light at it, as `Scene.render` gives it.
    """
    with ThreadPoolExecutor(1, "render") as renderer:
        coming: tuple[int, Future[NDArray[np.float32]]] | None = None
        for time in times:
            ready, coming = coming, (time, renderer.submit(scene.render, time, width, height))
            if ready is not None:
                yield ready[0], ready[1].result()
        if coming is not None:
            yield coming[0], coming[1].result()
