"""The networks: their shapes for games of every kind, and the convolution against torch's own."""

import pytest
import torch

from league.config import NetworkConfig
from league.errors import ConfigError
from league.games import game_spec
from league.policies.network import ILLEGAL, PolicyNetwork, Windows3x3
from league.policies.weights import fresh

SMALL = {
    "mlp": NetworkConfig(kind="mlp", hidden=(12, 8)),
    "conv": NetworkConfig(kind="conv", channels=5, blocks=2, hidden=(9,)),
    "tables": NetworkConfig(kind="tables", hidden=(12, 6, 6)),
}


def some_positions(spec, count=3):
    generator = torch.Generator().manual_seed(0)
    legal = torch.rand(count, spec.actions, generator=generator) < 0.5
    legal[:, 0] = True
    return torch.rand(count, *spec.shape, generator=generator), legal


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe", "large_board"])
def test_shapes(request, kind, name):
    spec = request.getfixturevalue(name) if name == "large_board" else game_spec(name)
    observation, legal = some_positions(spec)
    logits, value = PolicyNetwork(spec, SMALL[kind])(observation, legal)
    assert logits.shape == (3, spec.actions)
    assert value.shape == (3,)
    assert bool((logits[~legal] == ILLEGAL).all())
    assert bool((logits[legal].abs() < 100).all())
    assert bool((torch.softmax(logits, dim=1)[~legal] == 0).all())


def test_an_mlp_plays_from_any_view(flat_view):
    observation, legal = some_positions(flat_view)
    logits, value = PolicyNetwork(flat_view, SMALL["mlp"])(observation, legal)
    assert (logits.shape, value.shape) == ((3, 4), (3,))


def test_convolutions_need_a_board(flat_view):
    with pytest.raises(ConfigError, match=r"network\.kind = 'conv'.*cards has \[36\].*use mlp"):
        PolicyNetwork(flat_view, SMALL["conv"])


@pytest.mark.parametrize("kind", ["mlp", "conv", "tables"])
def test_gradients_reach_every_weight(kind):
    spec = game_spec("tic_tac_toe")
    network = PolicyNetwork(spec, SMALL[kind])
    observation, legal = some_positions(spec, 20)
    logits, value = network(observation, legal)
    (torch.log_softmax(logits, dim=1)[:, 0].sum() + value.sum()).backward()
    for name, weight in network.named_parameters():
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("height", "width"), [(3, 3), (6, 7), (1, 5)])
def test_windows_are_a_convolution(height, width):
    planes, channels = 4, 6
    ours = Windows3x3(planes, channels)
    torchs = torch.nn.Conv2d(planes, channels, kernel_size=3, padding=1)
    with torch.no_grad():
        # Ours: a row per channel of nine shifts, each with every plane.
        torchs.weight.copy_(ours.product.weight.view(channels, 3, 3, planes).permute(0, 3, 1, 2))
        torchs.bias.copy_(ours.product.bias)
        board = torch.randn(8, height, width, planes)
        expected = torchs(board.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        torch.testing.assert_close(ours(board), expected, atol=1e-5, rtol=0)


def test_a_board_is_read_the_right_way_round():
    """What is true at one cell reaches that cell and its neighbours, and no others."""
    windows = Windows3x3(1, 1)
    with torch.no_grad():
        windows.product.weight.fill_(1.0)
        windows.product.bias.zero_()
        board = torch.zeros(1, 6, 7, 1)
        board[0, 2, 6] = 1.0
        reached = windows(board)[0, :, :, 0].nonzero().tolist()
    assert reached == [[row, column] for row in (1, 2, 3) for column in (5, 6)]


def test_equal_seeds_give_equal_weights():
    spec = game_spec("connect_four")
    before = torch.random.get_rng_state()
    first, again, other = (fresh(spec, SMALL["mlp"], seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["policy.weight"], other["policy.weight"])
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_a_gpu_computes_the_same(kind):
    spec = game_spec("connect_four")
    network = fresh(spec, SMALL[kind], 0)
    observation, legal = some_positions(spec)
    expected = network(observation, legal)
    found = network.cuda()(observation.cuda(), legal.cuda())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=1e-4, rtol=1e-4)


def test_torchs_convolution_is_our_product_with_the_same_gradient() -> None:
    """Which of the two is taken depends on the device."""
    torch.manual_seed(0)
    layer, board = Windows3x3(3, 5), torch.randn(4, 6, 7, 3, requires_grad=True)
    outputs = layer.multiplied(board), layer.convolved(board)
    assert torch.allclose(*outputs, atol=1e-5)
    gradients = [torch.autograd.grad(out.square().sum(), (board, layer.product.weight)) for out in outputs]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
