"""A person at the terminal: start, redo, stop; and the live graph, watched and stopped."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.commands.watching import watch
from rig.graph import ReplayOptions, replay_graph
from src.evface.tests.lively_network import lively_checkpoint
from tests.conftest import Session, rig_file, script_file

RIG = str(Path(sys.prefix) / "bin" / "rig")


class Terminal:
    """A running `rig` whose output can be waited for and whose input can be typed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def wait_for(self, text: str, timeout: float = 60.0, after: int = 0) -> int:
        """Wait for a line with this text; its index."""

        def found() -> bool:
            return any(text in line for line in self.lines[after:])

        with self._news:
            assert self._news.wait_for(found, timeout), "\n".join([f"never said {text!r}:", *self.lines])
            return next(i for i, line in enumerate(self.lines) if i >= after and text in line)

    def type(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


@contextmanager
def rig(*arguments: str) -> Iterator[Terminal]:
    process = subprocess.Popen(
        [RIG, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Terminal(process)
        process.wait(timeout=40)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=40)


def test_an_operator_starts_redoes_and_ends_a_session(tmp_path: Path) -> None:
    cameras = {
        "davis346": {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}
    }
    arguments = ["--rig", rig_file(tmp_path, cameras), "--script", script_file(tmp_path), "--aus", "12,45"]
    with rig("record", *arguments, "--out", str(tmp_path / "out")) as terminal:
        terminal.wait_for("every sensor is heard")
        terminal.type("resume")
        terminal.wait_for("resume: the session has not begun")
        terminal.type("start anyway")  # whatever a busy machine makes red
        terminal.wait_for("consent (say consent or decline)")
        terminal.type("skip")
        terminal.wait_for("skip: skip makes no sense in consent")
        terminal.type("consent research,sharing")
        said = terminal.wait_for("1/2  AU 12 Lip Corner Puller: perform")
        terminal.type("redo")
        terminal.wait_for("AU 12 Lip Corner Puller (take 2): countdown", after=said)
        terminal.wait_for("session over: 3 takes are safe")
    assert terminal.process.returncode == 0
    manifest = (tmp_path / "out" / "sub-S01" / "ses-01" / "manifest.jsonl").read_text().splitlines()
    lines = sorted((json.loads(line) for line in manifest), key=lambda line: line["take"])
    assert [(line["au"], line["run"], line["outcome"]) for line in lines] == [
        (12, 1, "redone"),
        (12, 2, "complete"),
        (45, 1, "complete"),
    ]


def test_live_recognition_is_watched_and_stopped_with_ctrl_c(tmp_path: Path) -> None:
    checkpoint = lively_checkpoint(tmp_path / "model.safetensors")
    scores = tmp_path / "scores.csv"
    with rig(
        "live", "--rig", "virtual", "--checkpoint", str(checkpoint), "--scores", str(scores)
    ) as terminal:
        first = terminal.wait_for(" events  AU")
        for _ in range(30):
            first = terminal.wait_for(" events  AU", after=first + 1)
        os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.process.returncode == 0
    assert any("slices; latency median" in line for line in terminal.lines)
    assert not any("Traceback" in line for line in terminal.lines), "\n".join(terminal.lines)
    with scores.open() as file:
        assert len(list(csv.DictReader(file))) >= 30


def test_the_face_is_tracked_in_a_replay(virtual_session: Session, tmp_path: Path) -> None:

    checkpoint = lively_checkpoint(tmp_path / "model.safetensors")
    path = tmp_path / "scores.csv"
    graph = replay_graph(ReplayOptions(bag=str(virtual_session.bag(0)), checkpoint=str(checkpoint)))
    assert watch(graph, path, quiet=True, tail=1.0) == 0
    with path.open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["probability"]) > 0.95
    assert 100 < float(last["width"]) < 260


def test_a_session_that_was_killed_goes_on_at_the_action_unit_where_it_was(tmp_path: Path) -> None:
    cameras = {
        "davis346": {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}
    }
    arguments = ["--rig", rig_file(tmp_path, cameras), "--out", str(tmp_path / "out")]
    first = [*arguments, "--script", script_file(tmp_path), "--aus", "12,45,51", "--consent", "research"]
    folder = tmp_path / "out" / "sub-S01" / "ses-01"
    with rig("record", *first) as terminal:
        terminal.wait_for("every sensor is heard")
        terminal.type("start anyway")  # whatever a busy machine makes red
        terminal.wait_for("2/3  AU 45 Blink: perform")
        terminal.process.kill()
    for held in ("journal.jsonl", ".lock"):
        with (folder / held).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until its node, whose starter is gone, has ended too
    with rig("record", *arguments, "--resume") as terminal:
        terminal.wait_for("every sensor is heard")
        terminal.type("start anyway")  # whatever a busy machine makes red
        terminal.wait_for("session over: 4 takes are safe")
    assert terminal.process.returncode == 0
    manifest = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert sorted((line["au"], line["run"], line["outcome"]) for line in manifest) == [
        (12, 1, "complete"),
        (45, 1, "interrupted"),
        (45, 2, "complete"),
        (51, 1, "complete"),
    ]
    assert json.loads((folder / "consent.json").read_text())["how"] == "virtual"
