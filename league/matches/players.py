"""From the name of a policy to somebody at the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch

from league.games.base import GameSpec, Player
from league.policies.network import PolicyNetwork
from league.policies.player import make_player
from league.policies.weights import unpack
from league.pool.store import Store

CACHED = 64
"""Networks kept in memory by one process; the least recently used goes first."""


class PlayerLoader:
    """Makes players of the policies of one league, and keeps their networks."""

    def __init__(self, store: Store, spec: GameSpec, device: torch.device | str = "cpu") -> None:
        self.store = store
        self.spec = spec
        self.device = device
        self.network: Callable[[str], PolicyNetwork] = lru_cache(CACHED)(self._load)
        """The network of a snapshot, by name."""

    def player(self, name: str) -> Player:
        """A fixed bot, or a snapshot: greedy where the game is deterministic, else drawn from its policy.

        Raises `UnknownPolicyError`, or `CorruptSnapshotError` where the stored weights do not have their hash.
        """
        return make_player(name, self.spec, self.network, sample=not self.spec.deterministic)

    def _load(self, name: str) -> PolicyNetwork:
        return unpack(self.store.weights(self.store.snapshot(name).digest), self.spec, self.device)
