"""Every key that a league has in Redis. Only the lease expires: a full pool must refuse, never forget by itself.

All keys of a league start with `league:{name}:`. The braces are a hash tag: in a Redis Cluster the keys of one league
share a slot, which its transactions need. Several leagues share a server under their own names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from league.errors import StoreError

_LEAGUE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Keys:
    """The keys of one league; raises `StoreError` for a name that is not 1 to 64 of `A-Z a-z 0-9 _ . -`."""

    league: str
    aside: str = ""
    """Names keys that are not the league's yet, such as those of a restore under way; of the league itself nothing."""

    def __post_init__(self) -> None:
        if not _LEAGUE_NAME.fullmatch(self.league):
            raise StoreError(f"league name {self.league!r}: must be 1 to 64 letters, digits, '_', '.' or '-'")

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    @property
    def prefix(self) -> str:
        """What all of them start with."""
        return f"league:{{{self.league}}}:{self.aside}"

    @property
    def meta(self) -> str:
        """Hash: `schema`, `game`, `config` (JSON), `created_s`. Exists exactly if the league does."""
        return self._key("meta")

    @property
    def snapshots(self) -> str:
        """Hash: name to `Snapshot` as JSON. Fields are added, never changed."""
        return self._key("snapshots")

    @property
    def snapshot_order(self) -> str:
        """List of the names in `snapshots`, oldest first."""
        return self._key("snapshots:order")

    def weights(self, digest: str) -> str:
        """String: the bytes of a snapshot's weights, whose sha256 is `digest`. Never changed, only pruned."""
        return self._key(f"weights:{digest}")

    @property
    def pruned(self) -> str:
        """Hash: digest of weights that were deleted on purpose to `Pruned` as JSON. They may come back."""
        return self._key("pruned")

    @property
    def matches(self) -> str:
        """Stream, only appended to: entry `n-0` holds the n-th `Match` as JSON in its field `match`.

        Each match changes it and the ratings together, so whoever records one watches this key.
        """
        return self._key("matches")

    @property
    def match_index(self) -> str:
        """Hash: match id to entry id in `matches`. What makes a match count once."""
        return self._key("matches:index")

    @property
    def replays(self) -> str:
        """Stream of the last `arena.replays` matches: entry `n-0` holds the n-th match's games as JSON in `games`."""
        return self._key("replays")

    @property
    def payoff(self) -> str:
        """Hash of `Payoff.to_counts`, derived from `matches`."""
        return self._key("payoff")

    @property
    def ratings(self) -> str:
        """Hash: policy to `[mu, sigma, games]` as JSON, derived from `matches`."""
        return self._key("ratings")

    @property
    def promotions(self) -> str:
        """List of `Promotion` as JSON, oldest first and only appended to; the last is the champion."""
        return self._key("promotions")

    @property
    def promoted(self) -> str:
        """Channel (not a key): each `Promotion` as JSON, when it is made."""
        return self._key("promoted")

    @property
    def learners(self) -> str:
        """Set of the names of the learners with a checkpoint."""
        return self._key("learners")

    def checkpoint(self, learner: str) -> str:
        """Hash: `state` (bytes), `digest` (its sha256) and `progress` (JSON). Overwritten by the next."""
        return self._key(f"learner:{learner}")

    @property
    def status(self) -> str:
        """String: what the coordinator said last, as JSON with its time `heartbeat_s`; its reader judges the age."""
        return self._key("status")

    @property
    def lease(self) -> str:
        """String that expires: the `Holder` that trains the league, as JSON."""
        return self._key("lease")

    @property
    def fence(self) -> str:
        """String: the fencing token that was given out last. Only grows; a new lease alone changes it."""
        return self._key("fence")

    @property
    def events(self) -> str:
        """List of the last 1000 events as JSON, newest first."""
        return self._key("events")

    @property
    def event_counts(self) -> str:
        """Hash: kind of event to how many there were, also of those that `events` has forgotten."""
        return self._key("events:counts")

    @property
    def refusals(self) -> str:
        """Hash: outcome to how many candidates that a person put forward came to it. Those of the league itself are in
        `status`, which its coordinator overwrites."""
        return self._key("refusals")
