"""A table of a report, written once and set as HTML, CSV, LaTeX and Markdown."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

PAPER: Final = "paper"
SIMULATED: Final = "simulated"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: above it.
        kind: "text" is set to the left, "number" to the right; "paper" is what the paper says, set apart.
    """

    heading: str
    kind: Literal["text", "number", "paper"] = "number"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what stands around it.

    Attributes:
        key: of its files: "table5".
        label: "Table 5"; "" for one that the paper does not have.
        caption: a sentence.
        columns: in order.
        rows: cells as they are printed, one per column; None: nothing is known, or nothing fits.
        notes: sentences below it: how it was computed, what is missing.
        simulated: whether its own figures come from simulated subjects.
        printed: numbers of the rows that are the paper's, from 0.
    """

    key: str
    label: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    notes: tuple[str, ...] = ()
    simulated: bool = False
    printed: frozenset[int] = frozenset()

    @property
    def title(self) -> str:
        """Label and caption, marked where the figures are simulated."""
        label = f"{self.label}. " if self.label else ""
        return f"{label}{self.caption}{' Simulated subjects.' if self.simulated else ''}"

    def csv(self) -> str:
        """As CSV; the last column says of every row whether it is simulated, recorded or the paper's."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*(self._heading(column) for column in self.columns), "data"])
        own = SIMULATED if self.simulated else "recorded"
        for number, row in enumerate(self.rows):
            writer.writerow([*(cell or "" for cell in row), PAPER if number in self.printed else own])
        return text.getvalue()

    def latex(self) -> str:
        """As a LaTeX table (booktabs), numbered as in the paper."""
        alignment = "".join("l" if column.kind == "text" else "r" for column in self.columns)
        lines = ["% needs \\usepackage{booktabs}", "\\begin{table}", "  \\centering"]
        if self.label:
            lines.append(f"  \\setcounter{{table}}{{{int(self.label.split()[-1]) - 1}}}")
        caption = self.caption + (" Simulated subjects." if self.simulated else "")
        lines += [
            f"  \\caption{{{_tex(caption)}}}",
            f"  \\label{{tab:{self.key}}}",
            f"  \\begin{{tabular}}{{{alignment}}}",
            "    \\toprule",
            "    " + " & ".join(_tex(self._heading(column)) for column in self.columns) + " \\\\",
            "    \\midrule",
            *("    " + " & ".join(_tex(cell or "--") for cell in row) + " \\\\" for row in self.rows),
            "    \\bottomrule",
            "  \\end{tabular}",
            *(f"  \\par\\footnotesize {_tex(note)}" for note in self.notes),
            "\\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def markdown(self) -> str:
        """As GitHub draws it, caption above, notes below."""
        label = f"**{self.label}.** " if self.label else ""
        mark = " *Simulated subjects.*" if self.simulated else ""
        lines = [
            f"{label}{self.caption}{mark}",
            "",
            _bar([self._heading(column) for column in self.columns]),
            _bar(["---" if column.kind == "text" else "---:" for column in self.columns]),
            *(_bar([cell or "–" for cell in row]) for row in self.rows),
        ]
        return "\n".join([*lines, *(line for note in self.notes for line in ("", note))]) + "\n"

    def html(self) -> str:
        """As a figure of the page, with its caption above and its notes below."""
        label = f"<b>{html.escape(self.label)}.</b> " if self.label else ""
        mark = ' <span class="tag">simulated</span>' if self.simulated else ""
        head = "".join(
            f"<th{_class(column)}>{html.escape(column.heading)}{_above(column)}</th>"
            for column in self.columns
        )
        rows = "".join(
            f"<tr{' class=paper' if number in self.printed else ''}>{self._cells(row)}</tr>"
            for number, row in enumerate(self.rows)
        )
        notes = "".join(f"<p class=soft>{html.escape(note)}</p>" for note in self.notes)
        return (
            f'<section class=table id="{self.key}"><p class=caption>{label}{html.escape(self.caption)}{mark}'
            f"</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}</section>"
        )

    def _cells(self, row: Sequence[str | None]) -> str:
        return "".join(
            f"<td{_class(column)}>{html.escape(cell) if cell is not None else '–'}</td>"
            for column, cell in zip(self.columns, row, strict=True)
        )

    @staticmethod
    def _heading(column: Column) -> str:
        return f"{column.heading}, paper" if column.kind == PAPER else column.heading


def _class(column: Column) -> str:
    return {"text": ' class="t"', "number": ' class="n"', PAPER: ' class="n paper"'}[column.kind]


def _above(column: Column) -> str:
    return "<small>paper</small>" if column.kind == PAPER else ""


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


_TEX: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "≤": r"$\leq$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _tex(text: str) -> str:
    """Text with LaTeX's own signs escaped."""
    return re.sub("|".join(map(re.escape, _TEX)), lambda found: _TEX[found.group()], text)
