"""Games on tables: Leduc against OpenSpiel, history for history; rock-paper-scissors; chance and its seeds."""

from collections import Counter

import pytest
import torch

from league.games import make_game, sample_uniform
from league.games.leduc import RANKS, Leduc

NAMES = ["leduc_poker", "rock_paper_scissors"]


def test_every_leduc_history_equals_openspiel():
    pyspiel = pytest.importorskip("pyspiel", reason="OpenSpiel is not installed")
    histories, information = set(), {}

    def walk(state, chance, ours):
        """Go down both trees at once; `chance` are the ranks dealt so far."""
        if state.is_chance_node():
            for action, _ in state.chance_outcomes():
                child = state.child(action)
                dealt = (*chance, action // 2)
                if len(dealt) < 2:
                    walk(child, dealt, None)
                    continue
                outcomes = Leduc.start() if len(dealt) == 2 else ours
                same = [
                    one.history
                    for one in outcomes
                    if one.history.cards == dealt[:2] and one.history.public == (dealt[2] if len(dealt) == 3 else None)
                ]
                assert len(same) == 1
                walk(child, dealt, same[0])
            return
        histories.add(ours)
        assert Leduc.mover(ours) == state.current_player()
        assert Leduc.actions(ours) == state.legal_actions()
        # OpenSpiel tells suits apart; we do not: an information state of theirs is in exactly one of ours.
        view = tuple(Leduc.view(ours))
        assert information.setdefault(state.information_state_string(), view) == view
        for action in state.legal_actions():
            child, outcomes = state.child(action), Leduc.follow(ours, action)
            assert sum(one.probability for one in outcomes) == pytest.approx(1)
            if child.is_terminal():
                assert [(one.history, list(one.rewards)) for one in outcomes] == [(None, child.returns())]
            elif child.is_chance_node():
                walk(child, chance, outcomes)
            else:
                walk(child, chance, outcomes[0].history)

    walk(pyspiel.load_game("leduc_poker").new_initial_state(), (), None)
    assert len(histories) == len(make_game("leduc_poker", 1).histories) - 1
    assert len(information) == 936
    assert len(set(information.values())) == 288


def test_deals_have_their_probabilities():
    game = make_game("leduc_poker", 150_000, seed=1)
    dealt = Counter(game.histories[row].cards for row in game.row.tolist())
    for (a, b), count in dealt.items():
        assert count / 150_000 == pytest.approx((1 if a == b else 2) / 15, abs=0.005)
    game.step(torch.ones(150_000, dtype=torch.long))
    game.step(torch.ones(150_000, dtype=torch.long))
    hands = [game.histories[row] for row in game.row.tolist()]
    public = Counter(hand.public for hand in hands if hand.cards == (0, 0))
    assert set(public) == {1, 2}
    assert public[1] / sum(public.values()) == pytest.approx(0.5, abs=0.03)
    mixed = Counter(hand.public for hand in hands if hand.cards == (0, 1))
    assert mixed[2] / sum(mixed.values()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_random_games_end_and_are_zero_sum(name):
    generator = torch.Generator().manual_seed(0)
    game = make_game(name, 200)
    returns = torch.zeros(200, 2)
    ended = torch.zeros(200, dtype=torch.bool)
    for _ in range(10):
        assert bool((game.legal().any(dim=1) | ended).all())
        step = game.step(sample_uniform(game.legal(), generator))
        assert not step.dropped.any()
        returns += step.rewards * ~ended[:, None]
        ended |= step.done
    assert bool(ended.all())
    assert bool((returns.sum(dim=1) == 0).all())
    assert len(returns[:, 0].unique()) > 2


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_deal_alike_and_other_boards_are_left_alone(name):
    def play(seeds):
        game = make_game(name, 64, seed=5)
        game.step(game.legal().long().argmax(dim=1))
        before = game.row.clone()
        mask = torch.arange(64) < 32
        game.reset(mask, seeds)
        assert torch.equal(game.row[32:], before[32:])
        rows = [game.row[:32].clone()]
        for _ in range(2):
            game.step(torch.ones(64, dtype=torch.long))
            rows.append(game.row[:32].clone())
        return torch.stack(rows)

    one = play(torch.arange(64))
    assert torch.equal(one, play(torch.arange(64)))
    if name == "leduc_poker":
        assert not torch.equal(one, play(torch.arange(64) + 1000))


def test_rock_beats_scissors():
    game = make_game("rock_paper_scissors", 9)
    first, second = torch.arange(9) // 3, torch.arange(9) % 3
    assert game.to_move().tolist() == [0] * 9
    game.step(first)
    assert game.to_move().tolist() == [1] * 9
    assert bool((game.observe() == 1).all()), "nobody sees what the other has chosen"
    rewards = game.step(second).rewards
    beats = {(0, 2), (1, 0), (2, 1)}
    for a, b, won in zip(first.tolist(), second.tolist(), rewards.tolist(), strict=True):
        expected = 1.0 if (a, b) in beats else (-1.0 if (b, a) in beats else 0.0)
        assert won == [expected, -expected]


def test_people_see_what_the_mover_sees():
    game = make_game("leduc_poker", 1, seed=3)
    shown = game.render(0)
    assert shown.startswith("your card ")
    assert shown[10] in RANKS
    assert "public card -" in shown
    game.step(torch.ones(1, dtype=torch.long))
    game.step(torch.ones(1, dtype=torch.long))
    assert "public card -" not in game.render(0)
    game.step(torch.full((1,), 2))
    game.step(torch.zeros(1, dtype=torch.long))
    assert game.render(0) == "the game is over"
