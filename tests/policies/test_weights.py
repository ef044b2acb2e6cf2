"""Weights as bytes: what goes in comes out, and nothing else is taken for a policy."""

import dataclasses
import hashlib
import json
import pickle
import struct

import pytest
import torch

from league.config import NetworkConfig
from league.errors import PolicyError
from league.games import game_spec
from league.policies.weights import digest, fresh, pack, unpack

MLP = NetworkConfig(kind="mlp", hidden=(12, 8))
CONV = NetworkConfig(kind="conv", channels=5, blocks=1, hidden=(9,))
TABLES = NetworkConfig(kind="tables", hidden=(12, 8))


def refusal(data, spec):
    """The one line with which bytes are refused."""
    with pytest.raises(PolicyError) as caught:
        unpack(data, spec)
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


def with_header(data, change):
    """The same bytes with their header changed."""
    size = struct.unpack("<Q", data[:8])[0]
    whole = json.loads(data[8 : 8 + size])
    whole["__metadata__"] = change(json.loads(whole["__metadata__"]["league"]))
    text = json.dumps(whole).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def league_header(header):
    return {"league": json.dumps(header)}


@pytest.mark.parametrize("config", [MLP, CONV], ids=["mlp", "conv"])
def test_round_trip(connect_four, config):
    network = fresh(connect_four, config, 3)
    copy = unpack(pack(network), connect_four)
    assert copy.config == network.config == dataclasses.replace(config, normalize=False)
    assert copy.spec == connect_four
    before, after = network.state_dict(), copy.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert pack(copy) == pack(network)


def test_a_packed_policy_is_a_copy(connect_four):
    network = fresh(connect_four, MLP, 3)
    data = pack(network)
    with torch.no_grad():
        network.policy.bias += 1
    assert pack(network) != data
    assert pack(unpack(data, connect_four)) == data


def test_equal_policies_have_equal_bytes_and_hashes(connect_four):
    one, same, other = (pack(fresh(connect_four, MLP, seed)) for seed in (1, 1, 2))
    assert one == same
    assert digest(one) == digest(same) == hashlib.sha256(one).hexdigest()
    assert digest(one) != digest(other)


def test_the_header_says_what_it_is(connect_four):
    data = pack(fresh(connect_four, MLP, 0))
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    header = json.loads(metadata["league"])
    assert header["game"] == "connect_four"
    assert header["shape"] == [6, 7, 2]
    assert header["actions"] == 7
    assert header["network"]["hidden"] == [12, 8]


def test_weights_of_another_game_are_refused(connect_four):
    theirs = pack(fresh(game_spec("tic_tac_toe"), MLP, 0))
    assert "tic_tac_toe" in refusal(theirs, connect_four)
    other_shape = dataclasses.replace(connect_four, shape=(8, 8, 2))
    assert "[8, 8, 2]" in refusal(pack(fresh(connect_four, MLP, 0)), other_shape)
    other_actions = dataclasses.replace(connect_four, actions=8)
    refusal(pack(fresh(connect_four, MLP, 0)), other_actions)


def test_garbage_is_refused(connect_four):
    good = pack(fresh(connect_four, MLP, 0))
    for data in (b"", b"\0", b"not weights", bytes(1000), b"\xff" * 1000, b"\x04\0\0\0\0\0\0\0null", good[8:]):
        refusal(data, connect_four)


def test_truncated_bytes_are_refused(connect_four):
    good = pack(fresh(connect_four, MLP, 0))
    for size in (1, 7, 8, 9, 100, len(good) // 2, len(good) - 1):
        refusal(good[:size], connect_four)
    refusal(good + b"\0", connect_four)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: None,
        lambda header: {},
        lambda header: {"league": "{"},
        lambda header: {"league": "[]"},
        lambda header: league_header({"format": 1}),
        lambda header: league_header({**header, "format": 99}),
        lambda header: league_header({**header, "network": {**header["network"], "hidden": [12, 9]}}),
        lambda header: league_header({**header, "network": {**header["network"], "hidden": "wide"}}),
        lambda header: league_header({**header, "network": {**header["network"], "kind": "conv"}}),
        lambda header: league_header({**header, "network": {**header["network"], "secret": 1}}),
        lambda header: league_header({**header, "network": {**header["network"], "hidden": [10**9, 10**9]}}),
        lambda header: league_header({**header, "network": {**header["network"], "kind": "conv", "blocks": 10**9}}),
        lambda header: league_header({**header, "network": None}),
        lambda header: league_header({**header, "shape": 7}),
    ],
)
def test_a_wrong_header_is_refused(connect_four, change):
    refusal(with_header(pack(fresh(connect_four, MLP, 0)), change), connect_four)


def test_unpacking_draws_no_random_numbers(connect_four):
    good = pack(fresh(connect_four, MLP, 0))
    before = torch.get_rng_state()
    unpack(good, connect_four)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_unpickled(connect_four, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was run",))

    for data in (pickle.dumps(Trap()), b"PK\x03\x04" + pickle.dumps(Trap())):
        refusal(data, connect_four)
    good = pack(fresh(connect_four, MLP, 0))

    def never(*_args, **_options):
        pytest.fail("a pickle was read")

    for where, name in ((pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(where, name, never)
    unpack(good, connect_four)
