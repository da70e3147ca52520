"""Bags that are broken or from elsewhere, given to those that read them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from rig.graph import ReplayOptions, replay_graph
from src.evface.tests.lively_network import lively_checkpoint
from tests.faults.bench import Bench, Session, expect
from tests.faults.registry import Found, fault


def recorded(bench: Bench) -> Session:
    """A session with one take."""
    with bench.session(bench.graph(aus="12")) as session:
        expect(session.end() == 0, f"the session ended with {session.code}")
    return session


def cut(bag: Path) -> None:
    """Half of a bag's file away."""
    path = bag / f"{bag.name}.mcap"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def foreign(bag: Path) -> None:
    """A bag with nothing of ours in it."""
    store = get_typestore(Stores.ROS2_JAZZY)
    text = store.types["std_msgs/msg/String"]
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        chatter = writer.add_connection("/chatter", text.__msgtype__, typestore=store)
        for number in range(10):
            writer.write(chatter, number * 10**8, store.serialize_cdr(text(data="hello"), text.__msgtype__))


@fault("broken and foreign bags to convert")
def convert_broken(bench: Bench) -> Found:
    session = recorded(bench)
    (line,) = session.manifest
    # Not where the ledger looks: it looks after what a session finished, not after what is broken on purpose.
    with tempfile.TemporaryDirectory() as place:
        copies = Path(place) / "copies"
        for subject, change in (("S02", cut), ("S03", foreign)):
            folder = copies / f"sub-{subject}" / "ses-01"
            name = line["take"].replace("S01", subject)
            folder.mkdir(parents=True)
            if change is cut:
                shutil.copytree(session.folder / line["take"], folder / name)
                (folder / name / f"{line['take']}.mcap").rename(folder / name / f"{name}.mcap")
                metadata = folder / name / "metadata.yaml"
                metadata.write_text(metadata.read_text().replace("S01", subject))
            change(folder / name)
            text = (session.folder / "manifest.jsonl").read_text().replace(line["take"], name)
            (folder / "manifest.jsonl").write_text(text)
        shutil.copytree(session.folder.parent, copies / "sub-S01")
        found = bench.rig("convert", copies, "--out", bench.folder / "dataset")
    said = found.stdout + found.stderr
    expect(found.returncode == 2, f"exit code {found.returncode}: {said}")
    expect("Traceback" not in said, f"a traceback: {said[-600:]}")
    expect("1 takes converted" in said, said)
    for subject in ("S02", "S03"):
        expect(f"sub-{subject}_ses-01_task-au12_run-01 was left out: " in said, said)
    return Found("the whole take is converted, the others are named with what is wrong; exit code 2")


@fault("broken and foreign bags to replay")
def replay_broken(bench: Bench) -> Found:
    checkpoint = lively_checkpoint(bench.folder / "model.safetensors")
    torn, strange, rubbish = (bench.folder / name for name in ("torn", "strange", "rubbish"))
    foreign(torn)
    cut(torn)
    foreign(strange)
    rubbish.mkdir()
    (rubbish / "metadata.yaml").write_text("garbage: [")
    for bag in (torn, strange, rubbish):
        graph = replay_graph(ReplayOptions(bag=str(bag), checkpoint=str(checkpoint), box="0,0,64,64"))
        with bench.session(graph) as session:
            expect(session.end() == 2, f"{bag.name}: ended with {session.code}")
        own = [line for line in session.said.errors if line.startswith("[player]")]
        expect(len(own) == 1, f"{bag.name}: {session.said.lines[-8:]}")
        expect(not session.said.tracebacks, f"{bag.name}: a traceback: {session.said.lines[-20:]}")
    return Found("three bags, each refused by the player in one line, exit code 2")


@fault("kill -9 slicer and recogniser")
def kill_the_recognition(bench: Bench) -> Found:
    session = recorded(bench)
    bag = session.folder / session.manifest[0]["take"]
    checkpoint = lively_checkpoint(bench.folder / "model.safetensors")
    for node in ("slicer", "au_recognizer"):
        graph = replay_graph(ReplayOptions(bag=str(bag), checkpoint=str(checkpoint), box="0,0,64,64"))
        with bench.session(graph) as replay:
            replay.kill(node)
            expect(replay.end() == -9, f"{node}: the replay ended with {replay.code}")
        expect(not replay.said.tracebacks, f"{node}: a traceback: {replay.said.lines[-20:]}")
    return Found("the replay ends with a line; the bag it read is untouched")
