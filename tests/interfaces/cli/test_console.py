"""Tables of the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from league.interfaces.cli.console import Column, facts, json_alone, print_parts, progress, say, stdout, tabulate
from league.interfaces.cli.folding import Pieces

TONES = "".join(map(chr, range(0x1F3FB, 0x1F400)))
# Wide, combining, control and blank characters among plain ones. A skin tone without a hand before it Rich leaves out.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("ab 1±★世\t\n\x07[]"), st.characters(exclude_categories=["Cs"], exclude_characters=TONES)
    ),
    max_size=8,
)


def drawn(table: Table, width: int) -> str:
    """What a pipe gets."""
    file = StringIO()
    Console(file=file, width=width, markup=False, emoji=False, highlight=False).print(table)
    return file.getvalue()


@pytest.mark.parametrize("width", [10_000, 12])
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
@example(rows=[("", "0 ", "")])
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


@pytest.mark.parametrize("asks", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_stays_plain_where_colour_is_asked_for(
    asks: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a notebook's kernel and CI do: live panels as wide as a pipe is would fill the cell."""
    monkeypatch.setenv(asks, "1")
    assert not stdout().is_terminal
    print_parts([tabulate(["main-0001"], [Column[str]("policy", lambda row: row)])])
    say("done")
    with progress() as shown:
        shown.add_task("playing")
    printed = capsys.readouterr()
    assert printed.out == "policy\nmain-0001\ndone\n"
    assert printed.err == ""


NARROW = [
    Column[tuple[str, str, str]]("policy", lambda row: row[0]),
    Column[tuple[str, str, str]](">± 95%", lambda row: row[1]),
    Column[tuple[str, str, str]](">± 95%", lambda row: row[1]),
    Column[tuple[str, str, str]]("why", lambda row: row[2], fold=True),
]
WORDS = "stronger than the one before"


def on_terminal(table: Table, width: int) -> list[str]:
    file = StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None, markup=False).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_on_a_terminal_that_is_too_narrow_nothing_is_cut_off() -> None:
    rows = [("main-0001", "12.5", WORDS), ("main-0002", "", WORDS)]
    assert on_terminal(tabulate(rows, NARROW), 80)[1] == f"main-0001   12.5   12.5  {WORDS}"
    assert on_terminal(tabulate(rows, NARROW), 40)[1] == "main-0001   12.5   12.5  stronger than"
    close = on_terminal(tabulate(rows, NARROW), 35)
    assert close[1:3] == ["main-0001  12.5  12.5 stronger than", "                      the one"]
    lines = ["policy  main-0001", "± 95%   12.5", "± 95%   12.5", "why     stronger than", "        the one before"]
    assert on_terminal(tabulate(rows, NARROW), 24) == [*lines, "", "policy  main-0002", *lines[3:]]


def test_a_word_is_broken_only_where_it_is_longer_than_any() -> None:
    word = "Rock-paper-scissors,"
    for width in range(30, 60):
        assert word in " ".join(on_terminal(tabulate([("main-0001", "12.5", f"{word} {WORDS}")], NARROW), width)), width
    assert "".join(on_terminal(tabulate([("main-0001", "12.5", "x" * 50)], NARROW), 60)).count("x") == 50


def test_pieces_stay_whole_where_there_is_room() -> None:
    table = facts({"room": Pieces(["the", "rest", "lasts", "158 d 10 h"])})
    for width in range(17, 40):
        assert "158 d 10 h" in "\n".join(on_terminal(table, width)), width
    assert drawn(table, 10_000) == "room  the rest lasts 158 d 10 h\n"
    assert drawn(facts({"room": Pieces([])}), 80) == "room  \n"


def test_two_columns_that_are_folded_keep_their_words() -> None:
    word = "Rock-paper-scissors,"
    columns = [NARROW[0], NARROW[3], Column[tuple[str, str, str]]("bots", lambda row: row[1], fold=True)]
    for width in range(46, 90):
        shown = on_terminal(tabulate([("main-0001", "uniform mcts-100 perfect", f"{word} {WORDS}")], columns), width)
        assert {word, "mcts-100"} <= set(" ".join(shown).split()), width


def test_a_column_that_can_be_spared_is_left_out_first() -> None:
    columns = [NARROW[0], NARROW[1], Column[tuple[str, str, str]](">steps", lambda row: row[2], spare=True)]
    assert on_terminal(tabulate([("main-0001", "12.5", WORDS)], columns), 80)[0] == f"policy     ± 95%{'steps':>30}"
    assert on_terminal(tabulate([("main-0001", "12.5", WORDS)], columns), 30) == [
        "policy     ± 95%",
        "main-0001   12.5",
    ]


@pytest.mark.parametrize("json", [True, False])
def test_what_others_print_does_not_stand_among_json(json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with json_alone(json):
        print("(raylet) a worker died")
    print("[]")
    assert capsys.readouterr() == (
        ("[]\n", "(raylet) a worker died\n") if json else ("(raylet) a worker died\n[]\n", "")
    )
