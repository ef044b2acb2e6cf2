"""What an environment says of its stones, and what is wrong with it."""

import pytest

from league.config import NetworkConfig
from league.errors import GameError
from league.games import game_spec
from league.games.stones import Stones, read_stones, windows
from league.policies.weights import fresh


def test_a_users_board_game_gets_tables():
    pytest.importorskip("pygame")
    spec = game_spec("board_with_stones")
    assert len(spec.stones.patterns) == 8 + 4
    assert not spec.stones.falls
    network = fresh(spec, NetworkConfig(), 0)
    assert network.config.kind == "tables"
    assert len(network.body.table) == 8 * 3**3 + 4 * 3**4


def test_patterns_as_data():
    said = {"patterns": [[0, 7], [41, 40]], "falls": True, "planes": [1, 0]}
    assert read_stones("mine", said, (6, 7, 2)) == Stones(patterns=((0, 7), (41, 40)), falls=True, mine=1, theirs=0)
    assert read_stones("mine", {"windows": [3, 3]}, (6, 6, 2)).patterns == windows(6, 6, 3, 3)
    assert len(read_stones("mine", {"columns": True, "lines": 4}, (6, 7, 2)).patterns) == 69 + 7


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, "has no pattern that fits the board"),
        ({"lines": 9}, "has no pattern that fits the board"),
        ({"lines": "x"}, "invalid literal for int"),
        ({"line": 4}, "knows columns, falls, lines, patterns, planes, windows"),
        ({"patterns": [[0, 42]]}, "has a cell outside of 0 to 41"),
        ({"lines": 4, "planes": [0, 2]}, r"planes = \[0, 2\]: must be two of 0 to 1"),
        ({"lines": 4, "planes": [1]}, "not enough values"),
        ("lines", "knows columns"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(said, wrong):
    with pytest.raises(GameError, match=f"^mine: stones of its metadata: .*{wrong}") as caught:
        read_stones("mine", said, (6, 7, 2))
    assert "\n" not in str(caught.value)


def test_stones_need_a_board():
    with pytest.raises(GameError, match=r"^mine: .* \[36\] are no \[rows, columns, planes\]$"):
        read_stones("mine", {"lines": 3}, (36,))
