"""Everything a report is written from, gathered from the dataset and the folder of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evface.dataset.progress import Progress, silent
from evface.dataset.splits import folds_of
from evface.dataset.tree import ConvertedTake, list_takes, training_takes
from evface.errors import DatasetError
from evface.evaluation.baselines import Baseline, baselines, clip_features
from evface.evaluation.machine import machine_of
from evface.evaluation.report.experiments import RECOGNITION, RECONSTRUCTION, Experiment
from evface.evaluation.runs import (
    RecognitionRun,
    ReconstructionRun,
    read_recognition,
    read_reconstruction,
)


@dataclass(frozen=True)
class Results:
    """What is known of a dataset and of what was learned from it.

    Attributes:
        dataset: its root.
        takes: those that count for training; at least one.
        recognition: runs of the paper's recognisers that have a finished fold, in the order of Table 5.
        reconstruction: the same of Table 6.
        better_recognition: other runs, to be compared with the paper's.
        better_reconstruction: the same for pictures.
        baselines: on the clips with DAVIS346 events, else EVK4's; () where no subject can be left out.
        machines: by run, what it was trained on, as far as somebody wrote it down.
        missing: by run or part, why it is not there.
        quick: whether the runs are the small ones.
    """

    dataset: Path
    takes: tuple[ConvertedTake, ...]
    recognition: Mapping[Experiment, RecognitionRun]
    reconstruction: Mapping[Experiment, ReconstructionRun]
    better_recognition: tuple[RecognitionRun, ...]
    better_reconstruction: tuple[ReconstructionRun, ...]
    baselines: tuple[Baseline, ...]
    machines: Mapping[str, dict[str, str]]
    missing: Mapping[str, str]
    quick: bool

    @property
    def subjects(self) -> tuple[str, ...]:
        """Pseudonyms, in order."""
        return tuple(sorted({take.id.subject for take in self.takes}))

    @property
    def simulated(self) -> bool:
        """Whether any take comes from virtual cameras: then every figure is marked."""
        return any(take.simulated for take in self.takes)

    @property
    def origin(self) -> str:
        """For the top of every page; "" where nothing is simulated."""
        count = sum(take.simulated for take in self.takes)
        if count == 0:
            return ""
        who = (
            "every subject is virtual" if count == len(self.takes) else f"{count} of {len(self.takes)} takes"
        )
        return f"Simulated: {who}. Nothing here says how well people are recognised."


def read_dataset(dataset: Path) -> tuple[ConvertedTake, ...]:
    """The takes of a dataset that count for training.

    Raises:
        DatasetError: there is no dataset, or no such take in it.
        FormatError: a take's file is broken.
    """
    takes = tuple(training_takes(list_takes(dataset)))
    if not takes:
        raise DatasetError(f"{dataset}: no clip that is fit for training, so nothing to report")
    return takes


def gather(
    dataset: Path,
    runs: Path,
    quick: bool = False,
    missing: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Results:
    """Read what there is.

    Args:
        dataset: its root.
        runs: folder of the runs, one folder each.
        quick: read the small runs in place of the paper's.
        missing: what is known already not to be there, and why.
        progress: told after every clip that the baselines have counted.

    Raises:
        DatasetError: there is no dataset, or a run is of several configurations.
        FormatError: a file is broken.
    """
    takes = read_dataset(dataset)
    lacking = dict(missing or {})
    planned = (*RECOGNITION, *RECONSTRUCTION)
    folders = [path for path in sorted(runs.glob("*")) if path.is_dir()]
    own = {experiment.run(either) for experiment in planned for either in (True, False)}
    recognised = {one: read_recognition(runs / one.run(quick)) for one in RECOGNITION}
    drawn = {one: read_reconstruction(runs / one.run(quick)) for one in RECONSTRUCTION}
    for one in planned:
        if not (recognised.get(one) or drawn.get(one)):
            lacking.setdefault(one.run(quick), reason(one, takes) or "not trained")
    others = [path for path in folders if path.name not in own]
    machines = {path.name: machine_of(path) for path in folders}
    return Results(
        dataset,
        takes,
        {one: run for one, run in recognised.items() if run},
        {one: run for one, run in drawn.items() if run},
        tuple(run for path in others if (run := read_recognition(path))),
        tuple(drawer for path in others if (drawer := read_reconstruction(path))),
        _baselines(takes, lacking, progress),
        {name: machine for name, machine in machines.items() if machine},
        lacking,
        quick,
    )


def reason(experiment: Experiment, takes: Sequence[ConvertedTake]) -> str | None:
    """Why the dataset cannot give what an experiment needs; None where it can."""
    usable = experiment.usable(takes)
    camera = {"davis": "the DAVIS346", "evk4": "the EVK4", "rgb": "the webcam"}[experiment.sensor]
    if not usable:
        frames = " together with webcam frames" if experiment.family == "cvae" else ""
        what = "events" if experiment.input == "events" else "frames"
        return f"the dataset has no {what} of {camera}{frames}"
    subjects = {take.id.subject for take in usable}
    if len(subjects) == 1:
        return f"only {subjects.pop()} was seen by {camera}: leaving one subject out needs two"
    return None


def _baselines(
    takes: Sequence[ConvertedTake], lacking: dict[str, str], progress: Progress
) -> tuple[Baseline, ...]:
    sensor = next((name for name in ("davis", "evk4") if any(t.events(name).exists() for t in takes)), None)
    chosen = [take for take in takes if sensor is not None and take.events(sensor).exists()]
    try:
        folds = folds_of([take.id for take in chosen], "loso")
    except DatasetError as error:
        lacking["baselines"] = str(error)
        return ()
    features = {}
    for number, take in enumerate(chosen, 1):
        features[take.id] = clip_features(take, sensor or "davis")
        progress(number, len(chosen), f"counted {take.id.name}")
    return tuple(baselines(features, folds))
