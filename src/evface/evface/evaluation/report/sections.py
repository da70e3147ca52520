"""The report's order: which tables and figures stand where, whatever they are set in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evface.dataset.progress import Progress, silent
from evface.evaluation.report import (
    comparison_tables,
    dataset_tables,
    example_figures,
    machine_tables,
    recognition_tables,
    reconstruction_tables,
    result_figures,
    stream_table,
)
from evface.evaluation.report.picture import Picture
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Table

Part = Table | Picture

_NOTHING_TRAINED: Final = "None of these networks has been trained on this dataset; why stands below."


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        key: for links to it.
        title: above it.
        text: paragraphs at its beginning.
        parts: tables and figures, in order.
        more: what belongs to it and is long: folded away on the page, left out of the short one.
    """

    key: str
    title: str
    text: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    more: tuple[Part, ...] = ()


def sections(results: Results, figures: Path, progress: Progress = silent) -> list[Section]:
    """Compute every table and draw every figure.

    Args:
        results: what is known.
        figures: folder of the pictures.
        progress: told after every section.

    Raises:
        FormatError: a file of the dataset or of a run is broken.
    """
    steps: tuple[tuple[str, Callable[[], Section]], ...] = (
        ("the dataset", lambda: _dataset(results, figures)),
        ("the machines", lambda: _machines(results)),
        ("recognition", lambda: _recognition(results, figures)),
        ("reconstruction", lambda: _reconstruction(results, figures)),
        ("beyond the paper", lambda: _beyond(results, figures)),
        ("what is missing", lambda: _missing(results)),
    )
    found = []
    for number, (name, make) in enumerate(steps, 1):
        found.append(make())
        progress(number, len(steps), name)
    return [section for section in found if section.text or section.parts]


def _dataset(results: Results, figures: Path) -> Section:
    parts = (
        dataset_tables.table_1(results),
        example_figures.figure_2(results, figures),
        dataset_tables.table_2(results),
    )
    return Section("dataset", "The dataset", (), _there(parts))


def _machines(results: Results) -> Section:
    return Section(
        "machines", "The machines", (), (machine_tables.table_3(results), machine_tables.table_4(results))
    )


def _recognition(results: Results, figures: Path) -> Section:
    parts = (
        recognition_tables.table_5(results),
        result_figures.accuracies(results, figures),
        recognition_tables.pairs(results),
        recognition_tables.parts_of_the_face(results),
        recognition_tables.subjects(results),
        *result_figures.learning_curves(results, figures),
    )
    more = (recognition_tables.action_units(results), *result_figures.confusions(results, figures))
    text = () if results.recognition else (_NOTHING_TRAINED,)
    return Section("recognition", "Recognition of Action Units", text, _there(parts), _there(more))


def _reconstruction(results: Results, figures: Path) -> Section:
    parts = (reconstruction_tables.table_6(results), example_figures.figure_5(results, figures))
    text = () if results.reconstruction else (_NOTHING_TRAINED,)
    more = tuple(example_figures.strips(results, figures))
    return Section("reconstruction", "Reconstruction of frames", text, _there(parts), more)


def _beyond(results: Results, figures: Path) -> Section:
    parts = (
        comparison_tables.better_recognition(results),
        stream_table.stream(results),
        comparison_tables.better_reconstruction(results),
    )
    text = (
        "Each preset was trained on the same folds. What wins is kept; what does not stands here as well.",
    )
    more = tuple(result_figures.better_learning_curves(results, figures))
    return Section("beyond", "Beyond the paper", text if any(parts) else (), _there(parts), more)


def _missing(results: Results) -> Section:
    return Section(
        "missing", "What is not here", tuple(f"{name}: {why}." for name, why in results.missing.items())
    )


def _there(parts: Sequence[Part | None]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part is not None)


def tables(found: Sequence[Section]) -> Iterator[Table]:
    """All tables, in order."""
    for section in found:
        yield from (part for part in (*section.parts, *section.more) if isinstance(part, Table))
