"""Starts a graph's processes without ROS 2's launch, watches them and brings them down together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from evface.interrupts import interrupts_held_back, interrupts_ignored
from rig.graph import Graph, NodeSpec
from rig.starting.leftovers import clear_leftovers
from rig.transport import environment

START = (
    # Until rclpy takes over, a SIGINT ends the process without a traceback out of its imports; one that came
    # while Python itself started was held back.
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT]); "
    "from rig.starting.leash import follow; follow({parent}); from rig.nodes.{name} import main; main()"
)


class Running:
    """A graph whose processes run; use as a context manager.

    Args:
        graph: what to start.
        say: called with each line the processes print, "[node] text".
    """

    def __init__(self, graph: Graph, say: Callable[[str], None] = print) -> None:
        self.graph = graph
        self._say = say
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._ended = threading.Event()

    def __enter__(self) -> Running:
        self._folder = tempfile.TemporaryDirectory(prefix="rig-")
        # After a kill -9 the next session must not meet what the last one left.
        clear_leftovers()
        surroundings = os.environ | environment()
        for spec in self.graph.nodes:
            self._start(spec, surroundings)
        return self

    def _start(self, spec: NodeSpec, surroundings: dict[str, str]) -> None:
        parameters = Path(self._folder.name) / f"{spec.name}.yaml"
        parameters.write_text(yaml.safe_dump({f"/{spec.name}": {"ros__parameters": spec.parameters}}))
        start = START.format(name=spec.name, parent=os.getpid())
        with interrupts_held_back():
            process = subprocess.Popen(
                [sys.executable, "-c", start, "--ros-args", "--params-file", str(parameters)],
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # A Ctrl-C in the terminal reaches the starter alone; it ends the graph in order.
                start_new_session=True,
            )
        self._processes[spec.name] = process
        reader = threading.Thread(target=self._read, args=(spec.name, process), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._say(f"[{name}] {line.rstrip()}")
        process.wait()
        self._ended.set()

    def ended(self) -> tuple[str, int] | None:
        """Name and exit code of the first required process that has ended, None while all run."""
        for spec in self.graph.nodes:
            code = self._processes[spec.name].poll()
            if spec.required and code is not None:
                return spec.name, code
        return None

    def wait(self, timeout: float | None = None) -> tuple[str, int] | None:
        """Wait until a required process ends.

        Returns:
            Its name and exit code, or None when ``timeout`` seconds have passed.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            self._ended.clear()
            found = self.ended()
            if found is not None:
                return found
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._ended.wait(left)

    def __exit__(self, *_: object) -> None:
        # An impatient second Ctrl-C must not leave processes behind, nor a take half-written.
        with interrupts_ignored():
            self._bring_down()

    def _bring_down(self) -> None:
        # The order of the graph's end is the reverse of its start: cameras before the recorder.
        for name in reversed(list(self._processes)):
            self._signal(name, signal.SIGINT)
        start = time.monotonic()
        # The most patient last, so that nobody gets more time because of it.
        for spec in sorted(self.graph.nodes, key=lambda spec: spec.patience):
            name, process = spec.name, self._processes[spec.name]
            try:
                process.wait(max(0.1, start + spec.patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"[{name}] did not end within {spec.patience:.0f} s and was killed")
                self._signal(name, signal.SIGKILL)
                process.wait()
        for reader in self._readers:
            reader.join(timeout=5.0)
        self._folder.cleanup()

    def _signal(self, name: str, what: signal.Signals) -> None:
        process = self._processes[name]
        if process.poll() is None:
            process.send_signal(what)

    def pid(self, name: str) -> int:
        """Process id of a node, for those who look at it from outside."""
        return self._processes[name].pid


def run_graph(graph: Graph, say: Callable[[str], None] = print) -> int:
    """Start a graph, wait for its end (or Ctrl-C), bring it down.

    Returns:
        Exit code of the required process that ended first; 130 after Ctrl-C.
    """
    say(graph.title)
    with Running(graph, say) as running:
        try:
            found = running.wait()
        except KeyboardInterrupt:
            say("stopping")
            return 130
    assert found is not None
    name, code = found
    if code != 0:
        say(f"{name} ended with exit code {code}")
    return code
