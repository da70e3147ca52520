"""How good scores are slice by slice, where a network follows a stream; the paper judges whole clips."""

from __future__ import annotations

import numpy as np

from evface.evaluation.report.recognition_tables import Row
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table
from evface.evaluation.runs import RecognitionRun


def stream(results: Results) -> Table | None:
    """Distance from the intensity, onsets found, how late, how many false; None where nothing is known."""
    runs = {experiment.title: run for experiment, run in results.recognition.items()}
    runs |= {run.name: run for run in results.better_recognition}
    rows = tuple((title, *cells) for title, run in runs.items() if (cells := _of_run(run)))
    if not rows:
        return None
    columns = (
        Column("Model", "text"),
        Column("clips"),
        Column("distance from the intensity"),
        Column("the same of silence"),
        Column("correlation"),
        Column("onsets found (%)"),
        Column("delay (ms)"),
        Column("false onsets a clip"),
    )
    notes = (
        "Means over folds and seeds, by their clips; the delay is the median of the folds' medians. The "
        "distance is that of the performed Action Unit's score from its intensity, both from 0 to 1.",
    )
    return Table("stream", "", "Scores on a stream, slice by slice.", columns, rows, notes, results.simulated)


def _of_run(run: RecognitionRun) -> Row:
    """The cells; () where no fold was judged slice by slice."""
    judged = [fold.stream for fold in run.folds if fold.stream]
    if not judged:
        return ()
    weights = [float(fold["clips"] or 0) for fold in judged]

    def mean(name: str, digits: int, scale: float = 1.0) -> str | None:
        known = [(fold[name], weight) for fold, weight in zip(judged, weights, strict=True)]
        pairs = np.array([(value, weight) for value, weight in known if value is not None])
        return f"{scale * np.average(pairs[:, 0], weights=pairs[:, 1]):.{digits}f}" if len(pairs) else None

    delays = [fold["onset_delay_ms"] for fold in judged if fold["onset_delay_ms"] is not None]
    return (
        str(round(sum(weights) / len(run.seeds))),
        mean("error", 3),
        mean("error_of_rest", 3),
        mean("correlation", 2),
        mean("onsets_found", 1, 100.0),
        f"{np.median(delays):.0f}" if delays else None,
        mean("false_onsets", 2),
    )
