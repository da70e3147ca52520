"""What `make setup` relies on, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.link_workspace import link
from tools.mend_cmake import mend, mended

ROOT = Path(__file__).parents[1]
BAKED = (
    'set(dirs "/opt/python/cp311-cp311/include/python3.11")\n'
    'set(numpy "/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/core/include")\n'
)


def test_baked_in_paths_become_this_environments():
    text = mended(BAKED, "/usr/include/python3.11", "/home/someone/.venv/site-packages")
    assert text == (
        'set(dirs "/usr/include/python3.11")\n'
        'set(numpy "/home/someone/.venv/site-packages/numpy/core/include")\n'
    )


def test_mending_leaves_the_installers_cached_copy_alone(tmp_path: Path):
    cached = tmp_path / "cache.cmake"
    cached.write_text(BAKED)
    installed = tmp_path / "prefix" / "share" / "some_msgs" / "cmake" / "export.cmake"
    installed.parent.mkdir(parents=True)
    os.link(cached, installed)
    assert mend(tmp_path / "prefix", "/include", "/packages") == 1
    assert "/opt/python" not in installed.read_text()
    assert cached.read_text() == BAKED
    assert mend(tmp_path / "prefix", "/include", "/packages") == 0


def test_mending_passes_over_links_of_a_build_that_was_cleaned_away(tmp_path: Path):
    link_to_nothing = tmp_path / "share" / "rig_interfaces" / "cmake" / "export.cmake"
    link_to_nothing.parent.mkdir(parents=True)
    link_to_nothing.symlink_to(tmp_path / "build" / "export.cmake")
    assert mend(tmp_path, "/include", "/packages") == 0


def test_workspace_link_refuses_a_package_that_was_not_built(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="nothing_here"):
        link([tmp_path / "nothing_here"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_system_check_says_what_is_missing_and_how_to_get_it(tmp_path: Path):
    found = subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "check_system.sh")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stdout == ""
    assert [line.split(" (Debian")[0] for line in found.stderr.splitlines()] == [
        "missing: Python 3.11 or 3.12 (seen: none)",
        "missing: the C++ compiler g++",
        "missing: make",
    ]


@pytest.mark.parametrize("command", ["rig", "evface"])
def test_commands_run_without_anything_sourced(command: str):
    program = Path(sys.prefix) / "bin" / command
    if not program.exists():
        pytest.skip(f"{program} is not installed: make setup")
    # Beside a ROS 2 that is sourced, that much is sourced.
    surroundings = os.environ if "ROS_DISTRO" in os.environ else {"PATH": "/usr/bin:/bin"}
    found = subprocess.run([program, "--help"], env=surroundings, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert f"Usage: {command}" in found.stdout
