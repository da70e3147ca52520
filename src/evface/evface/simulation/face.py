"""A virtual person before the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.simulation.photograph import PhotographScene


class FaceScene:
    """A virtual person (being built: until then the photograph stands in its place)."""

    def __init__(self, seed: int = 0, camera: str = "davis346") -> None:
        self._stand_in = PhotographScene(seed=seed)
        self.lux = self._stand_in.lux

    def cue(self, cue: Cue) -> None:
        self._stand_in.cue(cue)

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        return self._stand_in.motion(begin_ns, end_ns, width, height)

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        return self._stand_in.render(time_ns, width, height)

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        return self._stand_in.picture(time_ns, width, height)
