"""`python -m benchmarks.recorder.kills`: kill -9 of the recorder at random moments, and what is left.

Real camera nodes, DDS, recorder and disk. After each kill the session is repaired and looked through: every
bag opens and is what its line says, every finished take holds all that the cameras sent, what was reported as
finished is there, and of the take that was running at most the last second is missing. Every other session is
resumed by the next recorder. Exit code 1 when one of that does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import machine
from benchmarks.recorder.camera import read_log
from benchmarks.recorder.fingerprints import Fingerprint, in_bag
from benchmarks.recorder.stage import AUS, Cameras, Stage
from evface.errors import EvfaceError
from rig.graph import Graph, NodeSpec
from rig.recording import Manifest, take_name
from rig.recording.repair import repair_session
from rig.recording.take import PARTIAL
from rig.stamps import SECOND, host_now
from rig.starting.local import Running
from rig.transport import apply_environment
from rig_interfaces.msg import RecorderStatus

MOMENTS = ("in a take", "between takes", "while finishing")
ALLOWED = 1 * SECOND
"""ns of the running take that may be missing."""
PATIENCE = 120.0
"""s for processes to start, or a take to be finished, on a busy machine."""


@dataclass
class Take:
    """A take that was asked for.

    Attributes:
        name: its folder's.
        begin: ns, host clock.
        end: ns, host clock; None: it ran when the recorder was killed.
        had_line: whether it was in the manifest at that moment.
        found: messages in its bag by topic; None: there is no bag.
    """

    name: str
    begin: int
    end: int | None = None
    had_line: bool = False
    found: dict[str, list[Fingerprint]] | None = None


@dataclass
class Trial:
    """One kill.

    Attributes:
        moment: that was aimed at.
        left: what was on the disk: "a torn bag", ...
        killed: ns, host clock.
        takes: of this recorder.
        complaints: what should not be.
    """

    moment: str
    left: str = "nothing unfinished"
    killed: int = 0
    takes: list[Take] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Trials:
    """Kills recorders one after the other.

    Args:
        cameras: names of those that send.
        out: folder of the recordings; emptied after each session.
        seed: of the moments.
    """

    def __init__(self, cameras: list[str], out: Path, seed: int) -> None:
        self._cameras, self._out = cameras, out
        self._random = random.Random(seed)
        self._runs: Counter[int] = Counter()

    def run(self, stage: Stage, number: int) -> Trial:
        """Start a recorder, kill it, repair and look at what is left."""
        self._stage = stage
        resume = number % 2 == 1
        subject = f"S{number // 2:03d}"
        if not resume:
            shutil.rmtree(self._out, ignore_errors=True)
            self._runs.clear()
        trial = Trial(MOMENTS[self._random.randrange(3)])
        stage.status = None
        stage.tell(self._out, subject, "waiting", 0, 0)
        recorder = NodeSpec("recorder", {"cameras": self._cameras, "resume": resume})
        with Running(Graph((recorder,), "kills"), lambda line: None) as running:
            if not stage.wait_for(lambda status: status.state == "ready" and status.folder != "", PATIENCE):
                trial.complaints.append(f"the recorder did not get ready: {stage.status}")
                return trial
            stage.wait(0.5)
            before = stage.status.takes_finished if stage.status else 0
            self._play(trial, subject, before)
            trial.killed = host_now()
            os.kill(running.pid("recorder"), signal.SIGKILL)
        try:
            self._look(trial, self._out / f"sub-{subject}" / "ses-01")
        except EvfaceError as error:
            trial.complaints.append(str(error))
        return trial

    def _play(self, trial: Trial, subject: str, before: int) -> None:
        """Go through takes up to the moment of the kill."""
        whole = self._random.randrange(2) if trial.moment == "in a take" else 1
        for done in range(whole):
            last = done == whole - 1 and trial.moment == "while finishing"
            self._take(trial, subject, self._random.uniform(0.3, 0.9), ended=True)
            if last:
                self._stage.wait(self._random.uniform(0.3, 0.7))
                return
            self._stage.wait_for(_has_finished(before + done + 1), PATIENCE)
        if trial.moment == "in a take":
            self._take(trial, subject, self._random.uniform(0.0, 2.0), ended=False)
        else:
            self._stage.wait(self._random.uniform(0.0, 0.3))

    def _take(self, trial: Trial, subject: str, seconds: float, *, ended: bool) -> None:
        index = self._random.randrange(len(AUS))
        self._runs[index] += 1
        begin = self._stage.tell(self._out, subject, "countdown", index, self._runs[index])
        take = Take(take_name(subject, "01", AUS[index], self._runs[index]), begin)
        trial.takes.append(take)
        self._stage.wait(seconds)
        if ended:
            take.end = self._stage.tell(self._out, subject, "rest over", index, self._runs[index])

    def _look(self, trial: Trial, folder: Path) -> None:
        """Repair a session and note what is wrong with it."""
        text = (folder / "manifest.jsonl").read_bytes() if (folder / "manifest.jsonl").exists() else b""
        status = self._stage.status
        manifest = Manifest(folder, resume=True)
        try:
            lines = manifest.takes()
            if status is not None and status.takes_finished > len(lines):
                trial.complaints.append(f"{status.takes_finished} takes reported, {len(lines)} lines")
            trial.left = _left(folder, lines)
            mended = repair_session(manifest)
            trial.complaints += [entry.detail for entry in mended if entry.did == "failed"]
            trial.complaints += [f"again: {entry}" for entry in repair_session(manifest)]
            whole = text[: text.rfind(b"\n") + 1]
            if not manifest.path.read_bytes().startswith(whole) if whole else False:
                trial.complaints.append("lines of the manifest were changed")
            self._read(trial, folder, lines, manifest.takes())
            trial.complaints += _disagreements(manifest)
        finally:
            manifest.close()

    def _read(self, trial: Trial, folder: Path, before: set[str], now: set[str]) -> None:
        for take in trial.takes:
            take.had_line = take.name in before
            if take.name in now:
                take.found = in_bag(folder / take.name, *_TOPICS)
            elif trial.killed - take.begin > ALLOWED:
                trial.complaints.append(f"{take.name} is not there")


_TOPICS = (
    "/davis346/events",
    "/davis346/image_raw",
    "/davis346/imu",
    "/evk4/events",
    "/webcam/image_raw/compressed",
)


def _has_finished(takes: int) -> Callable[[RecorderStatus], bool]:
    return lambda status: status.takes_finished >= takes


def _left(folder: Path, lines: set[str]) -> str:
    partial = list((folder / PARTIAL).glob("*"))
    if partial:
        closed = any((path / "metadata.yaml").exists() for path in partial)
        return "a closed bag without its name" if closed else "a torn bag"
    unlisted = any(path.name not in lines for path in folder.glob("sub-*"))
    return "a named bag without its line" if unlisted else "nothing unfinished"


def _disagreements(manifest: Manifest) -> list[str]:
    """Bags that are not what their lines say."""
    wrong = []
    for line in manifest.lines():
        bag = manifest.folder / line["take"] / f"{line['take']}.mcap"
        with bag.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != line["sha256"]:
                wrong.append(f"{bag} is not what its line says")
    return wrong


def losses(trial: Trial, sent: dict[str, list[Fingerprint]]) -> int:
    """Compare a trial's takes with what the cameras sent; adds to the trial's complaints.

    Returns:
        ns before the kill from which on something of the running take is missing.
    """
    worst = 0
    for take in trial.takes:
        until = trial.killed if take.end is None else take.end
        for topic, messages in sent.items():
            due = [message for message in messages if take.begin <= message.stamp <= until]
            # A message from just before may have come after the news of the take: it is there too.
            found = [entry for entry in (take.found or {}).get(topic, []) if entry.stamp >= take.begin]
            if found[: len(due)] != due[: len(found)]:
                trial.complaints.append(f"{take.name}: {topic}: {_difference(due, found, take.begin)}")
            elif len(found) < len(due):
                missing = until - due[len(found)].stamp
                worst = max(worst, missing)
                if take.had_line or missing > ALLOWED:
                    trial.complaints.append(
                        f"{take.name}: {topic}: the last {missing / 1e6:.0f} ms are missing"
                    )
    return worst


def _difference(due: list[Fingerprint], found: list[Fingerprint], begin: int) -> str:
    """What is wrong with messages that should be the first ones that were due, in words."""
    inside = [message for message in due if message.stamp <= max(entry.stamp for entry in found)]
    missing, foreign = Counter(inside) - Counter(found), Counter(found) - Counter(due)
    first = next(k for k, pair in enumerate(zip(found, due, strict=False)) if pair[0] != pair[1])
    return (
        f"{missing.total()} missing, {foreign.total()} foreign, other than was sent from "
        f"{(due[first].stamp - begin) / 1e6:.1f} ms on"
    )


def kill(times: int, cameras: list[str], out: Path, seed: int, console: Console) -> list[Trial]:
    """Kill as often as asked for; cameras start anew each time, as they do in a rig whose recorder is gone.

    Returns:
        The trials; what was wrong is in their complaints.
    """
    driver = Trials(cameras, out, seed)
    trials: list[Trial] = []
    lost: list[int] = []
    for number in range(times):
        with (
            tempfile.TemporaryDirectory() as logs,
            Cameras(cameras, Path(logs), dict(os.environ)) as running,
            Stage() as stage,
        ):
            trial = driver.run(stage, number)
            running.stop()
            sent = {
                topic: found for name in cameras for topic, found in read_log(running.log(name))[0].items()
            }
        lost.append(losses(trial, sent))
        trials.append(trial)
        found = [trial.left, f"{lost[-1] / 1e6:.0f} ms missing", *trial.complaints]
        console.print(f"{number + 1}/{times}  {trial.moment}: {', '.join(found)}", markup=False)
    shutil.rmtree(out, ignore_errors=True)
    console.print(
        f"missing of the running take at most: {max(lost) / 1e6:.0f} ms, "
        f"in the middle {sorted(lost)[len(lost) // 2] / 1e6:.0f} ms"
    )
    return trials


def main() -> int:
    """Kill, look, print.

    Returns:
        0, or 1 when something was lost that should not be.
    """
    parser = argparse.ArgumentParser(prog="benchmarks.recorder.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="default 200")
    parser.add_argument("--seed", type=int, default=1, help="of the moments, default 1")
    parser.add_argument("--out", type=Path, default=Path("out/kills"), help="default out/kills; emptied")
    options = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    apply_environment()
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    console.print(f"{options.times} kills on: {machine()}, load of the last minute {os.getloadavg()[0]:.1f}")
    trials = kill(options.times, ["davis346", "webcam"], options.out.resolve(), options.seed, console)
    for what, count in sorted(Counter((trial.moment, trial.left) for trial in trials).items()):
        console.print(f"{count:4d}  {what[0]}: {what[1]}")
    wrong = [trial for trial in trials if trial.complaints]
    for trial in wrong:
        console.print(f"{trial.moment}: {'; '.join(trial.complaints)}", markup=False, style="red")
    console.print(f"verdict: {len(trials) - len(wrong)} of {len(trials)} without a complaint")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
