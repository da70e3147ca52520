"""`rig calibrate` with real processes: a virtual board before two virtual cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from evface.calibration import read_calibration
from evface.simulation.board import virtual_view
from rig.cli import app
from tests.conftest import rig_file

SIZES = {"davis346": (346, 260), "webcam": (640, 480)}


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a calibration and what the command said."""
    folder = tmp_path_factory.mktemp("calibration")
    cameras = {
        "davis346": {"source": "virtual", "seed": 4, "step_rate": 100.0, "frame_rate": 20.0},
        "webcam": {"source": "virtual", "seed": 4, "width": 640, "height": 480, "frame_rate": 20.0},
    }
    arguments = ["calibrate", "--rig", rig_file(folder, cameras), "--views", "4", "--most", "9"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(folder / "calib")])
    assert result.exit_code == 0, result.output
    return folder / "calib", result.output


def test_the_virtual_rig_is_calibrated_by_a_virtual_board(calibrated: tuple[Path, str]) -> None:
    folder, said = calibrated
    found = read_calibration(folder)
    assert found.reference == "davis346"
    for camera, size in SIZES.items():
        lens, pose = virtual_view(camera, *size)
        seen = found.camera(camera)
        assert seen.rms < 0.5
        assert seen.lens.focal[0] == pytest.approx(lens.focal[0], rel=0.04)
        assert np.linalg.norm(seen.pose.shift - pose.shift) < 40.0
    assert "view 1" in said
    assert (folder / "report.png").stat().st_size > 10_000


def test_views_that_are_there_are_computed_again_without_cameras(calibrated: tuple[Path, str]) -> None:
    folder, _ = calibrated
    before = read_calibration(folder)
    result = CliRunner().invoke(app, ["calibrate", "--finish", "--out", str(folder)])
    assert result.exit_code == 0, result.output
    for camera in SIZES:
        assert read_calibration(folder).camera(camera).lens == before.camera(camera).lens
