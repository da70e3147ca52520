"""One camera: how points before it come to its pixels (ROS's and OpenCV's model "plumb_bob")."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.errors import GeometryError

TERMS = 5
"""Of the distortion: k1, k2, p1, p2, k3."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Focal length, principal point and distortion of a camera, for pictures of one size.

    Attributes:
        width: px.
        height: px.
        focal: along columns and rows, px.
        centre: principal point, px; the upper left pixel's middle is (0, 0).
        distortion: k1, k2, p1, p2, k3.

    Raises:
        GeometryError: no pixels, no focal length, or numbers that are none.
    """

    width: int
    height: int
    focal: tuple[float, float]
    centre: tuple[float, float]
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        numbers = np.array([*self.focal, *self.centre, *self.distortion])
        if self.width <= 0 or self.height <= 0 or min(self.focal) <= 0.0 or not np.isfinite(numbers).all():
            raise GeometryError(
                f"lens: expected a size and focal lengths above 0, found {self.width}x{self.height} px, "
                f"focal {self.focal}, centre {self.centre}, distortion {self.distortion}"
            )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The camera matrix, float64 ``[3, 3]``."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels ``[N, 2]`` of points before the camera, ``[N, 3]``: x right, y down, z away from it."""
        still = np.zeros(3)
        pixels, _ = cv2.projectPoints(
            points.reshape(-1, 1, 3), still, still, self.matrix, np.array(self.distortion)
        )
        return np.asarray(pixels, np.float64).reshape(-1, 2)

    def rays(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Directions ``[N, 3]`` (z = 1) from which light comes to pixels ``[N, 2]``."""
        stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-10)
        found = cv2.undistortPoints(
            np.asarray(pixels, np.float64).reshape(-1, 1, 2),
            self.matrix, np.array(self.distortion), R=np.eye(3), criteria=stop,
        )  # fmt: skip
        found = found.reshape(-1, 2)
        return np.column_stack([found, np.ones(len(found))])


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a camera, or a board, is: a rotation, then a shift.

    Attributes:
        rotation: Rodrigues vector, rad, ``[3]``.
        shift: mm, ``[3]``.
    """

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def none(cls) -> Pose:
        """Nothing is turned, nothing is shifted."""
        return cls(np.zeros(3), np.zeros(3))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The rotation as float64 ``[3, 3]``."""
        return np.asarray(cv2.Rodrigues(self.rotation)[0], np.float64)

    @property
    def degrees(self) -> float:
        """Angle of the rotation."""
        return float(np.degrees(np.linalg.norm(self.rotation)))

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points ``[N, 3]`` turned and shifted."""
        return np.asarray(points @ self.matrix.T + self.shift)

    def after(self, first: Pose) -> Pose:
        """Another pose, and then this one."""
        rotation = cv2.Rodrigues(self.matrix @ first.matrix)[0].ravel()
        return Pose(np.asarray(rotation, np.float64), self.matrix @ first.shift + self.shift)

    def inverse(self) -> Pose:
        """The way back."""
        return Pose(-self.rotation, -self.matrix.T @ self.shift)
