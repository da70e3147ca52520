"""What virtual subjects say they did, on its way beside the takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rig.recording import Manifest, Truths, announcement
from rig.recording.truths import TRUTHS


def truth(au: int = 12, trial: int = 0, take: int = 1, seed: int = 5) -> dict[str, Any]:
    return {"au": au, "trial": trial, "take": take, "onset": 17, "simulator": {"seed": seed}}


def test_each_take_has_the_truth_of_its_own_trial_and_take() -> None:
    truths = Truths()
    for found in (truth(), truth(take=2), truth(au=45, trial=1)):
        assert not truths.hear(announcement("davis346", found))
    assert truths.of(12, 0, 1) == truth()
    assert truths.of(12, 0, 2) == truth(take=2)
    assert truths.of(45, 1, 1) == truth(au=45, trial=1)


def test_a_take_that_nobody_performed_has_no_truth() -> None:
    truths = Truths()
    truths.hear(announcement("webcam", truth()))
    assert truths.of(12, 3, 1) is None
    assert truths.of(45, 0, 1) is None


def test_cameras_that_agree_are_heard_in_silence() -> None:
    truths = Truths()
    assert [truths.hear(announcement(camera, truth())) for camera in ("davis346", "evk4", "webcam")] == [
        ""
    ] * 3


def test_cameras_that_see_different_people_are_named_once() -> None:
    truths = Truths()
    truths.hear(announcement("davis346", truth()))
    complaint = truths.hear(announcement("webcam", truth(seed=6)))
    assert "davis346" in complaint
    assert "webcam" in complaint
    assert "seed" in complaint
    assert not truths.hear(announcement("evk4", truth(seed=7)))
    assert truths.of(12, 0, 1) == truth()


def test_what_is_no_truth_is_a_complaint_and_no_crash() -> None:
    for text in ("", "{}", "[1]", '{"camera": "x", "truth": {"trial": 0}}'):
        assert "/subject/truth" in Truths().hear(text)


def test_truths_lie_beside_the_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "ses-01")
    manifest.append_truth("sub-S01_ses-01_task-au12_run-01", truth())
    manifest.close()
    lines = [json.loads(line) for line in (tmp_path / "ses-01" / TRUTHS).read_text().splitlines()]
    assert lines == [{"name": "sub-S01_ses-01_task-au12_run-01", **truth()}]
