"""Every number that is typed behind a command has bounds, and what is beyond is refused in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command

from league.interfaces.cli.app import app


def numbers(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The words of each command with each of its parameters that is a number."""
    command = command or get_command(app)
    for parameter in command.params:
        if parameter.type_descriptor.annotation in (int, float):
            yield words, parameter
    for name, below in getattr(command, "commands", {}).items():
        yield from numbers(below, (*words, name))


ALL = list(numbers())


@pytest.mark.parametrize(("words", "parameter"), ALL, ids=[f"{' '.join(words)} {one.name}" for words, one in ALL])
def test_a_number_has_bounds(words: tuple[str, ...], parameter: Any, refused: Callable[..., str]) -> None:
    assert parameter.min is not None
    assert parameter.max is not None
    if parameter.param_type_name == "argument":
        return
    for text in ("nan", "inf", "-inf", "1e308", f"{parameter.min - 1}", "x", "99999999999999999999"):
        said = refused(*words, f"{parameter.opts[0]}={text}")
        assert parameter.opts[0] in said or "argument" in said


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("--minutes=nan", "'--minutes': 'nan' is not a finite number"),
        ("--minutes=-inf", "'--minutes': '-inf' is not a finite number"),
        ("--minutes=1e400", "'--minutes': '1e400' is not a finite number"),
        ("--minutes=-1", "'--minutes': '-1' is less than 0.0"),
        ("--minutes=99999999", "'--minutes': '99999999' is more than 10000000.0"),
        ("--minutes=", "'--minutes': '' is not a number"),
        ("--games=two", "'--games': 'two' is not a whole number"),
        ("--games=1.5", "'--games': '1.5' is not a whole number"),
        ("--games=nan", "'--games': 'nan' is not a finite number"),
        (f"--games={'9' * 5000}", f"'--games': '{'9' * 40}…' has too many digits"),
    ],
)
def test_it_is_said_which_number_is_wrong_and_why(option: str, wrong: str, refused: Callable[..., str]) -> None:
    assert f"Invalid value for {wrong} (see league challenge --help)" in refused("challenge", "champion", option)


def test_it_is_said_which_choices_there_are(refused: Callable[..., str]) -> None:
    wrong = "Invalid value for '--scheduler': 'nan' is not one of 'asha', 'pbt', 'none' (see league tune --help)"
    assert wrong in refused("tune", "--search=any", "--scheduler=nan")
