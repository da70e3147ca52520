"""What a process uses, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A running process, counted from now on.

    Args:
        pid: its id.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        self._before = self._cpu()

    def _cpu(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def used(self) -> tuple[float, float]:
        """s of processor time since it was first looked at, and the peak of its memory, bytes."""
        status = (self._folder / "status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return self._cpu() - self._before, int(peak.split()[1]) * 1024.0
