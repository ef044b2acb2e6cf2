"""Tables of the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from league.interfaces.cli.console import Column, facts, tabulate

# Wide, combining, control and blank characters among plain ones.
TEXTS = st.text(st.one_of(st.sampled_from("ab 1±★世\t\n\x07[]"), st.characters(exclude_categories=["Cs"])), max_size=8)


def drawn(table: Table, width: int) -> str:
    """What a pipe gets."""
    file = StringIO()
    Console(file=file, width=width, markup=False, emoji=False, highlight=False).print(table)
    return file.getvalue()


@pytest.mark.parametrize("width", [10_000, 12])
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
def test_a_pipe_gets_what_rich_draws(width: int, rows: list[tuple[str, str, str]]) -> None:
    """Quickly where every cell is plain and fits, by Rich itself elsewhere: nobody can tell."""
    columns = [
        Column[tuple[str, str, str]]("policy", lambda row: row[0]),
        Column[tuple[str, str, str]](">Elo", lambda row: Text(row[1])),
        Column[tuple[str, str, str]]("note", lambda row: row[2], fold=True),
    ]
    for table in (tabulate(rows, columns), facts({row[0]: row[1] for row in rows}), tabulate(rows, columns, title="a")):
        quickly = drawn(table, width)
        table.__class__ = Table
        assert quickly == drawn(table, width)
