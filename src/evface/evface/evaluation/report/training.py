"""Trains what a report lacks: the paper's presets, and those that are to be compared with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from evface.dataset.progress import Progress
from evface.dataset.splits import folds_of
from evface.dataset.tree import ConvertedTake
from evface.errors import EvfaceError
from evface.evaluation.machine import remember_machine
from evface.evaluation.report.experiments import RECOGNITION
from evface.evaluation.report.results import read_dataset, reason

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
            compare: names of presets of recognition.

        Raises:
            DatasetError: there is no dataset, or nothing in it.
            FormatError: a file of the dataset is broken.
        """
        takes = read_dataset(self.dataset)
        for experiment in RECOGNITION:
            name = experiment.preset(quick)
            if why := reason(experiment, takes):
                self.lacking[name] = why
            elif not self._finished(name, experiment.usable(takes)):
                self._recognition(name)
        for name in compare:
            self._recognition(name)

    def _finished(self, name: str, takes: Sequence[ConvertedTake]) -> bool:
        """Whether every fold with every seed has been judged: then no clip need be read."""
        folders = (
            self.runs / name / f"{fold.name}_seed-{seed}"
            for fold in folds_of([take.id for take in takes], "loso")
            for seed in self.seeds
        )
        return all((folder / "metrics.json").exists() for folder in folders)

    def _recognition(self, name: str) -> None:
        # Late: training brings torch along, which reading a report need not wait for.
        from evface.training.au import train_au

        try:
            with self.progress(name) as told:
                remember_machine(self.runs / name)
                train_au(self.dataset, self.runs / name, self.preset(name), "loso", self.seeds, told)
        except EvfaceError as error:
            self.lacking[name] = f"failed: {error}"
            self.failed.append(name)
