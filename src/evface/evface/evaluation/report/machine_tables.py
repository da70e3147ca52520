"""Tables 3 and 4: the machines that recognition and reconstruction were trained on.

The paper's Table 3 gives its server's processor (model, highest frequency, threads, cache) and card (boost
clock, bandwidth, memory); Table 4 the DGX-1 (accelerator, architecture, clocks, bandwidth, memory). Both have
a row per property here, with the machine that `rig report` trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from evface.evaluation.report import paper
from evface.evaluation.report.experiments import RECOGNITION, RECONSTRUCTION, Experiment
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table

_PROPERTIES: Final = (
    "CPU", "max. frequency", "threads", "cache", "memory",
    "GPU", "architecture", "boost clock", "memory clock", "bandwidth", "VRAM",
)  # fmt: skip


def table_3(results: Results) -> Table:
    """The machine of the recognisers."""
    caption = "The machine that the recognisers of Action Units were trained on."
    return _table("3", caption, results, RECOGNITION, paper.RECOGNITION_MACHINE)


def table_4(results: Results) -> Table:
    """The machine of the reconstruction."""
    caption = "The machine that the reconstruction of frames was trained on."
    return _table("4", caption, results, RECONSTRUCTION, paper.RECONSTRUCTION_MACHINE)


def _table(
    number: str,
    caption: str,
    results: Results,
    experiments: Sequence[Experiment],
    printed: Mapping[str, str],
) -> Table:
    runs = [experiment.run(results.quick) for experiment in experiments]
    known = [results.machines[run] for run in runs if run in results.machines]
    notes = []
    if not known:
        notes.append("Nobody wrote down what these runs were trained on: rig report did not train them.")
    elif "GPU" not in known[0]:
        notes.append("Trained on the processor: torch saw no GPU.")
    if any(machine != known[0] for machine in known):
        notes.append(f"Several machines were used; shown is that of {_first(runs, results)}.")
    own = known[0] if known else {}
    names = [name for name in (*_PROPERTIES, *printed) if name in own or name in printed]
    rows = tuple((name, own.get(name), printed.get(name)) for name in dict.fromkeys(names))
    columns = (Column("Hardware", "text"), Column("here", "text"), Column("there", "paper"))
    return Table(f"table{number}", f"Table {number}", caption, columns, rows, tuple(notes))


def _first(runs: Sequence[str], results: Results) -> str:
    return next(run for run in runs if run in results.machines)
