"""`python -m benchmarks.recorder.soak`: is every message of three busy cameras in the bag, byte for byte?

Real nodes, DDS, recorder and disk; only what the sensors send was made beforehand. Exit code 1 on any loss.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import machine
from benchmarks.recorder.camera import BURSTS, read_log
from benchmarks.recorder.fingerprints import Fingerprint, in_bag
from benchmarks.recorder.processes import Process
from benchmarks.recorder.stage import Cameras, Stage
from rig.graph import Graph, NodeSpec
from rig.recording import Manifest
from rig.starting.local import Running
from rig.transport import apply_environment

CAMERAS = ["evk4", "davis346", "webcam"]
NOMINAL = {
    "/evk4/events": 200.0,
    "/davis346/events": 200.0,
    "/davis346/image_raw": 40.0,
    "/davis346/imu": 1000.0,
    "/webcam/image_raw/compressed": 60.0,
}
"""Messages a second that the cameras are to send."""
COUNTDOWN = 1.0
"""s of the take before its perform phase."""
PATIENCE = 180.0
"""s for processes to find each other, and for the take to be safe."""


@dataclass(frozen=True)
class Verdict:
    """One topic, from the camera to the bag.

    Attributes:
        topic: its name.
        due: fingerprints of what the camera sent from the first instant of the take to the last.
        sent: of all that it ever sent; news of a take's begin and end come late, so some more is in the bag.
        found: of what is in the bag.
    """

    topic: str
    due: list[Fingerprint]
    sent: list[Fingerprint]
    found: list[Fingerprint]

    @property
    def missing(self) -> int:
        """Due, and not in the bag as it was sent."""
        return (Counter(self.due) - Counter(self.found)).total()

    @property
    def foreign(self) -> int:
        """In the bag, and not sent like that, or there twice."""
        return (Counter(self.found) - Counter(self.sent)).total()

    @property
    def in_order(self) -> bool:
        """Whether the bag has them in the order they were sent in."""
        return self.found == sorted(self.found, key=lambda message: message.stamp)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong; a topic on which nothing was sent is wrong too."""
        return bool(self.due) and not self.missing and not self.foreign and self.in_order


def main() -> int:
    """Record, compare, print.

    Returns:
        0, or 1 when a message is missing, changed, foreign or out of order.
    """
    parser = argparse.ArgumentParser(prog="benchmarks.recorder.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the take, default 60")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="default out/soak; emptied first")
    parser.add_argument("--keep", action="store_true", help="leave the bag (7 GB a minute) where it is")
    options = parser.parse_args()
    # The figures are for two cores, whatever this machine has.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    apply_environment()
    shutil.rmtree(options.out, ignore_errors=True)
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    console.print(f"{options.seconds:g} s on 2 cores of: {machine()}")
    console.print(f"load of the last minute: {os.getloadavg()[0]:.1f}")
    good = soak(options.seconds, options.out.resolve(), console)
    if not options.keep:
        shutil.rmtree(options.out)
    console.print("verdict: nothing lost" if good else "verdict: LOSS", style="green" if good else "red")
    return 0 if good else 1


def soak(seconds: float, out: Path, console: Console) -> bool:
    """Record one take and compare it; True when nothing is wrong."""
    recorder = NodeSpec("recorder", {"cameras": CAMERAS})
    with (
        Cameras(CAMERAS, out / "logs", dict(os.environ)) as cameras,
        Running(Graph((recorder,), "soak"), lambda line: console.print(line, markup=False)) as running,
        Stage() as stage,
    ):
        if not stage.wait_for(lambda status: status.state == "ready", PATIENCE):
            console.print("the recorder never heard all cameras", style="red")
            return False
        queued, rates = [0], [0.0]
        stage.listen(lambda status: queued.append(status.queued))
        stage.listen(lambda status: rates.append(status.rate))
        watched = {"recorder": Process(running.pid("recorder"))}
        watched |= {f"{name} node": Process(found.pid) for name, found in cameras.processes.items()}
        begin = stage.tell(out, "S01", "countdown", 0, 1)
        stage.wait_for(lambda status: status.state == "recording", COUNTDOWN)
        stage.wait(COUNTDOWN)
        stage.tell(out, "S01", "perform", 0, 1)
        stage.wait(seconds - COUNTDOWN)
        figures = {name: process.used() for name, process in watched.items()}
        end = stage.tell(out, "S01", "rest", 0, 1)
        safe = stage.wait_for(lambda status: status.takes_finished == 1 and status.safe_to_leave, PATIENCE)
        cameras.stop()
        logs = [read_log(cameras.log(name)) for name in CAMERAS]
    if not safe:
        console.print("the take was never safe", style="red")
        return False
    folder = out / "sub-S01" / "ses-01"
    manifest = Manifest(folder, resume=True)
    (name,) = manifest.takes()
    manifest.close()
    sent = {topic: found for log, _ in logs for topic, found in log.items()}
    verdicts = compare(sent, begin, end, folder / name)
    console.print(_topics(verdicts, (end - begin) / 1e9))
    console.print(_processes(figures, (end - begin) / 1e9))
    late = max(latest for _, latest in logs)
    console.print(
        f"in: up to {max(rates) / 1e6:.0f} MB/s in a second; waited for the disk: "
        f"{max(queued) / 1e6:.0f} MB at most; cameras behind their schedule: {late:.0f} ms at most"
    )
    console.print(f"bursts of 50 Mev/s at {', '.join(f'{a:g}-{b:g} s' for a, b in BURSTS if b <= seconds)}")
    return all(verdict.good for verdict in verdicts)


def compare(sent: dict[str, list[Fingerprint]], begin: int, end: int, bag: Path) -> list[Verdict]:
    """What cameras sent, above all from ``begin`` to ``end``, ns, beside what the bag holds."""
    found = in_bag(bag, *sent)
    return [
        Verdict(
            topic, [message for message in messages if begin <= message.stamp <= end], messages, found[topic]
        )
        for topic, messages in sent.items()
    ]


def _topics(verdicts: list[Verdict], seconds: float) -> Table:
    table = Table(header_style="bold")
    for heading in ("topic", "sent", "in the bag", "missing", "foreign", "in order", "of nominal", "MB/s"):
        table.add_column(heading, justify="left" if heading == "topic" else "right")
    for verdict in verdicts:
        table.add_row(
            verdict.topic,
            str(len(verdict.due)),
            str(len(verdict.found)),
            str(verdict.missing),
            str(verdict.foreign),
            "yes" if verdict.in_order else "NO",
            f"{len(verdict.due) / seconds / NOMINAL[verdict.topic]:.1%}",
            f"{sum(message.size for message in verdict.found) / seconds / 1e6:.1f}",
        )
    return table


def _processes(figures: dict[str, tuple[float, float]], seconds: float) -> Table:
    table = Table(header_style="bold")
    for heading in ("process", "of a core", "memory peak, MB"):
        table.add_column(heading, justify="left" if heading == "process" else "right")
    for name, (cpu, peak) in figures.items():
        table.add_row(name, f"{cpu / seconds:.0%}", f"{peak / 1e6:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
