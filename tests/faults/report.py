"""What became of faults: a row each, a table, and whether anything finished was lost."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tests.faults.bench import Bench, UnexpectedError
from tests.faults.ledger import Ledger
from tests.faults.registry import Fault


@dataclass
class Row:
    """What became of a fault.

    Attributes:
        fault: its name.
        happened: what the rig did, or what it should have done.
        lost: of what was not finished.
        finished: takes that were finished before it was over.
        harmed: of those, the ones that are no longer whole.
        expected: whether the rig did what it should.
        seconds: it took.
    """

    fault: str
    happened: str
    lost: str
    finished: int
    harmed: list[str]
    expected: bool
    seconds: float


def run(fault: Fault, folder: Path) -> Row:
    """Do a fault in an empty folder and look at what became of it."""
    begin = time.monotonic()
    with Ledger(folder) as ledger:
        try:
            found = fault.act(Bench(folder))
            happened, lost, expected = found.happened, found.lost, True
        except UnexpectedError as error:
            happened, lost, expected = f"NOT AS IT SHOULD: {error}", "?", False
        except Exception:  # a fault that breaks the runner is a row too
            happened, lost, expected = f"BROKE OFF: {traceback.format_exc()[-800:]}", "?", False
        harmed = ledger.harmed()
    return Row(
        fault.name, happened, lost, len(ledger.takes), harmed, expected, round(time.monotonic() - begin, 1)
    )


def table(rows: list[Row], running: str = "") -> Table:
    """For the terminal."""
    result = Table(title="faults", title_justify="left")
    for heading in ("fault", "what happened", "lost", "finished", "harmed", "s"):
        result.add_column(heading, overflow="fold")
    for row in rows:
        style = None if row.expected and not row.harmed else "red"
        cells = (row.fault, row.happened, row.lost, str(row.finished), "; ".join(row.harmed) or "0")
        result.add_row(*cells, f"{row.seconds:.0f}", style=style)
    if running:
        result.add_row(running, "...", "", "", "", "")
    return result


def markdown(rows: list[Row]) -> str:
    """For the documentation."""
    lines = ["| fault | what happened | lost | finished takes harmed |", "|---|---|---|---|"]
    for row in rows:
        cells = (row.fault, row.happened, row.lost, f"{len(row.harmed)} of {row.finished}")
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells) + " |")
    return "\n".join([*lines, "", summary(rows)]) + "\n"


def summary(rows: list[Row]) -> str:
    """The last line."""
    finished, harmed = sum(row.finished for row in rows), sum(len(row.harmed) for row in rows)
    wrong = [row.fault for row in rows if not row.expected]
    line = f"{len(rows)} faults, {finished} takes finished in them, {harmed} of those lost or harmed"
    return line + (f"; not as they should: {', '.join(wrong)}" if wrong else "; every one went as it should")
