"""Opponents who are asked together play what each of them plays by itself."""

from dataclasses import dataclass

import pytest
import torch

from league.config import NetworkConfig, RolloutConfig
from league.games import game_spec, make_game
from league.ladder.matchmaking import SELF
from league.policies.player import NetworkPlayer, make_player
from league.policies.weights import fresh, pack, unpack
from league.rollout.collect import Collector
from league.rollout.crowd import FEW_BOARDS, FEW_BOARDS_OF_A_GPU, FEWEST, crowds
from league.rollout.opponents import Opponents

SPEC = game_spec("tic_tac_toe")


@dataclass(frozen=True, kw_only=True)
class Exact(Opponents):
    """In float32 whatever the processor multiplies faster: no rounding is to decide between two moves."""

    def player(self, name, game):
        return make_player(name, SPEC, lambda name: unpack(self.weights[name], SPEC), sample=self.sample)


NAMES = [f"main-{number:04d}" for number in range(6)]


def collector(kind, *, sample):
    """One that meets six snapshots and a bot."""
    made = Collector(make_game(SPEC.name, 64), network(kind, 99), RolloutConfig(exploring_share=0.0), seed=1)
    weights = {name: pack(network(kind, number)) for number, name in enumerate(NAMES)}
    shares = {SELF: 1.0, "uniform": 1.0, **dict.fromkeys(NAMES, 1.0)}
    made.set_opponents(Exact(shares=shares, weights=weights, sample=sample))
    return made


def network(kind, seed):
    """One that has opinions, so that no rounding decides between moves that it likes as well."""
    made, noise = fresh(SPEC, NetworkConfig(kind=kind), seed).requires_grad_(False), torch.Generator().manual_seed(seed)
    for parameter in made.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=noise))
    return made


@pytest.mark.parametrize("kind", ["mlp", "tables"])
def test_games_are_the_same_whether_opponents_are_asked_together_or_one_by_one(kind):
    together, alone = collector(kind, sample=False), collector(kind, sample=False)
    assert [len(crowd.members) for crowd in together.table.crowds] == [6]
    asked = []
    choose = together.table.crowds[0].choose
    together.table.crowds[0].choose = lambda turn, index: (asked.append(len(index)), choose(turn, index))[1]
    alone.table.crowds = ()
    for _ in range(4):
        one, other = together.collect(10, 1.0, 0.9), alone.collect(10, 1.0, 0.9)
        assert torch.equal(one.moves.observation, other.moves.observation)
        assert torch.equal(one.moves.action, other.moves.action)
        assert one.results == other.results
    assert sum(asked) > 100, "they were asked together indeed"
    assert set(one.results) & set(NAMES)


def test_those_who_draw_their_moves_are_asked_together_too():
    made = collector("mlp", sample=True)
    results = made.collect(60, 1.0, 0.9).results
    assert set(results) == {"uniform", *NAMES}


def test_who_is_asked_together():
    players = {index: NetworkPlayer(network("mlp", index), sample=False) for index in range(1, 10)}
    (crowd,) = crowds(players)
    boards = dict.fromkeys(range(1, 10), 2)
    assert crowd.few(boards) == list(range(1, 10))
    assert crowd.few({**boards, 4: FEW_BOARDS + 1, 20: 1}) == [1, 2, 3, 5, 6, 7, 8, 9]
    (large,) = crowds({index: NetworkPlayer(network("mlp", index).to("meta"), sample=False) for index in range(1, 10)})
    assert large.few(dict.fromkeys(range(1, 10), FEW_BOARDS_OF_A_GPU)) == list(range(1, 10))
    assert large.few(dict.fromkeys(range(1, 10), FEW_BOARDS_OF_A_GPU + 1)) == []
    assert crowd.few({1: 2, 2: 2, 3: 2, 4: 2}) == [], "the pass is as large as if all were there"
    assert crowds(players, [crowd]) == (crowd,), "it is not built again"
    assert crowds({index: players[index] for index in range(1, FEWEST)}) == ()
    drawing = {index: NetworkPlayer(network("mlp", index), sample=True) for index in range(10, 10 + FEWEST)}
    assert [len(one.members) for one in crowds(players | drawing)] == [9, FEWEST]
