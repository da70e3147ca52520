"""Disks that fill up, stand still, lose their permission or their power, and folders that go away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.recording.take import PARTIAL
from tests.faults.bench import SMALL_DISK, Bench, Session, expect, last_stamp, wait_until
from tests.faults.registry import Found, fault

DISK = 96 << 20
"""bytes of a disk of the fault's own."""


@contextmanager
def disk(bench: Bench) -> Iterator[Path]:
    """An ext4 disk in a file, mounted; its folder lies where the ledger looks."""
    image, point = bench.folder / "disk.img", bench.folder / "disk"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK)
    _do("mkfs.ext4", "-q", str(image))
    _do("mount", "-o", "loop,noatime,errors=remount-ro", str(image), str(point))
    try:
        yield point
    finally:
        # What was finished is looked at after the disk is gone.
        _do("cp", "-a", f"{point}/.", str(bench.folder / "from the disk"))
        # Whoever held the disk is gone by now; a killed process may take a moment.
        wait_until(
            lambda: subprocess.run(["umount", str(point)], check=False).returncode == 0, "unmounted", 20.0
        )


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _fail(folder: Path) -> None:
    """Have the kernel find an error on a disk: from then on it can only be read."""
    number = folder.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name
    Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("fault\n")


def _fill(folder: Path, leave: int) -> Path:
    """A file that leaves so many bytes of a disk."""
    path = folder / "filling"
    room = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leave)
    return path


def _one_line(session: Session) -> str:
    """What the recorder said, for the table; one line and no traceback."""
    own = [line for line in session.said.errors if line.startswith("[recorder]")]
    expect(len(own) == 1, f"the recorder said {own}")
    expect(not session.said.tracebacks, f"a traceback: {session.said.lines[-20:]}")
    return (
        own[0]
        .partition("error: ")[2]
        .replace(str(session.folder), "FOLDER")
        .replace(str(session.folder.parents[2]), "")
    )


def _kept(session: Session) -> str:
    """What became of the take that was being recorded: in the manifest, or to be repaired."""
    if len(session.manifest) == 2:
        return f"the running take is kept as {session.outcomes[1]}"
    return "the running take lies in .partial"


@fault("disk full to the last byte", root=True)
def disk_full(bench: Bench) -> Found:
    with disk(bench) as out:
        graph = bench.graph(out=out, perform=6.0, parameters={"recorder": SMALL_DISK})
        with bench.session(graph, out) as session:
            session.at("perform", 2)
            filling = _fill(out, 64 << 10)
            expect(session.end() == 2, f"the session ended with {session.code}")
        said = _one_line(session)
        filling.unlink()
        bench.rig("repair", out)
        expect(session.outcomes == ["complete", "interrupted"], f"takes: {session.outcomes}")
    return Found(
        f"one line ({said}), then the end; the running take is kept as interrupted", "what came after"
    )


@fault("disk nearly full", root=True)
def disk_nearly_full(bench: Bench) -> Found:
    with disk(bench) as out:
        graph = bench.graph(out=out, perform=4.0, parameters={"recorder": {"reserve": 16}})
        with bench.session(graph, out) as session:
            session.at("perform", 2)
            _fill(out, 8 << 20)
            expect(session.end() == 2, f"the session ended with {session.code}")
        said = _one_line(session)
        expect(session.outcomes == ["complete", "interrupted"], f"takes: {session.outcomes}")
    return Found(
        f"one line ({said}); the running take was closed properly, as interrupted", "what came after"
    )


@fault("disk stands still for 3 s", root=True)
def disk_frozen(bench: Bench) -> Found:
    with disk(bench) as out:
        graph = bench.graph(out=out, perform=5.0, parameters={"recorder": SMALL_DISK})
        with bench.session(graph, out) as session:
            session.at("perform", 2)
            _do("fsfreeze", "-f", str(out))
            thaw = threading.Timer(3.0, _do, ("fsfreeze", "-u", str(out)))
            thaw.start()
            try:
                expect(session.end() == 0, f"the session ended with {session.code}: {session.said.errors}")
            finally:
                thaw.join()
        expect(session.outcomes == ["complete", "complete"], f"takes: {session.outcomes}")
        lost = session.manifest[1]["lost"] + session.manifest[1]["dropped"]
        expect(lost == 0, f"{lost} messages lost")
    return Found("memory held what came meanwhile; every packet is in the bag")


@fault("disk becomes read-only", root=True)
def read_only(bench: Bench) -> Found:
    with disk(bench) as out:
        graph = bench.graph(out=out, perform=5.0, parameters={"recorder": SMALL_DISK})
        with bench.session(graph, out) as session:
            session.at("perform", 2)
            time.sleep(1.0)
            _fail(out)
            expect(session.end() == 2, f"the session ended with {session.code}")
        said = _one_line(session)
        expect(session.outcomes == ["complete"], f"takes: {session.outcomes}")
    return Found(f"one line ({said}), then the end", "at most the running take, its disk being gone")


@fault("permission to write lost", root=True)
def immutable(bench: Bench) -> Found:
    with disk(bench) as out:
        graph = bench.graph(out=out, parameters={"recorder": SMALL_DISK})
        with bench.session(graph, out) as session:
            session.at("perform", 2)
            # Root may write whatever the permissions say; into an immutable folder not even root.
            _do("chattr", "+i", str(session.folder))
            try:
                code = session.end()
                expect(code == 2, f"the session ended with {code}")
            finally:
                _do("chattr", "-i", str(session.folder))
        said = _one_line(session)
        expect(session.outcomes == ["complete"], f"takes: {session.outcomes}")
        repaired = bench.rig("repair", out)
        expect(repaired.returncode == 0, f"rig repair: {repaired.stdout}{repaired.stderr}")
        after = session.outcomes
        expect(len(after) == 2, f"takes after repair: {after}")
    return Found(f"one line ({said}); with the permission back rig repair enters the take, {after[1]}")


@fault("session folder moved away")
def folder_gone(bench: Bench) -> Found:
    with bench.session(bench.graph(perform=3.0)) as session:
        session.at("perform", 2)
        moved = bench.folder / "moved"
        session.folder.rename(moved)
        code = session.end()
        expect(code == 2, f"the session ended with {code}")
    expect(not session.said.tracebacks, f"a traceback: {session.said.lines[-20:]}")
    expect(session.said.errors, "nobody said anything")
    return Found(
        "the session ended with one line; what was finished lies where it was moved to",
        "the running take's end",
    )


@fault("power cut")
def power_cut(bench: Bench) -> Found:
    """Everything dies at once, and the end of what was being written never reached the disk."""
    with bench.session(bench.graph(perform=3.0)) as session:
        session.at("perform", 2)
        time.sleep(1.5)
        when = 0
        for node in session.running.graph.nodes:
            when = session.kill(node.name)
        session.end()
    (bag,) = (session.folder / PARTIAL).iterdir()
    path = bag / f"{bag.name}.mcap"
    chance = random.Random(7)
    size = path.stat().st_size
    with path.open("r+b") as file:
        # The last pages: cut off, or there as zeros.
        file.truncate(size - chance.randrange(1, 4096))
        file.seek(0, os.SEEK_END)
        file.write(bytes(4096))
    for _ in range(2):
        repaired = bench.rig("repair", bench.recordings)
        expect(repaired.returncode == 0, f"rig repair: {repaired.stdout}{repaired.stderr}")
    expect(session.outcomes == ["complete", "interrupted"], f"after repair: {session.outcomes}")
    gone = (when - last_stamp(session.folder / session.manifest[1]["take"])) / 1e9
    expect(gone < 1.0, f"{gone:.2f} s are gone")
    return Found(
        "rig repair made a take of what reached the disk", f"the last {gone:.2f} s of the running take"
    )


@fault("kill -9 while a take is being finished")
def kill_while_finishing(bench: Bench) -> Found:
    with bench.session(bench.graph(perform=2.0)) as session:
        session.at("rest", 2)
        # The end of the rest is the beginning of the finishing; the kill falls into it or just beside.
        time.sleep(0.3 + 0.42)
        os.kill(session.running.pid("recorder"), signal.SIGKILL)
        session.end()
    repaired = bench.rig("repair", bench.recordings)
    expect(repaired.returncode == 0, f"rig repair: {repaired.stdout}{repaired.stderr}")
    expect(len(session.manifest) == 2, f"takes: {session.outcomes}")
    expect(not list((session.folder / PARTIAL).glob("*")), "something is left in .partial")
    return Found(f"after rig repair both takes are there ({', '.join(session.outcomes)})")
