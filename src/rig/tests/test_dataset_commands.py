"""`rig validate` and `rig export` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_dataset import SmallPlan, make_dataset
from typer.testing import CliRunner

from evface.errors import DatasetError
from rig.cli import app


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("commands") / "dataset", SmallPlan(aus=(12,)))


def test_validate_says_a_line_per_finding_and_a_summary(dataset: Path) -> None:
    done = CliRunner().invoke(app, ["validate", str(dataset)])
    assert done.exit_code == 0
    assert "2 takes, 29 files: nothing is wrong" in done.stdout
    note = dataset / "notes.txt"
    note.write_text("mine")
    done = CliRunner().invoke(app, ["validate", str(dataset), "--no-checksums"])
    note.unlink()
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "notes.txt: is no file of a dataset",
        f"{dataset}: 2 takes, 30 files: 1 findings in 1 files, 0 of them unreadable",
    ]


def test_what_is_no_dataset_cannot_be_validated(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert isinstance(done.exception, DatasetError)


def test_export_says_what_it_wrote_and_goes_on(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for written, there in ((2, 0), (0, 2)):
        done = CliRunner().invoke(app, ["export", str(dataset), "--to", "elan", "--out", str(out)])
        assert done.exit_code == 0
        assert done.stdout.splitlines()[-1] == f"{out}: {written} takes written, {there} were there"
    assert len(list(out.glob("*.eaf"))) == 2
