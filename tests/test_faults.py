"""What goes wrong in a lab, against real processes; `make faults` does the rest of the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.bench import Bench
from tests.faults.data import recorded
from tests.faults.everything import FAULTS
from tests.faults.registry import Fault, Found
from tests.faults.report import run, summary


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: fault.name)
def test_a_fault_goes_as_it_should_and_harms_nothing_finished(fault: Fault, tmp_path: Path) -> None:
    row = run(fault, tmp_path)
    assert row.expected, row.happened
    assert row.harmed == []


def test_a_take_that_is_lost_or_changed_is_noticed(tmp_path: Path) -> None:
    """The list is worth what its ledger is."""

    def harm(bench: Bench) -> Found:
        session = recorded(bench)
        take = session.folder / session.manifest[0]["take"]
        with (take / f"{take.name}.mcap").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"x")
        return Found("a byte was changed")

    row = run(Fault("harm", harm), tmp_path)
    assert (row.finished, [why.partition(": ")[2] for why in row.harmed]) == (1, ["changed"])
    assert "1 of those lost or harmed" in summary([row])
