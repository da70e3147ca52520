"""`make faults`: every fault, one after the other, a row each; exit code 1 if anything finished was lost."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.live import Live

os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

from rig.transport import apply_environment
from tests.faults.everything import FAULTS
from tests.faults.report import Row, markdown, run, summary, table

OUT = Path("out/faults")

PAGE = Path("docs/acquisition.md")

MARKS = "<!-- table of make faults -->", "<!-- end of the table -->"
"""Between them the page has the table."""


def document(rows: list[Row]) -> None:
    """Put the table between the marks on its page."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(rows)}{MARKS[1]}{after}")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="part of a fault's name; again for more")
    parser.add_argument("--list", action="store_true", help="print the names and do nothing")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folders of all, not only of those that failed"
    )
    parser.add_argument("--document", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args()
    faults = [fault for fault in FAULTS if not chosen.only or any(part in fault.name for part in chosen.only)]
    if chosen.list or not faults:
        print("\n".join(fault.name for fault in faults or FAULTS))
        return 0 if faults else 2
    apply_environment()
    OUT.mkdir(parents=True, exist_ok=True)
    # Whoever ends the run leaves no process behind. In the background a shell has SIGINT ignored, and what is
    # started from here would inherit that.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    rows: list[Row] = []
    console = Console(width=None if sys.stdout.isatty() else 200)
    with Live(table(rows), console=console, refresh_per_second=2, auto_refresh=console.is_terminal) as live:
        for number, fault in enumerate(faults):
            if fault.root and os.geteuid() != 0:
                console.print(f"left out, it needs root: {fault.name}", markup=False)
                continue
            live.update(table(rows, fault.name))
            # Nobody of the fault before is heard.
            os.environ["ROS_DOMAIN_ID"] = str(1 + (os.getpid() + number) % 100)
            folder = Path(tempfile.mkdtemp(prefix="fault-"))
            rows.append(run(fault, folder))
            if rows[-1].expected and not rows[-1].harmed and not chosen.keep:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                console.print(f"{fault.name}: see {folder}", markup=False)
            if not console.is_terminal:
                row = rows[-1]
                print(f"{row.fault} ({row.seconds:.0f} s): {row.happened}; lost: {row.lost}", flush=True)
            live.update(table(rows))
            (OUT / "faults.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
            (OUT / "faults.md").write_text(markdown(rows))
    if not console.is_terminal:
        console.print(table(rows))
    if chosen.document:
        document(rows)
    print(summary(rows))
    return 1 if any(row.harmed or not row.expected for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
