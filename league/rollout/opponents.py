"""Whom a learner plays against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from league.games.base import Game, Player
from league.policies.network import acting
from league.policies.player import make_player
from league.policies.weights import unpack


@dataclass(frozen=True, kw_only=True)
class Opponents:
    """Whom games that start from now on are played against; those in progress keep their opponents.

    `set_opponents` of the trainer and of the collectors in its runners takes one of these.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    """Share of the games by name, not all zero; `league.ladder.matchmaking.SELF` is the share of those in which the
    learner holds every seat. Empty: it holds every seat in all of them."""
    weights: Mapping[str, bytes] = field(default_factory=dict)
    """Of every opponent that is a snapshot, packed; the others are fixed bots."""
    sample: bool = True
    """Snapshots draw their moves from their policy; else they play their most probable one."""

    def player(self, name: str, game: Game) -> Player:
        """One of them at the boards of `game`."""
        return make_player(
            name, game.spec, lambda name: acting(unpack(self.weights[name], game.spec, game.device)), sample=self.sample
        )
