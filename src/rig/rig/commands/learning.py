"""`rig convert` and `rig train`: from bags to a dataset to a model."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evface.dataset.progress import progress_bar
from evface.errors import ConfigError, PrivacyError
from evface.privacy import Purpose, audit
from evface.validation import validated
from rig.resources import config_or_path

train = typer.Typer(no_args_is_help=True, help="Train the networks on a converted dataset.")


def convert(
    recordings: Path = typer.Argument(..., help="Folder of recordings, with sub-*/ses-*."),
    out: Path = typer.Option(Path("dataset"), help="Root of the dataset; an unfinished one is continued."),
    purpose: Purpose = typer.Option(
        "research", help="research, or sharing: only who agreed to it, videos only where released."
    ),
) -> None:
    """Turn recordings into a dataset: HDF5 events, videos, face boxes, cues, leave-one-subject-out splits.

    rig convert recordings --out dataset

    Bags are only read. Call again after new sessions or an interruption: takes that are in the dataset are
    skipped. A take that cannot be converted is named and left out; then the exit code is 2.
    """
    from evface.dataset.convert import convert as convert_recordings

    console = Console(highlight=False, soft_wrap=True)
    with progress_bar("converting", console) as progress:
        report = convert_recordings(
            recordings,
            out,
            progress=progress,
            complain=lambda line: console.print(line, markup=False),
            purpose=purpose,
        )
    try:
        audit(
            recordings, "exported", dataset=str(out.resolve()), purpose=purpose, takes=len(report.converted)
        )
    except PrivacyError as error:
        # An archive that is only read can be worked with, but what leaves the house is written down.
        if purpose == "sharing":
            raise
        console.print(f"warning: {error}", markup=False)
    console.print(
        f"{out}: {len(report.converted)} takes converted, {len(report.skipped)} were there, "
        f"{len(report.failed)} left out",
        markup=False,
    )
    raise typer.Exit(report.exit_code)


@train.command("au")
def train_action_units(
    dataset: Path = typer.Argument(..., help="Root of a converted dataset."),
    out: Path = typer.Option(Path("training/au"), help="Folder of checkpoints and metrics."),
    preset: str = typer.Option("small", help="small (a CPU will do), paper, or the path of a YAML file."),
    folds: str = typer.Option(
        "loso", help="loso: leave one subject out; within: one repetition out; all: hold nothing back."
    ),
    seeds: str = typer.Option("0", help="Comma-separated; one model per fold and seed."),
    backend: str = typer.Option("local", help="local, or ray: folds and seeds on a Ray cluster."),
    address: str = typer.Option(
        "", help="Of the Ray cluster, host:port or auto; one is started if left out."
    ),
    cpus: int = typer.Option(1, min=1, help="Of a fold on the cluster."),
    gpus: float = typer.Option(-1.0, help="Of a fold on the cluster, such as 0.14; 1 if it has any."),
    side_by_side: int = typer.Option(
        1, min=1, max=64, help="Folds in memory at once, a step of each in turn: 7 keep a GPU busy."
    ),
) -> None:
    """Train the spiking network that recognises Action Units.

    rig train au dataset --preset paper --out training/au

    Writes a checkpoint (model.safetensors, its configuration inside) and metrics.json per fold and seed.
    The last epoch counts: choosing the best on the held-out subject would be leakage. Call again after an
    interruption: finished folds are kept, the one underway goes on after its last whole epoch. The same on a
    Ray cluster, whose machines have evface but need no common disk:

    rig train au dataset --preset paper --backend ray --address 10.0.0.5:6379 --cpus 4
    """
    from evface.training.au import Runner, one_by_one, train_au
    from evface.training.side_by_side import SideBySide
    from evface.training.watching import training_table

    if folds not in ("loso", "within", "all"):
        raise ConfigError(f"folds: expected loso, within or all, found {folds!r}")
    if backend not in ("local", "ray"):
        raise ConfigError(f"backend: expected local or ray, found {backend!r}")
    run: Runner = SideBySide(side_by_side) if side_by_side > 1 else one_by_one
    if backend == "ray":
        from evface.training.cluster import Cluster

        run = Cluster(address or None, cpus, gpus if gpus >= 0 else None)
    console = Console(highlight=False, soft_wrap=True)
    with training_table(console) as (progress, watch):
        summary = train_au(
            dataset,
            out,
            config_or_path("training", preset),
            folds,
            parse_seeds(seeds),
            progress,
            watch=watch,
            run=run,
        )
    console.print(_table(summary))
    console.print(f"checkpoints and metrics.json are in {out}", markup=False)


@train.command("reconstruction")
def train_reconstructor(
    dataset: Path = typer.Argument(..., help="Root of a converted dataset."),
    out: Path = typer.Option(Path("training/reconstruction"), help="Folder of checkpoints and metrics."),
    preset: str = typer.Option(
        "quick-cvae",
        help="quick-cvae (a CPU will do), paper-cvae, better-unet, or the path of a YAML file.",
    ),
    sensor: str = typer.Option("", help="davis or evk4; the preset's own when left out."),
    folds: str = typer.Option(
        "loso", help="loso: leave one subject out; within: one repetition out; all: hold nothing back."
    ),
    seeds: str = typer.Option("0", help="Comma-separated; one model per fold and seed."),
) -> None:
    """Train a network that makes the webcam's grey pictures of events.

    rig train reconstruction dataset --preset paper-cvae --sensor evk4 --out training/cvae-evk4

    Writes per fold and seed a checkpoint (model.safetensors), metrics.json, images.csv (every test image by
    every method, baselines included) and strips of pictures. Call again after an interruption, as with
    `rig train au`. On several GPUs, each learning from its share of every batch:

    torchrun --nproc-per-node 4 --no-python rig train reconstruction dataset --preset paper-cvae
    """
    from evface.training.reconstruction import train_reconstruction
    from evface.training.reconstruction_config import ReconstructionConfig, load_reconstruction
    from evface.training.team import team
    from evface.training.watching import training_table

    if folds not in ("loso", "within", "all"):
        raise ConfigError(f"folds: expected loso, within or all, found {folds!r}")
    config = load_reconstruction(config_or_path("training", preset))
    if sensor:
        config = validated(ReconstructionConfig, config.model_dump() | {"sensor": sensor}, "--sensor")
    console = Console(highlight=False, soft_wrap=True)
    with team() as together:
        console.quiet = not together.first
        with training_table(console) as (progress, watch):
            summary = train_reconstruction(
                dataset, out, config, folds, parse_seeds(seeds), progress, watch=watch, team=together
            )
    console.print(_picture_table(summary))
    console.print(f"checkpoints, metrics.json and images.csv are in {out}", markup=False)


def _picture_table(summary: dict) -> Table:
    table = Table(title="Pictures of subjects held out, means over images", title_justify="left")
    table.add_column("method")
    methods = summary.get("held_out", {})
    for metric in next(iter(methods.values()), {}):
        table.add_column(metric)
    for method, metrics in methods.items():
        table.add_row(method, *(f"{value['pooled']:.4g}" for value in metrics.values()))
    return table


def parse_seeds(text: str) -> list[int]:
    """Numbers from "0,1,2".

    Raises:
        ConfigError: it is something else.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"seeds: {text!r} is not a comma-separated list of numbers") from error


def _table(summary: dict) -> Table:
    chance = summary["chance"]
    table = Table(
        title=f"Accuracy (chance {chance['accuracy']:.1%}, top-3 {chance['top3']:.1%})", title_justify="left"
    )
    for heading in ("fold", "seed", "trained on: accuracy", "held out: accuracy", "top-3", "clips", "silent"):
        table.add_column(heading)
    for fold in summary["folds"]:
        held = fold["held_out"]
        table.add_row(
            fold["fold"],
            str(fold["seed"]),
            f"{fold['training']['accuracy']:.0%}",
            *(
                (
                    f"{held['accuracy']:.0%}",
                    f"{held['top3']:.0%}",
                    str(held["clips"]),
                    f"{held['silent']:.0%}",
                )
                if held
                else ("-",) * 4
            ),
        )
    return table
