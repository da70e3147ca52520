"""A subject withdraws: nothing of them remains, nothing else changes, whatever interrupts it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_session import Plan, record

from evface.dataset.convert import convert
from evface.dataset.splits import loso_folds
from evface.errors import PrivacyError
from evface.privacy import (
    AUDIT,
    TOMBSTONES,
    LinkingFile,
    audit,
    plan_withdrawal,
    read_audit,
    read_tombstones,
    refuse_withdrawn,
    withdraw,
)
from evface.privacy.withdrawal import DESCRIPTIONS

SUBJECTS = ("S0", "S01", "S011")
"""Of which each begins as the next one does."""


def contents(*roots: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, a dataset, models and a linking file of three subjects."""
    root = tmp_path_factory.mktemp("lab")
    record(root / "recordings", Plan(SUBJECTS, (12,)))
    for subject in SUBJECTS:
        audit(root / "recordings", "consent", subject=subject)
    convert(root / "recordings", root / "dataset", boxes=False)
    (root / "dataset" / "cache").mkdir()
    (root / "dataset" / "cache" / "clips_sub-S01.npz").write_bytes(b"frames")
    for held, learned in (("S01", "S0"), ("S0", "S01")):
        folder = root / "training" / f"sub-{held}_seed-0"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(
            json.dumps(
                {
                    "train": [f"sub-{learned}_ses-01_task-au12_run-01"],
                    "checkpoint": f"{folder.name}/model.safetensors",
                }
            )
        )
    return root


@pytest.fixture
def lab(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "lab"))


def check(lab: Path, before: dict[Path, bytes]) -> None:
    """Nothing of S01 is left, the rest is as it was, and the dataset is valid."""
    after = contents(lab / "recordings", lab / "dataset")
    own = {path for path in before if "sub-S01" in path.relative_to(lab).parts or "sub-S01." in path.name}
    described = {lab / "dataset" / name for name in DESCRIPTIONS}
    kept = {lab / "recordings" / AUDIT, lab / "recordings" / TOMBSTONES, lab / "dataset" / TOMBSTONES}
    assert own
    assert set(after) == (set(before) - own) | kept
    for path in set(before) - own - described - kept:
        assert after[path] == before[path], path
    for path in set(after) - kept:
        assert b"sub-S01" not in after[path].replace(b"sub-S011", b""), path
    assert not any(path.name == "sub-S01" for path in lab.glob("*/sub-*"))
    for line in (lab / "dataset" / "MANIFEST.sha256").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((lab / "dataset" / name).read_bytes()).hexdigest() == checksum, name
    assert [fold.name for fold in loso_folds(lab / "dataset")] == ["sub-S0", "sub-S011"]
    assert [entry.event for entry in read_audit(lab / "recordings")][-1] == "withdrawn"
    for root in (lab / "recordings", lab / "dataset"):
        assert read_tombstones(root)["S01"].state == "done"


def test_nothing_of_a_subject_remains_and_nothing_else_changes(lab: Path) -> None:
    before = contents(lab)
    plan = plan_withdrawal("sub-S01", lab / "recordings", [lab / "dataset"], [lab / "training"])
    assert contents(lab) == before
    assert plan.bytes == sum(len(before[path]) for path, _ in plan.files)
    assert [path.parent.name for path in plan.models] == ["sub-S0_seed-0"]
    assert {path.name for path in plan.rewritten} >= {"participants.tsv", "loso.json", "MANIFEST.sha256"}
    assert plan.mentions == ()
    withdraw(plan)
    gone = set(before) - set(contents(lab))
    assert gone == {path for path, _ in plan.files}
    check(lab, {path: content for path, content in before.items() if "training" not in path.parts})
    assert convert(lab / "recordings", lab / "dataset", boxes=False).failed == {}
    with pytest.raises(PrivacyError, match=r"was withdrawn already .* nothing is left"):
        plan_withdrawal("S01", lab / "recordings", [lab / "dataset"])


class PowerCut(BaseException):
    pass


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_withdrawal_goes_on_after_an_interruption_anywhere(
    made: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lab = tmp_path_factory.mktemp("cut") / "lab"
    shutil.copytree(made, lab)
    links = LinkingFile(lab / "private.jsonl")
    before = contents(lab / "recordings", lab / "dataset")
    cut = data.draw(st.integers(0, 30), label="steps before the power cut")
    steps = 0

    def count(*_: object, **__: object) -> None:
        nonlocal steps
        steps += 1
        if steps > cut:
            raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        for step in ("pathlib.Path.unlink", "os.rmdir", "os.fsync", "pathlib.Path.write_text"):
            module, _, name = step.rpartition(".")
            real = Path.__dict__[name] if module == "pathlib.Path" else getattr(__import__("os"), name)

            def stepped(*args: object, real: object = real, **kwargs: object) -> object:
                count()
                return real(*args, **kwargs)

            patch.setattr(step, stepped)
        with suppress(PowerCut):
            withdraw(plan_withdrawal("S01", lab / "recordings", [lab / "dataset"]), links)
    stones = [read_tombstones(lab / root).get("S01") for root in ("recordings", "dataset")]
    if any(stone is None or stone.state == "begun" for stone in stones):
        withdraw(plan_withdrawal("S01", lab / "recordings", [lab / "dataset"]), links)
    check(lab, before)


def test_who_withdrew_does_not_come_back_from_a_backup(lab: Path, made: Path) -> None:
    withdraw(plan_withdrawal("S01", lab / "recordings", [lab / "dataset"]))
    with pytest.raises(PrivacyError, match="sub-S01 was withdrawn"):
        refuse_withdrawn(lab / "recordings", "S01")
    refuse_withdrawn(lab / "recordings", "S011")
    shutil.copytree(made / "recordings" / "sub-S01", lab / "recordings" / "sub-S01")
    report = convert(lab / "recordings", lab / "dataset", boxes=False)
    assert list(report.failed) == ["sub-S01_ses-01_task-au12_run-01"]
    assert not (lab / "dataset" / "sub-S01").exists()


def test_a_session_that_is_being_recorded_is_not_withdrawn(lab: Path) -> None:
    path = lab / "recordings" / "sub-S01" / "ses-01" / ".lock"
    before = contents(lab)
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PrivacyError, match="is being recorded to"):
            withdraw(plan_withdrawal("S01", lab / "recordings", [lab / "dataset"]))
    path.unlink()
    assert contents(lab) == before


def test_what_lies_behind_a_link_is_not_forgotten(lab: Path) -> None:
    away = lab / "other disk"
    away.mkdir()
    shutil.move(lab / "recordings" / "sub-S01", away)
    (lab / "recordings" / "sub-S01").symlink_to(away / "sub-S01")
    with pytest.raises(PrivacyError, match=r"sub-S01 is a link to .*other disk"):
        plan_withdrawal("S01", lab / "recordings")


def test_a_note_that_names_the_subject_is_shown(lab: Path) -> None:
    note = lab / "recordings" / "notes.txt"
    note.write_text("sub-S01 wore glasses\n")
    assert plan_withdrawal("S01", lab / "recordings").mentions == (note,)


@pytest.mark.parametrize("name", ["S99", "../x", "", "S0*"])
def test_whom_nobody_knows_cannot_withdraw(name: str, lab: Path) -> None:
    with pytest.raises(PrivacyError, match=r"nothing of sub-S99|is not a pseudonym"):
        plan_withdrawal(name, lab / "recordings", [lab / "dataset"])


def test_the_linking_files_line_goes_too(lab: Path, tmp_path: Path) -> None:
    links = LinkingFile(tmp_path / "subjects.jsonl")
    links.path.write_text('{"pseudonym": "S01", "name": "Ada", "issued_ns": 1}\n')
    links.path.chmod(0o600)
    withdraw(plan_withdrawal("S01", lab / "recordings"), links)
    assert links.links() == []
