"""`rig simulate` as it is typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evface.simulation.cohorts import planned
from rig.commands.simulate import summary


def rig(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from rig.cli import main; main()", "simulate", *arguments]


def alive(group: int) -> list[str]:
    """Processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        state, _, own = rest.split()[:3]
        if int(own) == group and state not in "ZX":
            found.append(name)
    return found


def test_what_is_made_is_said_before_it_is_made() -> None:
    text = summary(planned(cohort="paper7"), 2)
    assert "7 virtual subjects, 147 takes" in text
    assert "2 processes" in text
    assert "evk4: 63 takes, 640x360 (scale 0.5 of 1280x720)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--aus", "2,x"], "error: aus: '2,x' is not a comma-separated list of numbers"),
        (["--sensors", "davis"], "error: sensors: there is no 'davis'; there are: davis346, webcam, evk4"),
        (["--cohort", "mine"], "error: cohort: expected paper7 or large, found 'mine'"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_two(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = subprocess.run(rig(*arguments, "--out", str(tmp_path)), capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stderr.strip()) == (2, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["simulation.json", "*_quality.json"], ids=["at first", "meanwhile"])
def test_ctrl_c_leaves_whole_takes_and_no_process(tmp_path: Path, moment: str) -> None:
    out = tmp_path / "simulated"
    command = rig("--out", str(out), "--subjects", "1", "--sensors", "davis346", "--jobs", "2")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        for _ in range(900):
            if list(out.rglob(moment)):
                break
            time.sleep(0.1)
        # The processes have begun to import.
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=60)[0].decode()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, output
    assert "interrupted; takes that are whole stay" in output
    assert "Traceback" not in output
    assert not list(out.rglob("*.partial"))
    assert len(list(out.rglob("*_quality.json"))) < 21
    for _ in range(50):
        if not alive(process.pid):
            break
        time.sleep(0.1)
    assert not alive(process.pid)
