"""From views of the board to lenses and places of all cameras: one joint least-squares fit.

Unknown are each camera's lens, where it is from the first one, and where the board was in each view. A
camera's own fit (OpenCV) is where it begins. Weak beliefs keep what a narrow lens hardly shows from running
away: the principal point in the middle, square pixels, little distortion.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from evface.calibration.board import Board
from evface.calibration.folder import CalibratedCamera, Calibration
from evface.calibration.lens import Lens, Pose
from evface.calibration.views import View
from evface.errors import DatasetError

LEAST_VIEWS = 4
"""Of a camera: with fewer its lens cannot be told."""

OUTLIER = 3.0
"""Times the median of a camera's views from which on a view is left out (moved, or found wrongly)."""

OUTLIER_FLOOR = 1.0
"""px up to which no view is left out."""

CENTRE_BELIEF = 0.1
"""Standard deviation of the principal point from the middle, in widths of the picture."""

ASPECT_BELIEF = 0.003
"""Standard deviation of the difference of the two focal lengths, of their mean."""

DISTORTION_BELIEF = np.array([0.5, 1.0, 0.005, 0.005])
"""Standard deviations of k1, k2, p1, p2 from 0; k3 is 0: no lens of this rig is that wide."""

NOISE_BELIEF = 0.1
"""px of a corner that the beliefs are weighed against."""

LENS_UNKNOWNS = 8
"""Of a lens: fx, fy, cx, cy, k1, k2, p1, p2."""


@dataclass(frozen=True, slots=True)
class CameraFit:
    """What is known of one camera.

    Attributes:
        lens: found.
        lens_sigma: standard deviations of fx, fy, cx, cy (px), k1, k2, p1, p2, float64 ``[8]``.
        pose: from the first camera's coordinates to this one's.
        pose_sigma: standard deviations of the rotation (degrees) and the shift (mm), float64 ``[6]``;
            0 of the first camera.
        rms: px, of all corners of the views used.
        view_rms: px, by the index of the view.
        residuals: found minus computed corners by the index of the view, px, float64 ``[N, 2]``.
        left_out: indices of views that did not fit, for whichever camera.
    """

    lens: Lens
    lens_sigma: NDArray[np.float64]
    pose: Pose
    pose_sigma: NDArray[np.float64]
    rms: float
    view_rms: dict[int, float]
    residuals: dict[int, NDArray[np.float64]]
    left_out: tuple[int, ...]


def solve(views: Sequence[View], board: Board, sizes: dict[str, tuple[int, int]]) -> dict[str, CameraFit]:
    """Lenses and places of the cameras.

    Args:
        views: of the board, each by one camera or several.
        board: that was shown.
        sizes: of the cameras, px; the first one's coordinates are the rig's.

    Returns:
        A fit for each camera.

    Raises:
        DatasetError: a camera has too few views, or none in common with a camera whose place is known.
    """
    for camera in sizes:
        count = sum(camera in view.corners for view in views)
        if count < LEAST_VIEWS:
            raise DatasetError(f"{camera}: {count} views of the board, at least {LEAST_VIEWS} are needed")
    kept = dict(enumerate(views))
    left_out: list[int] = []
    while True:
        fits = _Joint(kept, board, sizes).solve(tuple(left_out))
        worst = _outlier(fits)
        if worst is None:
            return fits
        del kept[worst]
        left_out.append(worst)


def _outlier(fits: dict[str, CameraFit]) -> int | None:
    """The view that fits worst, if it does not fit at all: who moved spoils it for every camera."""
    worst, most = None, 1.0
    for fit in fits.values():
        bound = max(OUTLIER_FLOOR, OUTLIER * float(np.median(list(fit.view_rms.values()))))
        index = max(fit.view_rms, key=lambda k: fit.view_rms[k])
        if fit.view_rms[index] > most * bound and len(fit.view_rms) > LEAST_VIEWS:
            worst, most = index, fit.view_rms[index] / bound
    return worst


class _Joint:
    """One fit; the unknowns lie in one vector: lenses, places of the cameras but the first, the board's."""

    def __init__(self, views: dict[int, View], board: Board, sizes: dict[str, tuple[int, int]]) -> None:
        self._points = board.corners()
        self._sizes = sizes
        self._cameras = list(sizes)
        self._seen = [
            (index, camera, view.corners[camera])
            for index, view in views.items()
            for camera in self._cameras
            if camera in view.corners
        ]
        indices = sorted({index for index, _, _ in self._seen})
        at = LENS_UNKNOWNS * len(sizes)
        self._lens_at = {camera: LENS_UNKNOWNS * k for k, camera in enumerate(self._cameras)}
        self._pose_at = {camera: at + 6 * k for k, camera in enumerate(self._cameras[1:])}
        at += 6 * (len(sizes) - 1)
        self._view_at = {index: at + 6 * k for k, index in enumerate(indices)}
        self._unknowns = at + 6 * len(indices)

    def solve(self, left_out: tuple[int, ...]) -> dict[str, CameraFit]:
        """The fit of every camera; ``left_out`` is handed on."""
        start = self._start()
        answer = least_squares(
            self._residuals, start, self._jacobian, method="trf", x_scale="jac", max_nfev=60
        )
        sigma = self._sigma(answer.x, answer.jac, answer.fun)
        return {camera: self._fit(camera, answer.x, sigma, left_out) for camera in self._cameras}

    # --- where it begins ---------------------------------------------------------------------------

    def _start(self) -> NDArray[np.float64]:
        x = np.zeros(self._unknowns)
        boards: dict[tuple[int, str], Pose] = {}
        for camera, at in self._lens_at.items():
            mine = [(index, corners) for index, name, corners in self._seen if name == camera]
            lens, poses = _own_fit([corners for _, corners in mine], self._points, self._sizes[camera])
            x[at : at + LENS_UNKNOWNS] = [*lens.focal, *lens.centre, *lens.distortion[:4]]
            boards |= {(index, camera): pose for (index, _), pose in zip(mine, poses, strict=True)}
        places = self._places(boards)
        for camera, at in self._pose_at.items():
            x[at : at + 6] = [*places[camera].rotation, *places[camera].shift]
        for index, at in self._view_at.items():
            camera = next(name for k, name in boards if k == index)
            pose = places[camera].inverse().after(boards[index, camera])
            x[at : at + 6] = [*pose.rotation, *pose.shift]
        return x

    def _places(self, boards: dict[tuple[int, str], Pose]) -> dict[str, Pose]:
        """Each camera's place, from the view that it shares with one whose place is known."""
        known = {self._cameras[0]: Pose.none()}
        while len(known) < len(self._cameras):
            found = False
            for camera in self._cameras:
                if camera in known:
                    continue
                ways = [
                    boards[index, camera].after(boards[index, other].inverse()).after(known[other])
                    for index, other in boards
                    if other in known and (index, camera) in boards
                ]
                if ways:
                    known[camera] = _middle(ways)
                    found = True
            if not found:
                missing = ", ".join(camera for camera in self._cameras if camera not in known)
                raise DatasetError(
                    f"{missing}: no view of the board in common with {', '.join(known)}: hold it where "
                    "both see it"
                )
        return known

    # --- the fit -----------------------------------------------------------------------------------

    def _pose(self, x: NDArray[np.float64], at: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x[at : at + 3], x[at + 3 : at + 6]

    def _project(
        self, x: NDArray[np.float64], index: int, camera: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[NDArray[np.float64]] | None]:
        """Pixels, their derivatives, and those of the board's place before the camera by board and camera."""
        chain = None
        rotation, shift = self._pose(x, self._view_at[index])
        if camera in self._pose_at:
            parts = cv2.composeRT(rotation, shift, *self._pose(x, self._pose_at[camera]))
            rotation, shift = (np.asarray(part, np.float64) for part in parts[:2])
            chain = [np.asarray(part, np.float64) for part in parts[2:]]
        lens = x[self._lens_at[camera] :][:LENS_UNKNOWNS]
        matrix = np.array([[lens[0], 0.0, lens[2]], [0.0, lens[1], lens[3]], [0.0, 0.0, 1.0]])
        pixels, jacobian = cv2.projectPoints(self._points, rotation, shift, matrix, lens[4:])
        return np.asarray(pixels, np.float64).reshape(-1, 2), np.asarray(jacobian, np.float64), chain

    def _residuals(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        corners = [self._project(x, index, camera)[0] - found for index, camera, found in self._seen]
        return np.concatenate([*(part.ravel() for part in corners), *(self._beliefs(x))])

    def _beliefs(self, x: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        beliefs = []
        for camera, at in self._lens_at.items():
            width, height = self._sizes[camera]
            fx, fy, cx, cy = x[at : at + 4]
            far = np.array([cx - (width - 1) / 2, cy - (height - 1) / 2]) / (CENTRE_BELIEF * width)
            aspect = (fx - fy) / (ASPECT_BELIEF * width)
            beliefs.append(NOISE_BELIEF * np.array([*far, aspect, *(x[at + 4 : at + 8] / DISTORTION_BELIEF)]))
        return beliefs

    def _jacobian(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = 2 * len(self._points)
        out = np.zeros((rows * len(self._seen) + 7 * len(self._lens_at), self._unknowns))
        for k, (index, camera, _) in enumerate(self._seen):
            block = out[rows * k : rows * (k + 1)]
            _, by, chain = self._project(x, index, camera)
            at = self._lens_at[camera]
            block[:, at : at + LENS_UNKNOWNS] = by[:, 6 : 6 + LENS_UNKNOWNS]
            view = self._view_at[index]
            if chain is None:
                block[:, view : view + 6] = by[:, :6]
                continue
            dr_dr1, dr_dt1, dr_dr2, dr_dt2, dt_dr1, dt_dt1, dt_dr2, dt_dt2 = chain
            before = np.block([[dr_dr1, dr_dt1], [dt_dr1, dt_dt1]])
            after = np.block([[dr_dr2, dr_dt2], [dt_dr2, dt_dt2]])
            block[:, view : view + 6] = by[:, :6] @ before
            place = self._pose_at[camera]
            block[:, place : place + 6] = by[:, :6] @ after
        for k, (camera, at) in enumerate(self._lens_at.items()):
            width = self._sizes[camera][0]
            belief = out[rows * len(self._seen) + 7 * k :]
            belief[0, at + 2] = belief[1, at + 3] = NOISE_BELIEF / (CENTRE_BELIEF * width)
            belief[2, at : at + 2] = np.array([1.0, -1.0]) * NOISE_BELIEF / (ASPECT_BELIEF * width)
            belief[3:7, at + 4 : at + 8] = np.diag(NOISE_BELIEF / DISTORTION_BELIEF)
        return out

    # --- what came out -----------------------------------------------------------------------------

    def _sigma(
        self, x: NDArray[np.float64], jacobian: NDArray[np.float64], residuals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Standard deviations of all unknowns, from how well the corners fit."""
        variance = float((residuals**2).sum()) / max(1, len(residuals) - self._unknowns)
        return np.sqrt(np.diag(np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)).clip(0.0) * variance)

    def _fit(
        self,
        camera: str,
        x: NDArray[np.float64],
        sigma: NDArray[np.float64],
        left_out: tuple[int, ...],
    ) -> CameraFit:
        at = self._lens_at[camera]
        fx, fy, cx, cy, k1, k2, p1, p2 = (float(value) for value in x[at : at + LENS_UNKNOWNS])
        lens = Lens(*self._sizes[camera], (fx, fy), (cx, cy), (k1, k2, p1, p2, 0.0))
        pose, pose_sigma = Pose.none(), np.zeros(6)
        if camera in self._pose_at:
            place = self._pose_at[camera]
            pose = Pose(*(part.copy() for part in self._pose(x, place)))
            pose_sigma = sigma[place : place + 6] * ([180.0 / np.pi] * 3 + [1.0] * 3)
        residuals = {
            index: corners - self._project(x, index, name)[0]
            for index, name, corners in self._seen
            if name == camera
        }
        view_rms = {index: _rms(rest) for index, rest in residuals.items()}
        rms = _rms(np.concatenate(list(residuals.values())))
        return CameraFit(
            lens, sigma[at : at + LENS_UNKNOWNS], pose, pose_sigma, rms, view_rms, residuals, left_out
        )


def _rms(residuals: NDArray[np.float64]) -> float:
    """Root mean square of the distances, px."""
    return float(np.sqrt((residuals**2).sum(1).mean()))


def _own_fit(
    corners: list[NDArray[np.float64]], points: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Lens, list[Pose]]:
    """A camera by itself: its lens without distortion, and where the board was."""
    objects = [points.astype(np.float32)] * len(corners)
    pictures = [places.astype(np.float32).reshape(-1, 1, 2) for places in corners]
    flags = (
        cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_FIX_PRINCIPAL_POINT | cv2.CALIB_ZERO_TANGENT_DIST
        | cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_USE_INTRINSIC_GUESS
    )  # fmt: skip
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    guess = np.array([[size[0], 0.0, middle[0]], [0.0, size[0], middle[1]], [0.0, 0.0, 1.0]], np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, matrix, _, rotations, shifts = cv2.calibrateCamera(
            objects, pictures, size, guess, np.zeros(5), flags=flags
        )
    poses = [
        Pose(np.asarray(r, np.float64).ravel(), np.asarray(t, np.float64).ravel())
        for r, t in zip(rotations, shifts, strict=True)
    ]
    return Lens(*size, (float(matrix[0, 0]), float(matrix[1, 1])), middle), poses


def _middle(poses: list[Pose]) -> Pose:
    """The one of several poses that the others are nearest to; a millimetre counts as a milliradian."""
    rows = np.array([[*(1000.0 * pose.rotation), *pose.shift] for pose in poses])
    far = np.abs(rows[:, None] - rows[None]).sum((1, 2))
    return poses[int(far.argmin())]


def calibration_of(fits: dict[str, CameraFit]) -> Calibration:
    """What is kept of a fit; the first camera is the reference."""
    cameras = {}
    for name, fit in fits.items():
        s = [float(value) for value in fit.pose_sigma]
        cameras[name] = CalibratedCamera(fit.lens, fit.pose, fit.rms, (s[0], s[1], s[2], s[3], s[4], s[5]))
    return Calibration(next(iter(fits)), cameras)
