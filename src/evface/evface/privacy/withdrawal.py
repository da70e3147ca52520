"""Withdrawal: a subject's recordings and everything made of them go; a tombstone stays.

Each step can be done again: a withdrawal that was interrupted goes on where it was when it is asked for anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evface.dataset.naming import PLAN
from evface.errors import FormatError, PrivacyError
from evface.privacy.audit import AUDIT, audit
from evface.privacy.durable import sync_folder
from evface.privacy.pseudonyms import LinkingFile
from evface.privacy.tombstones import TOMBSTONES, Tombstone, read_tombstones, set_tombstone

DESCRIPTIONS = (
    "README.md",
    "participants.tsv",
    "participants.json",
    "splits/loso.json",
    "croissant.json",
    "MANIFEST.sha256",
)
"""Files of a dataset that speak of all subjects; they are written anew."""

TEXTS = {"", ".csv", ".json", ".jsonl", ".md", ".sha256", ".tsv", ".txt", ".xml", ".yaml", ".yml"}
"""Ends of the names of files that are searched for the pseudonym."""

LONGEST_TEXT = 64 << 20
"""bytes; a longer file is not searched."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a withdrawal clears and touches.

    Attributes:
        subject: pseudonym, "S07".
        recordings: folder of the recordings.
        datasets: roots of the datasets made from them.
        files: what goes, each with its size in bytes.
        rewritten: descriptions of datasets that are written anew without the subject.
        models: checkpoints that learned from the subject; they stay, somebody has to decide.
        mentions: other files that name the subject, and links behind which was not searched; they stay,
            somebody has to decide.
        unfinished: whether an earlier withdrawal of the subject was interrupted.
    """

    subject: str
    recordings: Path
    datasets: tuple[Path, ...]
    files: tuple[tuple[Path, int], ...]
    rewritten: tuple[Path, ...]
    models: tuple[Path, ...]
    mentions: tuple[Path, ...]
    unfinished: bool

    @property
    def bytes(self) -> int:
        """Size of all that goes."""
        return sum(size for _, size in self.files)


def plan_withdrawal(
    subject: str, recordings: Path, datasets: Sequence[Path] = (), models: Sequence[Path] = ()
) -> Withdrawal:
    """Find everything of a subject; nothing is changed.

    Args:
        subject: pseudonym, "S07" or "sub-S07".
        recordings: folder of the recordings.
        datasets: roots of the datasets made from them.
        models: folders of trained models.

    Raises:
        PrivacyError: nothing is known of the subject, the pseudonym is none, part of the recordings lies
            elsewhere behind a link, or a dataset's people are virtual.
        FormatError: a list of the withdrawn is broken.
    """
    subject = subject.removeprefix("sub-")
    if not re.fullmatch(r"[A-Za-z0-9]+", subject):
        raise PrivacyError(f"{subject!r} is not a pseudonym: letters and digits, such as sub-S07")
    roots = [root.expanduser().resolve() for root in (recordings, *datasets)]
    for root in roots:
        if not root.is_dir():
            raise PrivacyError(f"{root}: no such folder")
        if (root / PLAN).exists():
            raise PrivacyError(f"{root}: its people are virtual, nobody of them can withdraw")
    own = _own(subject)
    files: list[tuple[Path, int]] = []
    mentions: list[Path] = []
    for root in roots:
        for path in _walk(root):
            if own.search(path.relative_to(root).as_posix()):
                files.append((path, path.lstat().st_size))
            elif path.name not in (AUDIT, TOMBSTONES) and _mentions(path, own):
                mentions.append(path)
        if linked := [path for path, _ in files if path.is_symlink() and path.is_dir()]:
            raise PrivacyError(
                f"{linked[0]} is a link to {linked[0].resolve()}: clear that folder by itself first"
            )
    stones = [read_tombstones(root).get(subject) for root in roots]
    unfinished = any(stone is not None and stone.state == "begun" for stone in stones)
    described = {root / name for root in roots[1:] for name in DESCRIPTIONS}
    if not files and not mentions and not unfinished:
        raise PrivacyError(_nothing(subject, roots, stones))
    return Withdrawal(
        subject,
        roots[0],
        tuple(roots[1:]),
        tuple(files),
        tuple(sorted(path for path in mentions if path in described)),
        tuple(sorted(path for folder in models for path in _trained_on(folder, own))),
        tuple(sorted(path for path in mentions if path not in described)),
        unfinished,
    )


def withdraw(plan: Withdrawal, link: LinkingFile | None = None) -> None:
    """Clear what a plan names, and the subject's line in the linking file.

    First a tombstone that the withdrawal has begun, then the files, the descriptions, the name, and the
    tombstone that it is done; the audit log tells of both ends.

    Args:
        plan: of `plan_withdrawal`.
        link: where the pseudonym is linked to a name; None: nowhere.

    Raises:
        PrivacyError: somebody is recording the subject, or a file cannot be cleared.
        FormatError: a description or the linking file is broken.
    """
    _refuse_while_recording(plan)
    roots = (plan.recordings, *plan.datasets)
    try:
        for root in roots:
            _begin(root, plan)
        if not plan.unfinished:
            audit(
                plan.recordings,
                "withdrawal begun",
                subject=plan.subject,
                files=len(plan.files),
                bytes=plan.bytes,
            )
        for root in roots:
            _clear(root, plan)
        for root in plan.datasets:
            _describe(root)
        if link is not None:
            link.forget(plan.subject)
        for root in roots:
            _end(root, plan.subject)
        audit(plan.recordings, "withdrawn", subject=plan.subject, models=[path.name for path in plan.models])
    except OSError as error:
        where = error.filename or plan.recordings
        raise PrivacyError(
            f"{where}: cannot be cleared: {error.strerror or error}; call again when it can"
        ) from error


def _own(subject: str) -> re.Pattern[str]:
    """What is of the subject: sub-S07, and neither sub-S071 nor sub-S0."""
    return re.compile(rf"(?<![A-Za-z0-9])sub-{subject}(?![A-Za-z0-9])")


def _walk(root: Path) -> Iterator[Path]:
    """Every file below a folder and every link, in the order of their names; links are not followed."""
    for folder, names, files in os.walk(root):
        names.sort()
        links = [name for name in names if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in sorted(files + links))


def _mentions(path: Path, own: re.Pattern[str]) -> bool:
    """Whether a text names the subject, or a link hides whether something does."""
    if path.is_symlink():
        return path.is_dir()
    if path.suffix not in TEXTS or path.stat().st_size > LONGEST_TEXT:
        return False
    try:
        return own.search(path.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError as error:
        raise PrivacyError(f"{path}: cannot be searched: {error.strerror or error}") from error


def _trained_on(folder: Path, own: re.Pattern[str]) -> Iterator[Path]:
    """Checkpoints beside whose metrics the subject's takes are among those learned from."""
    for path in folder.rglob("metrics.json"):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            learned = found.get("train", [])
        except (OSError, ValueError, AttributeError) as error:
            raise FormatError(f"{path}: not readable: {error}") from error
        if any(own.search(str(take)) for take in learned):
            checkpoint = found.get("checkpoint")
            yield path.parent.parent / str(checkpoint) if checkpoint else path.parent


def _nothing(subject: str, roots: list[Path], stones: list[Tombstone | None]) -> str:
    done = next((stone for stone in stones if stone is not None), None)
    if done is not None:
        return f"sub-{subject} was withdrawn already ({done.files} files), and nothing is left"
    return f"nothing of sub-{subject} in {', '.join(map(str, roots))}"


def _refuse_while_recording(plan: Withdrawal) -> None:
    for path, _ in plan.files:
        if path.name != ".lock":
            continue
        with path.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PrivacyError(f"{path.parent}: is being recorded to; stop the session first") from error


def _begin(root: Path, plan: Withdrawal) -> None:
    own = [size for path, size in plan.files if path.is_relative_to(root)]
    touched = own or any(path.is_relative_to(root) for path in plan.rewritten)
    stone = read_tombstones(root).get(plan.subject)
    if touched and (stone is None or stone.state == "done"):
        before = stone or Tombstone(plan.subject, "begun", 0, 0, 0)
        files, size = before.files + len(own), before.bytes + sum(own)
        set_tombstone(root, Tombstone(plan.subject, "begun", time.time_ns(), files, size))


def _end(root: Path, subject: str) -> None:
    stone = read_tombstones(root).get(subject)
    if stone is not None and stone.state == "begun":
        set_tombstone(root, Tombstone(subject, "done", time.time_ns(), stone.files, stone.bytes))


def _clear(root: Path, plan: Withdrawal) -> None:
    """The subject's files away, and the folders that are empty without them."""
    for path, _ in plan.files:
        if path.is_relative_to(root):
            path.unlink(missing_ok=True)
    own = _own(plan.subject)
    # All of the subject's folders, not only those of the files: an interruption may have left empty ones.
    for folder, _, _ in os.walk(root, topdown=False):
        if own.search(Path(folder).relative_to(root).as_posix()) and not os.listdir(folder):
            os.rmdir(folder)
            sync_folder(Path(folder).parent)


def _describe(root: Path) -> None:
    """A dataset's descriptions anew, where it has any."""
    # Imported here: consent and the log are asked for by processes that have nothing to do with datasets.
    from evface.dataset.description import describe_again

    if (root / "dataset_description.json").exists():
        describe_again(root)
