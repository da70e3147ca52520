"""`rig subject`, `rig withdraw` and `rig audit`: what subjects were promised, kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import typer
from rich.console import Console

from evface.errors import PrivacyError
from evface.privacy import LinkingFile, Withdrawal, audit, plan_withdrawal, read_audit
from evface.privacy import withdraw as clear

LINKS = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "rig" / "subjects.jsonl"
"""Where pseudonyms are linked to names, when no other place is named."""

RECORDINGS = typer.Option(Path("recordings"), help="Folder of the recordings.")
LINKING_FILE = typer.Option(LINKS, "--link", help="Linking file: outside recordings and datasets, mode 0600.")

subject = typer.Typer(no_args_is_help=True, help="Pseudonyms, and the one file that says whose they are.")
log = typer.Typer(no_args_is_help=True, help="The audit log of a folder of recordings.")


@subject.command("new")
def new(
    name: str = typer.Option(..., prompt="Name of the person", help="Asked for when left out."),
    out: Path = RECORDINGS,
    link: Path = LINKING_FILE,
) -> None:
    """Issue a random pseudonym and remember whose it is; the name goes into the linking file alone.

    rig subject new

    Prints the pseudonym for `rig record --subject`.
    """
    pseudonym = LinkingFile(link).issue(name, out)
    audit(out.expanduser(), "pseudonym issued", subject=pseudonym)
    print(pseudonym)


@subject.command("list")
def list_subjects(link: Path = LINKING_FILE) -> None:
    """List who is behind which pseudonym."""
    for entry in LinkingFile(link).links():
        print(f"sub-{entry.pseudonym}\t{entry.name}\t{_when(entry.issued_ns)}")


def withdraw(
    pseudonym: str = typer.Argument(..., help="Whose, such as sub-K7QW."),
    recordings: Path = RECORDINGS,
    dataset: list[Path] = typer.Option([], help="Root of a dataset made from them; may be given again."),
    models: list[Path] = typer.Option([], help="Folder of trained models; may be given again."),
    link: Path = LINKING_FILE,
    dry_run: bool = typer.Option(False, "--dry-run", help="List every file and change nothing."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Clear everything of a subject: bags, datasets, splits, checksums, caches, the name; a tombstone stays.

    rig withdraw sub-K7QW --dataset dataset --models training --dry-run

    Call again if it was interrupted: it goes on. Models that learned from the subject are named, not deleted.
    """
    plan = plan_withdrawal(pseudonym, recordings, dataset, models)
    linked = LinkingFile(link)
    console = Console(highlight=False, soft_wrap=True)
    for line in _lines(plan):
        console.print(line, markup=False)
    if any(entry.pseudonym == plan.subject for entry in linked.links()):
        console.print(f"forget whose it is: {linked.path}", markup=False)
    if dry_run:
        console.print("nothing was changed")
        return
    if not yes and not typer.confirm("Clear all this? It cannot be undone"):
        raise PrivacyError("nothing was changed")
    clear(plan, linked)
    console.print(f"sub-{plan.subject} is withdrawn", markup=False)


def _lines(plan: Withdrawal) -> list[str]:
    return [
        *([f"the withdrawal of sub-{plan.subject} was interrupted and goes on"] if plan.unfinished else []),
        *(f"clear {size:>12,} bytes  {path}" for path, size in plan.files),
        f"clear {plan.bytes:>12,} bytes in {len(plan.files)} files",
        *(f"write anew: {path}" for path in plan.rewritten),
        *(f"a model learned from sub-{plan.subject} and stays: {path}" for path in plan.models),
        *(f"may name sub-{plan.subject} and stays, look into it: {path}" for path in plan.mentions),
    ]


@log.command("verify")
def verify(
    out: Path = typer.Argument(Path("recordings"), help="Folder of the recordings."),
    head: str = typer.Option("", help="A hash noted earlier, which the log must still hold."),
) -> None:
    """Check that no line of the audit log was changed, added, moved or taken out; the first such is named.

    Lines cut off at the end show only against a hash noted elsewhere: note the one printed here.
    """
    entries = read_audit(out, head)
    print(f"{len(entries)} lines, unbroken; head {entries[-1].hash if entries else '-'}")


@log.command("show")
def show(out: Path = typer.Argument(Path("recordings"), help="Folder of the recordings.")) -> None:
    """Print the audit log, checked."""
    for entry in read_audit(out):
        facts = " ".join(f"{key}={value}" for key, value in entry.facts.items())
        print(f"{_when(entry.time_ns)}  {entry.event}  {facts}")


def _when(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns / 1e9))
