"""Trains what a report lacks: the paper's presets, and those that are to be compared with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from evface.dataset.progress import Progress
from evface.dataset.splits import folds_of
from evface.dataset.tree import ConvertedTake, read_json
from evface.errors import EvfaceError
from evface.evaluation.machine import remember_machine
from evface.evaluation.report.experiments import RECOGNITION, RECONSTRUCTION, Experiment
from evface.evaluation.report.results import read_dataset, reason
from evface.validation import read_yaml

ProgressOf = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress for a piece of work with a title."""


@dataclass
class MissingRuns:
    """Trains what a folder of runs lacks; what is finished is kept, what is underway goes on.

    Args:
        dataset: its root.
        runs: folder of the runs, one folder per preset.
        preset: finds the YAML file of a preset by its name.
        progress: of each preset.
        seeds: one model per fold and seed.

    Attributes:
        lacking: by preset, why it is not there: what the dataset cannot give, or what went wrong.
        failed: presets that went wrong though the dataset has what they need.
    """

    dataset: Path
    runs: Path
    preset: Callable[[str], Path]
    progress: ProgressOf
    seeds: Sequence[int] = (0,)
    lacking: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def train(self, quick: bool = False, compare: Sequence[str] = ()) -> None:
        """Train the paper's presets, then those to be compared with them.

        Args:
            quick: the small presets in place of the paper's.
            compare: names of presets.

        Raises:
            DatasetError: there is no dataset, or nothing in it.
            FormatError: a file of the dataset is broken.
        """
        takes = read_dataset(self.dataset)
        for experiment in (*RECOGNITION, *RECONSTRUCTION):
            name = experiment.run(quick)
            if why := reason(experiment, takes):
                self.lacking[name] = why
            elif not self._finished(experiment, name, takes):
                self._train(name, experiment.preset(quick), experiment)
        for name in compare:
            if not self._joined(name):
                self._train(name, name)

    def _finished(self, experiment: Experiment, name: str, takes: Sequence[ConvertedTake]) -> bool:
        """Whether every fold with every seed has been judged: then no clip need be read."""
        folders = (
            self.runs / name / f"{fold.name}_seed-{seed}"
            for fold in folds_of([take.id for take in experiment.usable(takes)], "loso")
            for seed in (self.seeds[:1] if experiment.family == "cvae" else self.seeds)
        )
        return all((folder / "metrics.json").exists() for folder in folders)

    def _joined(self, name: str) -> bool:
        """Whether a call for all folds came to its end: then metrics.json joins them."""
        path = self.runs / name / "metrics.json"
        done = {fold["seed"] for fold in read_json(path)["folds"]} if path.exists() else set()
        return done >= set(self.seeds[:1]) and (done >= set(self.seeds) or _makes_pictures(self.preset(name)))

    def _train(self, name: str, preset: str, experiment: Experiment | None = None) -> None:
        """Train a preset into the folder of its name; what goes wrong is kept for the report."""
        try:
            path = self.preset(preset)
            with self.progress(name) as told:
                remember_machine(self.runs / name)
                if _makes_pictures(path):
                    self._pictures(name, path, experiment, told)
                else:
                    self._action_units(name, path, told)
        except EvfaceError as error:
            self.lacking[name] = f"failed: {error}"
            self.failed.append(name)

    def _action_units(self, name: str, preset: Path, told: Progress) -> None:
        from evface.training.au import train_au

        train_au(self.dataset, self.runs / name, preset, "loso", self.seeds, told)

    def _pictures(self, name: str, preset: Path, experiment: Experiment | None, told: Progress) -> None:
        """With the first seed alone: every test image is judged, and networks are large."""
        from evface.training.reconstruction import train_reconstruction
        from evface.training.reconstruction_config import load_reconstruction

        config = load_reconstruction(preset)
        if experiment is not None:
            config = config.model_copy(update={"sensor": experiment.sensor})
        train_reconstruction(self.dataset, self.runs / name, config, "loso", self.seeds[:1], told)


def _makes_pictures(preset: Path) -> bool:
    """Whether a preset's network makes pictures; the others tell Action Units."""
    model = read_yaml(preset).get("model")
    return isinstance(model, dict) and model.get("family") in ("cvae", "unet")
