"""`rig train reconstruction` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from small_dataset import SmallPlan, make_dataset
from typer.testing import CliRunner

from evface.errors import ConfigError
from rig.cli import app

TINY = {
    "name": "tiny",
    "model": {"family": "cvae", "preset": "small", "size": 16, "maps": [2, 3], "hidden": 4, "latent": 2},
    "every": 6,
    "epochs": 1,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("command") / "dataset", SmallPlan(aus=(12,), evk4=True))


def test_a_run_of_a_sensor_says_how_near_each_method_comes(dataset: Path, tmp_path: Path) -> None:
    preset = tmp_path / "tiny.yaml"
    preset.write_text(yaml.safe_dump(TINY))
    out = tmp_path / "out"
    words = ["train", "reconstruction", str(dataset), "--out", str(out), "--preset", str(preset)]
    done = CliRunner().invoke(app, [*words, "--sensor", "evk4", "--seeds", "0,1"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    for word in ("posterior", "prior", "sample", "mean_frame", "first_frame", "ssim", "ncc"):
        assert word in done.stdout
    found = json.loads((out / "metrics.json").read_text())
    assert found["config"]["sensor"] == "evk4"
    assert [(fold["fold"], fold["seed"]) for fold in found["folds"]] == [
        ("sub-S01", 0), ("sub-S01", 1), ("sub-S02", 0), ("sub-S02", 1),
    ]  # fmt: skip


def test_a_mistyped_sensor_or_fold_is_named(tmp_path: Path) -> None:
    preset = tmp_path / "tiny.yaml"
    preset.write_text(yaml.safe_dump(TINY))
    words = ["train", "reconstruction", str(tmp_path), "--preset", str(preset)]
    for option, word in (("--sensor", "webcam"), ("--folds", "sub-S01")):
        done = CliRunner().invoke(app, [*words, option, word])
        assert isinstance(done.exception, ConfigError)
        assert word in str(done.exception)
