"""A rig's calibration on disk: a camera_info file per camera, and where the cameras are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

from evface.calibration.camera_info import camera_file, read_camera_info, write_camera_info
from evface.calibration.lens import Lens, Pose
from evface.errors import ConfigError
from evface.validation import read_yaml, validated

EXTRINSICS = "extrinsics.yaml"
"""Where the cameras are."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Three = Annotated[list[Finite], Field(min_length=3, max_length=3)]

MM = 1000.0
"""In a metre: files are in metres, as ROS is."""


class _Place(BaseModel):
    """From the reference's coordinates to a camera's: x right, y down, z away from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rotation_vector_rad: Three
    translation_m: Three
    rotation_sigma_deg: Three
    translation_sigma_m: Three
    rms_px: float = Field(ge=0.0, allow_inf_nan=False)


class _Extrinsics(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    cameras: dict[str, _Place]


@dataclass(frozen=True, slots=True)
class CalibratedCamera:
    """What later work needs of a camera.

    Attributes:
        lens: of its pictures.
        pose: from the reference camera's coordinates to its own.
        rms: px, of the corners it was calibrated with.
        pose_sigma: standard deviations of the rotation (degrees, 3) and the shift (mm, 3).
    """

    lens: Lens
    pose: Pose
    rms: float = 0.0
    pose_sigma: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Lenses and places of a rig's cameras.

    Attributes:
        reference: camera whose coordinates are the rig's.
        cameras: by name.
        place: folder that it was read from, for messages.
    """

    reference: str
    cameras: Mapping[str, CalibratedCamera]
    place: str = "calibration"

    def camera(self, name: str) -> CalibratedCamera:
        """One of the cameras.

        Raises:
            ConfigError: it was not calibrated.
        """
        if name not in self.cameras:
            raise ConfigError(f"{self.place}: no camera {name!r}; there are: {', '.join(self.cameras)}")
        return self.cameras[name]

    def fits(self, name: str, width: int, height: int) -> bool:
        """Whether a camera is in it, for pictures of this size."""
        lens = self.cameras[name].lens if name in self.cameras else None
        return lens is not None and (lens.width, lens.height) == (width, height)

    def write(self, folder: Path) -> None:
        """Write its files; each one replaces an older one when it is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, camera in self.cameras.items():
            write_camera_info(folder / f"{name}.yaml", name, camera.lens)
        places = {name: _place(camera) for name, camera in self.cameras.items()}
        text = yaml.safe_dump(
            _Extrinsics(reference=self.reference, cameras=places).model_dump(),
            sort_keys=False, default_flow_style=None,
        )  # fmt: skip
        partial = folder / f".{EXTRINSICS}.partial"
        partial.write_text(text)
        os.replace(partial, folder / EXTRINSICS)


def _place(camera: CalibratedCamera) -> _Place:
    sigma = [float(value) for value in camera.pose_sigma]
    return _Place(
        rotation_vector_rad=[float(value) for value in camera.pose.rotation],
        translation_m=[float(value) / MM for value in camera.pose.shift],
        rotation_sigma_deg=sigma[:3],
        translation_sigma_m=[value / MM for value in sigma[3:]],
        rms_px=camera.rms,
    )


def read_calibration(folder: Path) -> Calibration:
    """The calibration in a folder.

    Raises:
        ConfigError: a file is missing or broken.
        GeometryError: a camera's numbers are those of no lens.
    """
    path = folder / EXTRINSICS
    found = validated(_Extrinsics, read_yaml(path), str(path))
    if found.reference not in found.cameras:
        raise ConfigError(f"{path}: reference: {found.reference!r} is none of its cameras")
    cameras = {}
    for name, place in found.cameras.items():
        s = place.rotation_sigma_deg + [value * MM for value in place.translation_sigma_m]
        cameras[name] = CalibratedCamera(
            read_camera_info(camera_file(folder, name)),
            Pose(np.array(place.rotation_vector_rad), np.array(place.translation_m) * MM),
            place.rms_px,
            (s[0], s[1], s[2], s[3], s[4], s[5]),
        )
    return Calibration(found.reference, cameras, str(folder))


def copy_calibration(source: Path, target: Path) -> None:
    """Copy a calibration's folder, whole or not at all; one that is there already stays.

    Args:
        source: folder of a calibration.
        target: folder to be; its parent is there.

    Raises:
        ConfigError: there is no such folder, or it cannot be copied.
    """
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(source, partial)
        partial.rename(target)
    except OSError as error:
        raise ConfigError(f"{source}: calibration cannot be copied to {target}: {error}") from error
