"""croissant.json: what it says, that it is in step with the files, and that mlcroissant reads it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_dataset import SmallPlan, make_dataset

from evface.dataset.coactivation import coactivations, flag_of
from evface.dataset.croissant import CONFORMS_TO
from evface.dataset.cues import CueRecord
from evface.dataset.description import describe_again
from evface.dataset.tree import read_json
from evface.dataset.validation import validate

TAKE = "sub-S01_ses-01_task-au12_run-01"
BEH = f"sub-S01/ses-01/beh/{TAKE}"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("croissant") / "sound")


@pytest.fixture
def dataset(sound: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(sound, tmp_path / "dataset"))


def add(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(read_json(path) | fields))


def findings(root: Path) -> list[str]:
    return [str(finding) for finding in validate(root, checksums=False).findings]


def test_every_file_is_distributed_with_its_checksum(sound: Path) -> None:
    content = read_json(sound / "croissant.json")
    assert (content["@type"], content["conformsTo"]) == ("sc:Dataset", CONFORMS_TO)
    files = {part["@id"]: part for part in content["distribution"]}
    there = {path.relative_to(sound).as_posix() for path in sound.rglob("*") if path.is_file()}
    assert files.keys() == there - {"croissant.json", "MANIFEST.sha256"}
    for name, part in files.items():
        data = (sound / name).read_bytes()
        assert (part["sha256"], part["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")


def test_its_takes_are_those_of_the_dataset(sound: Path) -> None:
    takes = next(part for part in read_json(sound / "croissant.json")["recordSet"] if part["@id"] == "takes")
    assert takes["data"][0] == {
        "takes/take": TAKE, "takes/subject": "S01", "takes/session": "01", "takes/au": 12, "takes/run": 1,
        "takes/outcome": "complete", "takes/clip": True, "takes/simulated": True, "takes/coactivated": "6",
        "takes/davis_events": f"{BEH}_recording-davis_dvs.h5", "takes/evk4_events": "",
    }  # fmt: skip
    assert [record["takes/coactivated"] for record in takes["data"]] == ["6", "", "6", ""]
    assert {field["@id"] for field in takes["field"]} == set(takes["data"][0])


def test_what_people_wrote_down_for_the_publication_is_kept_and_told(dataset: Path) -> None:
    add(
        dataset / "dataset_description.json", License="CC-BY-NC-4.0", Authors=["A Laboratory"],
        DatasetURL="https://example.org/faces", DatePublished="2026-11-21",
    )  # fmt: skip
    describe_again(dataset)
    make_dataset(dataset)
    content = read_json(dataset / "croissant.json")
    assert content["license"] == "https://spdx.org/licenses/CC-BY-NC-4.0"
    assert content["creator"] == [{"@type": "sc:Person", "name": "A Laboratory"}]
    assert (content["url"], content["datePublished"]) == ("https://example.org/faces", "2026-11-21")
    assert findings(dataset) == []


def test_what_croissant_requires_is_asked_for_before_sharing(tmp_path: Path) -> None:
    consent = {"version": "1", "scopes": ["research", "sharing", "rgb_release"]}
    plan = SmallPlan(("S01",), (12,), purpose="sharing", session={"consent": consent})
    lines = findings(make_dataset(tmp_path, plan))
    needed = {
        "license": "License",
        "url": "DatasetURL",
        "creator": "Authors",
        "datePublished": "DatePublished",
    }
    assert lines == [
        f"croissant.json: has no {name}, which Croissant requires: write {key} into dataset_description.json"
        for name, key in needed.items()
    ]


def test_what_is_out_of_step_is_named(dataset: Path) -> None:
    path = dataset / "croissant.json"
    content = read_json(path)
    content["distribution"][0]["sha256"] = "0" * 64
    name = content["distribution"].pop()["@id"]
    content["recordSet"][0]["data"].pop()
    path.write_text(json.dumps(content))
    changed = content["distribution"][0]["@id"]
    assert findings(dataset) == [
        f"croissant.json: distribution lacks {name}",
        f"croissant.json: distribution: the checksum of {changed} is not the one in MANIFEST.sha256",
        "croissant.json: its record set takes has 3 takes, the dataset has 4: not the same",
    ]
    path.write_text("[]")
    assert findings(dataset) == ["croissant.json: expected an object, found list"]


def test_mlcroissant_reads_it(dataset: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    found = mlcroissant.Dataset(jsonld=dataset / "croissant.json")
    takes = [record["takes/take"] for record in found.records(record_set="takes")]
    assert takes[0] in (TAKE, TAKE.encode())
    assert len(takes) == 4
    participants = list(found.records(record_set="participants"))
    assert [record["participants/participant_id"] for record in participants] == [b"sub-S01", b"sub-S02"]


def test_what_moved_along_is_flagged(sound: Path) -> None:
    quality = read_json(sound / f"{BEH}_quality.json")
    assert quality["coactivations"] == {"6": 0.2}
    assert "co-activation: AU 6 (0.20)" in quality["flags"]
    assert read_json(sound / f"{BEH.replace('au12', 'au45')}_quality.json")["coactivations"] == {}


def test_what_nobody_sees_is_no_coactivation_and_a_cue_for_another_au_is() -> None:
    cues = [CueRecord("perform", 12, 0, 0), CueRecord("perform", 4, 0, 0)]
    truth = {"others": {"6": 0.14, "45": 0.95, "12": 1.0}}
    assert coactivations(12, truth, cues) == {4: None, 45: 0.95}
    assert flag_of({4: None, 45: 0.95}) == "co-activation: AU 4, AU 45 (0.95)"
    assert coactivations(12, None, cues[:1]) == {}
