"""Writes a report: the page, its tables as CSV and LaTeX, its figures as PNG and PDF."""

from __future__ import annotations

from pathlib import Path

from evface.dataset.progress import Progress, silent
from evface.evaluation.report.pages import html_page, markdown_page
from evface.evaluation.report.results import Results
from evface.evaluation.report.sections import sections, tables
from evface.privacy.durable import replace_file


def write_report(
    results: Results,
    out: Path,
    command: str = "",
    docs: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Write ``report.html``, ``tables/`` and ``figures/`` into a folder.

    Args:
        results: see `evface.evaluation.report.results.gather`.
        out: folder, made if it is not there; files of an earlier report are replaced.
        command: that writes it again, for the page.
        docs: folder of a page for GitHub with small pictures; None: none is written.
        progress: told after every section.

    Returns:
        The page.

    Raises:
        FormatError: a file of the dataset or of a run is broken.
    """
    found = sections(results, out / "figures", progress)
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables(found):
        (folder / f"{table.key}.csv").write_text(table.csv(), encoding="utf-8")
        (folder / f"{table.key}.tex").write_text(table.latex(), encoding="utf-8")
    path = out / "report.html"
    replace_file(path, html_page(results, found, command))
    if docs is not None:
        markdown_page(results, found, docs, command)
    return path
