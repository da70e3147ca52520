"""What killed processes leave in shared memory."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from rig.starting.leftovers import YOUNG, clear_leftovers


def make(folder: Path, name: str, age: float) -> Path:
    for path in (folder / name, folder / f"sem.{name}_mutex", folder / f"{name}_el"):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    return folder / f"{name}_el"


def test_what_nobody_holds_goes_and_the_rest_stays(tmp_path: Path) -> None:
    make(tmp_path, "fastdds_port7413", YOUNG + 60)
    make(tmp_path, "fastdds_0123456789abcdef", YOUNG + 60)
    make(tmp_path, "fastdds_port7415", 0.0)
    make(tmp_path, "fastdds_of_somebody", YOUNG + 60)
    held = make(tmp_path, "fastdds_port7417", YOUNG + 60)
    (tmp_path / "other").touch()
    with held.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert clear_leftovers(tmp_path) == 2
    left = {path.name for path in tmp_path.iterdir()}
    assert {name for name in left if "7413" in name or "0123" in name} == set()
    for name in ("fastdds_port7415", "fastdds_port7417", "fastdds_of_somebody"):
        assert {name, f"{name}_el", f"sem.{name}_mutex"} <= left
    assert "other" in left


def test_no_shared_memory_is_no_error(tmp_path: Path) -> None:
    assert clear_leftovers(tmp_path / "nowhere") == 0
