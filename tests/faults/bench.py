"""A place for one fault: sessions of real processes, short enough to break many."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from rig.graph import Graph, ParameterValue, RecordOptions, record_graph
from rig.starting.local import Running
from tests.conftest import rig_file, script_file

RIG = str(Path(sys.prefix) / "bin" / "rig")

PHOTOGRAPH = {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}
"""A virtual event camera that starts at once and costs little."""

WEBCAM = {"source": "virtual", "scene": "photograph", "width": 320, "height": 240}

PATIENCE = 120.0
"""s for whatever is waited for, on a busy machine too."""

LONG = 40.0
"""s to perform in a session that is ended before: whatever is tried meanwhile may take its time."""

SMALL_DISK: dict[str, ParameterValue] = {"reserve": 1}
"""Parameters of a recorder that may fill a small disk."""


class UnexpectedError(AssertionError):
    """The rig did not do what it should."""


def expect(truth: object, otherwise: str) -> None:
    """Raise UnexpectedError with these words where something is not true."""
    if not truth:
        raise UnexpectedError(otherwise)


class Watched:
    """Lines that processes say, with a way to wait for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            self._news.notify_all()

    def wait_for(self, text: str, timeout: float = PATIENCE) -> str:
        """The first line that holds a text."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._news:
            if not self._news.wait_for(lambda: found() is not None, timeout):
                raise UnexpectedError("\n".join([f"never said {text!r}:", *self.lines[-30:]]))
        return found() or ""

    @property
    def errors(self) -> list[str]:
        """What was said in case of trouble."""
        return [line for line in self.lines if "error:" in line]

    @property
    def tracebacks(self) -> list[str]:
        """Lines that only a programmer reads."""
        return [line for line in self.lines if "Traceback" in line]


@dataclass
class Session:
    """A session that runs, or ran.

    Attributes:
        folder: of the session.
        running: its processes.
        said: what they say.
    """

    folder: Path
    running: Running
    said: Watched
    code: int | None = field(default=None)

    def at(self, phase: str, trial: int = 1) -> None:
        """Wait until a trial, from 1, has come to a phase."""
        self.said.wait_for(f"conductor] {trial}/", PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not self._came_to(phase, trial):
            expect(
                time.monotonic() < deadline, f"never came to trial {trial}, {phase}: {self.said.lines[-8:]}"
            )
            time.sleep(0.01)

    def _came_to(self, phase: str, trial: int) -> bool:
        return any(f"] {trial}/" in line and line.endswith(f": {phase}") for line in list(self.said.lines))

    def signal(self, node: str, what: signal.Signals) -> int:
        """Send a process a signal; ns, host clock, when it was sent."""
        os.kill(self.running.pid(node), what)
        return time.time_ns()

    def kill(self, node: str) -> int:
        """kill -9 a process; ns, host clock, when."""
        return self.signal(node, signal.SIGKILL)

    def end(self, timeout: float = PATIENCE) -> int:
        """Wait until the graph has come to its end by itself; its exit code."""
        ended = self.running.wait(timeout)
        expect(ended is not None, f"did not end within {timeout:.0f} s: {self.said.lines[-8:]}")
        assert ended is not None
        self.code = ended[1]
        return self.code

    def has(self, node: str) -> bool:
        """Whether a node belongs to the session."""
        return any(spec.name == node for spec in self.running.graph.nodes)

    @property
    def manifest(self) -> list[dict[str, Any]]:
        """The lines of finished takes."""
        path = self.folder / "manifest.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def outcomes(self) -> list[str]:
        """How the finished takes ended."""
        return [line["outcome"] for line in self.manifest]


class Bench:
    """A folder in which one fault happens.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"

    def graph(
        self,
        aus: str = "12,45",
        cameras: Sequence[str] = ("davis346",),
        parameters: dict[str, dict[str, ParameterValue]] | None = None,
        out: Path | None = None,
        perform: float = 1.5,
        **options: Any,
    ) -> Graph:
        """A session of virtual cameras before a photograph: seconds long, cheap."""
        entries = {camera: WEBCAM if camera == "webcam" else PHOTOGRAPH for camera in cameras}
        graph = record_graph(
            RecordOptions(
                rig=rig_file(self.folder, entries),
                script=script_file(self.folder, perform=perform, rest=0.3),
                aus=aus,
                headless=True,
                out=str(out or self.recordings),
                **options,
            )
        )
        return graph.with_parameters(parameters or {})

    @contextmanager
    def session(self, graph: Graph, out: Path | None = None, session: str = "01") -> Iterator[Session]:
        """Start a session; whatever still runs when the block ends is brought down."""
        said = Watched()
        try:
            with Running(graph, said) as running:
                yield Session((out or self.recordings) / "sub-S01" / f"ses-{session}", running, said)
        finally:
            with (self.folder / "said.txt").open("a") as file:
                file.writelines(line + "\n" for line in said.lines)

    def rig(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [RIG, *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=3 * PATIENCE, cwd=self.folder, **options,
        )  # fmt: skip

    @contextmanager
    def process(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A process of the fault's own, from tests.faults.strangers, once it has said that it is ready."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.strangers", *words],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            expect(process.stdout.readline() == "ready\n", f"{words[0]} did not start")
            yield process
        finally:
            process.kill()
            process.wait()


def without(graph: Graph, *names: str) -> Graph:
    """The graph less some nodes."""
    return Graph(tuple(node for node in graph.nodes if node.name not in names), graph.title)


def last_stamp(bag: Path) -> int:
    """ns, host clock, at which a bag's last message of a sensor came."""
    with Reader(bag) as reader:
        return max((stamp for c, stamp, _ in reader.messages() if "/session/" not in c.topic), default=0)


def wait_until(true: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
    """Look every 20 ms until something is true."""
    deadline = time.monotonic() + timeout
    while not true():
        expect(time.monotonic() < deadline, f"never: {what}")
        time.sleep(0.02)
