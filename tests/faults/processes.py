"""Processes that die, stand still or are told to stop too often."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from evface.events import stamp_of
from rig.graph import Graph, NodeSpec
from tests.faults.bench import (
    LONG,
    RIG,
    Bench,
    Session,
    UnexpectedError,
    expect,
    last_stamp,
    rig_file,
    script_file,
    wait_until,
)
from tests.faults.registry import Fault, Found, fault

SIDE_NODES = ("console", "quality_monitor", "sync_monitor")
"""Nodes without which a session goes on."""


def kill_in_second_take(
    bench: Bench, node: str, cameras: tuple[str, ...] = ("davis346",)
) -> tuple[Session, int]:
    """kill -9 a node while the second take performs; the session, ended, and when (ns, host clock)."""
    with bench.session(bench.graph(cameras=cameras)) as session:
        session.at("perform", 2)
        wait_until(lambda: session.manifest, "the first take is finished")
        time.sleep(0.5)
        when = session.kill(node)
        code = session.end()
        expect(code == -signal.SIGKILL, f"the session ended with {code}")
    return session, when


def kill_a_camera(bench: Bench, camera: str) -> Found:
    session, when = kill_in_second_take(
        bench, camera, ("davis346",) if camera == "davis346" else ("davis346", camera)
    )
    expect(session.outcomes == ["complete", "interrupted"], f"takes: {session.outcomes}")
    kept = (last_stamp(session.folder / session.manifest[1]["take"]) - when) / 1e9
    return Found(
        "the session ended in order, the running take is kept as interrupted",
        f"what the take would have held after the kill (its last message: {kept:+.2f} s)",
    )


def _camera(camera: str, quick: bool = False) -> Fault:
    return fault(f"kill -9 {camera}", quick=quick)(lambda bench: kill_a_camera(bench, camera))


for _name in ("davis346", "evk4", "webcam"):
    _camera(_name, quick=_name == "davis346")


@fault("kill -9 recorder", quick=True)
def kill_the_recorder(bench: Bench) -> Found:
    session, when = kill_in_second_take(bench, "recorder")
    expect(session.outcomes == ["complete"], f"takes: {session.outcomes}")
    repaired = bench.rig("repair", bench.recordings)
    expect(repaired.returncode == 0, f"rig repair: {repaired.stdout}{repaired.stderr}")
    expect(session.outcomes == ["complete", "interrupted"], f"after repair: {session.outcomes}")
    gone = (when - last_stamp(session.folder / session.manifest[1]["take"])) / 1e9
    expect(gone < 1.0, f"{gone:.2f} s of the running take are gone")
    return Found("rig repair made a take of what was there", f"the last {gone:.2f} s of the running take")


@fault("kill -9 conductor")
def kill_the_conductor(bench: Bench) -> Found:
    session, _ = kill_in_second_take(bench, "conductor")
    expect(session.outcomes == ["complete", "interrupted"], f"takes: {session.outcomes}")
    return Found("the session ended in order, the running take is kept as interrupted")


def kill_beside(bench: Bench, node: str) -> Found:
    graph = bench.graph()
    if node == "console":
        # A session that nobody watches has no pages.
        pages = NodeSpec("console", {"cameras": ["davis346"], "port": 0}, required=False)
        graph = Graph((*graph.nodes, pages), graph.title)
    with bench.session(graph) as session:
        expect(session.has(node), f"no node {node} in a session")
        session.at("perform", 1)
        session.kill(node)
        expect(session.end() == 0, f"the session ended with {session.code}")
    expect(session.outcomes == ["complete", "complete"], f"takes: {session.outcomes}")
    return Found("the session went on to its end")


def _beside(node: str) -> Fault:
    return fault(f"kill -9 {node}")(lambda bench: kill_beside(bench, node))


for _name in SIDE_NODES:
    if find_spec(f"rig.nodes.{_name}") is not None:
        _beside(_name)


@fault("kill -9 rig record itself")
def kill_the_starter(bench: Bench) -> Found:
    session, starter = start_command(bench)
    try:
        lines = _lines_until(starter, ": perform")
        pids = _children(starter.pid)
        expect(len(pids) >= 3, f"only {len(pids)} processes: {lines}")
        starter.kill()
        starter.wait()
        wait_until(lambda: not any(_alive(pid) for pid in pids), "every node ended", 30.0)
    finally:
        _end(starter)
    bench.rig("repair", bench.recordings)
    outcomes = [line["outcome"] for line in session.manifest]
    expect(outcomes == ["interrupted"], f"takes: {outcomes}")
    return Found(
        "every node ended by itself, no process stayed behind; the running take is kept as interrupted"
    )


@fault("Ctrl-C, five times", quick=True)
def storm_of_sigint(bench: Bench) -> Found:
    session, starter = start_command(bench)
    try:
        lines = _lines_until(starter, ": perform")
        for _ in range(5):
            starter.send_signal(signal.SIGINT)
            time.sleep(0.05)
        rest, _ = starter.communicate(timeout=60.0)
    finally:
        _end(starter)
    expect(starter.returncode == 130, f"exit code {starter.returncode}")
    expect("Traceback" not in rest, f"a traceback: {rest[-600:]}")
    outcomes = [line["outcome"] for line in session.manifest]
    expect(outcomes == ["interrupted"], f"takes: {outcomes}, {lines[-3:]}")
    return Found("exit code 130 without a traceback, the running take is kept as interrupted")


def _held(bench: Bench, node: str, seconds: float) -> dict[str, Any]:
    """The manifest's line of a take during whose performance a process stood still."""
    with bench.session(bench.graph(perform=seconds + 1.0, aus="12")) as session:
        session.at("perform")
        session.signal(node, signal.SIGSTOP)
        time.sleep(seconds)
        session.signal(node, signal.SIGCONT)
        expect(session.end() == 0, f"the session ended with {session.code}")
    (line,) = session.manifest
    return line


@fault("recorder stands still for 3 s")
def stopped_recorder(bench: Bench) -> Found:
    line = _held(bench, "recorder", 3.0)
    events = line["topics"]["/davis346/events"]
    expect(line["outcome"] == "complete", f"the take is {line['outcome']}")
    expect(line["lost"] == 0, f"{line['lost']} packets were lost")
    return Found(f"all {events['messages']} event packets of the take are in the bag")


@fault("camera stands still as a take ends")
def stopped_at_the_end(bench: Bench) -> Found:
    with bench.session(bench.graph(aus="12")) as session:
        session.at("rest")
        session.signal("davis346", signal.SIGSTOP)
        time.sleep(1.0)
        session.signal("davis346", signal.SIGCONT)
        expect(session.end() == 0, f"the session ended with {session.code}")
    (line,) = session.manifest
    with Reader(session.folder / line["take"]) as reader:
        last = max(stamp_of(data) for c, _, data in reader.messages() if c.topic == "/davis346/events")
    missing = (line["ended_ns"] - last) / 1e6
    expect(missing < 50, f"the last {missing:.0f} ms are missing")
    return Found("what came late, of the time before the end, is in the take")


@fault("camera stands still for 2 s")
def stopped_camera(bench: Bench) -> Found:
    line = _held(bench, "davis346", 2.0)
    gap = line["topics"]["/davis346/image_raw"]["longest_gap_ms"]
    return Found(
        f"the take is there, its manifest line tells: longest gap of frames {gap:.0f} ms", "what was not sent"
    )


@fault("subscriber that sleeps")
def sleeping_subscriber(bench: Bench) -> Found:
    with bench.process("sleeper") as sleeper, bench.session(bench.graph(perform=3.0, aus="12")) as session:
        session.at("countdown")
        sleeper.send_signal(signal.SIGSTOP)
        expect(session.end() == 0, f"the session ended with {session.code}")
    (line,) = session.manifest
    expect(
        (line["outcome"], line["lost"]) == ("complete", 0), f"{line['outcome']}, {line['lost']} packets lost"
    )
    return Found("the recorder got everything all the same")


@fault("crash, then the session goes on")
def crash_and_resume(bench: Bench) -> Found:
    with bench.session(bench.graph(aus="12,45,26")) as session:
        session.at("perform", 2)
        wait_until(lambda: session.manifest, "the first take is finished")
        session.kill("recorder")
        session.kill("conductor")
        session.end()
    first = session.outcomes
    expect(first == ["complete"], f"takes before: {first}")
    with bench.session(bench.graph(aus="12,45,26", session="01", resume=True)) as again:
        expect(again.end() == 0, f"resumed, it ended with {again.code}: {again.said.errors}")
    done = [(line["au"], line["outcome"]) for line in again.manifest]
    expected = [(12, "complete"), (45, "interrupted"), (45, "complete"), (26, "complete")]
    expect(done == expected, f"takes: {done}")
    return Found("it went on with the Action Unit where it was; the torn take is kept as interrupted")


@fault("two sessions in one folder")
def two_sessions(bench: Bench) -> Found:
    with bench.session(bench.graph(session="01", aus="12", perform=LONG)) as first:
        first.at("perform")
        domain = os.environ["ROS_DOMAIN_ID"]
        os.environ["ROS_DOMAIN_ID"] = str(int(domain) % 100 + 1)
        try:
            with bench.session(bench.graph(session="01", resume=True)) as second:
                expect(second.end() == 2, f"the second one ended with {second.code}")
        finally:
            os.environ["ROS_DOMAIN_ID"] = domain
        expect(first.running.ended() is None, "the first one ended too")
    said = second.said.wait_for("error:")
    expect("another" in said, f"said {said}")
    expect(first.outcomes == ["interrupted"], f"takes: {first.outcomes}")
    return Found("the second one is refused in one line, the first one is not disturbed")


@fault("another session in the same ROS domain")
def foreign_session(bench: Bench) -> Found:
    with bench.session(bench.graph()) as session:
        session.at("demonstration")
        with bench.process("conductor", str(bench.recordings)):
            expect(session.end() == 0, f"the session ended with {session.code}: {session.said.errors}")
    expect(session.outcomes == ["complete", "complete"], f"takes: {session.outcomes}")
    strange = [path.name for path in bench.recordings.rglob("sub-S99*")]
    expect(not strange, f"recorded: {strange}")
    return Found("nothing of it is recorded; the session went on to its end")


# --- `rig record` as a process of its own ----------------------------------------------------------


def start_command(bench: Bench) -> tuple[Session, subprocess.Popen[str]]:
    """`rig record`, as a person types it."""
    rig = rig_file(
        bench.folder, {"davis346": {"source": "virtual", "scene": "photograph", "pixels": "ideal"}}
    )
    starter = subprocess.Popen(
        [RIG, "record", "--rig", rig, "--script", script_file(bench.folder), "--aus", "12", "--headless",
         "--out", str(bench.recordings)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    folder = bench.recordings / "sub-S01" / "ses-01"
    return Session(folder, None, None), starter


def _lines_until(starter: subprocess.Popen[str], text: str) -> list[str]:
    assert starter.stdout is not None
    lines = []
    for line in starter.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise UnexpectedError(f"never said {text!r}: {lines}")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _end(starter: subprocess.Popen[str]) -> None:
    if starter.poll() is None:
        starter.send_signal(signal.SIGINT)
        try:
            starter.wait(30.0)
        except subprocess.TimeoutExpired:
            starter.kill()
