"""Sessions recorded by real processes, once for all tests that look at them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.graph import Graph, RecordOptions, record_graph
from rig.starting.local import run_graph


@dataclass
class Session:
    """A session on disk and what its processes said."""

    folder: Path
    code: int
    said: list[str] = field(default_factory=list)

    @property
    def recordings(self) -> Path:
        return self.folder.parents[1]

    @property
    def manifest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "manifest.jsonl").read_text().splitlines()]

    def bag(self, index: int) -> Path:
        return self.folder / self.manifest[index]["take"]


def start(graph: Graph, out: Path, subject: str = "S01") -> Session:
    """Run a recording graph to its end."""
    said: list[str] = []
    code = run_graph(graph, said.append)
    return Session(out / f"sub-{subject}" / "ses-01", code, said)


def rig_file(folder: Path, cameras: dict[str, dict[str, Any]]) -> str:
    """A rig of the test's own."""
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump(cameras))
    return str(path)


def script_file(folder: Path, perform: float = 2.0, rest: float = 0.5) -> str:
    """A script as short as a recording allows."""
    path = folder / "script.yaml"
    times = {"introduction": 0.1, "demonstration": {"clip": 0.1, "repeats": 1}, "countdown": 0.5}
    path.write_text(yaml.safe_dump({"name": "short", **times, "perform": perform, "rest": rest}))
    return str(path)


@pytest.fixture(scope="session")
def virtual_session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Two Action Units on the virtual rig, DAVIS346 and webcam."""
    out = tmp_path_factory.mktemp("virtual")
    options = RecordOptions(
        rig="virtual", script="fast", aus="12,45", cameras="davis346,webcam", headless=True, out=str(out)
    )
    return start(record_graph(options), out)
