"""What is wrong with a dataset, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evface.errors import EvfaceError


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a file.

    Attributes:
        file: path within the dataset.
        what: in a line: what was found, and what was expected.
        unreadable: nothing could be told of the file, because it cannot be read.
    """

    file: str
    what: str
    unreadable: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def findings(root: Path, path: Path, check: Iterable[str]) -> Iterator[Finding]:
    """What a check says of a file; that the file is not there, or not readable, is a finding too.

    Args:
        root: of the dataset.
        path: of the file.
        check: yields what is wrong, a line each; raises EvfaceError or OSError where it cannot read on.
    """
    name = path.relative_to(root).as_posix()
    if not path.is_file():
        yield Finding(name, "is missing")
        return
    try:
        for what in check:
            yield Finding(name, what)
    except (EvfaceError, OSError) as error:
        yield Finding(name, str(error).removeprefix(f"{path}: "), unreadable=True)
