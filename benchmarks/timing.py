"""Timing of ours and its peers side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def medians(tasks: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Run every task once to warm up, then all in turn, ``rounds`` times.

    In turn, so that whatever else the machine does meanwhile meets all of them alike.

    Returns:
        Median s of each task, wall clock.
    """
    for task in tasks.values():
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in taken.items()}
