"""The command `evface`, as one types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_recordings import made_bag, made_file, some_events, some_triggers

from evface import cli
from evface.events import open_recording

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evface(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evface", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return run


def test_info_as_json(evface: Run, tmp_path: Path) -> None:
    events = some_events()
    path = made_file(tmp_path / "a.raw", events, some_triggers(events))
    code, out, _ = evface("info", path, "--json")
    on = int(events.p.sum())
    assert code == 0
    assert json.loads(out) == {
        "format": "raw", "width": 346, "height": 260, "events": 3000, "on": on, "off": 3000 - on,
        "first": int(events.t[0]), "last": int(events.t[-1]), "triggers": 6, "frames": 0, "dropped": 0,
    }  # fmt: skip


def test_info_as_a_table(evface: Run, tmp_path: Path) -> None:
    code, out, _ = evface("info", made_file(tmp_path / "a.h5", some_events()))
    assert code == 0
    assert ["events", "3000"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("ending", [".raw", ".h5", ".hdf5"])
def test_convert_keeps_events_and_triggers(evface: Run, tmp_path: Path, ending: str) -> None:
    events = some_events()
    source = made_file(tmp_path / "a.raw", events, some_triggers(events))
    target = tmp_path / f"b{ending}"
    code, out, _ = evface("convert", source, target)
    assert (code, out) == (0, f"{target}: 3000 events, 6 triggers\n")
    found = open_recording(target)
    assert found.read().t.tolist() == events.t.tolist()
    assert found.triggers.t.tolist() == some_triggers(events).t.tolist()


def test_convert_chooses_a_topic(evface: Run, tmp_path: Path) -> None:
    bag = made_bag(tmp_path / "bag", some_events(), topics=("/davis346/events", "/evk4/events"))
    assert evface("convert", bag, tmp_path / "b.h5")[0] == 2
    assert evface("convert", bag, tmp_path / "b.h5", "--topic", "/evk4/events")[0] == 0


@pytest.mark.parametrize("command", [["info"], ["convert"]])
def test_bad_input_is_one_line_and_exit_code_two(evface: Run, tmp_path: Path, command: list[str]) -> None:
    path = made_file(tmp_path / "a.h5", some_events())
    path.write_bytes(path.read_bytes()[:3000])
    code, out, err = evface(*command, path, *([tmp_path / "b.raw"] if command == ["convert"] else []))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: damaged")
    assert err.count("\n") == 1
    assert not (tmp_path / "b.raw").exists()


def test_it_is_installed_as_a_module_too(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.raw", some_events())
    found = subprocess.run(
        [sys.executable, "-m", "evface.cli", "info", str(path), "--json"], capture_output=True, check=True
    )
    assert json.loads(found.stdout)["events"] == 3000


@pytest.mark.parametrize(
    ("name", "size", "frames"),
    [
        ("faces/smile_512.mp4", (512, 512), 78),
        ("faces/smile_640x360.mp4", (640, 360), 72),
        ("faces/face_then_none.mov", (960, 540), 169),
    ],
)
def test_info_of_a_video(
    evface: Run, recording: Callable[[str], Path], name: str, size: tuple[int, int], frames: int
) -> None:
    code, out, _ = evface("info", recording(name), "--json")
    found = json.loads(out)
    assert (code, found["format"], found["events"], found["frames"]) == (0, "video", 0, frames)
    assert (found["width"], found["height"]) == size
