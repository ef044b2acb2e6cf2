"""How far an update moved the policy."""

import torch
from torch.distributions import Categorical, kl_divergence

from league.learning.divergence import mean_kl
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
