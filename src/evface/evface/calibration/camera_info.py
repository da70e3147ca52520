"""A camera's calibration as a YAML file, as ROS's camera_info_manager and camera_calibration have it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from evface.calibration.lens import TERMS, Lens
from evface.errors import GeometryError
from evface.validation import read_yaml, validated

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Matrix(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(ge=1)
    cols: int = Field(ge=1)
    data: list[Finite]

    @model_validator(mode="after")
    def _as_many_as_it_says(self) -> _Matrix:
        if len(self.data) != self.rows * self.cols:
            raise ValueError(f"expected {self.rows} x {self.cols} numbers, found {len(self.data)}")
        return self

    @classmethod
    def of(cls, matrix: NDArray[np.float64]) -> _Matrix:
        rows, cols = matrix.shape
        return cls(rows=rows, cols=cols, data=[float(value) for value in matrix.ravel()])

    def array(self, rows: int, cols: int, name: str) -> NDArray[np.float64]:
        if (self.rows, self.cols) != (rows, cols):
            raise ValueError(f"{name}: expected {rows} x {cols}, found {self.rows} x {self.cols}")
        return np.array(self.data).reshape(rows, cols)


class _CameraInfo(BaseModel):
    """The file, its names in the order in which ROS writes them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image_width: int = Field(ge=1)
    image_height: int = Field(ge=1)
    camera_name: str = ""
    camera_matrix: _Matrix
    distortion_model: Literal["plumb_bob"]
    distortion_coefficients: _Matrix
    rectification_matrix: _Matrix
    projection_matrix: _Matrix

    @model_validator(mode="after")
    def _shapes(self) -> _CameraInfo:
        self.camera_matrix.array(3, 3, "camera_matrix")
        self.distortion_coefficients.array(1, TERMS, "distortion_coefficients")
        self.rectification_matrix.array(3, 3, "rectification_matrix")
        self.projection_matrix.array(3, 4, "projection_matrix")
        return self


def write_camera_info(path: Path, camera: str, lens: Lens) -> None:
    """Write a camera's file; what was there before stays until the new one is whole.

    Args:
        path: of the file.
        camera: name that the file says.
        lens: of the camera.
    """
    matrix = lens.matrix
    info = _CameraInfo(
        image_width=lens.width,
        image_height=lens.height,
        camera_name=camera,
        camera_matrix=_Matrix.of(matrix),
        distortion_model="plumb_bob",
        distortion_coefficients=_Matrix.of(np.array([lens.distortion])),
        rectification_matrix=_Matrix.of(np.eye(3)),
        projection_matrix=_Matrix.of(np.column_stack([matrix, np.zeros(3)])),
    )
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(yaml.safe_dump(info.model_dump(), sort_keys=False, default_flow_style=None))
    os.replace(partial, path)


def read_camera_info(path: Path) -> Lens:
    """Read a camera's file, whoever wrote it.

    Raises:
        ConfigError: no such file, not YAML, a name is missing, or a matrix has another shape.
        GeometryError: the numbers are those of no lens.
    """
    info = validated(_CameraInfo, read_yaml(path), str(path))
    matrix = np.array(info.camera_matrix.data).reshape(3, 3)
    k1, k2, p1, p2, k3 = info.distortion_coefficients.data
    try:
        return Lens(
            info.image_width,
            info.image_height,
            (float(matrix[0, 0]), float(matrix[1, 1])),
            (float(matrix[0, 2]), float(matrix[1, 2])),
            (k1, k2, p1, p2, k3),
        )
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from error


def camera_file(place: Path, camera: str) -> Path:
    """The file of a camera: the path itself, or CAMERA.yaml in it where it is a folder."""
    return place / f"{camera}.yaml" if place.is_dir() else place


def lens_for(place: Path, camera: str, width: int, height: int) -> Lens:
    """The lens of a camera that delivers pictures of a size.

    Args:
        place: a camera_info file, or a folder with one per camera.
        camera: its name.
        width: px.
        height: px.

    Raises:
        ConfigError: there is no such file, or it is none.
        GeometryError: it was made for pictures of another size.
    """
    path = camera_file(place, camera)
    lens = read_camera_info(path)
    if (lens.width, lens.height) != (width, height):
        raise GeometryError(
            f"{path}: calibrated for {lens.width}x{lens.height} px, but {camera} delivers {width}x{height} px"
        )
    return lens
