"""`rig calibrate`: lenses, and where the cameras are, from a blinking checkerboard."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from evface.calibration.board import Board
from evface.validation import validated
from rig.graph import CalibrateOptions, calibrate_graph


def calibrate(
    rig: str = typer.Option("live", help="live, virtual, file, or the path of a rig's YAML file."),
    cameras: str = typer.Option("", help="Cameras to calibrate; the rig's own when left out."),
    bag: Path | None = typer.Option(None, help="Take the views from this rosbag2 bag instead."),
    square: float = typer.Option(20.0, help="Side of a square, mm, as the board's page says it."),
    columns: int = typer.Option(9, help="Inner corners in a row."),
    rows: int = typer.Option(6, help="Inner corners in a column."),
    blink: float = typer.Option(2.5, help="Blinks a second, as the board's page says it."),
    davis: str = typer.Option("frames", help="What the DAVIS346 is calibrated by: frames or events."),
    views: int = typer.Option(12, help="Views of each camera."),
    most: int = typer.Option(40, help="Views after which it ends, whatever is missing."),
    anew: bool = typer.Option(False, "--anew", help="Forget the views that are there."),
    finish: bool = typer.Option(False, "--finish", help="Only compute, from the views that are there."),
    out: Path = typer.Option(Path("calibration"), help="Folder of the calibration."),
) -> None:
    """Calibrate the cameras: show them a blinking checkerboard, hold it still, move it on.

    Open the console's page /board full screen on a second screen or tablet, set its scale with a bank card,
    and give the side of a square that it says:  rig calibrate --square 18.4

    Lines say what is still missing. Ctrl-C keeps the views that are there: the same command goes on with
    them. Without cameras:  rig calibrate --rig virtual

    OUT gets a camera_info YAML per camera, extrinsics.yaml and report.png: rig record --calibration OUT
    uses it.
    """
    # Imported late: no other command waits for scipy.
    from evface.calibration.session import REPORT, VIEWS, CalibrationSession

    console = Console(highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(line, markup=False)

    board = validated(Board, {"columns": columns, "rows": rows, "square": square, "blink": blink}, "board")
    options = validated(
        CalibrateOptions, {"rig": rig, "cameras": cameras, "davis": davis, "views": views}, "rig calibrate"
    )
    if anew:
        (out / VIEWS).unlink(missing_ok=True)
    if not finish:
        from rig.calibrating.procedure import Procedure

        graph = calibrate_graph(options)
        names = [node.name for node in graph.nodes]
        procedure = Procedure(out, board, names, options.davis, options.views, most, say)
        try:
            if bag is not None:
                procedure.bag(bag)
            else:
                say(f"{graph.title}: show them the board ({columns} x {rows} inner corners of {square:g} mm)")
                procedure.live(graph)
        except KeyboardInterrupt:
            say(f"stopped; the views are in {out}: the same command goes on, --finish computes with them")
            raise typer.Exit(130) from None
    session = CalibrationSession.found_in(out)
    lacks = session.lacks() if not finish else {}
    for camera, what in lacks.items():
        say(f"warning: {camera} lacks {', '.join(what)}: its uncertainty is larger for it")
    for line in session.finish():
        say(line)
    say(f"written: {out}, with {REPORT}; use it with  rig record --calibration {out}")
