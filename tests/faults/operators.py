"""What people get wrong: names, numbers, folders, files that are of another kind."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.faults.bench import LONG, PHOTOGRAPH, Bench, expect, rig_file, script_file
from tests.faults.registry import Found, fault


def refused(bench: Bench, words: str, *arguments: object) -> str:
    """Run the command, which must end with one line and exit code 2; that line."""
    found = bench.rig(*arguments)
    lines = [line for line in found.stderr.splitlines() if line]
    expect(found.returncode == 2, f"rig {' '.join(map(str, arguments))}: exit code {found.returncode}")
    expect(len(lines) == 1 and lines[0].startswith("error: "), f"said {lines}")
    expect(words in lines[0], f"said {lines[0]!r}, not {words!r}")
    return lines[0]


MISTYPED = (
    (("record", "--rig", "nope"), "no rigs configuration called 'nope'"),
    (("record", "--rig", "virtual", "--aus", "3"), "AU 3 is not one of the 21"),
    (("record", "--subject", "Jane Doe"), "subject"),
    (("replay", "nowhere", "--checkpoint", "none"), "no bag at"),
    (("live", "--checkpoint", "none.safetensors"), "no checkpoint at"),
    (("convert", "nowhere"), "nowhere"),
    (("train", "au", "nowhere"), "nowhere"),
    (("repair", "nowhere"), "nowhere"),
    (("withdraw", "nobody", "--recordings", "."), "nothing of sub-nobody"),
    (("audit", "verify", "nowhere"), "no audit log"),
)
"""Commands with something wrong, and what the line must say."""


@fault("commands mistyped", quick=True)
def mistyped(bench: Bench) -> Found:
    for arguments, words in MISTYPED:
        refused(bench, words, *arguments)
    return Found(f"{len(MISTYPED)} commands: each one line that names the mistake, exit code 2")


@fault("rig's file mistyped", quick=True)
def wrong_rig(bench: Bench) -> Found:
    fast = ("--script", script_file(bench.folder), "--aus", "12", "--headless", "--out", bench.recordings)
    rig = rig_file(bench.folder, {"davis": PHOTOGRAPH})
    refused(bench, "unknown camera 'davis'", "record", "--rig", rig, *fast)
    (bench.folder / "broken.yaml").write_text("davis346: [")
    refused(bench, "not YAML", "record", "--rig", bench.folder / "broken.yaml", *fast)
    # What only the camera's node knows ends the session before it begins.
    graph = bench.graph(aus="12", parameters={"davis346": {"step_rate": -5.0}})
    with bench.session(graph) as session:
        expect(session.end() == 2, f"the session ended with {session.code}")
    expect(any("step_rate" in line for line in session.said.errors), f"said {session.said.errors}")
    expect(not session.said.tracebacks, "a traceback")
    return Found("three mistakes: each one line that names file and field, exit code 2, nothing is recorded")


@fault("script mistyped", quick=True)
def wrong_script(bench: Bench) -> Found:
    path = bench.folder / "typo.yaml"
    fields = yaml.safe_load(Path(script_file(bench.folder)).read_text())
    path.write_text(yaml.safe_dump(fields | {"performe": 2.0}))
    graph = bench.graph(aus="12").with_parameters({"conductor": {"script": str(path)}})
    with bench.session(graph) as session:
        expect(session.end() == 2, f"the session ended with {session.code}")
    said = session.said.wait_for("error:")
    expect("performe" in said, f"said {said}")
    return Found("the conductor names the unknown field in one line, exit code 2")


@fault("recorded session recorded again", quick=True)
def recorded_again(bench: Bench) -> Found:
    with bench.session(bench.graph(aus="12", session="01")) as first:
        expect(first.end() == 0, f"the session ended with {first.code}")
    before = sorted(path.name for path in first.folder.iterdir())
    with bench.session(bench.graph(aus="45", session="01")) as second:
        expect(second.end() == 2, f"the second one ended with {second.code}")
    expect("01" in second.said.wait_for("error:"), f"said {second.said.errors}")
    expect(not second.said.tracebacks, "a traceback")
    expect(sorted(path.name for path in first.folder.iterdir()) == before, "the folder changed")
    return Found("refused in one line; nothing in the folder changed")


@fault("withdrawal during a recording")
def withdraw_while_recording(bench: Bench) -> Found:
    with bench.session(bench.graph(aus="12", perform=LONG)) as session:
        session.at("perform")
        refused(
            bench, "is being recorded to", "withdraw", "sub-S01", "--recordings", bench.recordings,
            "--link", bench.folder / "links" / "subjects.jsonl", "--yes",
        )  # fmt: skip
        expect(session.running.ended() is None, "the session ended")
    expect(session.outcomes == ["interrupted"], f"takes: {session.outcomes}")
    return Found("refused in one line; the session is not disturbed")


@fault("calibration unreadable")
def unreadable_calibration(bench: Bench) -> Found:
    torn, other = bench.folder / "torn.yaml", bench.folder / "other.yaml"
    torn.write_text("image_width: [")
    matrix = {"rows": 3, "cols": 3, "data": [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]}
    other.write_text(
        yaml.safe_dump(
            {
                "image_width": 640,
                "image_height": 480,
                "camera_name": "davis346",
                "camera_matrix": matrix,
                "distortion_model": "plumb_bob",
                "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.0] * 5},
            }
        )
    )
    for path in (torn, other, bench.folder / "missing.yaml"):
        graph = bench.graph(aus="12", parameters={"davis346": {"calibration": str(path)}})
        with bench.session(graph) as session:
            expect(session.end() == 2, f"{path.name}: the session ended with {session.code}")
        own = [line for line in session.said.errors if line.startswith("[davis346]")]
        expect(len(own) == 1 and path.name in own[0], f"{path.name}: said {session.said.lines[-8:]}")
        expect(not session.manifest, f"{path.name}: something was recorded")
    return Found("torn, for another sensor, missing: each one line that names the file, exit code 2")
