"""A dataset, checked completely."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, groupby
from pathlib import Path

from evface.dataset.annotations import ANNOTATIONS
from evface.dataset.croissant import CROISSANT, check_croissant
from evface.dataset.description import MANIFEST
from evface.dataset.naming import PLAN, TakeId
from evface.dataset.progress import Progress, silent
from evface.dataset.take_files import DONE
from evface.dataset.tree import ConvertedTake, read_json, read_take, training_takes
from evface.dataset.validation.finding import Finding, findings
from evface.dataset.validation.takes import check_take
from evface.dataset.validation.whole import (
    REQUIRED,
    check_description,
    check_name,
    check_participants,
    check_session,
    check_splits,
    check_sum,
    check_withdrawn,
    files_of_dataset,
    read_manifest,
    read_session,
    released,
)
from evface.errors import DatasetError, EvfaceError
from evface.privacy.tombstones import TOMBSTONES

SESSION = "session.json"
"""Of every session."""


@dataclass(slots=True)
class ValidationReport:
    """What is wrong with a dataset.

    Attributes:
        findings: all of it.
        takes: how many were looked at.
        files: how many there are.
    """

    findings: list[Finding] = field(default_factory=list)
    takes: int = 0
    files: int = 0

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, 2 where a file cannot be read at all, else 1."""
        if any(finding.unreadable for finding in self.findings):
            return 2
        return 1 if self.findings else 0

    def __str__(self) -> str:
        looked = f"{self.takes} takes, {self.files} files: "
        if not self.findings:
            return looked + "nothing is wrong"
        unreadable = sum(finding.unreadable for finding in self.findings)
        where = len({finding.file for finding in self.findings})
        return looked + f"{len(self.findings)} findings in {where} files, {unreadable} of them unreadable"


def validate(
    root: Path,
    *,
    progress: Progress = silent,
    tell: Callable[[Finding], None] = lambda finding: None,
    checksums: bool = True,
) -> ValidationReport:
    """Check a dataset that `convert` or `simulate` made: every file, against what the others say of it.

    It is only read.

    Args:
        root: of the dataset.
        progress: told after every take and every checksum.
        tell: told of each finding at once.
        checksums: compare the checksums too, which reads every file once more.

    Raises:
        DatasetError: there is no dataset, or its folders cannot be read.
    """
    if not (root / "dataset_description.json").exists():
        raise DatasetError(f"{root}: not a dataset, expected dataset_description.json in it")
    try:
        paths = files_of_dataset(root)
    except OSError as error:
        raise DatasetError(f"{root}: cannot be read: {error.strerror or error}") from error
    report = ValidationReport(files=len(paths))
    for finding in _findings(root, paths, report, progress, checksums):
        report.findings.append(finding)
        tell(finding)
    return report


def _findings(
    root: Path, paths: list[Path], report: ValidationReport, progress: Progress, checksums: bool
) -> Iterator[Finding]:
    names = [take for path in paths if (take := _ended_by(path))]
    steps, total = count(1), len(names) + (len(paths) if checksums else 0)
    yield from _places(root, paths, set(names))
    takes = [whole for name in names if (whole := _whole(root, name))]
    yield from _tables(root, takes)
    simulated = (root / PLAN).exists()
    for folder, group in groupby(names, lambda name: name.folder(root).parent):
        own = list(group)
        session = read_session(folder / SESSION)
        mine = [take for take in takes if take.id in own]
        yield from findings(root, folder / SESSION, check_session(folder / SESSION, session, mine))
        for name in own:
            yield from check_take(root, name, simulated, released(session, mine))
            report.takes += 1
            progress(next(steps), total, name.name)
    if checksums:
        yield from _checksums(root, paths, lambda path: progress(next(steps), total, path.name))


def _ended_by(path: Path) -> TakeId | None:
    """The take whose last file this is."""
    try:
        return TakeId.parse(path.name.removesuffix(f"_{DONE}")) if path.name.endswith(f"_{DONE}") else None
    except DatasetError:
        return None


def _whole(root: Path, name: TakeId) -> ConvertedTake | None:
    """A take as everybody reads it; None where it is broken, which its own check tells."""
    try:
        take = read_take(root, name)
        # Fields that are looked at when takes are counted.
        _ = take.trial, take.window
    except (EvfaceError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return take


def _places(root: Path, paths: list[Path], takes: set[TakeId]) -> Iterator[Finding]:
    """Files that are missing, misnamed or misplaced."""
    for name in REQUIRED:
        if not (root / name).is_file():
            yield Finding(name, "is missing")
    for path in paths:
        name = path.relative_to(root).as_posix()
        if what := check_name(name, takes):
            yield Finding(name, what)


def _tables(root: Path, takes: list[ConvertedTake]) -> Iterator[Finding]:
    """What describes the dataset as a whole, against its takes."""
    used = training_takes(takes)
    checks = {
        "dataset_description.json": check_description(root / "dataset_description.json", takes),
        "participants.tsv": check_participants(root / "participants.tsv", takes, used),
        "splits/loso.json": check_splits(root / "splits" / "loso.json", used),
        CROISSANT: _croissant(root, takes),
        TOMBSTONES: check_withdrawn(root, {take.id.subject for take in takes}),
    }
    for name, check in checks.items():
        if (root / name).exists():
            yield from findings(root, root / name, check)


def _croissant(root: Path, takes: list[ConvertedTake]) -> Iterator[str]:
    """croissant.json against the manifest and the takes."""
    content = read_json(root / CROISSANT)
    try:
        checksums = read_manifest(root / MANIFEST)
    except EvfaceError:
        return  # the manifest's own finding
    checksums.pop(CROISSANT, None)
    shared = any(take.quality.get("purpose") == "sharing" for take in takes)
    yield from check_croissant(content, checksums, {take.id.name for take in takes}, shared)


def _checksums(root: Path, paths: list[Path], step: Callable[[Path], None]) -> Iterator[Finding]:
    """Files against the manifest, both ways."""
    path = root / MANIFEST
    try:
        manifest = read_manifest(path)
    except EvfaceError as error:
        if path.exists():
            yield Finding(MANIFEST, str(error).removeprefix(f"{path}: "), unreadable=True)
        return
    there = set()
    for path in paths:
        name = path.relative_to(root).as_posix()
        there.add(name)
        if name not in (MANIFEST, TOMBSTONES) and not name.endswith(f"_{ANNOTATIONS}"):
            yield from findings(root, path, check_sum(path, manifest.get(name)))
        step(path)
    for name in sorted(manifest.keys() - there):
        yield Finding(name, f"is missing, and {MANIFEST} has it")
