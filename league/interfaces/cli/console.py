"""What commands print: tables in colour on a terminal, aligned plain text elsewhere, JSON on request.

Names and notes come from the store and are text, never markup.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

PLAIN_WIDTH: Final = 10_000
"""Columns of a pipe or a file: nothing is wrapped or cut there."""


def stdout() -> Console:
    """Where results go. Colour only on a terminal, and not with NO_COLOR set."""
    return _console(stderr=False)


def stderr() -> Console:
    """Where notes and progress go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def table(*columns: str, title: str | None = None) -> Table:
    """A table without lines; a column whose name starts with `>` is aligned on the right, without the sign."""
    made = Table(box=None, pad_edge=False, header_style="dim", title=title, title_justify="left", title_style="bold")
    for column in columns:
        made.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return made


def facts(rows: Mapping[str, object]) -> Table:
    """Two columns: what, and its value; rows whose value is None are left out."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows.items():
        if value is not None:
            made.add_row(name, str(value))
    return made


def print_json(data: Any) -> None:
    """Print plain data as JSON; a number that is not finite becomes null."""
    print(json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_finite(value) for value in data]
    return data
