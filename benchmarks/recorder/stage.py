"""What stands around the recorder: camera processes, and the session it obeys."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from evface.privacy import Consent, read_consent, write_consent
from rig.recording.topics import STATE
from rig.stamps import host_now, to_time
from rig.transport import LATCHED_QOS
from rig_interfaces.msg import RecorderStatus, SessionState

AUS = (12, 45, 26, 1, 4)
ROOT = Path(__file__).parents[2]
NOBODY = Consent(version="none", scopes=("research",), given_ns=0, how="virtual")


class Stage:
    """Tells the recorder when to record, as the conductor does, and hears what it says. A context manager.

    Attributes:
        status: the recorder's last word; None before the first.
    """

    def __init__(self) -> None:
        rclpy.init()
        self._node = Node("stage")
        self._states = self._node.create_publisher(SessionState, STATE, LATCHED_QOS)
        self._node.create_subscription(RecorderStatus, "/recorder/status", self._hear, LATCHED_QOS)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._listeners: list[Callable[[RecorderStatus], None]] = []
        self.status: RecorderStatus | None = None

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _hear(self, status: RecorderStatus) -> None:
        self.status = status
        for listener in self._listeners:
            listener(status)

    def listen(self, listener: Callable[[RecorderStatus], None]) -> None:
        """Have every status passed on."""
        self._listeners.append(listener)

    def wait(self, seconds: float) -> None:
        """Serve for a while."""
        self.wait_for(lambda _: False, seconds)

    def wait_for(self, wanted: Callable[[RecorderStatus], bool], seconds: float) -> bool:
        """Serve until the recorder says what is wanted; False when it does not within ``seconds``."""
        limit = time.monotonic() + seconds
        while self.status is None or not wanted(self.status):
            left = limit - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def tell(self, output: Path, subject: str, phase: str, trial: int, take: int) -> int:
        """Publish a state.

        Args:
            output: folder of the recordings.
            subject: pseudonym.
            phase: countdown and perform are recorded.
            trial: index; its Action Unit follows from it.
            take: from 1.

        Returns:
            Its stamp, ns.
        """
        now = host_now()
        folder = output / f"sub-{subject}" / "ses-01"
        if read_consent(folder) is None:
            write_consent(folder, NOBODY)
        state = SessionState(
            session="01", subject=subject, phase=phase, output=str(output), au=AUS[trial % len(AUS)],
            trial=trial, trials=len(AUS), take=take, recording=phase in ("countdown", "perform"),
        )  # fmt: skip
        state.header.stamp = to_time(now)
        self._states.publish(state)
        return now


@dataclass
class Cameras:
    """Camera processes that send what was made beforehand. A context manager.

    Args:
        names: of the cameras.
        folder: for their logs.
        variables: environment of the processes.
    """

    names: list[str]
    folder: Path
    variables: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """Where a camera's fingerprints are once it has ended."""
        return self.folder / f"{name}.pickle"

    def __enter__(self) -> Cameras:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self.names:
            command = [sys.executable, "-m", "benchmarks.recorder.camera", name, "--log", str(self.log(name))]
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        return self

    def stop(self) -> None:
        """End the processes, so that their logs are written."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            try:
                process.wait(20.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
