"""`python -m benchmarks [module ...]`: runs them, prints ratios, writes out/bench.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measurement import Measurement, advantage

MODULES = ("slicing", "evt3", "transport", "bags", "devices", "simulation", "training")
SLOW = ("clocks",)
"""An hour: only when asked for."""
PEERS = Path(__file__).parents[1] / ".venv-bench"


def main() -> int:
    """Run the modules asked for.

    Returns:
        0, or 1 when a module failed; the others' figures are written all the same.
    """
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="module", help=f"of {', '.join(MODULES + SLOW)}; default all but clocks"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"), help="default out/bench.json")
    options = parser.parse_args()
    unknown = set(options.modules) - set(MODULES + SLOW)
    if unknown:
        parser.error(f"no module {', '.join(sorted(unknown))}; there are: {', '.join(MODULES + SLOW)}")
    if PEERS.is_dir():
        # Behind our own packages: a peer runs with the numpy and numba that we run with.
        sys.path.append(str(PEERS))

    console = Console(width=None if sys.stdout.isatty() else 130)
    measured: list[Measurement] = []
    failed = False
    for name in options.modules or MODULES:
        console.print(f"{name} ...")
        began = time.perf_counter()
        try:
            rows: list[Measurement] = importlib.import_module(f"benchmarks.{name}").run()
        except Exception as error:  # one module's failure must not cost the others' figures
            console.print(f"{name} failed: {type(error).__name__}: {error}", markup=False, style="red")
            failed = True
            continue
        measured += rows
        console.print(table(f"{name} ({time.perf_counter() - began:.0f} s)", rows))
    write(options.out, measured)
    console.print(f"written: {options.out} (on {machine()})")
    return 1 if failed else 0


def table(title: str, rows: list[Measurement]) -> Table:
    """Figures beside each peer's, with how many times better ours is, and the share of the limit reached."""
    result = Table(title=title, title_justify="left", header_style="bold")
    result.add_column("what")
    result.add_column("ours", justify="right")
    result.add_column("unit")
    result.add_column("peers: figure (how many times better ours is)")
    result.add_column("limit", justify="right")
    result.add_column("of it", justify="right")
    for row in rows:
        peers = ", ".join(
            f"{peer} {value:.3g} ({_times(row['ours'], value, row['unit'])})"
            for peer, value in row["peers"].items()
        )
        limit, share = row["limit"], "-"
        if limit is not None:
            part = advantage(row["ours"], limit, row["unit"])
            share = "-" if part is None else f"{part:.0%}"
        result.add_row(
            row["name"],
            f"{row['ours']:.3g}",
            row["unit"],
            peers or "-",
            "-" if limit is None else f"{limit:.3g}",
            share,
        )
    return result


def _times(ours: float, other: float, unit: str) -> str:
    ratio = advantage(ours, other, unit)
    return "-" if ratio is None else f"{ratio:.2g}x"


def write(path: Path, rows: list[Measurement]) -> None:
    """Write the figures as a JSON list, one object per measurement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """What the figures were measured on, in a line."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
