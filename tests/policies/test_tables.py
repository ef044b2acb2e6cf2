"""Looked-up tables: what lies on a pattern has a row of its own, and everything around it holds together."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load, save

from league.config import NetworkConfig
from league.errors import ConfigError, PolicyError
from league.games import game_spec, make_game, sample_uniform
from league.games.stones import Stones, columns_of, lines, windows
from league.policies.network import PolicyNetwork, acting, settled
from league.policies.rounding import rounded
from league.policies.tables import TABLE, Tables, _sum_rows
from league.policies.weights import SCALE, digest, fresh, pack, unpack

SMALL = NetworkConfig(kind="tables", hidden=(12, 6, 6))
LARGEST_SNAPSHOT = 2_600_000


def positions(name, plies, boards=64):
    """Observations of random games, of every number of stones."""
    game, generator = make_game(name, boards), torch.Generator().manual_seed(1)
    seen = []
    for _ in range(plies):
        seen.append(game.observe())
        game.reset(game.step(sample_uniform(game.legal(), generator)).done)
    return torch.cat(seen)


def cell_state(mine, theirs, cell, columns, falls):
    """What a cell shows, in words."""
    if mine[cell] or theirs[cell]:
        return "mine" if mine[cell] else "theirs"
    if not falls:
        return "empty"
    below, height = cell + columns, 0
    while below < len(mine) and not (mine[below] or theirs[below]):
        below, height = below + columns, height + 1
    return ("now", "next", "higher")[min(height, 2)]


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_each_content_of_each_pattern_has_a_row_of_its_own(name):
    spec = game_spec(name)
    boards = positions(name, 45, boards=24)
    rows, stones = Tables(spec, (8,)).rows(boards)
    assert torch.equal(stones, boards.sum(dim=(1, 2, 3)))
    row_of = {}
    for board, looked_up in zip(boards, rows.tolist(), strict=True):
        mine, theirs = (board[..., plane].flatten().tolist() for plane in (0, 1))
        for number, pattern in enumerate(spec.stones.patterns):
            content = tuple(cell_state(mine, theirs, cell, spec.shape[1], spec.stones.falls) for cell in pattern)
            assert row_of.setdefault((number, content), looked_up[number]) == looked_up[number]
    assert len(set(row_of.values())) == len(row_of) > 300


def test_a_line_and_a_column_have_as_many_rows_as_contents():
    spec = game_spec("connect_four")
    table = Tables(spec, (8,)).table
    assert len(spec.stones.patterns) == 48 + 7
    # A cell has three states at the bottom, four above it, then five; a column of height h holds 2^(h+1) - 1.
    horizontal = 4 * (3**4 + 4**4 + 4 * 5**4)
    diagonal = 2 * 4 * (3 * 4 * 5 * 5 + 4 * 5 * 5 * 5 + 5**4)
    assert len(table) == horizontal + diagonal + 7 * 127 == 23_637


def test_boards_that_cannot_occur_stay_within_the_table():
    generator = torch.Generator().manual_seed(0)
    for name in ("connect_four", "tic_tac_toe"):
        network = fresh(game_spec(name), SMALL, 0)
        shape = network.spec.shape
        for board in (
            torch.ones(3, *shape),
            -torch.ones(3, *shape),
            torch.rand(3, *shape, generator=generator) * 1e6,
            (torch.rand(3, *shape, generator=generator) < 0.5).float(),
            torch.full((3, *shape), torch.nan),
        ):
            rows, _ = network.body.rows(board)
            assert int(rows.min()) >= 0
            assert int(rows.max()) < len(network.body.table)


def test_the_gradient_of_a_table_is_torchs():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 40, (300, 7), generator=generator).int()
    ours, theirs = (torch.randn(50, 5, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2))
    weights = torch.randn(300, 5, generator=generator)
    (_sum_rows(rows, ours) * weights).sum().backward()
    (torch.nn.functional.embedding(rows.long(), theirs).sum(dim=1) * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert not ours.grad[40:].any(), "rows that nobody looked up"


def test_no_precision_reaches_the_codes():
    boards = positions("connect_four", 30)
    network = fresh(game_spec("connect_four"), SMALL, 0)
    exact, _ = network.body.rows(boards)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(network.body.rows(boards)[0], exact)
    assert torch.equal(network.bfloat16().body.rows(boards.bfloat16())[0], exact)


def test_an_acting_copy_is_close_and_leaves_the_network_alone():
    boards = positions("connect_four", 20)
    legal = torch.ones(len(boards), 7, dtype=torch.bool)
    network = fresh(game_spec("connect_four"), SMALL, 0)
    before = network.body.table.clone()
    for ours, theirs in zip(acting(network)(boards, legal), network(boards, legal), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0.05, atol=0.01)
    assert torch.equal(network.body.table, before)
    assert acting(network, "float32") is network


def test_a_snapshot_is_small_and_its_hash_survives_a_round_trip():
    spec = game_spec("connect_four")
    network = fresh(spec, NetworkConfig(), 3)
    assert network.config.kind == "tables"
    data = pack(network)
    assert len(data) <= LARGEST_SNAPSHOT
    copy = unpack(data, spec)
    assert copy.body.table.dtype == torch.float32
    assert digest(pack(copy)) == digest(data)
    largest = network.body.table.abs().amax(dim=1, keepdim=True)
    assert bool(((copy.body.table - network.body.table).abs() <= largest / 100).all())
    boards = positions("connect_four", 10)
    torch.testing.assert_close(copy.body(boards), network.body(boards), rtol=0.01, atol=0.01)


def test_a_rounded_table_is_exact_in_bfloat16_and_rounding_it_again_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    # Rows of every size, some of nothing, and one that is larger than can be.
    table = (
        torch.randn(500, 9, generator=generator) * 2 ** torch.randint(-40, 20, (500, 1), generator=generator).float()
    )
    table[0], table[1], table[2, 3], table[3] = 0.0, 1e9, 127.99, -(2.0**-24)
    first = rounded(table)
    again = rounded(first.exact)
    assert torch.equal(first.numbers, again.numbers)
    assert torch.equal(first.scale, again.scale)
    assert torch.equal(first.exact.bfloat16().float(), first.exact)
    assert bool(first.exact.isfinite().all())


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_so(broken):
    table = torch.ones(4, 5)
    table[2, 3] = broken
    assert rounded(table).exact.isfinite().all(dim=1).tolist() == [True, True, False, True]


def test_a_snapshot_of_the_first_format_is_read_as_it_is():
    spec = game_spec("connect_four")
    network = fresh(spec, SMALL, 0)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    tensors[TABLE] = tensors[TABLE].half()
    header = {"format": 1, "game": spec.name, "shape": list(spec.shape), "actions": spec.actions}
    header["network"] = dataclasses.asdict(network.config)
    copy = unpack(save(tensors, metadata={"league": json.dumps(header)}), spec)
    assert torch.equal(copy.body.table, tensors[TABLE].float())


@pytest.mark.parametrize("change", ["scale too short", "scale of every number", "no table", "a flat table"])
def test_a_table_without_its_scale_is_refused(change):
    spec = game_spec("connect_four")
    data = pack(fresh(spec, SMALL, 0))
    tensors, size = load(data), int.from_bytes(data[:8], "little")
    table, scale = tensors[TABLE], tensors[SCALE]
    if change == "no table":
        del tensors[TABLE]
    elif change == "a flat table":
        tensors[TABLE] = table[:, 0].contiguous()
    else:
        tensors[SCALE] = scale[:-1].clone() if change == "scale too short" else scale[:, None].repeat(1, table.shape[1])
    with pytest.raises(PolicyError, match="fit"):
        unpack(save(tensors, metadata=json.loads(data[8 : 8 + size])["__metadata__"]), spec)


def test_built_without_memory_it_loads_whole():
    spec = game_spec("connect_four")
    network = fresh(spec, SMALL, 0)
    with torch.device("meta"):
        other = PolicyNetwork(spec, SMALL)
    other.load_state_dict(network.state_dict(), assign=True)
    boards, legal = positions("connect_four", 10), torch.ones(640, 7, dtype=torch.bool)
    for ours, theirs in zip(other(boards, legal), network(boards, legal), strict=True):
        assert torch.equal(ours, theirs)


def test_values_are_within_what_a_game_pays():
    network = fresh(game_spec("tic_tac_toe"), SMALL, 0)
    with torch.no_grad():
        network.body.table *= 1000
        values = network(positions("tic_tac_toe", 9), torch.ones(576, 9, dtype=torch.bool))[1]
    assert float(values.abs().max()) <= 1.0


def test_the_game_chooses_the_kind():
    flat = dataclasses.replace(game_spec("connect_four"), stones=None)
    assert settled(NetworkConfig(), flat) == NetworkConfig(kind="mlp", hidden=(256, 256), normalize=False)
    assert settled(NetworkConfig(), game_spec("tic_tac_toe")).kind == "tables"
    assert settled(NetworkConfig(kind="conv"), game_spec("tic_tac_toe")).kind == "conv"
    assert settled(NetworkConfig(hidden=(8,)), game_spec("tic_tac_toe")).hidden == (8,)


def test_a_game_without_stones_is_refused(flat_view):
    with pytest.raises(ConfigError, match=r"^network\.kind = 'tables': cards does not say where stones lie on a board"):
        fresh(flat_view, SMALL, 0)
    with pytest.raises(ConfigError, match="leduc_poker"):
        fresh(game_spec("leduc_poker"), SMALL, 0)


def test_patterns_that_are_too_large_are_refused(large_board):
    spec = dataclasses.replace(large_board, stones=Stones(patterns=windows(8, 8, 4, 4)))
    with pytest.raises(ConfigError, match="use smaller patterns"):
        fresh(spec, SMALL, 0)


def test_tables_of_another_game_are_refused():
    theirs = pack(fresh(game_spec("connect_four"), SMALL, 0))
    other = dataclasses.replace(game_spec("connect_four"), stones=Stones(patterns=lines(6, 7, 4), falls=True))
    with pytest.raises(PolicyError, match="other names or shapes"):
        unpack(theirs, other)
    assert TABLE in dict(fresh(game_spec("connect_four"), SMALL, 0).named_parameters())


def test_patterns():
    assert len(lines(6, 7, 4)) == 69
    assert lines(3, 3, 3, vertical=False) == ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 4, 8), (2, 4, 6))
    assert columns_of(3, 2) == ((0, 2, 4), (1, 3, 5))
    assert windows(3, 3, 2, 2) == ((0, 1, 3, 4), (1, 2, 4, 5), (3, 4, 6, 7), (4, 5, 7, 8))
