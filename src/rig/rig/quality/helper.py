"""The quality monitor's end of the assessor: starts it, hands it requests, collects its answers."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections import deque

from rig.quality.requests import Answer, Request

START = "from rig.quality.assessor import main; main()"


class Helper:
    """One assessor process; a dead one is replaced at the next request."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: deque[Answer] = deque()
        self._pending: deque[Request] = deque()
        self._changed = threading.Condition()

    @property
    def idle(self) -> bool:
        """Whether nothing is asked of it that it has not answered."""
        return not self._pending

    def ask(self, request: Request) -> None:
        """Hand over a request; large ones only while it is idle, for it reads between two answers."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._pending.append(request)
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._pending.clear()

    def answers(self) -> list[Answer]:
        """What was answered since the last call."""
        with self._changed:
            found = list(self._answers)
            self._answers.clear()
        return found

    def finish(self, patience: float) -> None:
        """Wait until all is answered, at most ``patience`` s, and end the process."""
        limit = time.monotonic() + patience
        with self._changed:
            while self._pending and (left := limit - time.monotonic()) > 0:
                self._changed.wait(left)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._pending.clear()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in the terminal is the starter's.
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process,), name="assessor", daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        while True:
            try:
                found: Answer = pickle.load(process.stdout)
            except (EOFError, pickle.UnpicklingError):
                break
            with self._changed:
                self._pending.popleft()
                self._answers.append(found)
                self._changed.notify_all()
        with self._changed:
            if process is self._process:
                self._pending.clear()
                self._changed.notify_all()
