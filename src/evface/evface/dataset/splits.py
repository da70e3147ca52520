"""Which clips a model learns from and which it is judged by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evface.dataset.naming import TakeId
from evface.dataset.tree import list_takes, training_takes
from evface.errors import ConfigError, DatasetError

SplitKind = Literal["loso", "within", "all"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the clips.

    Attributes:
        name: "sub-S01" (held out), "repetition-02", or "all".
        train: takes to learn from.
        test: takes to be judged by; empty where nothing is held out.
    """

    name: str
    train: tuple[TakeId, ...]
    test: tuple[TakeId, ...]


def loso_folds(dataset: Path) -> list[Fold]:
    """The folds of a dataset that leave one subject out at a time, as in its splits/loso.json.

    Raises:
        DatasetError: there is no dataset, it has no clip that is fit for training, or only one subject.
        FormatError: a take's file is broken.
    """
    return folds_of([take.id for take in training_takes(list_takes(dataset))], "loso")


def folds_of(takes: Sequence[TakeId], kind: SplitKind = "loso") -> list[Fold]:
    """Divide takes into folds.

    Args:
        takes: of the dataset, those fit for training.
        kind: "loso" leaves one subject out at a time; "within" leaves one repetition of every AU out, so
            that a subject is in both halves (say so beside the figure); "all" holds nothing back.

    Raises:
        DatasetError: there are no takes, only one subject (loso), or no AU was repeated (within).
    """
    ordered = tuple(sorted(takes))
    if not ordered:
        raise DatasetError("the dataset has no clip that is fit for training")
    if kind == "all":
        return [Fold("all", ordered, ())]
    if kind == "within":
        return _within(ordered)
    subjects = sorted({take.subject for take in ordered})
    if len(subjects) == 1:
        raise DatasetError(
            f"leave-one-subject-out needs two subjects, the dataset has only {subjects[0]}; "
            "ask for the within-subject split, or for a model of all clips"
        )
    return [
        Fold(
            f"sub-{subject}",
            tuple(take for take in ordered if take.subject != subject),
            tuple(take for take in ordered if take.subject == subject),
        )
        for subject in subjects
    ]


def choose_folds(takes: Sequence[TakeId], folds: SplitKind | Sequence[str]) -> list[Fold]:
    """The folds that a person asked for.

    Args:
        takes: of the dataset, those fit for training.
        folds: "loso", "within" or "all", or names of subjects' folds such as "sub-S01".

    Raises:
        ConfigError: a name is not that of a fold, or there is none.
        DatasetError: the dataset has no such folds; see `folds_of`.
    """
    if folds == "loso" or folds == "within" or folds == "all":
        return folds_of(takes, folds)
    if isinstance(folds, str):
        raise ConfigError(f"folds: expected loso, within, all or names of folds, found {folds!r}")
    known = {fold.name: fold for fold in folds_of(takes, "loso")}
    unknown = [name for name in folds if name not in known]
    if unknown or not folds:
        raise ConfigError(f"folds: expected some of {', '.join(known)}, found {', '.join(unknown) or 'none'}")
    return [known[name] for name in folds]


def _within(takes: tuple[TakeId, ...]) -> list[Fold]:
    seen: Counter[tuple[str, int]] = Counter()
    repetitions: dict[int, list[TakeId]] = defaultdict(list)
    for take in takes:
        seen[take.subject, take.au] += 1
        repetitions[seen[take.subject, take.au]].append(take)
    # A repetition that only some AUs have would leave the others untested: it is trained on.
    common = min(seen.values())
    if common < 2:
        subject, au = min(key for key, count in seen.items() if count < 2)
        raise DatasetError(f"a within-subject split needs every AU twice; sub-{subject} has AU {au} once")
    return [
        Fold(
            f"repetition-{number:02d}",
            tuple(take for take in takes if take not in repetitions[number]),
            tuple(repetitions[number]),
        )
        for number in range(1, common + 1)
    ]
