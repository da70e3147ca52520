"""Run a notebook from top to bottom and keep what it prints and draws: `python tools/run_notebook.py FILE`.

Jupyter does the same; this does it without being installed, and a test runs a notebook's cells with it.
Knows texts and matplotlib's figures. The value of a cell's last expression is shown as in Jupyter.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

PARAMETERS = "parameters"
"""Tag of the cell after which a caller's own values are set (papermill's word for it)."""


class CellError(RuntimeError):
    """A cell failed."""


def run(notebook: dict[str, Any], parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run all code cells, in one namespace.

    Args:
        notebook: as read from JSON, format 4; its outputs are replaced.
        parameters: names and values to set after the cell tagged "parameters".

    Returns:
        The namespace in the end.

    Raises:
        CellError: a cell failed; says which one and why.
    """
    import matplotlib

    matplotlib.use("Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        cell["execution_count"] = count
        cell["outputs"] = _run_cell("".join(cell["source"]), count, names)
        if PARAMETERS in cell.get("metadata", {}).get("tags", ()):
            names.update(parameters or {})
    return names


def _run_cell(source: str, count: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    try:
        statements, last = _split(source)
        with contextlib.redirect_stdout(printed):
            exec(compile(statements, f"cell {count}", "exec"), names)
            value = eval(compile(last, f"cell {count}", "eval"), names) if last is not None else None
    except Exception as error:
        raise CellError(f"cell {count}: {type(error).__name__}: {error}") from error
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    outputs += [
        {"data": _picture(plt.figure(number)), "metadata": {}, "output_type": "display_data"}
        for number in plt.get_fignums()
    ]
    plt.close("all")
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        outputs.append(
            {"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}
        )
    return outputs


def _split(source: str) -> tuple[ast.Module, ast.Expression | None]:
    """The statements, and the expression at the end whose value is shown; none after a semicolon."""
    tree = ast.parse(source)
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = tree.body.pop()
        assert isinstance(last, ast.Expr)
        return tree, ast.Expression(last.value)
    return tree, None


def _picture(figure: Any) -> dict[str, Any]:
    data = io.BytesIO()
    figure.savefig(data, format="png", bbox_inches="tight")
    return {"image/png": base64.b64encode(data.getvalue()).decode(), "text/plain": [repr(figure)]}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Run the notebooks named on the command line and write them back, with what they showed."""
    for name in sys.argv[1:]:
        path = Path(name)
        notebook = json.loads(path.read_text())
        run(notebook)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
