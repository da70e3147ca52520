"""kill -9 of a recorder that records: what is left of its takes. `make soak` does it 200 times."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from benchmarks.recorder.kills import kill


def test_a_killed_recorder_loses_at_most_a_second_of_the_running_take(tmp_path: Path) -> None:
    said = io.StringIO()
    trials = kill(3, ["davis346"], tmp_path / "out", seed=3, console=Console(file=said))
    assert len(trials) == 3
    assert [trial.complaints for trial in trials] == [[]] * 3, said.getvalue()
    assert any(trial.takes for trial in trials)
