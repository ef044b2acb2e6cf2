"""The learner's moves, as they are played and as they are learned from.

Shapes: `A` actions, `n` moves of the learner.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

from league.games.base import GameSpec, HasPositions, Player, Turn
from league.policies.lookahead import look_ahead
from league.policies.network import PolicyNetwork
from league.policies.player import draw


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Moves of the learner, in no particular order."""

    observation: Tensor
    """float32 `[n, *spec.shape]`: what the learner saw before the move."""
    legal: Tensor
    """bool `[n, A]`: which actions were legal."""
    action: Tensor
    """int64 `[n]`: the action that was played."""
    logits: Tensor
    """float32 `[n, A]`: of the policy that played."""
    value: Tensor
    """float32 `[n]`: its estimate before the move; with lookahead, what the improved policy is worth."""
    improved: Tensor
    """float32 `[n, A]`: the improved policy that played, as probabilities; `[n, 0]` without lookahead."""
    trust: Tensor
    """float32 `[n]`: how far what came of it speaks of the policy: 1; where another move was played, a random one or an
    opponent's, the improved policy's probability of that, 0 without lookahead."""
    expected: Tensor
    """float32 `[n]`: what was expected of the move that was played: `value`, of another one what lookahead said."""

    def __getitem__(self, rows: Tensor) -> Moves:
        return Moves(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @staticmethod
    def cat(parts: list[Moves]) -> Moves:
        """The moves of all parts, one part after the other."""
        return Moves(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Moves)})

    @staticmethod
    def none(spec: GameSpec, device: torch.device, *, looks: bool = False) -> Moves:
        """No moves at all, in the shapes of a game; `looks`: with lookahead."""
        return Moves(
            observation=torch.empty(0, *spec.shape, device=device),
            legal=torch.empty(0, spec.actions, dtype=torch.bool, device=device),
            action=torch.empty(0, dtype=torch.long, device=device),
            logits=torch.empty(0, spec.actions, device=device),
            value=torch.empty(0, device=device),
            improved=torch.empty(0, spec.actions if looks else 0, device=device),
            trust=torch.empty(0, device=device),
            expected=torch.empty(0, device=device),
        )


class Asked(NamedTuple):
    """What the learner would have played on some boards, before anybody knows whose move it was."""

    rows: Tensor
    """int64 `[n]`: the boards."""
    moves: Moves
    """Its moves there."""
    values: Tensor | None
    """float32 `[n, A]`: what lookahead says of every action; None without."""

    def played(self, actions: Tensor, own: Tensor) -> Moves:
        """The moves, knowing the `actions`, int64 `[n]`, that were played, and which of them were its `own`."""
        if self.values is None:
            return replace(self.moves, trust=own.float())
        at = actions[:, None]
        chance, value = self.moves.improved.gather(1, at).squeeze(1), self.values.gather(1, at).squeeze(1)
        return replace(
            self.moves, trust=torch.where(own, 1.0, chance), expected=torch.where(own, self.moves.value, value)
        )


class LearningPlayer(Player):
    """The learner at the table: plays its policy and keeps what learning needs."""

    def __init__(self, network: PolicyNetwork, weight: float | None = None) -> None:
        """`weight` is that of `look_ahead`; None: it plays what the network says."""
        self.network = network
        self.weight = weight
        self.last: Asked | None = None
        """The latest ply on which it was asked."""

    @torch.inference_mode()
    def choose(self, turn: Turn) -> Tensor:
        """Draw moves from the policy, the improved one with lookahead."""
        seen, legal = turn.observation, turn.legal
        if self.weight is None:
            logits, value = (one.float() for one in self.network(seen, legal))  # In autocast they are not.
            chances, improved, values = logits, logits[:, :0], None
        else:
            assert isinstance(turn.game, HasPositions)
            positions = turn.game.positions(turn.rows)
            logits, improved, value, moves = look_ahead(self.network, positions, seen, legal, weight=self.weight)
            chances, values = improved.log(), moves.values
        action = draw(chances, legal, turn.generator)
        mine = Moves(
            observation=seen,
            legal=legal,
            action=action,
            logits=logits,
            value=value,
            improved=improved,
            trust=torch.ones_like(value),
            expected=value,
        )
        self.last = Asked(turn.rows, mine, values)
        return action
