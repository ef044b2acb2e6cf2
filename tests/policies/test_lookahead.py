"""Looking ahead: what is exact is exact, by playing it out; the rest is what the value head says."""

import pytest
import torch

from league.config import LeagueConfig, LearningConfig, NetworkConfig, RolloutConfig
from league.errors import ConfigError
from league.games import game_spec, make_game, sample_uniform
from league.games.bitboards import to_bitboards
from league.policies.lookahead import action_values, look_ahead
from league.policies.network import ILLEGAL
from league.policies.weights import fresh
from league.rollout.choices import settled
from league.rollout.collect import Collector
from league.rollout.opponents import Opponents

GAMES = ["connect_four", "tic_tac_toe"]


def midgame(name, plies, boards=192, seed=0):
    """Boards of games that go on after so many random plies, and their rows."""
    game, generator = make_game(name, boards), torch.Generator().manual_seed(seed)
    over = torch.zeros(boards, dtype=torch.bool)
    for _ in range(plies):
        over |= game.step(sample_uniform(game.legal(), generator)).done
    return game, (~over).nonzero().squeeze(1)


def solve(positions, depth):
    """By brute force for one position: +1 or -1 for the mover where it is forced within `depth` plies, else 0."""
    if bool(positions.wins().any()):
        return 1
    legal = positions.legal()[0].nonzero().squeeze(1)
    if depth == 1 or not len(legal):
        return 0
    return max(-solve(positions.after(torch.tensor([0]), action[None]), depth - 1) for action in legal)


class Undecided(torch.nn.Module):
    """A network whose value is one number everywhere, and that notes what it is asked about."""

    def __init__(self, value):
        super().__init__()
        self.value, self.seen = value, []

    def features(self, observation):
        self.seen.append(observation)
        return observation

    def values(self, features):
        return torch.full((len(features),), self.value)

    def logits(self, features, legal):
        return torch.zeros(legal.shape).masked_fill(~legal, ILLEGAL)


@pytest.mark.parametrize(("name", "plies"), [("connect_four", 14), ("connect_four", 24), ("tic_tac_toe", 4)])
def test_what_is_exact_is_what_brute_force_says(name, plies):
    game, rows = midgame(name, plies)
    positions = game.positions(rows)
    values, wins, known = action_values(Undecided(0.25), positions, positions.legal())
    assert not known[~positions.legal()].any()
    assert torch.equal(known & (values.abs() == 0.25), torch.zeros_like(known)), "what the network says is no knowledge"
    exact = {1.0: 0, -1.0: 0, 0.0: 0}
    for number in range(len(rows)):
        one = positions[torch.tensor([number])]
        assert torch.equal(wins[number], one.wins()[0])
        if bool(one.wins().any()):
            assert torch.equal(values[number], one.wins()[0].float())
            continue
        for action in one.legal()[0].nonzero().squeeze(1):
            said = float(values[number, action])
            child = one.after(torch.tensor([0]), action[None])
            if said in (1.0, -1.0):
                # A loss to a reply, or behind a forced one; a win behind whatever is replied.
                assert -solve(child, 4) == said
                assert known[number, action]
                exact[said] += 1
            else:
                assert said in (0.25, -0.25) or not bool(child.legal().all())
                assert solve(child, 1) != 1, "a reply that wins is never overlooked"
                exact[0.0] += 1
    assert min(exact.values()) > 0, exact


@pytest.mark.parametrize("name", GAMES)
def test_the_value_is_asked_where_nothing_hangs(name):
    """From the other side after a quiet move; from one's own side behind a forced reply."""
    game, rows = midgame(name, 4 if name == "tic_tac_toe" else 12)
    positions, network = game.positions(rows), Undecided(0.25)
    values, _, _ = action_values(network, positions, positions.legal())
    seen = torch.cat(network.seen)
    asked = type(positions)(game, *to_bitboards(seen))
    assert not asked.wins().any()
    assert set(values.unique().tolist()) <= {-1.0, -0.25, 0.0, 0.25, 1.0}
    quiet, forced = int((values == -0.25).sum()), int((values == 0.25).sum())
    assert len(seen) == quiet + forced
    assert min(quiet, forced) > 10


@pytest.mark.parametrize("name", GAMES)
def test_the_improved_policy_is_the_softmax_of_both(name):
    game, rows = midgame(name, 3)
    network = fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), 1)
    positions = game.positions(rows)
    seen, legal = positions.observe(), positions.legal()
    with torch.inference_mode():
        look = look_ahead(network, positions, seen, legal, weight=8.0)
        values, wins, _ = action_values(network, positions, legal)
        logits, _ = network(seen, legal)
    assert torch.equal(look.logits, logits)
    torch.testing.assert_close(look.policy.sum(dim=1), torch.ones(len(rows)))
    assert not look.policy[~legal].any()
    some = wins.any(dim=1)
    assert bool((look.policy.masked_fill(~wins, 0)[some].sum(dim=1) > 0.999).all())
    raw = logits.softmax(dim=1) * (8.0 * values).exp()
    torch.testing.assert_close(look.policy[~some], (raw / raw.sum(dim=1, keepdim=True))[~some])
    torch.testing.assert_close(look.value, (look.policy * values).sum(dim=1))
    assert bool((look.value >= (logits.softmax(dim=1) * values).sum(dim=1) - 1e-6).all()), "it is an improvement"


def test_with_lookahead_every_position_of_the_learner_teaches():
    game = make_game("tic_tac_toe", 64)
    config = RolloutConfig(exploring_share=1.0, exploring_plies=4, exploring_moves=0.2)
    collector = Collector(game, fresh(game.spec, NetworkConfig(hidden=(8,)), 0), config, seed=0, weight=8.0)
    experience = collector.collect(32, 1.0, 0.6)
    moves, advantage = experience.moves, experience.advantage
    others = moves.trust < 1
    assert float(others.float().mean()) > 0.2
    assert not advantage[others].any(), "what was played there says nothing of the learner's own move"
    surprise = (experience.value_target - moves.value).abs()
    assert bool((surprise <= 2 * moves.trust + 1e-5).all()), "of the value, as far as it might have played that"
    assert float(surprise[others].max()) > 0.1
    assert torch.equal(moves.expected[~others], moves.value[~others])
    assert bool((moves.expected[others] != moves.value[others]).any())
    torch.testing.assert_close(moves.improved.sum(dim=1), torch.ones(len(advantage)))
    assert bool((moves.improved.gather(1, moves.action[:, None]) > 0).all())
    assert float(experience.value_target.abs().max()) <= 1.0 + 1e-5
    assert experience.plies - 64 <= len(advantage) < experience.plies, "the last ply of a board may wait"


def test_what_opponents_see_is_learned_from_too():
    """Else nobody would know what a position is worth to them, which is what a move leads to."""
    game = make_game("tic_tac_toe", 64)
    config = RolloutConfig(exploring_share=0.0)
    collector = Collector(game, fresh(game.spec, NetworkConfig(hidden=(8,)), 0), config, seed=0, weight=8.0)
    collector.set_opponents(Opponents(shares={"perfect": 1.0}))
    brought = [collector.collect(32, 1.0, 0.8) for _ in range(3)]
    moves = brought[-1].moves
    assert abs(len(moves.value) - brought[-1].plies) <= 64
    assert 0.3 < float((moves.trust < 1).float().mean()) < 0.7, "the moves of the other seat"
    results = brought[-1].results["perfect"]
    assert results.games > 50
    assert results.wins == 0


def test_the_game_chooses_and_a_game_that_cannot_refuses():
    assert settled(LeagueConfig(), game_spec("connect_four")).learning.lookahead is True
    leduc = settled(LeagueConfig(), game_spec("leduc_poker"))
    assert leduc.learning.lookahead is False
    assert (leduc.learning.gamma, leduc.learning.num_epochs, leduc.rollout.games) == (0.97, 2, 512)
    asked = LeagueConfig(learning=LearningConfig(lookahead=True))
    with pytest.raises(ConfigError, match=r"^learning\.lookahead = true: leduc_poker has chance or hidden information"):
        settled(asked, game_spec("leduc_poker"))
    with pytest.raises(ConfigError, match=r"^learning\.lookahead = true: three_seats is played through an adapter"):
        settled(asked, game_spec("three_seats"))


def test_what_is_said_is_kept():
    asked = LeagueConfig.from_dict({"learning": {"gamma": 0.5, "lookahead": False}, "rollout": {"games": 3}})
    chosen = settled(asked, game_spec("connect_four"))
    assert (chosen.learning.gamma, chosen.learning.lookahead, chosen.rollout.games) == (0.5, False, 3)
    assert settled(chosen, game_spec("connect_four")) == chosen
