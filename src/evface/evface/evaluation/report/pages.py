"""The report as one HTML page, and as a page that GitHub draws."""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2

import evface
from evface.errors import FormatError
from evface.evaluation.page import figure, page
from evface.evaluation.report.picture import Picture
from evface.evaluation.report.results import Results
from evface.evaluation.report.sections import Part, Section
from evface.evaluation.report.table import Table

LARGEST: Final = 300_000
"""bytes of a picture in the documentation."""

TITLE: Final = "Facial Action Units before event cameras: results"

_METHOD: Final = (
    "One subject is left out at a time; a network is judged only by clips of subjects that it never saw, and "
    "after its last epoch: choosing the best epoch by those clips would be leakage."
)


def html_page(results: Results, sections: Sequence[Section], command: str = "") -> str:
    """The whole report in one file.

    Args:
        results: what it is about.
        sections: of `evface.evaluation.report.sections`.
        command: that writes it again.
    """
    parts = [*_head(results, sections, command)]
    for section in sections:
        parts.append(f'<h2 id="{section.key}">{html.escape(section.title)}</h2>')
        parts += [f"<p>{html.escape(text)}</p>" for text in section.text]
        parts += [_set(part) for part in section.parts]
        if section.more:
            folded = "".join(_set(part) for part in section.more)
            parts.append(f"<details><summary>{len(section.more)} more, in detail</summary>{folded}</details>")
    return page(TITLE, parts, results.origin, wide=True)


def _head(results: Results, sections: Sequence[Section], command: str) -> Iterator[str]:
    yield f"<h1>{html.escape(TITLE)}</h1>"
    yield f"<p>{html.escape(_summary(results))} {html.escape(_METHOD)}</p>"
    if results.origin:
        yield (
            f'<p class="mark"><strong>{html.escape(results.origin)}</strong> Columns in italics are what the '
            "paper printed, on people; they stand there to show what it asked, not to be reproduced.</p>"
        )
    if results.quick:
        yield (
            '<p class="mark"><strong>A small run.</strong> Small networks, few epochs: it shows that all '
            "works and what it looks like.</p>"
        )
    links = "".join(f'<a href="#{part.key}">{html.escape(part.title)}</a>' for part in sections)
    yield f"<nav>{links}</nav>"
    if command:
        shown = f"<code>{html.escape(command)}</code>, evface {evface.__version__}"
        yield f"<p class=soft>Written by {shown}.</p>"


def _summary(results: Results) -> str:
    count = len({take.id.au for take in results.takes})
    subjects = f"{len(results.subjects)} subject{'s' if len(results.subjects) > 1 else ''}"
    return (
        f"Tables 1 to 6 and Figures 2 and 5 of Mastropasqua, Bugueno-Cordova et al. (2025), from {subjects}, "
        f"{count} Action Units and {len(results.takes)} performances of the dataset "
        f"“{results.dataset.resolve().name}”."
    )


def _set(part: Part) -> str:
    if isinstance(part, Table):
        return part.html()
    label = f"<b>{html.escape(part.label)}.</b> " if part.label else ""
    mark = ' <span class="tag">simulated</span>' if part.simulated else ""
    return figure(part.file.read_bytes(), f"{label}{html.escape(part.caption)}{mark}", part.title)


def markdown_page(results: Results, sections: Sequence[Section], folder: Path, command: str = "") -> Path:
    """The report without its long parts, as ``README.md`` with its tables as CSV and small pictures beside.

    Args:
        results: what it is about.
        sections: of `evface.evaluation.report.sections`.
        folder: where to; what an earlier report left there is replaced.
        command: that writes it again.

    Raises:
        FormatError: a picture cannot be made small enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {TITLE}", ""]
    if results.origin:
        lines += [f"**{results.origin}**", ""]
    lines += [_summary(results), _METHOD, ""]
    if command:
        lines += ["```", command, "```", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        lines += [line for text in section.text for line in (f"- {text}", "")]
        for part in section.parts:
            if isinstance(part, Table):
                (folder / f"{part.key}.csv").write_text(part.csv(), encoding="utf-8")
                lines += [part.markdown(), f"([CSV]({part.key}.csv))", ""]
            else:
                small = _small(part, folder)
                lines += [f"![{part.title}]({small.name})", "", f"*{part.title}*", ""]
    path = folder / "README.md"
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return path


def _small(picture: Picture, folder: Path) -> Path:
    """A copy of at most `LARGEST` bytes: as it is, else as a JPEG."""
    if picture.file.stat().st_size <= LARGEST:
        return Path(shutil.copyfile(picture.file, folder / picture.file.name))
    image = cv2.imread(str(picture.file), cv2.IMREAD_COLOR)
    if image is None:
        raise FormatError(f"{picture.file}: not a picture")
    for quality in (90, 80, 70, 60, 50, 40):
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(data) <= LARGEST:
            path = folder / f"{picture.file.stem}.jpg"
            path.write_bytes(data.tobytes())
            return path
    raise FormatError(f"{picture.file}: cannot be made smaller than {LARGEST} bytes")
