"""Per-seat GAE against the definition, written out move by move."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from league.rollout.advantages import Estimate, Fragment, per_seat_gae, zero_sum_returns

GAMMA, LAMBDA = 0.9, 0.8


def random_fragment(rng: np.random.Generator, plies: int, boards: int, seats: int) -> Fragment:
    done = rng.random((plies, boards)) < 0.2
    return Fragment(
        mover=torch.from_numpy(rng.integers(0, seats, (plies, boards))),
        mine=torch.from_numpy(rng.random((plies, boards)) < 0.7),
        value=torch.from_numpy(rng.normal(size=(plies, boards))).float(),
        rewards=torch.from_numpy(rng.normal(size=(plies, boards, seats))).float(),
        done=torch.from_numpy(done),
        dropped=torch.from_numpy(done & (rng.random((plies, boards)) < 0.3)),
        trust=torch.from_numpy(np.where(rng.random((plies, boards)) < 0.15, rng.random((plies, boards)), 1.0)).float(),
        expected=torch.from_numpy(rng.normal(size=(plies, boards))).float(),
    )


def by_definition(fragment: Fragment, board: int) -> dict[int, tuple[str, float, float]]:
    """For each of the learner's plies: ready, waiting or void; its advantage; what it received."""
    plies = len(fragment.mover)
    game_of, games = [], 0
    for t in range(plies):
        game_of.append(games)
        games += bool(fragment.done[t, board])
    ended = {g: bool(fragment.done[[t for t in range(plies) if game_of[t] == g][-1], board]) for g in set(game_of)}
    broken = {game_of[t] for t in range(plies) if fragment.dropped[t, board]}
    out: dict[int, tuple[str, float, float]] = {}
    for t in reversed(range(plies)):
        if not fragment.mine[t, board]:
            continue
        seat, game = int(fragment.mover[t, board]), game_of[t]
        later = [
            u
            for u in range(t + 1, plies)
            if game_of[u] == game and fragment.mover[u, board] == seat and fragment.mine[u, board]
        ]
        end = later[0] if later else max(u for u in range(plies) if game_of[u] == game) + 1
        received = sum(float(fragment.rewards[u, board, seat]) for u in range(t, end))
        if game in broken:
            out[t] = ("void", 0.0, received)
        elif not later and not ended[game]:
            out[t] = ("waiting", 0.0, received)
        else:
            next_value = float(fragment.value[later[0], board]) if later else 0.0
            next_advantage = out[later[0]][1] if later else 0.0
            delta = received + GAMMA * next_value - float(fragment.value[t, board])
            # What was played at random says nothing of the policy, nor of its moves before.
            advantage = float(fragment.trust[t, board]) * (delta + GAMMA * LAMBDA * next_advantage)
            out[t] = ("ready", advantage, received)
    return out


def kind(estimate: Estimate, t: int, board: int) -> str:
    if estimate.ready[t, board]:
        return "ready"
    return "waiting" if estimate.waiting[t, board] else "void"


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(1, 4))
def test_equals_the_definition(seed: int, plies: int, seats: int) -> None:
    fragment = random_fragment(np.random.default_rng(seed), plies, 3, seats)
    estimate = per_seat_gae(fragment, GAMMA, LAMBDA)
    for board in range(3):
        expected = by_definition(fragment, board)
        for t in range(plies):
            if t not in expected:
                assert not estimate.ready[t, board]
                assert not estimate.waiting[t, board]
                continue
            what, advantage, received = expected[t]
            assert kind(estimate, t, board) == what
            if what == "ready":
                assert float(estimate.advantage[t, board]) == pytest.approx(advantage, abs=1e-4)
            if what != "void":
                assert float(estimate.received[t, board]) == pytest.approx(received, abs=1e-4)


def test_a_win_is_a_loss_for_the_other_seat() -> None:
    """Two seats, no discount: the last two moves of a won game get what their seats received."""
    fragment = Fragment(
        mover=torch.tensor([[0], [1], [0]]),
        mine=torch.ones(3, 1, dtype=torch.bool),
        value=torch.zeros(3, 1),
        rewards=torch.tensor([[[0.0, 0.0]], [[0.0, 0.0]], [[1.0, -1.0]]]),
        done=torch.tensor([[False], [False], [True]]),
        dropped=torch.zeros(3, 1, dtype=torch.bool),
        trust=torch.ones(3, 1),
        expected=torch.zeros(3, 1),
    )
    estimate = per_seat_gae(fragment, 1.0, 1.0)
    assert estimate.advantage.squeeze(1).tolist() == [1.0, -1.0, 1.0]
    assert bool(estimate.ready.all())


def returns_by_definition(fragment: Fragment, board: int) -> dict[int, tuple[str, float]]:
    """For each ply with a value: ready, waiting or void, and its return less its value; recursively, from its start."""
    plies = len(fragment.mover)
    valued = [t for t in range(plies) if fragment.mine[t, board]]

    def end_of_game(t: int) -> int | None:
        return next((u for u in range(t, plies) if fragment.done[u, board]), None)

    def outcome(t: int) -> tuple[float, bool]:
        """The return from ply t for its mover, and whether it is known."""
        seat, end, value = int(fragment.mover[t, board]), end_of_game(t), float(fragment.value[t, board])
        following = next((u for u in valued if u > t and (end is None or u <= end)), None)
        if following is None and end is None:
            return value, False
        came = float(fragment.rewards[t, board, seat])
        if following is not None and end != t:
            sign = 1 if fragment.mover[following, board] == seat else -1
            mixed = (1 - LAMBDA) * float(fragment.value[following, board]) + LAMBDA * outcome(following)[0]
            came += GAMMA * sign * mixed
        return value + float(fragment.trust[t, board]) * (came - float(fragment.expected[t, board])), True

    found = {}
    for t in valued:
        returns, known = outcome(t)
        end = end_of_game(t)
        broken = end is not None and bool(fragment.dropped[end, board])
        found[t] = ("void" if broken else "ready" if known else "waiting", returns - float(fragment.value[t, board]))
    return found


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_returns_of_opposite_seats_equal_the_definition(seed: int, plies: int) -> None:
    fragment = random_fragment(np.random.default_rng(seed), plies, 3, 2)
    fragment = replace(fragment, rewards=fragment.rewards - fragment.rewards.flip(-1))
    estimate = zero_sum_returns(fragment, GAMMA, LAMBDA)
    for board in range(3):
        expected = returns_by_definition(fragment, board)
        for t in range(plies):
            assert kind(estimate, t, board) == expected.get(t, ("void", 0.0))[0]
            if t in expected and expected[t][0] == "ready":
                assert float(estimate.advantage[t, board]) == pytest.approx(expected[t][1], abs=1e-4)
