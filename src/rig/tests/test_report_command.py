"""How `rig report` says how far it is."""

from __future__ import annotations

from rich.console import Console

from rig.commands.report import progress_of


def test_where_nobody_looks_progress_is_lines_now_and_then() -> None:
    console = Console(record=True, force_terminal=False, width=100)
    with progress_of(console, seconds=0.0)("paper-snn-events") as told:
        told(1, 2, "sub-S01 seed 0 loss 0.05")
        told(2, 2, "sub-S01 seed 0 loss 0.04")
    assert console.export_text().splitlines() == [
        "paper-snn-events: 1 of 2, sub-S01 seed 0 loss 0.05",
        "paper-snn-events: 2 of 2, sub-S01 seed 0 loss 0.04",
    ]
    with progress_of(console, seconds=60.0)("paper-snn-rgb") as told:
        for epoch in range(5):
            told(epoch, 9, "")
        told(9, 9, "done")
    assert console.export_text().splitlines() == ["paper-snn-rgb: 0 of 9, ", "paper-snn-rgb: 9 of 9, done"]
