"""The notebook about the simulation runs, and shows what it showed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.run_notebook import CellError, run

NOTEBOOK = Path(__file__).parents[1] / "docs" / "simulation.ipynb"


def notebook(*sources: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cells": [{"cell_type": "markdown", "source": ["text"], "metadata": {}}]
        + [{"cell_type": "code", "source": [source], "metadata": {"tags": [*tags]}} for source in sources]
    }


def outputs(cell: dict[str, Any]) -> list[str]:
    return [output["output_type"] for output in cell["outputs"]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_about_the_simulation_runs() -> None:
    book = json.loads(NOTEBOOK.read_text())
    kept = [outputs(cell) for cell in book["cells"] if cell["cell_type"] == "code"]
    quick = {"SIZE": (86, 64), "PEOPLE": 2, "SECONDS": 3.0, "LIGHTS": (10, 1250), "CAMERAS": ("davis346",)}
    names = run(book, quick)
    assert [outputs(cell) for cell in book["cells"] if cell["cell_type"] == "code"] == kept
    assert names["truth"].au == 12


def test_the_notebook_is_small_enough_to_be_kept() -> None:
    assert NOTEBOOK.stat().st_size < 2_000_000


def test_a_cell_shows_what_it_prints_its_figures_and_its_last_value() -> None:
    book = notebook("import matplotlib.pyplot as plt\nprint('a')\nplt.plot([1, 2])\n3 * 7", "x = 1", "x;")
    run(book)
    first, second, third = book["cells"][1:]
    assert outputs(first) == ["stream", "display_data", "execute_result"]
    assert first["outputs"][0]["text"] == ["a\n"]
    assert first["outputs"][2]["data"] == {"text/plain": ["21"]}
    assert second["outputs"] == third["outputs"] == []
    assert [cell["execution_count"] for cell in (first, second, third)] == [1, 2, 3]


def test_parameters_replace_those_of_the_tagged_cell() -> None:
    book = notebook("size = 1", tags=("parameters",))
    assert run(book, {"size": 2})["size"] == 2


def test_a_cell_that_fails_is_named() -> None:
    with pytest.raises(CellError, match="cell 2: ZeroDivisionError"):
        run(notebook("x = 1", "x / 0"))
