"""`rig subject`, `rig withdraw` and `rig audit` as an operator types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evface.errors import EvfaceError
from evface.privacy import AUDIT
from rig.cli import app
from rig.graph import RecordOptions, people_are_recorded, record_graph

RIG = str(Path(sys.prefix) / "bin" / "rig")


def type_in(*words: str | Path, answer: str = "") -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_subject_from_enrolment_to_withdrawal(tmp_path: Path) -> None:
    recordings, links = tmp_path / "recordings", tmp_path / "private" / "subjects.jsonl"
    enrolled = type_in("subject", "new", "--out", recordings, "--link", links, answer="Ada Lovelace\n")
    pseudonym = enrolled.stdout.split()[-1]
    assert f"sub-{pseudonym}\tAda Lovelace" in type_in("subject", "list", "--link", links).stdout
    session = recordings / f"sub-{pseudonym}" / "ses-01"
    session.mkdir(parents=True)
    (session / "session.json").write_text("{}")
    clear = ("withdraw", f"sub-{pseudonym}", "--recordings", recordings, "--link", links)
    shown = type_in(*clear, "--dry-run").stdout
    assert str(session / "session.json") in shown
    assert "nothing was changed" in shown
    assert (session / "session.json").exists()
    with pytest.raises(EvfaceError, match="nothing was changed"):
        type_in(*clear, answer="n\n")
    assert (session / "session.json").exists()
    type_in(*clear, answer="y\n")
    assert sorted(path.name for path in recordings.iterdir()) == [AUDIT, "withdrawn.jsonl"]
    assert type_in("subject", "list", "--link", links).stdout == ""
    assert "Ada" not in (recordings / AUDIT).read_text()
    verified = type_in("audit", "verify", recordings).stdout
    assert verified.startswith("3 lines, unbroken; head ")
    assert "withdrawal begun" in type_in("audit", "show", recordings).stdout
    assert type_in("audit", "verify", recordings, "--head", verified.split()[-1]).exit_code == 0


def test_a_log_that_was_changed_ends_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / AUDIT).write_text('{"n": 0}\n')
    found = subprocess.run(
        [RIG, "audit", "verify", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stderr.startswith(f"error: {tmp_path / AUDIT}:1: ")


def test_faces_are_warned_about_and_virtual_ones_are_not(tmp_path: Path) -> None:
    for rig, people in (("live", True), ("virtual", False)):
        assert people_are_recorded(record_graph(RecordOptions(rig=rig, out=str(tmp_path)))) is people
