"""What goes beyond the paper, each preset compared with the paper's model on the same clips."""

from __future__ import annotations

from typing import Final

from evface.evaluation.comparison import compare_recognition, compare_reconstruction
from evface.evaluation.report import printing
from evface.evaluation.report.recognition_tables import (
    ACCURACY_COLUMNS,
    PAIR_COLUMNS,
    PAIR_NOTE,
    Row,
    of_run,
    pair_cells,
)
from evface.evaluation.report.reconstruction_tables import of_method, shown_method
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table
from evface.evaluation.runs import RecognitionRun, ReconstructionRun


def better_recognition(results: Results) -> Table | None:
    """Accuracy of other recognisers, and how they stand to one of them; None without any.

    That one is `BASE` where it was trained, which the presets change in one thing each; else the SNN on
    events of Table 5.
    """
    known = {run.name: run for run in results.better_recognition}
    snn = next((run for one, run in results.recognition.items() if one.name == "snn-events"), None)
    base = known.pop(BASE, snn)
    if not known:
        return None
    rows: list[Row] = []
    if base:
        rows.append((f"{base.name} (second)", printing.count(base.parameters), *_short(base), *_NO_PAIR))
    for run in known.values():
        found = compare_recognition(run.judged, base.judged) if base else None
        cells = pair_cells(found) if found else _NO_PAIR
        rows.append((run.name, printing.count(run.parameters), *_short(run), *cells))
    columns = (
        Column("preset (first)", "text"),
        Column("#Par."),
        Column("Acc. (%)"),
        Column("Top-3 (%)"),
        Column("95 % over subjects"),
        Column("seeds ± SD"),
        Column("clips in common"),
        *PAIR_COLUMNS[1:],
    )
    notes = (PAIR_NOTE if base else f"There is neither {BASE} nor the SNN on events to compare with.",)
    caption = f"Beyond the paper: recognition{f', each preset against {base.name}' if base else ''}."
    return Table("better_recognition", "", caption, columns, tuple(rows), notes, results.simulated)


BASE: Final = "better-base"
"""The preset that the other better-* presets start from."""

_NO_PAIR: Final[Row] = (None,) * len(PAIR_COLUMNS)


def _short(run: RecognitionRun) -> Row:
    """Accuracy, top 3, interval over subjects and seeds, of the cells of Table 5."""
    cells = dict(zip((column.heading for column in ACCURACY_COLUMNS), of_run(run), strict=True))
    return tuple(cells[name] for name in ("Acc. (%)", "Top-3 (%)", "95 % over subjects", "seeds ± SD"))


def better_reconstruction(results: Results) -> Table | None:
    """The same for pictures, against the cVAE of the same sensor; None without any."""
    rows: list[Row] = []
    for run in results.better_reconstruction:
        base = next((r for one, r in results.reconstruction.items() if one.sensor == run.sensor), None)
        method = shown_method(run)
        cells = (*_difference(run, base, "ssim", 4), *_difference(run, base, "psnr", 2)[:2])
        rows.append((run.name, printing.count(run.parameters), *of_method(run, method), *cells))
    if not rows:
        return None
    columns = (
        Column("preset", "text"),
        Column("#Par."),
        *(Column(name) for name in ("images", "MSE", "RMSE", "MAE", "PSNR (dB)", "SSIM", "NCC")),
        Column("SSIM, difference"),
        Column("SSIM, 95 % over subjects"),
        Column("SSIM is", "text"),
        Column("PSNR, difference (dB)"),
        Column("PSNR, 95 % over subjects"),
    )
    notes = (
        "Against the paper's cVAE on the same sensor's events with z = 0 (it sees no target), clip by clip; "
        "whole subjects are drawn anew. Better or worse: the interval leaves 0 out.",
    )
    caption = "Beyond the paper: reconstruction, against its cVAE."
    return Table("better_reconstruction", "", caption, columns, tuple(rows), notes, results.simulated)


def _difference(run: ReconstructionRun, base: ReconstructionRun | None, metric: str, digits: int) -> Row:
    """Difference, its interval, and what follows."""
    found = base and compare_reconstruction(run, base, (shown_method(run), shown_method(base)), metric)
    if not found:
        return None, None, None
    interval = printing.signed_interval(found.interval, 1, digits)
    return printing.signed(found.difference, digits), interval, found.verdict
