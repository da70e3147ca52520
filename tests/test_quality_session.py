"""The quality of recorded takes: real processes, real DDS, real bags."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

from rclpy.client import Client

from rig.graph import RecordOptions, record_graph
from rig.starting.local import Running
from rig.transport import LATCHED_QOS
from rig.visiting import Visitor
from rig_interfaces.msg import QualityCheck, QualityReport
from rig_interfaces.srv import SessionCommand
from tests.conftest import Session, rig_file, script_file

SILENCE = 1.5
"""s that the camera is held: longer than a stream may be silent."""


def test_every_take_of_a_session_is_looked_through(virtual_session: Session) -> None:
    for line in virtual_session.manifest:
        quality = json.loads((virtual_session.folder / line["take"] / "quality.json").read_text())
        assert quality["take"] == line["take"]
        assert quality["bag_sha256"] == line["sha256"]
        assert (virtual_session.folder / line["take"] / "sync.json").exists()
        found = {(check["sensor"], check["name"]): check["level"] for check in quality["checks"]}
        assert found["davis346", "packet gaps"] == found["davis346", "events queue drops"] == "green"
        assert found["davis346", "face found"] == found["webcam", "face found"] == "green"
        assert found["davis346", "flicker"] == "green"
        assert quality["sensors"]["davis346"]["events"]["events"] > 10_000
        assert any(f"[quality_monitor] {line['take']}: " in said for said in virtual_session.said)


def test_a_camera_that_stalls_makes_its_take_red_and_a_redo_is_suggested(tmp_path: Path) -> None:
    camera = {"source": "virtual", "scene": "photograph", "width": 320, "height": 240, "frame_rate": 15.0}
    options = RecordOptions(
        rig=rig_file(tmp_path, {"webcam": camera}),
        script=script_file(tmp_path, perform=3.0),
        aus="12",
        headless=True,
        out=str(tmp_path / "out"),
    )
    # A machine that tests much at a time lets cameras wait.
    graph = record_graph(options).with_parameters({"conductor": {"patience": 300.0}})
    performing = threading.Event()
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if line.endswith("perform"):
            performing.set()

    with Running(graph, hear) as running:
        assert performing.wait(300.0), "\n".join(said)
        pid = running.pid("webcam")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(SILENCE)
        os.kill(pid, signal.SIGCONT)
        assert running.wait(200.0) == ("conductor", 0), "\n".join(said)
    path = tmp_path / "out/sub-S01/ses-01/sub-S01_ses-01_task-au12_run-01/quality.json"
    assert path.exists(), "\n".join(said)
    quality = json.loads(path.read_text())
    assert (quality["level"], quality["redo_suggested"]) == ("red", True)
    assert any(flag.startswith("webcam frame gaps") for flag in quality["flags"])
    assert any("redo suggested: webcam frame" in line for line in said)


def test_a_session_begins_with_a_red_check_only_when_told_so_in_words(tmp_path: Path) -> None:
    thresholds = tmp_path / "quality.yaml"
    thresholds.write_text("event_rate_least: 1.0e+9")
    camera = {"source": "virtual", "scene": "photograph", "pixels": "ideal", "step_rate": 200.0}
    options = RecordOptions(
        rig=rig_file(tmp_path, {"davis346": camera}),
        script=script_file(tmp_path),
        aus="12",
        main_only=True,
        consent="research",
        out=str(tmp_path / "out"),
    )
    graph = record_graph(options).with_parameters(
        {"quality_monitor": {"thresholds": str(thresholds)}, "console": {"port": 0}}
    )
    reds: list[str] = []
    said: list[str] = []
    with Running(graph, said.append) as running, Visitor("operator") as visitor:
        client: Client = visitor.node.create_client(SessionCommand, "/conductor/command")

        def tell(command: str, argument: str = "") -> SessionCommand.Response:
            request = SessionCommand.Request(command=command, argument=argument, by="operator")
            answer = client.call_async(request)
            visitor.spin(60.0, until=answer.done)
            assert answer.done(), "\n".join(said)
            return answer.result()

        def hear(report: QualityReport) -> None:
            reds[:] = [check.name for check in report.checks if check.level == QualityCheck.RED]

        visitor.hear("/quality", QualityReport, LATCHED_QOS, hear)
        heard = "[conductor] every sensor is heard"
        visitor.spin(120.0, until=lambda: heard in said and "event rate" in reds)
        assert client.wait_for_service(60.0), "\n".join(said)
        refused = tell("start")
        assert not refused.accepted
        assert "davis346 event rate" in refused.reason, refused.reason
        assert tell("start", "anyway").accepted
        assert tell("stop").accepted
        assert running.wait(60.0) == ("conductor", 1), "\n".join(said)
