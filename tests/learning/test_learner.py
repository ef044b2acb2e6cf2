"""What the learner adds to RLlib's: how far an update moved the policy, and other views of what was played."""

import pytest
import torch
from ray.rllib.core.columns import Columns
from torch.distributions import Categorical, kl_divergence

from league.games import game_spec, make_game, sample_uniform
from league.learning.algorithm import minibatch_size
from league.learning.learner import look_from, mean_kl
from league.learning.module import ACTION_MASK, IMPROVED, OBSERVATION
from league.policies.network import ILLEGAL


def test_equals_the_divergence_of_the_distributions_over_legal_moves() -> None:
    generator = torch.Generator().manual_seed(1)
    before, after = torch.randn(2, 64, 7, generator=generator)
    legal = torch.rand(64, 7, generator=generator) < 0.6
    legal[:, 0] = True
    masked = [logits.masked_fill(~legal, ILLEGAL) for logits in (before, after)]
    hidden = [logits.masked_fill(~legal, -torch.inf) for logits in (before, after)]
    expected = kl_divergence(*(Categorical(logits=logits) for logits in hidden)).mean()
    assert torch.allclose(mean_kl(*masked), expected, atol=1e-6)
    assert mean_kl(masked[0], masked[0]) == 0


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_another_view_shows_the_same_moves(name: str) -> None:
    """Each move, played in its own view, leads to positions that are views of one another."""
    generator = torch.Generator().manual_seed(0)
    for view in game_spec(name).symmetries:
        games = make_game(name, 64), make_game(name, 64)
        for _ in range(3):
            actions = sample_uniform(games[0].legal(), generator)
            policy = torch.rand(64, games[0].spec.actions, generator=generator)
            rows = {
                Columns.OBS: {OBSERVATION: games[0].observe(), ACTION_MASK: games[0].legal().float()},
                Columns.ACTIONS: actions,
                Columns.ACTION_DIST_INPUTS: policy,
                IMPROVED: policy.clone(),
            }
            look_from(view, rows)
            assert torch.equal(rows[Columns.OBS][OBSERVATION], games[1].observe())
            assert torch.equal(rows[Columns.OBS][ACTION_MASK], games[1].legal().float())
            for column in (IMPROVED, Columns.ACTION_DIST_INPUTS):
                of_move = rows[column].gather(1, rows[Columns.ACTIONS][:, None])
                assert torch.equal(of_move, policy.gather(1, actions[:, None]))
            games[0].step(actions)
            games[1].step(rows[Columns.ACTIONS])


@pytest.mark.parametrize(
    ("rows", "size"), [(32_768, 4096), (32_790, 4099), (34_900, 3878), (4000, 4000), (100, 100), (6200, 3100)]
)
def test_minibatches_share_the_rows_evenly(rows: int, size: int) -> None:
    assert minibatch_size(rows, 4096) == size
    assert -(-rows // size) * size - rows < rows / size, "hardly a row is seen twice"
