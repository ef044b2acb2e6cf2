"""What `--help` of each command prints, on a narrow terminal and in a pipe."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from small_league import Command
from typer.main import get_command

from league.interfaces.cli.commands import app
from league.interfaces.cli.help import flowing

WIDTH = 80
WIDE = 400
_FRAME = re.compile(r"[╭╮╰╯─]+")


def _paths(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from _paths(below, (*path, name))


PATHS = sorted(_paths(get_command(app), ()))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_flows(path: tuple[str, ...], league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole words, lines that fit and are full, and no blanks at their ends, as in a pipe."""
    shown = {}
    for width in (WIDTH, 120, WIDE):
        monkeypatch.setenv("COLUMNS", str(width))
        shown[width] = league(*path, "--help").out
    words = {word for word in shown[WIDE].split() if not _FRAME.fullmatch(word)}
    for width in (WIDTH, 120):
        assert {word for word in shown[width].split() if not _FRAME.fullmatch(word)} <= words, "a word is broken"
        for line in shown[width].split("\n"):
            assert line == line.rstrip()
            assert len(line) <= width
        said = shown[width].partition("╭")[0].split("\n")
        for line, after in itertools.pairwise(said):
            if line and after:
                assert len(line) + 1 + len(after.split()[0]) >= width - 1, f"the line ends too early: {line}"


def test_paragraphs_flow_and_stay_apart() -> None:
    assert flowing("One line.\n\n    Two lines,\n    one text.\n    ") == "One line.\n\nTwo lines, one text."
    assert flowing(None) == ""
