"""The steps of the demonstration, in order; each uses what a person would use."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

from rich.console import Console

from evface.dataset.progress import progress_bar
from evface.dataset.truth import recorded_truth
from evface.errors import ConfigError
from rig.commands.watching import watch
from rig.demo.report import write_report
from rig.errors import RigError
from rig.graph import RecordOptions, ReplayOptions, record_graph, replay_graph
from rig.resources import config_or_path
from rig.starting.local import run_graph

MARK = ".rig-demo"
"""A folder with this file in it was made by the demonstration and may be replaced by it."""


EPOCHS = 50
"""More than the preset's: a dozen clips make only three steps an epoch."""

SEEDS = (1, 3, 5, 6, 7, 10, 12)
"""The subjects: people under lamps that do not flicker, whose events a small machine makes in time."""


class DemoError(RigError):
    """A step of the demonstration failed."""


class Demo:
    """A run of the demonstration.

    Args:
        out: folder for everything it makes.
        aus: FACS numbers to elicit, comma-separated.
        subjects: how many virtual subjects.

    Raises:
        ConfigError: ``out`` holds something that is not an earlier demonstration.
    """

    def __init__(self, out: Path, aus: str, subjects: int) -> None:
        self.out = out
        self.aus = aus
        self.subjects = [f"S{number:02d}" for number in range(1, subjects + 1)]
        self.console = Console(highlight=False, soft_wrap=True)
        self.recordings = out / "recordings"
        self.dataset = out / "dataset"
        self.models = out / "model"
        self._clear()

    def _clear(self) -> None:
        if self.out.exists() and any(self.out.iterdir()) and not (self.out / MARK).exists():
            raise ConfigError(
                f"{self.out} is not empty and not an earlier demonstration: choose another --out"
            )
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        (self.out / MARK).touch()

    def run(self) -> None:
        """All steps.

        Raises:
            DemoError: one of them failed.
        """
        start = time.monotonic()
        for subject in self.subjects:
            self._record(subject)
        self._convert()
        self._train()
        take, scores = self._replay()
        report = write_report(self.out, take, scores)
        self._say_goodbye(take, report, time.monotonic() - start)

    def _title(self, text: str) -> None:
        self.console.rule(f"[bold]{text}", align="left")

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False)

    def _record(self, subject: str) -> None:
        self._title(f"Recording subject {subject} on the virtual rig")
        graph = record_graph(
            RecordOptions(
                rig=str(self._rig(subject)),
                subject=subject,
                script="fast",
                aus=self.aus,
                cameras="davis346,webcam",
                headless=True,
                out=str(self.recordings),
            )
        )
        if run_graph(graph, self._print) != 0:
            raise DemoError(f"recording {subject} failed; its last lines say why")

    def _rig(self, subject: str) -> Path:
        """The virtual rig with a subject of its own: another seed, the same for every camera."""
        import yaml

        rig = yaml.safe_load(config_or_path("rigs", "virtual").read_text())
        for parameters in rig.values():
            parameters["seed"] = SEEDS[self.subjects.index(subject)]
        path = self.out / f"rig-{subject}.yaml"
        path.write_text(yaml.safe_dump(rig))
        return path

    def _convert(self) -> None:
        from evface.dataset.convert import convert

        self._title("Converting the bags to a dataset")
        with progress_bar("converting", self.console) as progress:
            report = convert(self.recordings, self.dataset, progress=progress, complain=self._print)
        if report.failed:
            raise DemoError(f"{len(report.failed)} takes could not be converted")
        self._print(f"{len(report.converted)} takes in {self.dataset}")

    def _train(self) -> None:
        from evface.training.au import train_au
        from evface.training.config import load_config

        held_out = f"sub-{self.subjects[-1]}"
        self._title(f"Training the small spiking network without {held_out}")
        with progress_bar("training", self.console) as progress:
            config = load_config(config_or_path("training", "small")).model_copy(update={"epochs": EPOCHS})
            summary = train_au(self.dataset, self.models, config, [held_out], (0,), progress)
        fold = summary["folds"][0]
        judged = fold["held_out"]
        self._print(
            f"{fold['model']}: {fold['training']['accuracy']:.0%} of the clips it learned from, "
            f"{judged['accuracy']:.0%} of the {judged['clips']} clips of {held_out} "
            f"(chance among 21 is {summary['chance']['accuracy']:.1%})"
        )
        self.checkpoint = self.models / fold["checkpoint"]

    def _replay(self) -> tuple[Path, Path]:
        take = self._take_to_show()
        self._title(f"Replaying {take.name} through the live graph")
        scores = self.out / "scores.csv"
        graph = replay_graph(ReplayOptions(bag=str(take), checkpoint=str(self.checkpoint)))
        if watch(graph, scores, quiet=False, tail=1.0) != 0:
            raise DemoError("the replay failed; its last lines say why")
        with scores.open() as file:
            slices = sum(1 for _ in csv.reader(file)) - 1
        if slices < 10:
            raise DemoError(f"the replay gave {slices} slices on /au")
        return take, scores

    def _take_to_show(self) -> Path:
        """Of the subject held out, the complete take that was performed most strongly."""
        session = self.recordings / f"sub-{self.subjects[-1]}" / "ses-01"
        lines = [json.loads(line) for line in (session / "manifest.jsonl").read_text().splitlines()]
        complete = [session / line["take"] for line in lines if line["outcome"] == "complete"]
        if not complete:
            raise DemoError(f"no complete take in {session}")
        return max(complete, key=_intensity)

    def _say_goodbye(self, take: Path, report: Path, seconds: float) -> None:
        self._title(f"Done in {seconds / 60:.1f} minutes")
        self._print(
            f"  {self.recordings}   bags and manifest.jsonl, as a session with cameras leaves them\n"
            f"  {self.dataset}      events, videos, face boxes, cues, splits\n"
            f"  {self.checkpoint}   the network\n"
            f"  {report}   pictures: open it in a browser\n\n"
            "What to try next:\n"
            f"  .venv/bin/rig live --rig virtual --checkpoint {self.checkpoint}\n"
            f"  .venv/bin/rig replay {take} --checkpoint {self.checkpoint} --rate 0.5\n"
            "  .venv/bin/rig record --rig virtual --subject S10 --headless --out recordings\n"
            "  .venv/bin/rig doctor        with cameras plugged in, then: rig record --rig live"
        )


def _intensity(bag: Path) -> float:
    """How strongly the virtual subject performed a take; 0 where that is unknown."""
    return float((recorded_truth(bag) or {}).get("intensity", 0.0))
