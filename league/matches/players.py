"""From the name of a policy to somebody at the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch

from league.games.base import GameSpec, Player
from league.games.bots import bot_names, is_bot_name
from league.policies.network import PolicyNetwork
from league.policies.player import make_player
from league.policies.search import check_searchable, searched
from league.policies.weights import unpack
from league.pool.store import Named, Store

CACHED = 64
"""Networks kept in memory by one process; the least recently used goes first."""


def resolve(store: Store, word: str, spec: GameSpec) -> Named:
    """Find who plays under `word`: as `Store.resolve` does, and the same with a search, such as `champion+search200`.

    Raises:
        PolicyError: it names nobody, or a search that cannot be.
        GameError: this game cannot be searched.
    """
    one = searched(word)
    if one is None:
        dotted = [word] if is_bot_name(word, spec) else []  # By its dotted name, which no list has.
        return store.resolve(word, [*bot_names(spec), *dotted])
    check_searchable(one, spec)
    named = store.resolve(one.policy, bot_names(spec))
    return named._replace(name=one._replace(policy=named.name).name)


class PlayerLoader:
    """Makes players of the policies of one league, and keeps their networks."""

    def __init__(self, store: Store, spec: GameSpec, device: torch.device | str = "cpu") -> None:
        self.store = store
        self.spec = spec
        self.device = device
        self.network: Callable[[str], PolicyNetwork] = lru_cache(CACHED)(self._load)
        """The network of a snapshot, by name."""

    def player(self, name: str, *, sample: bool | None = None) -> Player:
        """A fixed bot, or a snapshot: greedy where the game is deterministic, else drawn from its policy.

        `sample` says for a snapshot whether it draws.

        Raises `UnknownPolicyError`, or `CorruptSnapshotError` where the stored weights do not have their hash.
        """
        return make_player(
            name, self.spec, self.network, sample=not self.spec.deterministic if sample is None else sample
        )

    def _load(self, name: str) -> PolicyNetwork:
        return unpack(self.store.weights(self.store.snapshot(name).digest), self.spec, self.device)
