"""Networks asked together say what each of them says by itself."""

import pytest
import torch

from league.config import NetworkConfig
from league.games import game_spec, make_game, sample_uniform
from league.policies.network import acting
from league.policies.together import Together
from league.policies.weights import fresh


def positions(name, plies=5, boards=40):
    """Observations and legal moves after so many random plies."""
    game, generator = make_game(name, boards), torch.Generator().manual_seed(0)
    for _ in range(plies):
        game.step(sample_uniform(game.legal(), generator))
    return game.observe(), game.legal()


@pytest.mark.parametrize("plays", [False, True])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("connect_four", "mlp"),
        ("connect_four", "conv"),
        ("connect_four", "tables"),
        ("tic_tac_toe", "tables"),
        ("leduc_poker", "mlp"),
    ],
)
def test_what_they_say_together_is_what_each_says(name, kind, plays):
    spec, noise = game_spec(name), torch.Generator().manual_seed(0)
    config = NetworkConfig(kind=kind, channels=8, blocks=1)
    networks = [fresh(spec, config, seed).eval().requires_grad_(False) for seed in range(5)]
    for parameter in (parameter for network in networks for parameter in network.parameters()):
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=noise))
    networks = [acting(network, "bfloat16") if plays else network for network in networks]
    observation, legal = positions(name)
    # Unevenly, in no order, and nothing at all for one of them.
    which = torch.tensor([0, 3, 3, 4, 1, 3, 3, 0])[torch.arange(len(legal)) % 8]
    with torch.inference_mode():
        together = Together(networks).logits(observation, legal, which)
        for number, network in enumerate(networks):
            rows = which == number
            alone = network.logits(network.features(observation[rows]), legal[rows])
            tolerance = 0.02 if plays else 1e-5
            torch.testing.assert_close(together[rows], alone, atol=tolerance, rtol=tolerance)
    assert together.isfinite().all()
