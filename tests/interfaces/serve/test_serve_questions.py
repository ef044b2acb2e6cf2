"""What `POST /act` reads: every mistake has a status code, a place and a value."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="needs the extra serve")

from league.errors import RequestError
from league.games import game_spec
from league.interfaces.serve.question import read_question

SPEC = game_spec("tic_tac_toe")
BOARD: list[Any] = np.zeros(SPEC.shape).tolist()
MASK: list[Any] = [1] * SPEC.actions


def with_value(value: Any) -> list[Any]:
    """A board with one other value, at [1][2][0]."""
    board: list[Any] = json.loads(json.dumps(BOARD))
    board[1][2][0] = value
    return board


def one(**more: Any) -> dict[str, Any]:
    return {"observation": BOARD, "action_mask": MASK, **more}


def test_one_position() -> None:
    question = read_question(json.dumps(one(seed=3, sample=True, include=["value", "logits"])).encode(), SPEC)
    assert (question.observation.shape, question.observation.dtype) == ((1, *SPEC.shape), np.float32)
    assert (question.legal.shape, question.legal.dtype) == ((1, SPEC.actions), np.bool_)
    assert (question.many, question.sample, question.seed) == (False, True, 3)
    assert question.include == {"value", "logits"}


def test_many_positions_with_booleans_in_the_mask() -> None:
    masks = [[action == row for action in range(SPEC.actions)] for row in range(4)]
    body = json.dumps({"observations": [with_value(0.5)] * 4, "action_masks": masks})
    question = read_question(body.encode(), SPEC)
    assert question.many
    assert question.legal.tolist() == masks
    assert (question.observation[:, 1, 2, 0] == 0.5).all()


def test_who_plays_dice_by_default_is_the_games_business() -> None:
    assert not read_question(json.dumps(one()).encode(), SPEC).sample
    chance = game_spec("rock_paper_scissors")
    body = {"observation": np.zeros(chance.shape).tolist(), "action_mask": [1] * chance.actions}
    assert read_question(json.dumps(body).encode(), chance).sample


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b'{"observation": [1,', b"\xff\xfe", b"[" * 100_000, b'{"observation": }']
)
def test_not_json(body: bytes) -> None:
    with pytest.raises(RequestError, match="the body is not JSON") as caught:
        read_question(body, SPEC)
    assert caught.value.status == 400


WRONG = [
    ([1, 2], None, "the body is [1, 2]: must be an object"),
    ({}, "observation", "observation is missing"),
    ({"observation": BOARD}, "action_mask", "action_mask is missing"),
    ({"observations": [BOARD]}, "action_masks", "action_masks is missing"),
    (one(observatoin=BOARD), "observatoin", "unknown field \"observatoin\"; did you mean 'observation'?"),
    (one(observations=[BOARD], action_masks=[MASK]), "observation", "observation and observations at once"),
    (one(observation="board"), "observation", 'observation is "board": must be a list'),
    (one(observation=None), "observation", "observation is null: must be a list"),
    (one(observation=BOARD[:2]), "observation", "observation has 2 elements: must have the shape [3, 3, 2]"),
    (one(observation=[*BOARD[:2], BOARD[2][:1]]), "observation[2]", "observation[2] has 1 elements"),
    (one(observation=[BOARD]), "observation", "observation has 1 elements: must have the shape [3, 3, 2]"),
    (one(observation=with_value("1")), "observation[1][2][0]", 'observation[1][2][0] is "1": must be a number'),
    (one(observation=with_value(None)), "observation[1][2][0]", "observation[1][2][0] is null: must be a number"),
    (one(observation=with_value([0])), "observation[1][2][0]", "observation[1][2][0] is [0]: must be a number"),
    (one(observation=with_value(float("nan"))), "observation[1][2][0]", "is NaN: must be a finite number"),
    (one(observation=with_value(float("-inf"))), "observation[1][2][0]", "is -Infinity: must be a finite number"),
    (one(observation=with_value(1e300)), "observation[1][2][0]", "is 1e+300: must fit into a float32"),
    (one(observation=with_value(10**400)), "observation[1][2][0]", "must fit into a float32"),
    (one(action_mask=[1] * 8), "action_mask", "action_mask has 8 elements: must have the shape [9]"),
    (one(action_mask=[0] * 9), "action_mask", "action_mask has no legal action"),
    (one(action_mask=[1] * 8 + [2]), "action_mask[8]", "action_mask[8] is 2: must be 0 or 1"),
    (one(action_mask=[0.5] * 9), "action_mask[0]", "action_mask[0] is 0.5: must be 0 or 1"),
    ({"observations": [], "action_masks": []}, "observations", "observations is []: must be a list of at least one"),
    ({"observations": [BOARD] * 2, "action_masks": [MASK]}, "action_masks", "action_masks has 1 elements"),
    ({"observations": [BOARD] * 2, "action_masks": [MASK, [0] * 9]}, "action_masks[1]", "has no legal action"),
    ({"observations": [BOARD, with_value(True), 7], "action_masks": [MASK] * 3}, "observations[2]", "is 7: must be"),
    (one(sample="yes"), "sample", 'sample is "yes": must be true or false'),
    (one(seed=-1), "seed", "seed is -1: must be a whole number"),
    (one(seed=1.5), "seed", "seed is 1.5: must be a whole number"),
    (one(seed=2**63), "seed", "must be a whole number"),
    (one(seed=True), "seed", "seed is true: must be a whole number"),
    (one(include="value"), "include", 'include is "value": must be a list'),
    (one(include=["values"]), "include", 'include is ["values"]: must be a list with some of value,'),
]


@pytest.mark.parametrize(("data", "where", "said"), WRONG, ids=[said[:40] for _, _, said in WRONG])
def test_what_is_wrong_is_named(data: Any, where: str | None, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_question(json.dumps(data).encode(), SPEC)
    assert said in str(caught.value)
    assert (caught.value.status, caught.value.where) == (422, where)
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_anything_is_read_or_refused(observation: Any, mask: Any, more: Any) -> None:
    for data in (
        more,
        {"observation": observation, "action_mask": mask},
        {"observations": [BOARD, observation], "action_masks": [MASK, mask]},
        one(seed=more),
        one(include=more),
    ):
        with contextlib.suppress(RequestError):
            assert read_question(json.dumps(data).encode(), SPEC).legal.any(axis=1).all()
