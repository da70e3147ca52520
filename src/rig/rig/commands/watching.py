"""`rig live` and `rig replay`: the recognition graph, and what it says on /au."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import rclpy
import typer
from rich.console import Console

from evface.protocol import AU_NUMBERS, action_unit
from evface.validation import validated
from rig.graph import Graph, LiveOptions, ReplayOptions, live_graph, replay_graph
from rig.stamps import to_ns
from rig.starting.local import Running
from rig.transport import SMALL_QOS
from rig.visiting import Visitor
from rig_interfaces.msg import AuScores

BOX = ("x", "y", "width", "height", "probability")
"""Fields of the face box that a file of scores has columns for."""

BAR = 24
"""Characters of a full bar."""


class ScoreFile:
    """Writes every message of /au as a row: slice, window, latency, events, then a column per AU."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("w", newline="") if path else None
        self._writer = csv.writer(self._file) if self._file else None
        if self._writer:
            self._writer.writerow(
                [
                    "slice",
                    "window_start_ns",
                    "window_end_ns",
                    "latency_s",
                    "events",
                    *BOX,
                    *(f"au{n}" for n in AU_NUMBERS),
                ]
            )

    def add(self, message: AuScores) -> None:
        """Append a message."""
        if self._writer:
            self._writer.writerow(
                [
                    message.slice,
                    to_ns(message.window_start),
                    to_ns(message.window_end),
                    f"{message.latency:.6f}",
                    message.events,
                    *(f"{getattr(message.box, name):.2f}" for name in BOX),
                    # nine digits bring a float32 back exactly
                    *(f"{score:.9g}" for score in message.scores),
                ]
            )

    def close(self) -> None:
        """Bring the rows to the disk."""
        if self._file:
            self._file.close()


def line_of(message: AuScores) -> str:
    """One line for a person: the time, the three strongest AUs of this slice, and how late it came."""
    order = sorted(range(len(message.aus)), key=lambda i: -message.scores[i])[:3]
    best = message.scores[order[0]]
    bar = "█" * round(best * BAR)
    names = "  ".join(f"AU{message.aus[i]:>2} {message.scores[i]:4.2f}" for i in order)
    clock = time.strftime("%H:%M:%S", time.localtime(message.window_end.sec))
    return (
        f"{clock}.{message.window_end.nanosec // 1_000_000:03d}  {message.events:6d} events  {names}  "
        f"{bar:<{BAR}} {action_unit(message.aus[order[0]]).name if best > 0 else 'silent':<20} "
        f"{message.latency * 1000:5.1f} ms"
    )


def watch(graph: Graph, scores: Path | None, *, quiet: bool, tail: float) -> int:
    """Run a graph, print what comes on /au, and write it to a file if asked.

    Args:
        graph: with a recogniser.
        scores: CSV file to write, or None.
        quiet: print only what the nodes say, and a count at the end.
        tail: s to go on listening after the graph's end.

    Returns:
        The exit code of the process that ended the graph.
    """
    console = Console(highlight=False, soft_wrap=True)
    file = ScoreFile(scores)
    heard: list[float] = []

    def on_scores(message: AuScores) -> None:
        heard.append(message.latency)
        file.add(message)
        if not quiet:
            console.print(line_of(message), markup=False)

    ended: tuple[str, int] | None = None
    try:
        with (
            Visitor("au_listener") as visitor,
            Running(graph, lambda line: console.print(line, markup=False)) as running,
        ):
            visitor.hear("/au", AuScores, SMALL_QOS, on_scores)
            console.print(graph.title, markup=False)
            while rclpy.ok() and (ended := running.ended()) is None:
                visitor.spin(0.2)
            visitor.spin(tail)
    except KeyboardInterrupt:
        pass
    finally:
        file.close()
    if heard:
        ordered = sorted(heard)
        console.print(
            f"{len(heard)} slices; latency median {ordered[len(ordered) // 2] * 1e3:.1f} ms, "
            f"99 % below {ordered[int(len(ordered) * 0.99)] * 1e3:.1f} ms",
            markup=False,
        )
    if ended is None:
        return 0
    if ended[1] != 0:
        console.print(f"{ended[0]} ended with exit code {ended[1]}", markup=False)
    return ended[1]


def live(
    checkpoint: str = typer.Option("", envvar="RIG_CHECKPOINT", help="Trained model, a .safetensors file."),
    rig: str = typer.Option("live", help="live, virtual, file, or the path of a rig's YAML file."),
    sensor: str = typer.Option("davis346", help="Event camera to recognise from: davis346 or evk4."),
    cameras: str = typer.Option(
        "",
        help="Cameras to start; the sensor alone when left out; 'none' when they run already (rig record).",
    ),
    box: str = typer.Option(
        "", help="Fixed face box x,y,width,height in px; the face is tracked when left out."
    ),
    calibration: str = typer.Option(
        "", help="Folder of the cameras' calibration: the EVK4's face box then comes from another's frames."
    ),
    reconstruction: str = typer.Option(
        "", help="Model of `rig train reconstruction`: pictures of the face on /reconstruction/image."
    ),
    scores: Path | None = typer.Option(None, help="Also write /au to this CSV file."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print every slice."),
) -> None:
    """Recognise Action Units while the person is in the chair: slicer, face tracker, recogniser, /au.

    Scores for all 21 AUs come once per 33 ms slice. Anyone may subscribe:  ros2 topic echo /au
    Without cameras:  rig live --rig virtual --checkpoint out/demo/model/model.safetensors
    """
    options = validated(
        LiveOptions,
        {
            "checkpoint": checkpoint,
            "rig": rig,
            "sensor": sensor,
            "cameras": cameras,
            "box": box,
            "calibration": calibration,
            "reconstruction": reconstruction,
        },
        "rig live",
    )
    raise typer.Exit(watch(live_graph(options), scores, quiet=quiet, tail=0.2))


def replay(
    bag: Path = typer.Argument(..., help="Folder of a take, a rosbag2 bag."),
    checkpoint: str = typer.Option("", envvar="RIG_CHECKPOINT", help="Trained model, a .safetensors file."),
    sensor: str = typer.Option("davis346", help="Event camera to recognise from: davis346 or evk4."),
    box: str = typer.Option(
        "", help="Fixed face box x,y,width,height in px; the face is tracked when left out."
    ),
    rate: float = typer.Option(1.0, help="Speed of the replay."),
    calibration: str = typer.Option(
        "", help="Folder of the cameras' calibration: the EVK4's face box then comes from another's frames."
    ),
    reconstruction: str = typer.Option(
        "", help="Model of `rig train reconstruction`: pictures of the face on /reconstruction/image."
    ),
    scores: Path | None = typer.Option(None, help="Also write /au to this CSV file."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print every slice."),
) -> None:
    """Feed a recorded take to the live graph, with /clock: the same nodes, the same scores.

    rig replay recordings/sub-S01/ses-01/sub-S01_ses-01_task-au12_run-01 --checkpoint model.safetensors
    """
    options = validated(
        ReplayOptions,
        {
            "bag": str(bag),
            "checkpoint": checkpoint,
            "sensor": sensor,
            "box": box,
            "rate": rate,
            "calibration": calibration,
            "reconstruction": reconstruction,
        },
        "rig replay",
    )
    raise typer.Exit(watch(replay_graph(options), scores, quiet=quiet, tail=1.0))
