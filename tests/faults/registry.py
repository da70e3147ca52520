"""The list of faults; each is a function that does it, looks at what became of it, and says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.bench import Bench


@dataclass(frozen=True, slots=True)
class Found:
    """What a fault led to, as it should.

    Attributes:
        happened: what the rig did.
        lost: of what was not finished; finished takes are looked after by the ledger.
    """

    happened: str
    lost: str = "nothing"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: of the row, and of ``--only``.
        act: does it and raises `UnexpectedError` where the rig did not do what it should.
        quick: runs with the tests too.
        root: needs root, to mount a disk of its own.
    """

    name: str
    act: Callable[[Bench], Found]
    quick: bool = False
    root: bool = False


FAULTS: list[Fault] = []


def fault(
    name: str, *, quick: bool = False, root: bool = False
) -> Callable[[Callable[[Bench], Found]], Fault]:
    """Enter a function into the list."""

    def enter(act: Callable[[Bench], Found]) -> Fault:
        entry = Fault(name, act, quick, root)
        FAULTS.append(entry)
        return entry

    return enter
