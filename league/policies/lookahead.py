"""Looking ahead: what every move is worth, one ply on, and the policy that follows from it.

    Q(a)  what the value head says of the position after a, from the mover's side; exact where the game ends, where a
          reply wins, and where two threats at once cannot both be met
    pi'   softmax(log pi + weight * Q), winning moves alone where there are any
    V'    the sum over a of pi'(a) Q(a)

pi' is the policy that raises expected Q most for its distance from pi, 1 / weight being the price of distance (Grill et
al. 2020, who read Monte-Carlo tree search so); to learn from it is policy improvement that needs few visits (Danihelka
et al. 2022). A move that threatens to win forces the reply, so the value is asked behind that: where nothing hangs it
errs less.

Shapes: `n` positions, `A` actions, `m` of their children.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import Positions
from league.policies.network import ILLEGAL, PolicyNetwork

WINNING = 50.0
"""Added to the logits of moves that win at once: nothing else is played then."""


class ActionValues(NamedTuple):
    """What the moves of `n` positions are worth to the mover."""

    values: Tensor
    """float32 `[n, A]` in [-1, 1]: Q; 0 for illegal moves, and for all others where one wins at once."""
    wins: Tensor
    """bool `[n, A]`: which of them win at once."""
    known: Tensor
    """bool `[n, A]`: which values are exact, whatever the network says."""


class Look(NamedTuple):
    """What looking ahead says of `n` positions."""

    logits: Tensor
    """float32 `[n, A]`: of the policy before, illegal ones at `ILLEGAL`."""
    policy: Tensor
    """float32 `[n, A]`: the improved policy, as probabilities."""
    value: Tensor
    """float32 `[n]`: what the improved policy is worth."""
    moves: ActionValues
    """What every move is worth."""


def look_ahead(
    network: PolicyNetwork, positions: Positions, observation: Tensor, legal: Tensor, *, weight: float
) -> Look:
    """Look one ply ahead of positions, none of which is over.

    `observation` and `legal` are what a `Turn` shows of them, `weight` is how far Q outweighs the policy.
    """
    logits = network.logits(network.features(observation), legal)
    moves = action_values(network, positions, legal)
    improved = torch.log_softmax(logits, dim=1) + weight * moves.values + WINNING * moves.wins
    policy = torch.softmax(improved.masked_fill(~legal, ILLEGAL), dim=1)
    return Look(logits, policy, (policy * moves.values).sum(dim=1), moves)


def action_values(network: PolicyNetwork, positions: Positions, legal: Tensor) -> ActionValues:
    """Q of every move that is `legal`, bool `[n, A]`. Where one wins at once, the others are not looked at."""
    wins = positions.wins()
    rows, actions = (legal & ~wins.any(dim=1, keepdim=True)).nonzero(as_tuple=True)
    children = positions.after(rows, actions)
    lost = children.wins().any(dim=1)
    threats = children.passed().wins()
    count = threats.sum(dim=1)
    over = ~children.legal().any(dim=1)
    value = (count > 1).float().masked_fill(lost, -1.0)
    open_ = ~lost & ~over
    quiet, forced = (open_ & (count == 0)).nonzero().squeeze(1), (open_ & (count == 1)).nonzero().squeeze(1)
    behind = children.after(forced, threats[forced].long().argmax(dim=1))
    won, settled = _settled(behind)
    value[forced] = won
    calm = (~settled).nonzero().squeeze(1)
    seen = torch.cat((children[quiet].observe(), behind[calm].observe()))
    if len(seen):
        said = network.values(network.features(seen)).clamp(-1.0, 1.0)
        value[quiet], value[forced[calm]] = -said[: len(quiet)], said[len(quiet) :]
    values, known = wins.float(), wins.clone()
    values[rows, actions] = value
    exact = torch.ones_like(lost)
    exact[quiet], exact[forced[calm]] = False, False
    known[rows, actions] = exact
    return ActionValues(values, wins, known)


def _settled(positions: Positions) -> tuple[Tensor, Tensor]:
    """Of each, what is known for the seat to move, float32 `[m]`, and whether anything is, bool `[m]`."""
    won = positions.wins().any(dim=1)
    lost = ~won & (positions.passed().wins().sum(dim=1) > 1)
    over = ~positions.legal().any(dim=1)
    return won.float() - lost.float(), won | lost | over
