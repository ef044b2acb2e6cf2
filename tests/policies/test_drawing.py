"""Choosing moves: illegal ones never, legal ones as often as the policy says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from league.games import Turn, make_game
from league.policies.network import ILLEGAL
from league.policies.player import NetworkPlayer, draw, greedy
from league.policies.weights import fresh

SPECIAL = [0.0, 1e30, -1e30, ILLEGAL, 3.4e38, -3.4e38, math.inf, -math.inf, math.nan]
LOGITS = st.one_of(st.sampled_from(SPECIAL), st.floats(-20, 20))


@st.composite
def rows(draw_):
    """Logits and masks of a few rows, at least one action legal in each."""
    count, actions = draw_(st.integers(1, 6)), draw_(st.integers(1, 9))
    logits = draw_(st.lists(st.lists(LOGITS, min_size=actions, max_size=actions), min_size=count, max_size=count))
    legal = draw_(st.lists(st.lists(st.booleans(), min_size=actions, max_size=actions), min_size=count, max_size=count))
    only = draw_(st.lists(st.integers(0, actions - 1), min_size=count, max_size=count))
    mask = torch.tensor(legal)
    mask[torch.arange(count), torch.tensor(only)] = True
    return torch.tensor(logits, dtype=torch.float32), mask


@settings(max_examples=300)
@given(rows(), st.integers(0, 2**32))
def test_an_illegal_action_is_never_chosen(position, seed):
    logits, legal = position
    for chosen in (draw(logits, legal, torch.Generator().manual_seed(seed)), greedy(logits, legal)):
        assert chosen.shape == (len(logits),)
        assert bool(legal[torch.arange(len(logits)), chosen].all())


@pytest.mark.parametrize("noise", [0.0, 1e-45, 3.4e38])
def test_nor_where_the_noise_rounds_to_an_extreme(monkeypatch, noise):
    """An exponential variate of 0 makes a Gumbel variate of +inf, for illegal actions as well."""
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self, **_: self.fill_(noise))
    legal = torch.tensor([[False, True, False], [False, False, True], [True, True, False]])
    for logits in (torch.zeros(3, 3), torch.full((3, 3), ILLEGAL), torch.full((3, 3), -math.inf)):
        chosen = draw(logits, legal, torch.Generator())
        assert bool(legal[torch.arange(3), chosen].all())


def test_draws_are_as_frequent_as_softmax_says():
    draws = 40_000
    logits = torch.tensor([2.0, 0.0, 5.0, -1.0, 1.0, 0.5])
    legal = torch.tensor([True, True, False, True, True, True])
    drawn = draw(logits.expand(draws, -1), legal.expand(draws, -1), torch.Generator().manual_seed(1))
    counts = torch.bincount(drawn, minlength=6).double()
    expected = torch.softmax(logits.masked_fill(~legal, -math.inf).double(), dim=0) * draws
    assert counts[2] == 0
    chi_square = ((counts - expected)[legal] ** 2 / expected[legal]).sum()
    assert chi_square < 18.47, "the 99.9% quantile with four degrees of freedom"


def test_equal_seeds_draw_equal_moves():
    logits, legal = torch.zeros(50, 7), torch.ones(50, 7, dtype=torch.bool)
    first, again, other = (draw(logits, legal, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_greedy_is_the_most_probable_legal_action():
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [-5.0, -4.0, -6.0]])
    legal = torch.tensor([[True, True, True], [False, True, True], [True, False, True]])
    assert greedy(logits, legal).tolist() == [0, 1, 0]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("sample", [True, False])
def test_a_network_at_the_table_plays_legal_moves(connect_four, device, sample):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    from league.config import NetworkConfig

    game = make_game("connect_four", 32, device=device)
    player = NetworkPlayer(fresh(connect_four, NetworkConfig(hidden=(16,)), 0).to(device), sample=sample)
    generator = torch.Generator(device=device).manual_seed(0)
    for _ in range(60):
        rows = torch.arange(0, 32, 2, device=device)
        legal = game.legal()
        turn = Turn(game=game, rows=rows, observation=game.observe()[rows], legal=legal[rows], generator=generator)
        chosen = player.choose(turn)
        assert bool(legal[rows, chosen].all())
        step = game.step(legal.long().argmax(dim=1).scatter(0, rows, chosen))
        game.reset(step.done)
    assert not any(parameter.requires_grad for parameter in player.network.parameters())
