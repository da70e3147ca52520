"""A face box of one sensor in the pixels of another.

Where a point lies in another camera depends on how far away it is. The face is taken to be a plane at the
subject's distance, parallel to the picture it was found in; what the box is off by where the subject sits
nearer or farther is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evface.calibration.folder import Calibration
from evface.dataset.boxes import Box
from evface.errors import ConfigError

DISTANCE = 800.0
"""mm from the cameras to the subject (paper, §3.2)."""

DISTANCE_SIGMA = 60.0
"""mm, standard deviation of where a subject's head is."""

_PLACES = np.array([(u, v) for v in (0.0, 0.5, 1.0) for u in (0.0, 0.5, 1.0)])
"""Of a box: its corners, the middles of its sides, its middle."""


@dataclass(frozen=True, slots=True)
class MappedBox:
    """A box that was found elsewhere.

    Attributes:
        box: px of the target's pictures; square where the one it came from is.
        error: px, standard deviation of its corners' places, from the subject's distance and the calibration.
    """

    box: Box
    error: float


class BoxMapping:
    """From the pictures of one camera to those of another.

    Args:
        calibration: of the rig.
        source: camera that boxes are found in.
        target: camera that they are wanted for.
        distance: of the subject from the source, mm.
        distance_sigma: mm.

    Raises:
        ConfigError: a camera is not calibrated, or the distance is not above 0.
    """

    def __init__(
        self,
        calibration: Calibration,
        source: str,
        target: str,
        distance: float = DISTANCE,
        distance_sigma: float = DISTANCE_SIGMA,
    ) -> None:
        if not (distance > 0.0 and 0.0 <= distance_sigma < distance):
            raise ConfigError(
                f"face box: expected a distance above 0 and its uncertainty below it, found {distance:g} mm "
                f"+- {distance_sigma:g} mm"
            )
        self._source, self._target = calibration.camera(source), calibration.camera(target)
        self._way = self._target.pose.after(self._source.pose.inverse())
        self._distance, self._sigma = distance, distance_sigma

    def points(self, pixels: NDArray[np.float64], distance: float | None = None) -> NDArray[np.float64]:
        """Where points of the source's picture lie in the target's, px ``[N, 2]``.

        Args:
            pixels: in the source, ``[N, 2]``.
            distance: of the plane they lie in, mm; None: the subject's.
        """
        depth = self._distance if distance is None else distance
        return self._target.lens.project(self._way.apply(self._source.lens.rays(pixels) * depth))

    def box(self, box: Box) -> MappedBox:
        """A box found in the source's picture, for the target's."""
        corner, size = np.array([box.x, box.y]), np.array([box.width, box.height])
        # Pixels are counted from their middles, boxes from the picture's border.
        places = corner + _PLACES * size - 0.5
        here = self.points(places)
        low, high = here.min(0), here.max(0)
        middle = (low + high) / 2 + 0.5
        scale = float(np.sqrt(np.prod((high - low) / size)))
        width, height = scale * size
        mapped = Box(
            float(middle[0] - width / 2), float(middle[1] - height / 2), float(width), float(height),
            box.probability,
        )  # fmt: skip
        return MappedBox(mapped, self._error(places, scale))

    def _error(self, places: NDArray[np.float64], scale: float) -> float:
        nearer, farther = (self.points(places, self._distance + s * self._sigma) for s in (-1.0, 1.0))
        by_distance = float(np.sqrt(((farther - nearer) ** 2).sum(1)).max()) / 2
        return float(np.hypot(by_distance, np.hypot(scale * self._source.rms, self._target.rms)))
