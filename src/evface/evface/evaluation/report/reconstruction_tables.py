"""Table 6: how close reconstructed frames come to the webcam's.

The paper's Table 6 gives, for events of the DAVIS346 and of the EVK4, the model's parameters (289M) and the
means over the test images of MSE, RMSE, MAE, PSNR, SSIM and NCC. It does not say where the latent vector
comes from at test time: here every way has a row, and so have the baselines that look at no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from evface.evaluation.report import paper, printing
from evface.evaluation.report.experiments import CAMERAS, RECONSTRUCTION
from evface.evaluation.report.recognition_tables import NOT_A_REPRODUCTION, Row
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table
from evface.evaluation.runs import ReconstructionRun
from evface.evaluation.statistics import cluster_bootstrap

METHODS: Final = {
    "posterior": "posterior (an oracle: it sees the target)",
    "prior": "prior, z = 0",
    "sample": "prior, a sample",
    "mean_frame": "baseline: mean frame of the training clips",
    "first_frame": "baseline: the subject's first frame",
}
"""What the methods of images.csv are called in tables; a network's own name stays as it is."""

BASELINES: Final = ("mean_frame", "first_frame")
"""Methods that look at no event."""

_DIGITS: Final = (4, 4, 4, 2, 4, 4)
_METRICS: Final = ("MSE", "RMSE", "MAE", "PSNR (dB)", "SSIM", "NCC")


def shown_method(run: ReconstructionRun) -> str:
    """The method of a run that a user would get, who has no target: its own, else the prior."""
    return run.known_methods[0] if run.known_methods[0] not in METHODS else "prior"


def table_6(results: Results) -> Table:
    """The metrics of every sensor and method, the paper's line below each sensor's."""
    rows: list[Row] = []
    printed = []
    both = _subjects_of_all(results)
    for experiment in RECONSTRUCTION:
        if run := results.reconstruction.get(experiment):
            rows += _of_sensor(run, CAMERAS[experiment.sensor], both)
        printed.append(len(rows))
        rows.append(_printed(experiment.sensor))
    columns = (
        Column("Events of", "text"),
        Column("Latent vector", "text"),
        Column("Model params."),
        Column("images"),
        *(Column(f"Mean {name}") for name in _METRICS),
        Column("SSIM, 95 % over subjects"),
    )
    caption = "Reconstruction of the webcam's grey frames from events, on subjects left out."
    notes = tuple(_notes(results))
    return Table(
        "table6", "Table 6", caption, columns, tuple(rows), notes, results.simulated, frozenset(printed)
    )


def _of_sensor(run: ReconstructionRun, camera: str, both: set[str]) -> Iterator[Row]:
    """A row per method; the prior once more on the subjects of every sensor, where those are fewer."""
    parameters = printing.count(run.parameters)
    for method in run.known_methods:
        own = None if method in BASELINES else parameters
        yield (camera, METHODS.get(method, method), own, *of_method(run, method), _interval(run, method))
    if both and both != {take.subject for take in run.takes}:
        method = shown_method(run)
        name = f"{METHODS.get(method, method)}, only the {len(both)} subjects that both sensors saw"
        yield (camera, name, parameters, *of_method(run, method, sorted(both)), None)


def _printed(sensor: str) -> Row:
    values = paper.RECONSTRUCTION[sensor]
    cells = (f"{value:.{digits}f}" for value, digits in zip(values, _DIGITS, strict=True))
    return (CAMERAS[sensor], "in the paper, on people", paper.RECONSTRUCTION_PARAMETERS, None, *cells, None)


def of_method(run: ReconstructionRun, method: str, subjects: Sequence[str] | None = None) -> Row:
    """Number of images and the mean of each metric."""
    rows = run.rows(method, subjects)
    if not rows.any():
        return ("0", *(None,) * len(_METRICS))
    means = run.measures[rows].mean(0)
    return (printing.count(int(rows.sum())), *(f"{m:.{d}f}" for m, d in zip(means, _DIGITS, strict=True)))


def _interval(run: ReconstructionRun, method: str) -> str | None:
    rows = run.rows(method)
    subjects = [take.subject for take, chosen in zip(run.takes, rows, strict=True) if chosen]
    found = cluster_bootstrap(run.measures[rows, 4], subjects)
    return f"{found[0]:.4f}–{found[1]:.4f}" if found else None


def _subjects_of_all(results: Results) -> set[str]:
    """Subjects whose pictures every sensor's run has."""
    known = [{take.subject for take in run.takes} for run in results.reconstruction.values()]
    return set.intersection(*known) if known else set()


def _notes(results: Results) -> Iterator[str]:
    if results.simulated:
        yield NOT_A_REPRODUCTION
    if results.quick:
        yield "Small networks, small pictures and few epochs (--quick): not the paper's models."
    yield (
        "Means over the images of subjects left out, data in [0, 1]; SSIM with an 11x11 Gaussian window "
        "(sigma 1.5), NCC with the mean taken off. The paper does not say which latent vector it uses; a "
        "mean of PSNR is not the PSNR of the mean MSE."
    )
    for name, why in results.missing.items():
        if "cvae" in name:
            yield f"Not there: {name}, {why}."
