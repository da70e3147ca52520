"""What goes wrong in a lab, against real processes: one clear line, nothing finished is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader

from rig.errors import RecordingError
from rig.graph import Graph, RecordOptions, ReplayOptions, record_graph, replay_graph
from rig.recording import Manifest
from rig.starting.local import Running, run_graph
from src.evface.tests.lively_network import lively_checkpoint
from tests.conftest import Session, rig_file, script_file

RIG = str(Path(sys.prefix) / "bin" / "rig")

PHOTOGRAPH = {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}
"""A virtual camera that starts at once and costs little."""


def graph_of(folder: Path, aus: str = "12,45", **times: float) -> Graph:
    """A session on a virtual DAVIS346 alone."""
    return record_graph(
        RecordOptions(
            rig=rig_file(folder, {"davis346": PHOTOGRAPH}),
            script=script_file(folder, **times),
            aus=aus,
            headless=True,
            out=str(folder / "out"),
        )
    )


class Watched:
    """Lines a graph says, with a way to wait for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            self._news.notify_all()

    def wait_for(self, text: str, timeout: float = 40.0) -> None:
        def there() -> bool:
            return any(text in line for line in self.lines)

        with self._news:
            assert self._news.wait_for(there, timeout), "\n".join([f"never said {text!r}:", *self.lines])


def session_of(folder: Path, said: Watched, code: int) -> Session:
    return Session(folder / "out" / "sub-S01" / "ses-01", code, said.lines)


def stop_at(folder: Path, phase: str, act: Callable[[Running], None]) -> Session:
    """Run a session, do something once a phase is announced, and wait for the end of the graph."""
    said = Watched()
    with Running(graph_of(folder), said) as running:
        said.wait_for(phase)
        act(running)
        ended = running.wait(timeout=40.0)
    assert ended is not None
    return session_of(folder, said, ended[1])


def test_a_camera_that_dies_ends_the_session_and_the_takes_stay(tmp_path: Path) -> None:
    session = stop_at(
        tmp_path, "2/2  AU 45 Blink: perform", lambda r: os.kill(r.pid("davis346"), signal.SIGKILL)
    )
    assert session.code == -signal.SIGKILL
    first, second = session.manifest
    assert (first["outcome"], second["outcome"]) == ("complete", "interrupted")
    for line in session.manifest:
        with Reader(session.folder / line["take"]) as reader:
            assert reader.message_count == line["messages"]


def test_a_recorder_that_is_killed_harms_no_finished_take(tmp_path: Path) -> None:
    session = stop_at(
        tmp_path, "2/2  AU 45 Blink: perform", lambda r: os.kill(r.pid("recorder"), signal.SIGKILL)
    )
    assert session.code == -signal.SIGKILL
    assert [line["outcome"] for line in session.manifest] == ["complete"]
    with Reader(session.bag(0)) as reader:
        assert reader.message_count == session.manifest[0]["messages"]
    assert not (session.folder / "sub-S01_ses-01_task-au45_run-01").exists()


def test_ctrl_c_keeps_the_take_that_was_running(tmp_path: Path) -> None:
    said = Watched()
    with Running(graph_of(tmp_path), said) as running:
        said.wait_for("1/2  AU 12 Lip Corner Puller: perform")
        pids = [running.pid(node.name) for node in running.graph.nodes]
    session = session_of(tmp_path, said, 130)
    assert [line["outcome"] for line in session.manifest] == ["interrupted"]
    assert not any("Traceback" in line for line in said.lines), "\n".join(said.lines)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_second_recorder_is_refused_the_folder(tmp_path: Path) -> None:
    first = Watched()
    with Running(graph_of(tmp_path), first):
        first.wait_for("1/2  AU 12 Lip Corner Puller: countdown")
        with pytest.raises(RecordingError, match="another recorder is writing"):
            Manifest(tmp_path / "out" / "sub-S01" / "ses-01")


def test_a_recorded_session_is_not_overwritten(virtual_session: Session, tmp_path: Path) -> None:
    options = RecordOptions(
        rig=rig_file(tmp_path, {"davis346": PHOTOGRAPH}), session="01", aus="12", headless=True,
        script=script_file(tmp_path), out=str(virtual_session.recordings),
    )  # fmt: skip
    before = sorted(path.name for path in virtual_session.folder.iterdir())
    said: list[str] = []
    assert run_graph(record_graph(options), said.append) == 2
    assert any("holds a recorded session already" in line for line in said)
    assert sorted(path.name for path in virtual_session.folder.iterdir()) == before


def test_a_silent_sensor_is_named_before_the_session_starts(tmp_path: Path) -> None:
    video = tmp_path / "rig.yaml"
    video.write_text("davis346: {source: virtual, scene: photograph, pixels: ideal}\n")
    graph = record_graph(
        RecordOptions(
            rig=str(video), script=script_file(tmp_path), aus="12", headless=True, out=str(tmp_path / "out")
        )
    ).with_parameters({"recorder": {"cameras": ["davis346", "webcam"]}, "conductor": {"patience": 12.0}})
    said: list[str] = []
    assert run_graph(graph, said.append) == 2
    errors = [line for line in said if "error:" in line]
    assert len(errors) == 1
    assert "nothing came on /webcam/image_raw/compressed" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "--rig", "nope"], "no rigs configuration called 'nope'"),
        (["record", "--rig", "virtual", "--aus", "3"], "AU 3 is not one of the 21"),
        (["record", "--subject", "Jane Doe"], "subject"),
        (["replay", "nowhere", "--checkpoint", "none"], "no bag at"),
        (["live", "--checkpoint", "none.safetensors"], "no checkpoint at"),
        (["convert", "nowhere"], "nowhere"),
        (["train", "au", "nowhere"], "nowhere"),
    ],
)
def test_what_is_mistyped_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    found = subprocess.run([RIG, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = found.stderr.splitlines()
    assert found.returncode == 2, found.stderr
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]


def test_a_broken_bag_is_refused_by_the_player(tmp_path: Path) -> None:
    bag = tmp_path / "take"
    bag.mkdir()
    (bag / "metadata.yaml").write_text("garbage: [")
    checkpoint = lively_checkpoint(tmp_path / "model.safetensors")
    said: list[str] = []
    graph = replay_graph(ReplayOptions(bag=str(bag), checkpoint=str(checkpoint), box="0,0,64,64"))
    begin = time.monotonic()
    assert run_graph(graph, said.append) == 2
    assert time.monotonic() - begin < 60
    assert any("not a readable rosbag2 bag" in line for line in said)
    assert not any("Traceback" in line for line in said)
