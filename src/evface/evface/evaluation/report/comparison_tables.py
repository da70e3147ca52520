"""What goes beyond the paper, each preset compared with the paper's model on the same clips."""

from __future__ import annotations

from evface.evaluation.comparison import compare_recognition, compare_reconstruction
from evface.evaluation.report import printing
from evface.evaluation.report.recognition_tables import (
    ACCURACY_COLUMNS,
    PAIR_COLUMNS,
    PAIR_NOTE,
    of_run,
    pair_cells,
)
from evface.evaluation.report.reconstruction_tables import of_method, shown_method
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table


def better_recognition(results: Results) -> Table | None:
    """Accuracy of other recognisers, and how they stand to the SNN on events; None without any."""
    base = next((run for one, run in results.recognition.items() if one.name == "snn-events"), None)
    if not results.better_recognition:
        return None
    rows = []
    for run in results.better_recognition:
        found = compare_recognition(run.judged, base.judged) if base else None
        cells = pair_cells(found) if found else (None,) * len(PAIR_COLUMNS)
        rows.append((run.name, printing.count(run.parameters), *of_run(run), *cells))
    columns = (Column("preset", "text"), Column("#Par."), *ACCURACY_COLUMNS, *PAIR_COLUMNS)
    notes = [f"First is the preset, second {base.name}. {PAIR_NOTE}" if base else "Nothing to compare with."]
    caption = "Beyond the paper: recognition, against its SNN on events."
    return Table("better_recognition", "", caption, columns, tuple(rows), tuple(notes), results.simulated)


def better_reconstruction(results: Results) -> Table | None:
    """The same for pictures, against the cVAE of the same sensor; None without any."""
    rows = []
    for run in results.better_reconstruction:
        base = next((r for one, r in results.reconstruction.items() if one.sensor == run.sensor), None)
        method = shown_method(run)
        cells: list[str | None] = []
        for metric, digits in (("ssim", 4), ("psnr", 2)):
            found = base and compare_reconstruction(run, base, (method, shown_method(base)), metric)
            cells += (
                [
                    printing.signed(found.difference, digits),
                    printing.signed_interval(found.interval, 1, digits),
                ]
                if found
                else [None, None]
            )
            if metric == "ssim":
                verdict = found.verdict if found else None
        rows.append((run.name, printing.count(run.parameters), *of_method(run, method), *cells, verdict))
    if not rows:
        return None
    columns = (
        Column("preset", "text"),
        Column("#Par."),
        *(Column(name) for name in ("images", "MSE", "RMSE", "MAE", "PSNR (dB)", "SSIM", "NCC")),
        Column("SSIM, difference"),
        Column("95 % over subjects"),
        Column("PSNR, difference (dB)"),
        Column("95 % over subjects"),
        Column("SSIM is", "text"),
    )
    notes = (
        "Against the paper's cVAE on the same sensor's events with z = 0 (it sees no target), clip by clip; "
        "whole subjects are drawn anew. Better or worse: the interval leaves 0 out.",
    )
    caption = "Beyond the paper: reconstruction, against its cVAE."
    return Table("better_reconstruction", "", caption, columns, tuple(rows), notes, results.simulated)
