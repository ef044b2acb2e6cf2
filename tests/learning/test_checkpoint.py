"""A learner's state as bytes: everything comes back as it was, and nothing is ever unpickled."""

import pickle
import subprocess

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from league.errors import PolicyError
from league.learning.checkpoint import pack_state, unpack_state

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(-9, 9), inner),
    max_leaves=20,
)


@settings(max_examples=200)
@given(TREES)
def test_plain_values_come_back_with_their_types(tree):
    back = unpack_state(pack_state(tree))
    assert back == tree
    assert repr(back) == repr(tree)


def test_tensors_and_arrays_come_back():
    whole = torch.arange(12.0).view(3, 4)
    state = {
        "torch": [whole, whole.T, whole[1], torch.tensor(5), torch.empty(0, 2), torch.tensor([True, False])],
        "numpy": (np.arange(6, dtype=np.int64).reshape(2, 3)[:, ::2], np.float32(2.5), np.zeros((), np.float64)),
        3: torch.ones(2, dtype=torch.bfloat16),
    }
    back = unpack_state(pack_state(state))
    for ours, theirs in zip([*back["torch"], back[3]], [*state["torch"], state[3]], strict=True):
        assert isinstance(ours, torch.Tensor)
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(back["numpy"], state["numpy"], strict=True):
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_checkpoint_is_a_copy():
    tensor = torch.zeros(3)
    data = pack_state({"a": tensor, "b": tensor[:2]})
    tensor += 1
    back = unpack_state(data)
    back["a"][0] = 7
    assert back["a"].tolist() == [7, 0, 0]
    assert back["b"].tolist() == [0, 0]


@pytest.mark.parametrize("thing", [object(), subprocess.Popen, {1, 2}, b"bytes", lambda: None])
def test_anything_else_cannot_be_saved(thing):
    with pytest.raises(TypeError, match="cannot be part of a checkpoint"):
        pack_state({"deep": [thing]})


def refusal(data):
    with pytest.raises(PolicyError, match="not a checkpoint of a learner") as caught:
        unpack_state(data)
    assert "\n" not in str(caught.value)


def test_garbage_is_refused():
    good = pack_state({"weights": torch.ones(100), "steps": 3})
    from safetensors.torch import save

    skeletons = [
        "{",
        "[]",
        "[1, 2, 3]",
        '["torch", "9"]',
        '["eval", "1"]',
        '["dict", 5]',
        '["dict", [[["list", []], 1]]]',
    ]
    others = [save({"0": torch.ones(2)}, metadata={"state": skeleton}) for skeleton in skeletons]
    plain = save({"0": torch.ones(2)})
    for data in (b"", b"\0", b"garbage" * 9, bytes(64), good[:8], good[:-1], good[8:], plain, *others):
        refusal(data)


def test_nothing_is_unpickled(monkeypatch):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was run",))

    refusal(pickle.dumps(Trap()))
    good = pack_state({"weights": torch.ones(3)})

    def never(*_args, **_options):
        pytest.fail("a pickle was read")

    for where, name in ((pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(where, name, never)
    unpack_state(good)
