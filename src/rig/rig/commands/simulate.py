"""`rig simulate`: a dataset of virtual subjects, without ROS and without cameras."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from evface.dataset.progress import progress_bar
from evface.errors import ConfigError

if TYPE_CHECKING:
    from evface.simulation.cohorts import SimulationPlan


def simulate(
    out: Path = typer.Option(Path("simulated"), help="Root of the dataset; an unfinished one is continued."),
    cohort: str = typer.Option(
        "",
        help="paper7: 7 subjects, the EVK4 with 3 of them, as in the paper; large: 64 subjects. "
        "Left out: every camera with every subject.",
    ),
    subjects: int | None = typer.Option(
        None, min=1, max=999, help="How many.", show_default="7, or the cohort's"
    ),
    aus: str = typer.Option("all", help="Action Units, by FACS number and comma-separated: 2,12."),
    sensors: str = typer.Option("davis346,webcam,evk4", help="Cameras, comma-separated."),
    seed: int = typer.Option(0, min=0, help="Of everything: the same seed gives the same bytes."),
    scale: float = typer.Option(
        0.5,
        min=0.1,
        max=1.0,
        help="Of the EVK4's width and height; 1 is its whole 1280x720, four times the work.",
    ),
    style: str = typer.Option("posed", help="posed, or micro: weak, and over within half a second."),
    jobs: int = typer.Option(
        0, min=0, help="Processes; the bytes do not depend on it.", show_default="one per core"
    ),
) -> None:
    """Make a dataset of virtual subjects: events, frames, webcam, face boxes, cues, and what really happened.

    rig simulate --cohort paper7 --out simulated

    rig simulate --subjects 2 --aus 2,12 --sensors davis346 --out small

    The tree is that of [bold]rig convert[/]: [bold]rig train[/] takes it as it is. Its card
    says simulated, and each take has a truth.json: onset, apex, offset, intensity.

    Ctrl-C at any time: takes that are whole stay, and the same command goes on.
    What is learned from it is learned from a simulation, and says nothing about people.
    """
    from evface.protocol.action_units import AU_NUMBERS
    from evface.simulation.cohorts import planned
    from evface.simulation.cohorts import simulate as simulate_plan

    plan = planned(
        cohort=cohort,
        subjects=subjects,
        aus=AU_NUMBERS if aus == "all" else _numbers(aus),
        sensors=[part.strip() for part in sensors.split(",") if part.strip()],
        seed=seed,
        scale=scale,
        style=style,
    )
    workers = jobs or len(os.sched_getaffinity(0))
    console = Console(highlight=False, soft_wrap=True)
    console.print(summary(plan, workers), markup=False)
    try:
        with progress_bar("simulating", console) as progress:
            report = simulate_plan(plan, out, jobs=workers, progress=progress)
    except KeyboardInterrupt:
        console.print(f"{out}: interrupted; takes that are whole stay, call again to go on", markup=False)
        raise typer.Exit(130) from None
    console.print(f"{out}: {report.made} takes simulated, {report.there} were there", markup=False)


def summary(plan: SimulationPlan, jobs: int) -> str:
    """What is about to be made, for the terminal."""
    sizes = {sensor: "x".join(map(str, plan.size(sensor))) for sensor in plan.sensors}
    lines = [
        f"{plan.subjects} virtual subjects, {len(plan.takes)} takes of "
        f"{plan.timing.total / 1e9:g} s, {jobs} process{'es' if jobs > 1 else ''}:",
        *(f"  {sensor}: {count} takes, {sizes[sensor]}" for sensor, count in plan.counts().items()),
    ]
    if "evk4" in plan.sensors:
        lines[-1] += f" (scale {plan.scale:g} of 1280x720)"
    return "\n".join(lines)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"aus: {text!r} is not a comma-separated list of numbers") from error
