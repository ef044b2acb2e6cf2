"""What a game pays, by the environment's own account, whichever way it keeps it."""

import numpy as np
import pytest
import torch

from league.games import make_game, sample_uniform


def play(game, generator):
    """One game on the only board: what every seat received, whether it was dropped, and what the environment says."""
    total = torch.zeros(game.spec.seats, dtype=torch.float64)
    while True:
        env = game._boards.rows[0].env
        step = game.step(sample_uniform(game.legal(), generator))
        total += step.rewards[0].double()
        if step.done[0]:
            truth = env.truth if hasattr(env, "truth") else env.game_state.returns()
            game.reset(step.done)
            return total.tolist(), bool(step.dropped[0]), truth


@pytest.mark.parametrize(
    "kind",
    [
        "Sound",
        "OnlyCumulative",
        "OnlyRewards",
        "NeverEmptied",
        "AddedLater",
        "LastOnlyCumulative",
        "LeftStanding",
        "Emptied",
        "Arrays",
        "Integers",
        "Nones",
        "Bools",
        "wrapped",
    ],
)
def test_every_way_to_keep_rewards_comes_to_the_same(kind):
    game = make_game(f"bookkeeping:{kind}", 1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):  # The second game must not remember the first one.
        paid, dropped, truth = play(game, generator)
        assert not dropped, game.last_error
        assert tuple(paid) == truth


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (
            "Opposite",
            "it contradicts itself: rewards['a'] is 1, and the same step added -1 to _cumulative_rewards['a']",
        ),
        ("Twice", "it contradicts itself: rewards['a'] is 1, and the same step added 2 to"),
        ("Words", "the reward of a is 'much', not a number"),
        ("Pairs", "the reward of a is '[1. 1.]', not a number"),
        ("Strangers", "rewards has 'c', who is none of possible_agents"),
        ("Lists", "its rewards are a list, not a dictionary by agent"),
    ],
)
def test_what_cannot_be_understood_is_named(kind, reason):
    game = make_game(f"bookkeeping:{kind}", 1)
    _, dropped, _ = play(game, torch.Generator().manual_seed(0))
    assert dropped
    assert reason in game.last_error


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("tic_tac_toe", {}),
        ("leduc_poker", {}),
        ("kuhn_poker", {"players": 3}),
        ("matrix_rps", {}),
        ("goofspiel", {"num_cards": 4, "points_order": "descending"}),
        ("oshi_zumo", {}),
        ("negotiation", {}),
        ("bargaining", {}),
        ("hanabi", {"players": 2, "colors": 2, "ranks": 2, "hand_size": 2, "max_life_tokens": 1}),
    ],
)
def test_open_spiel_through_shimmy_pays_its_returns(name, settings, monkeypatch):
    shimmy = pytest.importorskip("shimmy")
    module = pytest.importorskip("open_spiel_games")
    monkeypatch.setattr(
        module,
        name,
        lambda: shimmy.OpenSpielCompatibilityV0(game_name=name, config=settings or None),
        raising=False,
    )
    game = make_game(f"open_spiel_games:{name}", 1, seed=1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        paid, dropped, truth = play(game, generator)
        assert not dropped, game.last_error
        np.testing.assert_allclose(paid, truth, atol=1e-5)


def test_a_parallel_environment_is_played_in_turn_and_nobody_sees_the_others_move():
    game = make_game("bookkeeping", 1)
    for number in range(3):
        assert game.to_move().tolist() == [0]
        seen = game.observe()
        assert not game.step(torch.tensor([2])).rewards.any()
        assert game.to_move().tolist() == [1]
        assert torch.equal(game.observe(), seen)
        step = game.step(torch.tensor([1]))
        assert step.rewards.tolist() == [[1.0, -1.0]]
        assert step.done.tolist() == [number == 2]
    assert not step.dropped.any()


def test_seats_that_take_no_part_are_known():
    game = make_game("bookkeeping:Some", 2)
    game.reset(seeds=torch.tensor([0, 1]))
    assert game.present().tolist() == [[True, True, False, False], [True, True, True, False]]
