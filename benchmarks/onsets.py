"""Onset, apex and offset found in events, beside what virtual subjects really did.

`python -m benchmarks.onsets DATASET [DATASET ...]`, of datasets that `rig simulate` made. The truth is
read after the search and tells it nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from evface.dataset.activity import face_activity
from evface.dataset.onsets import Movement, find_movement
from evface.dataset.tree import ConvertedTake, list_takes, read_json
from evface.dataset.truth import TRUTH
from evface.errors import DatasetError, EvfaceError

INSTANTS = ("onset", "apex", "offset")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one take.

    Attributes:
        name: of the take.
        au: FACS number.
        failed: the subject did not do what was asked, so that there is nothing to find.
        found: what was found; None: nothing.
        errors: found less true of each of `INSTANTS`, ms.
    """

    name: str
    au: int
    failed: bool
    found: Movement | None
    errors: tuple[float, ...]

    @property
    def good(self) -> bool:
        """Whether a clip would be trimmed by it."""
        return self.found is not None and self.found.good


def main() -> int:
    """Measure the datasets named.

    Returns:
        0; 2 where one of them cannot be read or has no truth.
    """
    parser = argparse.ArgumentParser(prog="benchmarks.onsets", description=__doc__)
    parser.add_argument("datasets", nargs="+", type=Path, metavar="DATASET", help="made by rig simulate")
    parser.add_argument("--sensor", default="davis", choices=("davis", "evk4"), help="default davis")
    parser.add_argument("--takes", action="store_true", help="a line per take, too")
    options = parser.parse_args()
    try:
        began = time.perf_counter()
        outcomes = [
            outcome(take, options.sensor)
            for root in options.datasets
            for take in list_takes(root)
            if take.events(options.sensor).exists()
        ]
        if not outcomes:
            raise DatasetError(f"{options.datasets[0]}: no take with events of {options.sensor}")
    except EvfaceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 130)
    if options.takes:
        for one in outcomes:
            console.print(_line(one), markup=False)
    console.print(table(outcomes))
    performed, failed = [o for o in outcomes if not o.failed], [o for o in outcomes if o.failed]
    console.print(
        f"found with a good score: {sum(o.good for o in performed)} of {len(performed)} performed, "
        f"{sum(o.good for o in failed)} of {len(failed)} that failed; "
        f"{(time.perf_counter() - began) / len(outcomes):.2f} s a take",
        highlight=False,
    )
    return 0


def outcome(take: ConvertedTake, sensor: str) -> Outcome:
    """Search a take and compare.

    Raises:
        FormatError: one of its files is broken, or it has no truth.
    """
    found = find_movement(face_activity(take.events(sensor), take.boxes[sensor]), take.id.au, take.cues())
    truth = read_json(take.file(TRUTH))
    errors = () if found is None else tuple((getattr(found, name) - truth[name]) / 1e6 for name in INSTANTS)
    return Outcome(take.id.name, take.id.au, bool(truth["failed"]), found, errors)


def table(outcomes: list[Outcome]) -> Table:
    """Median and 90th percentile of the absolute errors: of all performed, of good scores, per AU."""
    result = Table(title="absolute errors, ms: median (90 %)", title_justify="left")
    result.add_column("takes")
    for name in ("number", "good", *INSTANTS):
        result.add_column(name, justify="right")
    performed = [one for one in outcomes if not one.failed]
    _add(result, "all performed", performed)
    _add(result, "good score", [one for one in performed if one.good])
    for au in sorted({one.au for one in performed}):
        _add(result, f"AU {au}", [one for one in performed if one.au == au])
    return result


def _add(result: Table, name: str, outcomes: list[Outcome]) -> None:
    errors = np.abs([one.errors for one in outcomes if one.found is not None]).reshape(-1, len(INSTANTS))
    cells = [
        f"{np.median(column):.0f} ({np.percentile(column, 90):.0f})" if len(errors) else "-"
        for column in errors.T
    ]
    result.add_row(name, str(len(outcomes)), str(sum(one.good for one in outcomes)), *cells)


def _line(one: Outcome) -> str:
    found = json.dumps([round(error) for error in one.errors])
    score = f"{one.found.score:.2f} {', '.join(one.found.flags)}" if one.found else "nothing found"
    return f"{one.name}{' (failed)' if one.failed else ''}: {found} {score}"


if __name__ == "__main__":
    sys.exit(main())
