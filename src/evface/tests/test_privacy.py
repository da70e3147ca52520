"""What subjects are promised: consent, pseudonyms, an audit log, encryption."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_session import Plan, record

from evface.dataset.convert import convert
from evface.errors import ConfigError, DatasetError, FormatError, PrivacyError
from evface.privacy import (
    AUDIT,
    CONSENT,
    Consent,
    LinkingFile,
    audit,
    read_audit,
    read_consent,
    require_consent,
    volume_of,
    write_consent,
)
from evface.privacy.pseudonyms import LETTERS

ALL = ("research", "sharing", "figures", "rgb_release")


def given_consent(*scopes: str) -> Consent:
    return Consent(version="2026-1", scopes=scopes, given_ns=1_700_000_000_000_000_000, how="page")


# --- consent ---------------------------------------------------------------------------------------


def test_nobody_is_recorded_without_consent(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match=r"no consent in .*nobody is recorded"):
        require_consent(tmp_path)
    consent = given_consent("research", "figures")
    write_consent(tmp_path / "ses-01", consent)
    assert require_consent(tmp_path / "ses-01") == consent
    assert [path.name for path in (tmp_path / "ses-01").iterdir()] == [CONSENT]


def test_consent_that_was_given_is_not_replaced_by_another(tmp_path: Path) -> None:
    consent = given_consent("research")
    write_consent(tmp_path, consent)
    write_consent(tmp_path, consent)
    with pytest.raises(PrivacyError, match="another consent was given"):
        write_consent(tmp_path, given_consent("research", "sharing"))
    assert read_consent(tmp_path) == consent


def test_consent_to_everything_but_research_is_none() -> None:
    with pytest.raises(ValueError, match="without research there is no consent"):
        given_consent("sharing")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": "1", "scopes": ["research", "fun"]}'])
def test_a_consent_that_cannot_be_read_is_not_taken_for_one(content: str, tmp_path: Path) -> None:
    (tmp_path / CONSENT).write_text(content)
    with pytest.raises((FormatError, ConfigError), match=CONSENT):
        require_consent(tmp_path)


def test_scopes_decide_what_is_exported(tmp_path: Path) -> None:
    recordings = record(tmp_path / "recordings", Plan(("S01", "S02", "S03", "S04"), (12,)))
    for subject, scopes in (("S01", ("research", "sharing")), ("S02", ALL), ("S03", ("research",))):
        write_consent(recordings / f"sub-{subject}" / "ses-01", given_consent(*scopes))
    shared = convert(recordings, tmp_path / "shared", boxes=False, purpose="sharing")
    assert shared.converted == ["sub-S01_ses-01_task-au12_run-01", "sub-S02_ses-01_task-au12_run-01"]
    assert set(shared.failed.values()) == {"no consent to sharing"}
    videos = sorted(path.name for path in (tmp_path / "shared").rglob("*.mkv"))
    assert videos == ["sub-S02_ses-01_task-au12_run-01_recording-davis_video.mkv"]
    own = convert(recordings, tmp_path / "own", boxes=False)
    assert len(own.converted) == 4
    assert len(list((tmp_path / "own").glob("sub-S01/**/*_video.mkv"))) == 2
    heading, *rows = (tmp_path / "own" / "participants.tsv").read_text().splitlines()
    column = heading.split("\t").index("consent_scopes")
    assert [row.split("\t")[column] for row in rows] == ["research,sharing", ",".join(ALL), "research", "n/a"]
    with pytest.raises(DatasetError, match="made for research, not for sharing"):
        convert(recordings, tmp_path / "own", boxes=False, purpose="sharing")


def test_a_session_whose_consent_is_broken_is_left_out(tmp_path: Path) -> None:
    recordings = record(tmp_path / "recordings", Plan(("S01", "S02"), (12,), webcam=False))
    (recordings / "sub-S01" / "ses-01" / CONSENT).write_text("{")
    report = convert(recordings, tmp_path / "dataset", boxes=False)
    assert report.converted == ["sub-S02_ses-01_task-au12_run-01"]
    assert list(report.failed) == ["sub-S01_ses-01_consent.json"]


# --- pseudonyms ------------------------------------------------------------------------------------


def test_a_pseudonym_says_nothing_and_its_file_is_its_owners_alone(tmp_path: Path) -> None:
    links = LinkingFile(tmp_path / "private" / "subjects.jsonl")
    first, second = links.issue("Ada Lovelace"), links.issue("Alan Turing")
    assert first != second
    assert set(first + second) <= set(LETTERS)
    assert links.path.stat().st_mode & 0o777 == 0o600
    assert [(link.pseudonym, link.name) for link in links.links()] == [
        (first, "Ada Lovelace"),
        (second, "Alan Turing"),
    ]
    with pytest.raises(PrivacyError, match=f"this person is sub-{first} already"):
        links.issue("ada  lovelace")
    assert links.forget(first)
    assert not links.forget(first)
    assert [link.name for link in links.links()] == ["Alan Turing"]
    assert links.path.stat().st_mode & 0o777 == 0o600


def test_a_pseudonym_of_the_recordings_is_not_issued_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recordings" / "sub-2222").mkdir(parents=True)
    drawn = iter("22223333")
    monkeypatch.setattr("evface.privacy.pseudonyms.secrets.choice", lambda letters: next(drawn))
    assert LinkingFile(tmp_path / "subjects.jsonl").issue("Ada", tmp_path / "recordings") == "3333"


@pytest.mark.parametrize("mark", ["audit.jsonl", "dataset_description.json", "sub-S01/ses-01/x"])
def test_names_are_not_kept_with_the_data(mark: str, tmp_path: Path) -> None:
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).touch()
    with pytest.raises(PrivacyError, match="must not lie with recordings or data"):
        LinkingFile(tmp_path / "deeper" / "subjects.jsonl")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o700])
def test_a_linking_file_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "subjects.jsonl"
    LinkingFile(path).issue("Ada")
    path.chmod(mode)
    with pytest.raises(PrivacyError, match=f"others may read names .mode 0{mode:o}"):
        LinkingFile(path)


# --- the audit log ---------------------------------------------------------------------------------

facts = st.dictionaries(st.sampled_from(["subject", "take", "scopes"]), st.text(max_size=20), max_size=3)
events = st.lists(st.tuples(st.text(min_size=1, max_size=12), facts), min_size=2, max_size=6)


@given(events, st.data())
@settings(max_examples=60, deadline=None)
def test_a_log_tells_the_first_line_that_was_touched(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, dict[str, str]]], data: st.DataObject
) -> None:
    out = tmp_path_factory.mktemp("log")
    for event, more in written:
        audit(out, event, **more)
    found = read_audit(out)
    assert [(entry.event, entry.facts) for entry in found] == written
    lines = (out / AUDIT).read_bytes().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1), label="line")
    how = data.draw(st.sampled_from(["change", "remove", "repeat", "swap"]), label="how")
    touched = list(lines)
    if how == "change":
        place = data.draw(st.integers(0, len(lines[at]) - 2), label="byte")
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[at][place]), label="value")
        touched[at] = lines[at][:place] + bytes([byte]) + lines[at][place + 1 :]
    elif how == "remove":
        at = min(at, len(lines) - 2)
        del touched[at]
    elif how == "repeat":
        touched.insert(at, lines[at])
    else:
        at = min(at, len(lines) - 2)
        touched[at : at + 2] = reversed(touched[at : at + 2])
    (out / AUDIT).write_bytes(b"".join(touched))
    wrong = at + 2 if how == "repeat" else at + 1
    with pytest.raises(FormatError, match=rf"{AUDIT}:{wrong}: "):
        read_audit(out)


def test_lines_that_were_cut_off_show_against_a_hash_noted_elsewhere(tmp_path: Path) -> None:
    audit(tmp_path, "consent")
    noted = audit(tmp_path, "withdrawn").hash
    lines = (tmp_path / AUDIT).read_bytes().splitlines(keepends=True)
    assert len(read_audit(tmp_path, noted)) == 2
    (tmp_path / AUDIT).write_bytes(lines[0])
    assert len(read_audit(tmp_path)) == 1
    with pytest.raises(FormatError, match="lines were cut off"):
        read_audit(tmp_path, noted)


def test_a_power_cut_tears_no_more_than_its_own_line(tmp_path: Path) -> None:
    audit(tmp_path, "one")
    audit(tmp_path, "two")
    whole = (tmp_path / AUDIT).read_bytes()
    second = whole.index(b"\n") + 1
    for length in range(second, len(whole) + 1):
        (tmp_path / AUDIT).write_bytes(whole[:length])
        audit(tmp_path, "three")
        told = [entry.event for entry in read_audit(tmp_path)]
        assert told == (["one", "two", "three"] if length >= len(whole) - 1 else ["one", "three"])
    torn = whole[: second + 9]
    (tmp_path / AUDIT).write_bytes(torn)
    assert [entry.event for entry in read_audit(tmp_path)] == ["one"]
    audit(tmp_path, "three")
    changed = (tmp_path / AUDIT).read_bytes().replace(torn[second:] + b"\n", b"lost\n")
    (tmp_path / AUDIT).write_bytes(changed)
    with pytest.raises(FormatError, match=f"{AUDIT}:2: "):
        read_audit(tmp_path)


def _write_many(out: Path, count: int) -> None:
    for number in range(count):
        audit(out, "take", number=number)


def test_processes_write_to_one_log_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_write_many, args=(tmp_path, 25)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(read_audit(tmp_path)) == 100


def test_what_does_not_fit_a_line_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    audit(tmp_path, "one")
    with pytest.raises(PrivacyError, match="at most"):
        audit(tmp_path, "note", text="x" * 20_000)
    with pytest.raises(PrivacyError, match="cannot log 'note'"):
        audit(tmp_path, "note", text=object())
    assert len(read_audit(tmp_path)) == 1


# --- volumes ---------------------------------------------------------------------------------------


class Machine:
    """The kernel's files about mounts and block devices, made up as Linux lays them out."""

    def __init__(self, root: Path) -> None:
        self.root, self.devices, self.mounts = root, root / "sys" / "dev" / "block", root / "mountinfo"
        self.devices.mkdir(parents=True)
        self.mounts.write_text("")

    def disk(self, number: str, *below: str, uuid: str = "", backing: str = "") -> None:
        device = self.root / "sys" / "devices" / number.replace(":", "-")
        (device / "slaves").mkdir(parents=True)
        for slave in below:
            (device / "slaves" / slave.replace(":", "-")).symlink_to(
                self.root / "sys" / "devices" / slave.replace(":", "-")
            )
        if uuid:
            (device / "dm").mkdir()
            (device / "dm" / "uuid").write_text(uuid + "\n")
        if backing:
            (device / "loop").mkdir()
            (device / "loop" / "backing_file").write_text(backing + "\n")
        (self.devices / number).symlink_to(device)

    def mount(self, number: str, point: Path | str, kind: str = "ext4", source: str = "/dev/nothing") -> None:
        with self.mounts.open("a") as file:
            file.write(f"36 35 {number} / {point} rw,noatime shared:1 - {kind} {source} rw\n")

    def state(self, folder: Path) -> str:
        return volume_of(folder, self.mounts, self.devices).state


def test_encryption_is_seen_through_volumes_and_disks(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.disk("8:1")
    machine.disk("253:0", "8:1", uuid="CRYPT-LUKS2-0123-home")
    machine.disk("253:1", "253:0", uuid="LVM-abc")
    machine.disk("253:2", "8:1", uuid="LVM-def")
    machine.disk("9:0", "253:1", "253:2")
    machine.disk("253:3", "8:1", uuid="CRYPT-VERITY-0123-root")
    machine.disk("7:0", backing=str(tmp_path / "image"))
    (tmp_path / "deep folder").mkdir()
    spaced = str(tmp_path / "deep folder").replace(" ", "\\040")
    machine.mount("8:1", "/")
    assert machine.state(tmp_path) == "plain"
    for number, state in (
        ("253:0", "encrypted"),
        ("253:1", "encrypted"),
        ("253:2", "plain"),
        ("9:0", "plain"),
        ("253:3", "plain"),
        ("7:0", "plain"),
        ("0:99", "unknown"),
    ):
        machine.mount(number, spaced)
        assert machine.state(tmp_path / "deep folder" / "not" / "there" / "yet") == state, number
    machine.mount("253:1", tmp_path)
    machine.mount("7:0", spaced)
    assert machine.state(tmp_path / "deep folder") == "encrypted"
    assert machine.state(tmp_path) == "encrypted"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("fuse.gocryptfs", "encrypted"), ("ecryptfs", "encrypted"), ("nfs4", "unknown"), ("tmpfs", "unknown")],
)
def test_a_file_system_may_say_it_all(kind: str, state: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.mount("0:50", tmp_path, kind)
    found = volume_of(tmp_path, machine.mounts, machine.devices)
    assert found.state == state
    assert bool(found.warning) == (state != "encrypted")
    assert kind in found.detail


def test_this_machines_own_volume_is_told(tmp_path: Path) -> None:
    assert volume_of(tmp_path).state in ("encrypted", "plain", "unknown")
    assert str(Path(os.sep)) in volume_of(tmp_path).detail


def test_facts_of_the_log_are_plain_json(tmp_path: Path) -> None:
    audit(tmp_path, "consent", scopes=["research"], subject="K7QW")
    line = json.loads((tmp_path / AUDIT).read_text())
    assert (line["event"], line["scopes"], line["subject"]) == ("consent", ["research"], "K7QW")
