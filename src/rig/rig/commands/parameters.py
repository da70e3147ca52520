"""`rig parameters`: everything a node can be told, from the declarations themselves."""

from __future__ import annotations

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from evface.quality import Thresholds
from rig.camera_node import parameters_model
from rig.errors import GraphError
from rig.graph import CAMERAS, LiveOptions, RecordOptions, ReplayOptions
from rig.nodes.au_recognizer import RecognizerParameters
from rig.nodes.conductor import ConductorParameters
from rig.nodes.console import ConsoleParameters
from rig.nodes.face_tracker import FaceTrackerParameters
from rig.nodes.player import PlayerParameters
from rig.nodes.quality_monitor import QualityParameters
from rig.nodes.reconstructor import ReconstructorParameters
from rig.nodes.recorder import RecorderParameters
from rig.nodes.slicer import SlicerParameters
from rig.nodes.sync_monitor import SyncMonitorParameters
from rig.parameters import rows

HEADINGS = ("name", "type", "default", "range", "unit", "description")

NODES: dict[str, type[BaseModel]] = {
    **{camera: parameters_model(camera) for camera in CAMERAS},
    "conductor": ConductorParameters,
    "recorder": RecorderParameters,
    "quality_monitor": QualityParameters,
    "slicer": SlicerParameters,
    "sync_monitor": SyncMonitorParameters,
    "face_tracker": FaceTrackerParameters,
    "au_recognizer": RecognizerParameters,
    "reconstructor": ReconstructorParameters,
    "player": PlayerParameters,
    "console": ConsoleParameters,
}

LAUNCH_FILES: dict[str, type[BaseModel]] = {
    "record_session.launch.py": RecordOptions,
    "live.launch.py": LiveOptions,
    "replay.launch.py": ReplayOptions,
}


def markdown() -> str:
    """docs/parameters.md: a table per node and per launch file."""
    lines = [
        "# Parameters",
        "",
        "Made by `rig parameters --markdown` from the declarations in the code; do not edit. What a node can",
        "be told is a ROS parameter: set it in a rig's YAML file (config/rigs), with `--ros-args -p`, or in",
        "a launch file. A value of the wrong type or out of range stops the node with a line that names it.",
        "What says (at run time too) can be set of a live camera while it runs, with `ros2 param set`; what",
        "the camera took is what `ros2 param get` answers then.",
        "",
        "## Launch arguments",
    ]
    for name, model in LAUNCH_FILES.items():
        lines += ["", f"### {name}", "", *_table(model)]
    lines += ["", "## Nodes"]
    for name, model in NODES.items():
        lines += ["", f"### {name}", "", *_table(model)]
    lines += [
        "",
        "## config/quality.yaml",
        "",
        "From where on a recording is doubtful or wrong; a name left out stays as it is here.",
        "",
        *_table(Thresholds),
    ]
    return "\n".join(lines) + "\n"


def _table(model: type[BaseModel]) -> list[str]:
    body = [
        "| " + " | ".join(cell or " " for cell in (f"`{row[0]}`", *row[1:])) + " |" for row in rows(model)
    ]
    return ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * len(HEADINGS), *body]


def show(node: str, *, as_markdown: bool) -> None:
    """Print the tables of one node, of all, or the page for the documentation.

    Raises:
        GraphError: there is no such node.
    """
    if as_markdown:
        print(markdown(), end="")
        return
    if node and node not in NODES:
        raise GraphError(f"no node {node!r}; there are: {', '.join(NODES)}")
    console = Console()
    for name in [node] if node else list(NODES):
        table = Table(title=name, title_justify="left")
        for heading in HEADINGS:
            table.add_column(heading, overflow="fold")
        for row in rows(NODES[name]):
            table.add_row(*(cell.replace("\\|", "|") for cell in row))
        console.print(table)
