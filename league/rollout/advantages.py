"""What a move was worth: generalised advantages per seat, for any number of seats (Schulman et al. 2016, equation 16).

What a seat earns for a move is everything it receives from that move until just before its own next one, and its
bootstrap is the value at that next move. Other players' moves in between are part of the environment.

Where two play for opposite rewards and every position has a value, that of the next ply is known from the other side:
returns go from ply to ply.

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
    trust: Tensor
    """float32 `[T, B]`, where the learner was asked: how far what follows speaks of it, 1 after its own move."""
    expected: Tensor
    """float32 `[T, B]`: what it expected of the move that was played."""


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
        traced = delta + gamma * lambda_ * next_advantage.gather(1, seat).squeeze(1)
        advantage[t] = (traced * fragment.trust[t]).masked_fill(~is_known, 0.0)
        ready[t] = mine & is_known
        waiting[t] = mine & ~is_known

        # From here back in time, this is the seat's next own move, if it is the learner's.
        at_seat = torch.zeros_like(known).scatter(1, seat, fragment.mine[t][:, None])
        next_value = torch.where(at_seat, fragment.value[t][:, None], next_value)
        next_advantage = torch.where(at_seat, advantage[t][:, None], next_advantage)
        pending = pending.masked_fill(at_seat, 0.0)
        known = known | at_seat
    return Estimate(advantage=advantage, ready=ready, waiting=waiting, received=received)


def zero_sum_returns(fragment: Fragment, gamma: float, lambda_: float) -> Estimate:
    """Estimate from ply to ply, in a game where one seat receives what the other one loses.

    The return of a ply is what its mover received for it plus `gamma` times (1 - lambda) V + lambda G of the next ply,
    with the sign turned where the other seat moves there. Of a move that was not the policy's own, the difference to
    what was expected of it counts, by the probability with which the policy plays it: tree backup (Precup et al. 2000).
    Whether moves are ready, waiting or neither is as in `per_seat_gae`, but that one ply waits on each board, not one
    for each seat. Plies without a value are passed over.
    """
    plies, boards, _ = fragment.rewards.shape
    device = fragment.rewards.device
    value = torch.zeros(boards, device=device)
    ahead = torch.zeros_like(value)
    mover = torch.zeros(boards, dtype=torch.long, device=device)
    known = torch.zeros(boards, dtype=torch.bool, device=device)
    void = torch.zeros_like(known)
    advantage, received = torch.zeros(2, plies, boards, device=device)
    ready, waiting = torch.zeros(2, plies, boards, dtype=torch.bool, device=device)
    for t in range(plies - 1, -1, -1):
        ended, mine, here = fragment.done[t], fragment.mine[t], fragment.value[t]
        value, ahead = value.masked_fill(ended, 0.0), ahead.masked_fill(ended, 0.0)
        known = known | ended
        void = torch.where(ended, fragment.dropped[t], void)
        received[t] = fragment.rewards[t].gather(1, fragment.mover[t][:, None]).squeeze(1)
        following = ((1 - lambda_) * value + lambda_ * ahead) * torch.where(mover == fragment.mover[t], 1.0, -1.0)
        returns = received[t] + gamma * following
        advantage[t] = (fragment.trust[t] * (returns - fragment.expected[t])).masked_fill(~known, 0.0)
        returns = here + advantage[t]
        ready[t] = mine & known & ~void
        waiting[t] = mine & ~known & ~void

        value, ahead = torch.where(mine, here, value), torch.where(mine, returns, ahead)
        mover = torch.where(mine, fragment.mover[t], mover)
        known = known | mine
    return Estimate(advantage=advantage, ready=ready, waiting=waiting, received=received)
