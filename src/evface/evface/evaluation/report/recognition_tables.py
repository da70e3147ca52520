"""Table 5, and what lies behind it: pairs of models, parts of the face, Action Units, subjects.

The paper's Table 5 gives, for the SNN (4.11M parameters) and the 3DCNN (13.06M), each on events of the
DAVIS346 and on the webcam's frames, accuracy and top-3 accuracy in per cent, leaving one subject out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final, get_args

import numpy as np

from evface.dataset.naming import TakeId
from evface.evaluation.comparison import Comparison, compare_recognition
from evface.evaluation.metrics import recognition, wilson_interval
from evface.evaluation.report import paper, printing
from evface.evaluation.report.experiments import RECOGNITION
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table
from evface.evaluation.runs import JudgedClips, RecognitionRun
from evface.evaluation.statistics import RESAMPLES, cluster_bootstrap
from evface.protocol.action_units import ACTION_UNITS, Group, action_unit

Row = tuple[str | None, ...]

NOT_A_REPRODUCTION: Final = (
    "The subjects here are simulated. What the paper found on people stands beside to show what was asked "
    "there; these figures neither confirm nor contradict it."
)

ACCURACY_COLUMNS: Final = (
    Column("Acc. (%)"),
    Column("Top-3 (%)"),
    Column("95 % Wilson"),
    Column("95 % over subjects"),
    Column("folds, mean ± SD"),
    Column("silent (%)"),
    Column("clips"),
    Column("seeds ± SD"),
)

PAIR_COLUMNS: Final = (
    Column("clips"),
    Column("difference (points)"),
    Column("95 % over subjects"),
    Column("only first right"),
    Column("only second right"),
    Column("McNemar p"),
    Column("first is", "text"),
)


def table_5(results: Results) -> Table:
    """Accuracy of every model, whether it was trained or not, the baselines below."""
    rows: list[Row] = []
    for experiment in RECOGNITION:
        printed = paper.ACCURACY[experiment.family, experiment.input]
        run = results.recognition.get(experiment)
        parameters = printing.count(run.parameters) if run else None
        top1, top3, *others = of_run(run) if run else (None,) * len(ACCURACY_COLUMNS)
        rows.append(
            (
                experiment.model, experiment.input, parameters, printed.parameters,
                top1, f"{printed.top1:.2f}", top3, f"{printed.top3:.2f}", *others,
            )
        )  # fmt: skip
    for baseline in results.baselines:
        top1, top3, *others = _of_clips(baseline.judged)
        clips = str(len(baseline.judged.takes))
        rows.append((baseline.name, None, None, None, top1, None, top3, None, *others, None, clips, None))
    columns = (
        Column("Model", "text"),
        Column("Modal.", "text"),
        Column("#Par."),
        Column("#Par.", "paper"),
        Column("Acc. (%)"),
        Column("Acc. (%)", "paper"),
        Column("Top-3 (%)"),
        Column("Top-3 (%)", "paper"),
        *ACCURACY_COLUMNS[2:],
    )
    caption = "Accuracy of Action Unit recognition on subjects left out."
    return Table(
        "table5", "Table 5", caption, columns, tuple(rows), tuple(_notes(results)), results.simulated
    )


def of_run(run: RecognitionRun) -> Row:
    """The cells of `ACCURACY_COLUMNS` for a run."""
    judged = run.judged
    by_seed = [
        float(np.average([fold_accuracy for fold_accuracy, _ in parts], weights=[n for _, n in parts]))
        for parts in _accuracies(run).values()
    ]
    spread = f" ± {100 * np.std(by_seed, ddof=1):.1f}" if len(by_seed) > 1 else ""
    # Only spikes can be absent: the other networks always say something.
    spiking = str(run.config.get("model", {}).get("family", "snn")) == "snn"
    silent = printing.percent(float(judged.silent.mean())) if spiking else None
    cells = _of_clips(judged)
    return (*cells, silent, str(len(judged.takes)), f"{len(by_seed)}{spread}")


def _accuracies(run: RecognitionRun) -> dict[int, list[tuple[float, int]]]:
    """By seed, accuracy and clips of each fold."""
    found: dict[int, list[tuple[float, int]]] = {seed: [] for seed in run.seeds}
    for fold in run.folds:
        if fold.takes:
            accuracy = recognition(fold.scores, fold.labels).accuracy
            found[fold.seed].append((accuracy, len(fold.takes)))
    return {seed: parts for seed, parts in found.items() if parts}


def _of_clips(judged: JudgedClips) -> tuple[str | None, ...]:
    """Accuracy, top 3, intervals of the accuracy, its mean over folds."""
    count, share = len(judged.takes), float(judged.top1.mean())
    folds = list(shares(judged, lambda take: take.subject).values())
    deviation = float(np.std(folds, ddof=1)) if len(folds) > 1 else None
    return (
        printing.percent(share),
        printing.percent(float(judged.top3.mean())),
        printing.percent_interval(wilson_interval(share * count, count)),
        printing.percent_interval(cluster_bootstrap(judged.top1, judged.subjects)),
        printing.mean_and_deviation(float(np.mean(folds)), deviation),
    )


def shares(judged: JudgedClips, name_of: Callable[[TakeId], str]) -> dict[str, float]:
    """Accuracy on the clips that have the same name."""
    names = np.array([name_of(take) for take in judged.takes], str)
    return {str(name): float(judged.top1[names == name].mean()) for name in np.unique(names)}


def _notes(results: Results) -> Iterator[str]:
    if results.simulated:
        yield NOT_A_REPRODUCTION
    if results.quick:
        yield "Small networks and few epochs (--quick): not the paper's models; all works, no more is said."
    yield (
        "Acc.: clips right of all clips, the mean over the seeds; equal scores count as guessing among them "
        "would. Wilson's interval takes clips as independent; that over subjects draws whole subjects anew "
        f"({RESAMPLES:,} times) and is the one to believe, though it is too narrow too with few of them. "
        "Silent: no output neuron spiked. The last epoch counts."
    )
    for experiment, run in results.recognition.items():
        whole = {take.id for take in experiment.usable(results.takes)}
        absent = len(whole - set(run.judged.takes))
        if absent:
            yield f"{experiment.title}: unfinished, {absent} of {len(whole)} clips are not judged yet."
    names = {experiment.run(results.quick) for experiment in results.recognition}
    yield from (
        f"Not there: {name}, {why}." for name, why in results.missing.items() if _recognises(name, names)
    )
    if results.baselines:
        yield (
            "Probes see nothing of the face: the class whose mean duration and logarithms of on and off "
            "events are nearest to the clip's."
        )


def _recognises(name: str, found: set[str]) -> bool:
    return name not in found and "cvae" not in name


def pairs(results: Results) -> Table | None:
    """Which of the paper's models differ; None with fewer than two."""
    judged = {experiment.title: run.judged for experiment, run in results.recognition.items()}
    if results.baselines and judged:
        best = max(results.baselines, key=lambda baseline: float(baseline.judged.top1.mean()))
        judged[best.name] = best.judged
    rows = [
        (one, other, *pair_cells(found))
        for one, other in combinations(judged, 2)
        if (found := compare_recognition(judged[one], judged[other]))
    ]
    if not rows:
        return None
    return Table(
        "table5_pairs",
        "",
        "The models of Table 5 in pairs, on the same clips.",
        (Column("first", "text"), Column("second", "text"), *PAIR_COLUMNS),
        tuple(rows),
        (PAIR_NOTE,),
        results.simulated,
    )


PAIR_NOTE: Final = (
    "Interval: whole subjects drawn anew. McNemar's exact test asks how often a coin would split the clips "
    "that only one of the two has right so unevenly; with several seeds a model has a clip right where more "
    "than half of its seeds do. Better or worse: the interval leaves 0 out and p is below 0.05, not "
    "corrected for the number of pairs."
)


def pair_cells(found: Comparison) -> Row:
    """The cells of `PAIR_COLUMNS`."""
    test = found.mcnemar
    return (
        str(found.clips),
        printing.signed_percent(found.difference),
        printing.signed_interval(found.interval),
        str(test.only_first) if test else None,
        str(test.only_second) if test else None,
        printing.probability(test.p) if test else None,
        found.verdict,
    )


def parts_of_the_face(results: Results) -> Table | None:
    """Accuracy per group of Action Units; None without a run."""
    return _broken_down(
        results,
        ("groups", "Accuracy (%) by part of the face."),
        get_args(Group),
        lambda take: action_unit(take.au).group,
    )


def subjects(results: Results) -> Table | None:
    """Accuracy per subject left out; None without a run."""
    return _broken_down(
        results,
        ("subjects", "Accuracy (%) on each subject left out."),
        results.subjects,
        lambda take: take.subject,
    )


def _broken_down(
    results: Results, what: tuple[str, str], names: Sequence[str], name_of: Callable[[TakeId], str]
) -> Table | None:
    """A row per name, a column per model; the clips are those of the dataset."""
    found = [shares(run.judged, name_of) for run in results.recognition.values()]
    if not found:
        return None
    counts = Counter(name_of(take.id) for take in results.takes)
    rows = tuple(
        (name, str(counts[name]), *(printing.percent(own.get(name)) for own in found)) for name in names
    )
    titles = (Column(experiment.title) for experiment in results.recognition)
    return Table(
        what[0], "", what[1], (Column("", "text"), Column("clips"), *titles), rows, (), results.simulated
    )


def action_units(results: Results) -> Table | None:
    """Recall and F1 per Action Unit; None without a run."""
    judged = [(run.aus, recognition(*run.answers)) for run in results.recognition.values()]
    if not judged:
        return None
    rows = []
    for au in ACTION_UNITS:
        cells: list[str | None] = []
        for aus, found in judged:
            at = aus.index(au.number) if au.number in aus else None
            cells.append(None if at is None else printing.percent(float(found.recall[at])))
            cells.append(None if at is None else printing.percent(float(found.f1[at])))
        rows.append((f"{au.number} {au.name}", *cells))
    headings = (
        Column(f"{experiment.title}: {name}")
        for experiment in results.recognition
        for name in ("recall", "F1")
    )
    return Table(
        "action_units",
        "",
        "Recall and F1 (%) of each Action Unit.",
        (Column("AU", "text"), *headings),
        tuple(rows),
        ("Over all clips and seeds; an answer that ties is shared out among the classes.",),
        results.simulated,
    )
