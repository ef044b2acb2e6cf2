"""The table: boards that advance together, and who sits where. Training and matches both play here.

Shapes: `B` boards, `P` seats. A board's seating is fixed from the first move of a game to its last. Each ply asks
every distinct player once, for all the boards on which it is to move; many of one shape are asked together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from league.foreign import blamed
from league.games.base import Game, HasAbsentees, Player, Step, Turn
from league.rollout.crowd import Crowd

NOBODY = -1
"""Index in place of a player's, where nobody is asked for the ply."""


SAME = 1e-6
"""Returns that differ by less than this share are the same: rewards are rounded to float32, by up to 6e-8 of each."""


def compared(one: Tensor, other: Tensor) -> Tensor:
    """1.0 where `one` is the larger return, -1.0 where `other` is, else 0.0."""
    difference = one - other
    return torch.sign(difference) * (difference.abs() > SAME * torch.maximum(one.abs(), other.abs()))


@dataclass(frozen=True, kw_only=True)
class Ply:
    """One ply of every board."""

    mover: Tensor
    """int64 `[B]`: the seat that moved."""
    asked: Tensor
    """int64 `[B]`: the index of the player whose move it was, or `NOBODY`."""
    opening: Tensor
    """bool `[B]`: the move was the opener's, in an opening or later."""
    actions: Tensor
    """int64 `[B]`: the action that was played on each board."""
    step: Step


@dataclass(kw_only=True)
class Table:
    """B boards in play. `seating` and `opening_left` are written by the owner, before a board's first ply."""

    game: Game
    generator: torch.Generator
    """On the game's device; the only source of randomness."""
    players: dict[int, Player]
    """By the index that stands in `seating`."""
    seating: Tensor
    """int64 `[B, P]`: the index of the player at each seat."""
    opener: Player
    """Chooses the moves of random openings, and others that are not the players'."""
    opening_left: Tensor
    """int64 `[B]`: plies of the opening that are still to be played before the players are asked."""
    straying: Tensor | None = None
    """float32 `[B]`: with what probability a later move is the opener's as well; None: never."""
    watchers: frozenset[int] = frozenset()
    """Players who are asked at every ply, whoever moves; what they answer is played where it is theirs to say."""
    crowds: tuple[Crowd, ...] = ()
    """Players who are asked together where each has few boards."""
    asleep: Tensor = field(init=False)
    """bool `[B]`: boards that nobody plays on any more."""
    returns: Tensor = field(init=False)
    """float64 `[B, P]`: rewards of the game in progress, by seat; 12 points beside 10,000,000 are some."""

    def __post_init__(self) -> None:
        boards, device = self.game.num_games, self.game.device
        self.asleep = torch.zeros(boards, dtype=torch.bool, device=device)
        self.returns = torch.zeros(boards, self.game.spec.seats, dtype=torch.float64, device=device)

    @property
    def present(self) -> Tensor:
        """bool `[B, P]`: the seats that take part in the game in progress, or in the one that has just ended."""
        if isinstance(self.game, HasAbsentees):
            return self.game.present()
        return torch.ones_like(self.returns, dtype=torch.bool)

    def restart(self, mask: Tensor, seeds: Tensor | None = None) -> None:
        """Begin a new game on the boards of `mask` (bool `[B]`)."""
        with blamed(self.game.spec.name):
            self.game.reset(mask, seeds)
        self.returns.masked_fill_(mask[:, None], 0.0)

    def ply(self) -> Ply:
        """Ask everybody who is to move, and advance all boards by one ply.

        Raises `GameError` where a game on tensors or a bot of somebody else's does: its boards are one, and lost.
        """
        with blamed(self.game.spec.name):
            return self._ply()

    def _ply(self) -> Ply:
        game = self.game
        observation, legal, mover = game.observe(), game.legal(), game.to_move()
        opening = self.opening_left > 0
        if self.straying is not None:
            opening |= torch.rand(self.straying.shape, generator=self.generator, device=game.device) < self.straying
        asked = self.seating.gather(1, mover[:, None]).squeeze(1).masked_fill(opening | self.asleep, NOBODY)
        # Watchers first: what the others choose is played over what they answer.
        choosers = [(self.players[index], ~self.asleep) for index in self.watchers]
        found, boards = torch.unique(asked, return_counts=True)
        others = dict(zip(found.tolist(), boards.tolist(), strict=True))
        for index in (NOBODY, *self.watchers):
            others.pop(index, None)
        for crowd in self.crowds:
            if few := crowd.few(others):
                choosers.append((crowd.at(asked), torch.isin(asked, torch.tensor(few, device=asked.device))))
                others = {index: count for index, count in others.items() if index not in few}
        choosers += [(self.players[index], asked == index) for index in others]
        choosers.append((self.opener, opening))
        actions = torch.zeros_like(mover)
        for player, chooses in choosers:
            rows = chooses.nonzero().squeeze(1)
            if not len(rows):
                continue
            turn = Turn(
                game=game, rows=rows, observation=observation[rows], legal=legal[rows], generator=self.generator
            )
            actions[rows] = player.choose(turn)
        step = game.step(actions)
        self.returns += step.rewards
        self.opening_left = (self.opening_left - 1).clamp(min=0)
        return Ply(mover=mover, asked=asked, opening=opening, actions=actions, step=step)
