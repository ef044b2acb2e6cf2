"""Generalised advantage estimation per seat, for any number of seats (Schulman et al. 2016, equation 16).

What a seat earns for a move is everything it receives from that move until just before its own next one, and its
bootstrap is the value at that next move. Other players' moves in between are part of the environment.

Shapes: `T` plies, `B` boards, `P` seats, time first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """What the estimate needs of T plies."""

    mover: Tensor
    """int64 `[T, B]`: the seat that moved."""
    mine: Tensor
    """bool `[T, B]`: the move was the learner's."""
    value: Tensor
    """float32 `[T, B]`: the learner's value estimate before the move, where it is the learner's."""
    rewards: Tensor
    """float32 `[T, B, P]`: what each seat received for the ply."""
    done: Tensor
    """bool `[T, B]`: the game ended with this ply."""
    dropped: Tensor
    """bool `[T, B]`, subset of `done`: the game has no result."""
    random: Tensor
    """bool `[T, B]`: the learner was asked, but another move than its own was played."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What came out, for the same T plies."""

    advantage: Tensor
    """float32 `[T, B]`: the generalised advantage of the move."""
    ready: Tensor
    """bool `[T, B]`: the learner's moves that can be learned from."""
    waiting: Tensor
    """bool `[T, B]`: each seat's last move in a game that goes on; its outcome lies in the next fragment."""
    received: Tensor
    """float32 `[T, B]`: what the mover earned since; complete where `ready`, so far where `waiting`."""


def per_seat_gae(fragment: Fragment, gamma: float, lambda_: float) -> Estimate:
    """Estimate advantages backwards in time.

    Moves of a dropped game are neither ready nor waiting: a broken game teaches nothing. The trace is cut at a waiting
    move, whose value is the bootstrap of the seat's move before it, and at a random one, which says nothing of what the
    policy is worth: its own advantage is 0.
    """
    plies, boards, seats = fragment.rewards.shape
    device = fragment.rewards.device
    pending = torch.zeros(boards, seats, device=device)
    next_value = torch.zeros_like(pending)
    next_advantage = torch.zeros_like(pending)
    known = torch.zeros(boards, seats, dtype=torch.bool, device=device)
    void = torch.zeros(boards, dtype=torch.bool, device=device)
    advantage = torch.zeros(plies, boards, device=device)
    received = torch.zeros_like(advantage)
    ready = torch.zeros(plies, boards, dtype=torch.bool, device=device)
    waiting = torch.zeros_like(ready)
    for t in range(plies - 1, -1, -1):
        ended = fragment.done[t][:, None]
        pending = pending.masked_fill(ended, 0.0) + fragment.rewards[t]
        next_value = next_value.masked_fill(ended, 0.0)
        next_advantage = next_advantage.masked_fill(ended, 0.0)
        known = known | ended
        void = torch.where(fragment.done[t], fragment.dropped[t], void)

        seat = fragment.mover[t][:, None]
        mine = fragment.mine[t] & ~void
        is_known = known.gather(1, seat).squeeze(1)
        received[t] = pending.gather(1, seat).squeeze(1)
        delta = received[t] + gamma * next_value.gather(1, seat).squeeze(1) - fragment.value[t]
        advantage[t] = (delta + gamma * lambda_ * next_advantage.gather(1, seat).squeeze(1)).masked_fill(
            ~is_known | fragment.random[t], 0.0
        )
        ready[t] = mine & is_known
        waiting[t] = mine & ~is_known

        # From here back in time, this is the seat's next own move, if it is the learner's.
        at_seat = torch.zeros_like(known).scatter(1, seat, fragment.mine[t][:, None])
        next_value = torch.where(at_seat, fragment.value[t][:, None], next_value)
        next_advantage = torch.where(at_seat, advantage[t][:, None], next_advantage)
        pending = pending.masked_fill(at_seat, 0.0)
        known = known | at_seat
    return Estimate(advantage=advantage, ready=ready, waiting=waiting, received=received)
