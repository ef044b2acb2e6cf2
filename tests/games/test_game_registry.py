"""Names to games."""

import pytest
import torch

from league.errors import ConfigError
from league.games import game_spec, known_games, make_game
from league.games.builtin import BUILTIN


@pytest.mark.parametrize("name", BUILTIN)
def test_builtin_games_start_at_the_start(name):
    game = make_game(name, 5)
    assert game.spec is game_spec(name)
    assert game.num_games == 5
    assert game.spec.batched
    assert game.observe().shape == (5, *game.spec.shape)
    assert game.observe().dtype == torch.float32
    assert game.legal().shape == (5, game.spec.actions)
    assert game.legal().any(dim=1).all()
    assert game.to_move().tolist() == [0] * 5


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "must be cpu, cuda or cuda:N"),
        ("", "must be cpu, cuda or cuda:N"),
        ("meta", "must be cpu, cuda or cuda:N"),
        ("cuda:-1", "must be cpu, cuda or cuda:N"),
        ("cuda:99999999999", "must be cpu, cuda or cuda:N, N from 0 to 99"),
        ("cuda:99", "torch finds [0-9]+ CUDA devices here"),
    ],
)
@pytest.mark.parametrize("name", ["connect_four", "three_seats"])
def test_wrong_devices(name, device, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make_game(name, 1, device=device)
    assert "\n" not in str(caught.value)


def test_at_least_one_game():
    with pytest.raises(ConfigError, match="0 games"):
        make_game("connect_four", 0)


def test_known_games_can_be_made():
    rows = known_games()
    names = [row.name for row in rows]
    assert names[:2] == ["connect_four", "tic_tac_toe"]
    assert {"chess_v6", "leduc_holdem_v4", "hanabi_v5", "go_v5"} <= set(names)
    assert all(row.description for row in rows)
    for row in rows:
        if row.installed:
            assert game_spec(row.name).actions >= 2
