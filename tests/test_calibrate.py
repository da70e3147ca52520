"""`rig calibrate` with real processes: a virtual board before two virtual cameras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evface.calibration import read_calibration
from evface.simulation.board import virtual_view
from rig.transport import environment
from tests.conftest import rig_file

pytestmark = pytest.mark.timeout(400)

SIZES = {"davis346": (346, 260), "webcam": (640, 480)}


def rig(*arguments: str) -> str:
    """Run the command; what it said."""
    command = [str(Path(sys.executable).parent / "rig"), *arguments]
    surroundings = os.environ | environment()
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a calibration and what the command said."""
    folder = tmp_path_factory.mktemp("calibration")
    cameras = {
        "davis346": {"source": "virtual", "seed": 4, "step_rate": 100.0, "frame_rate": 20.0},
        "webcam": {"source": "virtual", "seed": 4, "width": 640, "height": 480, "frame_rate": 20.0},
    }
    arguments = ["calibrate", "--rig", rig_file(folder, cameras), "--views", "4", "--most", "9"]
    return folder / "calib", rig(*arguments, "--out", str(folder / "calib"))


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
    rig("calibrate", "--finish", "--out", str(folder))
    for camera in SIZES:
        again = read_calibration(folder).camera(camera).lens
        # How many threads shared the sums shows in the last digits.
        assert again.focal == pytest.approx(before.camera(camera).lens.focal, rel=1e-6)
