"""A board of cells in the terminal: the last move in round brackets, a winning line in square ones, and in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from league.interfaces.play.session import Session

_STYLES: Final = {"X": "bold red", "O": "bold yellow"}


def drawn(session: Session) -> Text:
    """The position as the person may see it; of a game without cells its own text."""
    cells = session.cells
    if not cells.marks:
        return Text.from_ansi(session.text)
    width = 3 if cells.columns else 1 + max(len(mark) for row in cells.marks for mark in row) + 1
    rows = [
        Text("│" if not cells.columns else "").join(_cell(session, (r, c), mark, width) for c, mark in enumerate(row))
        for r, row in enumerate(cells.marks)
    ]
    if not cells.columns:
        between = Text("\n" + "┼".join("─" * width for _ in cells.marks[0]) + "\n")
        return between.join(rows)
    count = len(cells.marks[0])
    lines = [Text.assemble("│", row, "│") for row in rows]
    floor = Text("╰" + "─" * (width * count) + "╯\n " + "".join(str(c).center(width) for c in range(count)))
    return Text("\n").join([*lines, floor])


def _cell(session: Session, at: tuple[int, int], mark: str, width: int) -> Text:
    before, behind, more = " ", " ", ""
    if at in session.cells.line:
        before, behind, more = "[", "]", " on dark_green"
    elif at == session.last:
        before, behind = "(", ")"
    style = _STYLES.get(mark)
    if style is None:
        return Text((mark or "·").center(width), style="dim")
    return Text(f"{before}{mark}{behind}".center(width), style=f"{style}{more}")
