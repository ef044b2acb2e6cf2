"""The notebook of the documentation, run from its first cell to its last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "league.ipynb"


def cells() -> list[str]:
    read = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (read["nbformat"], read["nbformat_minor"]) >= (4, 5)
    return ["".join(cell["source"]) for cell in read["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_kept_without_output() -> None:
    read = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in read["cells"])


def test_cells_are_python() -> None:
    assert len(cells()) > 5
    for number, cell in enumerate(cells()):
        compile(cell, f"cell {number}", "exec")


def test_it_trains_until_there_is_a_champion() -> None:
    """Its cells are about one: a time alone may be too short on a slow machine."""
    training = cells()[0]
    assert "league train" in training
    assert "--until-elo" in training
    assert "--minutes" not in training


@pytest.mark.long
def test_the_notebook_runs(tmp_path: Path) -> None:
    """As Jupyter does: one cell after the other in one process, the last expression shown."""
    script = f"""
import ast, json
space = {{}}
for number, text in enumerate(json.loads({json.dumps(json.dumps(cells()))})):
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"cell {{number}}", "exec"), space)
    if last is not None:
        print(eval(compile(ast.Expression(last.value), f"cell {{number}}", "eval"), space), flush=True)
"""
    nobody = {**os.environ, "PATH": os.defpath}  # A kernel's environment need not be entered.
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=nobody, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "main-0000" in done.stdout
    assert "against uniform, 95% interval" in done.stdout
    assert "play cell" in done.stdout
    assert (tmp_path / "champion.onnx").stat().st_size > 1000
