"""Specs of games with views of every kind."""

import pytest

from league.games import game_spec
from league.games.base import GameSpec


@pytest.fixture(scope="session")
def connect_four():
    return game_spec("connect_four")


@pytest.fixture(scope="session")
def flat_view():
    """A game that is not seen as a board."""
    return GameSpec(name="cards", seats=2, shape=(36,), actions=4, batched=False, deterministic=False)


@pytest.fixture(scope="session")
def large_board():
    return GameSpec(name="large", seats=2, shape=(8, 8, 111), actions=4672, batched=False, deterministic=True)
