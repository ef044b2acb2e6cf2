"""Answers by search, without a server around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("fastapi", reason="needs the extra serve")

from league.config import NetworkConfig
from league.errors import GameError, PolicyError, RequestError
from league.games import game_spec, make_game
from league.interfaces.serve.question import Question
from league.interfaces.serve.searching import Searching
from league.policies.network import ILLEGAL
from league.policies.weights import fresh

SPEC = game_spec("connect_four")
SEARCHING = Searching(30, SPEC, "cpu")


def question(*moves: int, many: bool = False) -> Question:
    """About two boards after some moves."""
    game = make_game(SPEC.name, 2)
    for column in moves:
        game.step(torch.tensor([column, column]))
    return Question(
        observation=game.observe().numpy(),
        legal=game.legal().numpy(),
        many=many,
        sample=False,
        seed=None,
        include=frozenset(),
    )


def test_what_it_says_is_what_the_search_found() -> None:
    asked = question(0, 6, 1, 6, 2, 5)
    network = fresh(SPEC, NetworkConfig(kind="mlp", hidden=(8,)), 0)
    observation, legal = torch.from_numpy(asked.observation), torch.from_numpy(asked.legal)
    actions, logits, values = SEARCHING.answer(network, observation, legal)
    assert actions.tolist() == [3, 3]
    assert values.tolist() == [1, 1]
    assert logits.softmax(dim=1)[0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert logits.amin() == ILLEGAL


def test_positions_of_the_game_pass() -> None:
    for moves in ((), (3, 3, 3), (0, 0, 0, 0, 0, 0)):
        SEARCHING.check(question(*moves))


def changed(asked: Question, at: tuple[int, ...], value: float) -> Question:
    asked.observation[at] = value
    return asked


@pytest.mark.parametrize(
    ("at", "value"),
    [((1, 0, 0, 0), 0.5), ((1, 0, 0, 0), 2.0), ((1, 0, 0, 0), -1.0), ((1, 0, 0, 1), 1e30)],
    ids=["a half", "two", "minus one", "huge"],
)
def test_what_is_no_position_is_refused(at: tuple[int, ...], value: float) -> None:
    asked = question(3, 3, 3, many=True)
    with pytest.raises(RequestError, match=r"observations\[1\] is no position of connect_four") as refused:
        SEARCHING.check(changed(asked, at, value))
    assert (refused.value.status, refused.value.where) == (422, "observations[1]")


def test_a_full_column_is_no_move() -> None:
    asked = question(0, 0, 0, 0, 0, 0)
    asked.legal[:] = np.ones_like(asked.legal)
    with pytest.raises(RequestError, match="action_mask allows a move that is none") as refused:
        SEARCHING.check(asked)
    assert refused.value.where == "action_mask"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [((30, "leduc_poker"), GameError), ((30, "tictactoe_v3"), GameError), ((0, SPEC.name), PolicyError)],
)
def test_what_cannot_be_searched(arguments: tuple[Any, ...], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Searching(arguments[0], game_spec(arguments[1]), "cpu")
