"""What commands print: tables in colour on a terminal, aligned plain text elsewhere, JSON on request.

Names and notes come from the store and are text, never markup.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.table import Column as RichColumn
from rich.table import Table
from rich.text import Text

from league.interfaces.cli.folding import Pieces, fitted, narrowest
from league.signals import interrupts

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

PLAIN_WIDTH: Final = 10_000
"""Columns of a pipe or a file: nothing is wrapped or cut there."""

Row = TypeVar("Row")


class Column(NamedTuple, Generic[Row]):
    """A column of a table, declared once."""

    heading: str
    """With `>` in front, which is not shown, the column is aligned on the right."""
    value: Callable[[Row], object]
    """What it shows of a row: a `Text` as it is, anything else as text."""
    fold: bool = False
    """Whether a value that does not fit goes on in the next line."""
    spare: bool = False
    """Whether a terminal that is too narrow for all columns goes without this one."""


Columns = Sequence[Column[Row]]


def show(
    rows: Sequence[Row],
    columns: Columns[Row],
    *,
    json: bool,
    empty: str = "",
    note: str | None = None,
    style: Callable[[Row], str | None] = lambda row: None,
) -> None:
    """Print rows: for programs as JSON, for people as a table with `note` below, or the line `empty` for none.

    Programs get what a row's `to_json` gives, or the row itself where it has none and is plain data.
    """

    def page() -> Iterable[RenderableType]:
        yield tabulate(rows, columns, style=style) if rows else empty
        if rows and note is not None:
            yield note

    show_page(page(), lambda: [row.to_json() if hasattr(row, "to_json") else row for row in rows], json=json)


def show_page(parts: Iterable[RenderableType], data: Callable[[], Any], *, json: bool) -> None:
    """Print one thing: `data()` as JSON for programs, else each part of a page; what is not printed is not made."""
    if json:
        print_json(data())
        return
    print_parts(parts)


def say(text: str, *, error: bool = False) -> None:
    """Print one line for people; a terminal that is too narrow for it breaks it between words."""
    (stderr() if error else stdout()).print(text, soft_wrap=False)


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Print each part of a page; off a terminal without the blanks that fill a table's lines up."""
    output = stdout()
    for part in parts:
        if output.is_terminal:
            output.print(part)
            continue
        lines = part.plain_lines(output.width) if isinstance(part, PlainTable) else None
        if lines is None:
            with output.capture() as drawn:
                output.print(part)
            lines = drawn.get().removesuffix("\n").split("\n")
        print("\n".join([line.rstrip() for line in lines]))


def tabulate(
    rows: Iterable[Row],
    columns: Columns[Row],
    *,
    style: Callable[[Row], str | None] = lambda row: None,
    title: str | None = None,
) -> PlainTable:
    """A `table` of rows, each in the style that is said of it."""
    made = table(*(column.heading for column in columns), title=title)
    made.spare = frozenset(column.heading.removeprefix(">") for column in columns if column.spare)
    for column, shown in zip(columns, made.columns, strict=True):
        if column.fold:
            shown.no_wrap, shown.overflow = False, "fold"
    for row in rows:
        values = (column.value(row) for column in columns)
        made.add_row(*(one if isinstance(one, Text) else str(one) for one in values), style=style(row))
    return made


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on the standard error, gone at the end; without `columns` Rich's own. Off a terminal nothing is shown."""
    from rich.progress import Progress

    console = stderr()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def watching() -> Iterator[Callable[[str], None]]:
    """A line on a terminal, for work that says how far it is.

    Ctrl-C or SIGTERM ends the work after the part under way.
    """
    with interrupts() as interrupted, progress() as shown:
        task = shown.add_task("", total=None)

        def watch(line: str) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            shown.update(task, description=escape(line))

        yield watch


def stdout() -> Console:
    """Where results go. Colour only on a terminal, and not with NO_COLOR set."""
    return _console(stderr=False)


def stderr() -> Console:
    """Where notes and progress go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    # In a notebook as in a pipe, though it sets FORCE_COLOR: plain text, which its cell shows as it is.
    plain = partial(Console, markup=False, emoji=False, highlight=False, force_jupyter=False)
    return plain(stderr=stderr, width=None if terminal else PLAIN_WIDTH, force_terminal=terminal)


def _widest(texts: Sequence[str]) -> int:
    """Columns of a terminal that the longest of these takes; 0 for none."""
    return max(map(len if "".join(texts).isascii() else cell_len, texts), default=0)


def _padded(texts: Sequence[str], *, right: bool) -> list[str]:
    """All of them as wide as the widest, with blanks on the left where they belong on the right."""
    width, pad = _widest(texts), str.rjust if right else str.ljust
    if "".join(texts).isascii():
        return [pad(text, width) for text in texts]
    return [pad(text, width - cell_len(text) + len(text)) for text in texts]


def _simple(texts: Sequence[str]) -> bool:
    """Whether these are drawn as they are: no control characters among them, and no blanks at their ends."""
    return "".join(texts).isprintable() and not any(text.endswith(" ") for text in texts)


class PlainTable(Table):
    """A table without lines between its cells, which is drawn ten times as fast where nobody sees colours.

    There it is what Rich draws, to the letter; Rich draws whatever has a title, or cells that must be wrapped, cut or
    cleaned of control characters. On a terminal that is too narrow nothing is cut off: the columns move together, and
    if that is not enough `spare` ones are left out, or each row has a line for each of its cells.
    """

    spare: frozenset[str] = frozenset()
    """Headings of columns that a terminal that is too narrow goes without."""

    def plain_lines(self, width: int) -> list[str] | None:
        """What Rich would draw off a terminal that wide, without colours; None for what only Rich can draw."""
        columns = self._texts()
        if self.title is not None or not all(map(_simple, columns)):
            return None
        if sum(map(_widest, columns)) + 2 * len(columns) > width:
            return None
        padded = (
            _padded(texts, right=column.justify == "right") for column, texts in zip(self.columns, columns, strict=True)
        )
        return list(map("  ".join, zip(*padded, strict=True)))

    def _texts(self) -> list[list[str]]:
        """Each column's cells, its heading first where there are headings."""
        return [[str(cell) for cell in (*self._heading(column), *column.cells)] for column in self.columns]

    def _heading(self, column: RichColumn) -> tuple[RenderableType, ...]:
        return (column.header,) if self.show_header else ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.is_terminal and self.show_header:
            widths = list(map(_widest, self._texts()))
            least = [
                width if column.no_wrap else min(width, narrowest(texts))
                for column, width, texts in zip(self.columns, widths, self._texts(), strict=True)
            ]
            room, gaps = options.max_width - sum(least), len(widths) - 1
            if room < gaps:
                yield from [self._without_spare()] if self.spare else self._in_lines()
                return
            if room < 2 * gaps:
                self.padding = (0, 1, 0, 0)
            between = gaps if room < 2 * gaps else 2 * gaps
            for column, width in zip(self.columns, fitted(widths, least, options.max_width - between), strict=True):
                column.width = width
        lines = None if console.is_terminal else self.plain_lines(options.max_width)
        if lines is None:
            yield from super().__rich_console__(console, options)
        else:
            yield from (Segment(f"{line}\n") for line in lines)

    def _without_spare(self) -> PlainTable:
        kept = [column for column in self.columns if column.header not in self.spare]
        made = table(*(str(column.header) for column in kept), title=None if self.title is None else str(self.title))
        for column, shown in zip(kept, made.columns, strict=True):
            shown.justify, shown.no_wrap, shown.overflow = column.justify, column.no_wrap, column.overflow
        for number, row in enumerate(self.rows):
            made.add_row(*(list(column.cells)[number] for column in kept), style=row.style)
        return made

    def _in_lines(self) -> Iterator[RenderableType]:
        """Each row as lines of a heading and its cell."""
        if self.title is not None:
            yield Text(str(self.title), style="bold")
        for number, row in enumerate(self.rows):
            if number:
                yield ""
            one = facts({})
            for column in self.columns:
                cell = list(column.cells)[number]
                if str(cell):
                    one.add_row(str(column.header), cell, style=row.style)
            yield one


def table(*columns: str, title: str | None = None) -> PlainTable:
    """A table without lines; a column whose name starts with `>` is aligned on the right, without the sign."""
    made = PlainTable(
        box=None, pad_edge=False, header_style="dim", title=title, title_justify="left", title_style="bold"
    )
    for column in columns:
        made.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return made


def facts(rows: Mapping[str, object]) -> Table:
    """Two columns: what, and its value, `Text` and `Pieces` as they are; rows whose value is None are left out."""
    made = PlainTable(box=None, pad_edge=False, show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows.items():
        if value is not None:
            made.add_row(name, value if isinstance(value, Text | Pieces) else str(value))
    return made


@contextmanager
def json_alone(json: bool) -> Iterator[None]:
    """With `json` whatever is printed in the block goes to the standard error: Ray says there which process died."""
    with redirect_stdout(sys.stderr) if json else nullcontext():
        yield


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
