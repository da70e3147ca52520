"""The one description of the node graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from evface.calibration import CalibratedCamera, Calibration, Lens, Pose
from evface.errors import ConfigError
from rig.errors import GraphError
from rig.graph import (
    CalibrateOptions,
    LiveOptions,
    RecordOptions,
    ReplayOptions,
    calibrate_graph,
    live_graph,
    load_rig,
    next_session,
    record_graph,
    replay_graph,
)
from rig.resources import share


def test_recording_starts_recorder_cameras_and_conductor(tmp_path: Path) -> None:
    graph = record_graph(
        RecordOptions(rig="virtual", aus="12,45", cameras="davis346,webcam", out=str(tmp_path))
    )
    assert [node.name for node in graph.nodes] == [
        "quality_monitor",
        "recorder",
        "davis346",
        "webcam",
        "conductor",
        "sync_monitor",
        "console",
    ]
    by_name = {node.name: node.parameters for node in graph.nodes}
    assert by_name["recorder"]["cameras"] == ["davis346", "webcam"]
    assert by_name["davis346"]["source"] == "virtual"
    assert by_name["conductor"]["aus"] == [12, 45]
    assert by_name["conductor"]["session"] == "01"


def test_a_session_outlives_its_pages_and_needs_none_where_nobody_looks(tmp_path: Path) -> None:
    watched = record_graph(RecordOptions(rig="virtual", aus="12", out=str(tmp_path)))
    assert [node.required for node in watched.nodes if node.name == "console"] == [False]
    alone = record_graph(RecordOptions(rig="virtual", aus="12", headless=True, out=str(tmp_path)))
    assert "console" not in {node.name for node in alone.nodes}


def test_every_node_of_every_graph_has_a_module(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.touch()
    graphs = [
        record_graph(RecordOptions(rig="virtual", out=str(tmp_path))),
        live_graph(LiveOptions(rig="virtual", checkpoint=str(checkpoint))),
        replay_graph(ReplayOptions(bag=str(tmp_path), checkpoint=str(checkpoint))),
    ]
    nodes = Path(__file__).parents[1] / "rig" / "nodes"
    for graph in graphs:
        for node in graph.nodes:
            assert (nodes / f"{node.name}.py").is_file()


def test_the_installed_rigs_name_cameras_only() -> None:
    for path in (share("rig") / "config" / "rigs").glob("*.yaml"):
        assert load_rig(path.stem)


def test_a_fixed_box_replaces_the_face_tracker(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.touch()
    graph = live_graph(LiveOptions(rig="virtual", checkpoint=str(checkpoint), box="10,20,128,128"))
    by_name = {node.name: node.parameters for node in graph.nodes}
    assert by_name["slicer"]["box"] == [10.0, 20.0, 128.0, 128.0]
    assert "face_tracker" not in by_name


def test_a_calibrated_evk4_is_cut_by_the_webcams_face(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.touch()
    lens = Lens(1280, 720, (900.0, 900.0), (640.0, 360.0))
    camera = CalibratedCamera(lens, Pose.none())
    Calibration("webcam", {"webcam": camera, "evk4": camera}).write(tmp_path / "calib")
    options = {"rig": "virtual", "sensor": "evk4", "checkpoint": str(checkpoint)}
    plain = {node.name for node in live_graph(LiveOptions(**options)).nodes}
    assert plain == {"evk4", "slicer", "au_recognizer"}
    graph = live_graph(LiveOptions(**options, calibration=str(tmp_path / "calib")))
    by_name = {node.name: node.parameters for node in graph.nodes}
    assert set(by_name) == plain | {"webcam", "face_tracker"}
    assert by_name["face_tracker"]["sensor"] == "webcam"
    assert by_name["face_tracker"]["boxes_for"] == ["evk4"]
    assert by_name["evk4"]["calibration"] == by_name["webcam"]["calibration"] == str(tmp_path / "calib")


def test_pictures_are_made_where_a_model_for_them_is_given(tmp_path: Path) -> None:
    for name in ("au", "pictures"):
        (tmp_path / f"{name}.safetensors").touch()
    checkpoint, model = (str(tmp_path / f"{name}.safetensors") for name in ("au", "pictures"))
    plain = live_graph(LiveOptions(rig="virtual", checkpoint=checkpoint))
    assert "reconstructor" not in {node.name for node in plain.nodes}
    live = live_graph(LiveOptions(rig="virtual", sensor="evk4", checkpoint=checkpoint, reconstruction=model))
    by_name = {node.name: node.parameters for node in live.nodes}
    assert by_name["reconstructor"] == {"checkpoint": model, "sensor": "evk4", "use_sim_time": False}
    replay = replay_graph(ReplayOptions(bag=str(tmp_path), checkpoint=checkpoint, reconstruction=model))
    by_name = {node.name: node.parameters for node in replay.nodes}
    assert by_name["player"]["wait_for_publishers"] == ["/au", "/reconstruction/image"]
    with pytest.raises(GraphError, match="rig train reconstruction"):
        live_graph(LiveOptions(rig="virtual", checkpoint=checkpoint, reconstruction="none.safetensors"))


def test_before_virtual_cameras_that_are_calibrated_there_is_a_board() -> None:
    graph = calibrate_graph(CalibrateOptions(rig="virtual", cameras="davis346,webcam"))
    assert [(node.name, node.parameters["scene"]) for node in graph.nodes] == [
        ("davis346", "board"),
        ("webcam", "board"),
    ]


def test_replay_runs_on_simulated_time(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.touch()
    graph = replay_graph(ReplayOptions(bag=str(tmp_path), checkpoint=str(checkpoint)))
    by_name = {node.name: node.parameters for node in graph.nodes}
    assert by_name["au_recognizer"]["use_sim_time"] is True
    assert "use_sim_time" not in by_name["player"]


def test_sessions_are_numbered_on(tmp_path: Path) -> None:
    assert next_session(tmp_path, "S01") == "01"
    (tmp_path / "sub-S01" / "ses-01").mkdir(parents=True)
    assert next_session(tmp_path, "S01") == "02"
    assert next_session(tmp_path, "S02") == "01"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rig": "nope"}, GraphError, "no rigs configuration called 'nope'; there are: "),
        ({"script": "nope"}, GraphError, "no protocol configuration called 'nope'; there are: "),
        ({"aus": "12,3"}, ConfigError, "AU 3 is not one of the 21"),
        ({"aus": "12,x"}, ConfigError, "not a comma-separated list of numbers"),
        ({"cameras": "gopro"}, ConfigError, "has no camera 'gopro'"),
    ],
)
def test_what_a_person_mistypes_is_named(
    options: dict[str, str], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        record_graph(RecordOptions(**({"rig": "virtual", "out": str(tmp_path)} | options)))


def test_a_rig_of_the_users_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"webcam": {"source": "virtual"}}))
    graph = record_graph(RecordOptions(rig=str(path), out=str(tmp_path)))
    assert [node.name for node in graph.nodes] == [
        "quality_monitor",
        "recorder",
        "webcam",
        "conductor",
        "sync_monitor",
        "console",
    ]
    path.write_text(yaml.safe_dump({"toaster": {}}))
    with pytest.raises(ConfigError, match=r"mine.yaml: unknown camera 'toaster'"):
        record_graph(RecordOptions(rig=str(path), out=str(tmp_path)))
    path.write_text("{")
    with pytest.raises(ConfigError, match="not YAML"):
        record_graph(RecordOptions(rig=str(path), out=str(tmp_path)))


def test_no_checkpoint_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no checkpoint"):
        live_graph(LiveOptions(rig="virtual", checkpoint=str(tmp_path / "none.safetensors")))
