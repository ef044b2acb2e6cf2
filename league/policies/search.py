"""Policies that look ahead before they move: under a name of their own, such as `main-0007+search200`."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import torch
from torch import Tensor

from league.errors import GameError, PolicyError
from league.games.base import GameSpec, Player, Searchable, Turn
from league.games.bots import is_bot_name
from league.games.registry import is_searchable, searchable_games
from league.policies.network import PolicyNetwork
from league.policies.tree import Found, search

MOST: Final = 10_000
"""Simulations of one move."""

_NAME: Final = re.compile(r"(.+)\+search([0-9]{1,9})")


class Searched(NamedTuple):
    """What a name like `main-0007+search200` says."""

    policy: str
    """The policy that searches."""
    simulations: int
    """Of each move."""

    @property
    def name(self) -> str:
        """The two in one word."""
        return f"{self.policy}+search{self.simulations}"


def searched(name: str) -> Searched | None:
    """Read a name; None: whoever has it plays without search."""
    found = _NAME.fullmatch(name)
    return found and Searched(found[1], int(found[2]))


def with_search(policy: str, simulations: int | None) -> str:
    """The name of a policy that searches; without a number the policy's own."""
    return policy if simulations is None else Searched(policy, simulations).name


def check_searchable(one: Searched, spec: GameSpec) -> None:
    """Raise `PolicyError` for a bot or a number out of range, `GameError` for a game that cannot be searched."""
    if not 1 <= one.simulations <= MOST:
        raise PolicyError(f"{one.name}: {one.simulations} simulations: must be from 1 to {MOST}")
    if is_bot_name(one.policy, spec):
        raise PolicyError(f"{one.name}: {one.policy} is a fixed bot: only snapshots can search")
    if not is_searchable(spec.name):
        known = ", ".join(searchable_games())
        raise GameError(f"{one.name}: {spec.name} {spec.only_played}: only {known} can be searched")


class SearchPlayer(Player):
    """A frozen policy that searches before each move."""

    def __init__(self, network: PolicyNetwork, simulations: int, *, sample: bool) -> None:
        """`sample`: draw a move in proportion to its visits, unless the best one is proven; else play the best."""
        self.network = network.eval().requires_grad_(False)
        self.simulations = simulations
        self.deterministic = not sample

    def choose(self, turn: Turn) -> Tensor:
        """Search all rows together. `turn.game` has to offer its positions: `check_searchable` says so beforehand."""
        found = self._look(turn)
        if self.deterministic:
            return found.actions
        return torch.multinomial(found.shares, 1, generator=turn.generator).squeeze(1)

    def opinion(self, turn: Turn) -> tuple[Tensor, Tensor]:
        """Shares of the simulations, float32 `[n, A]`, and what it expects, `[n]`, in [-1, 1]."""
        found = self._look(turn)
        return found.shares, found.values

    def _look(self, turn: Turn) -> Found:
        assert isinstance(turn.game, Searchable)
        return search(self.network, turn.game, turn.observation, turn.legal, self.simulations)
