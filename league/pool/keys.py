"""Every key that a league has in Redis. Only the lease expires: a full pool must refuse, never forget by itself.

All keys of a league start with `league:{name}:`. The braces are a hash tag: in a Redis Cluster the keys of one league
share a slot, which its transactions need. Several leagues share a server under their own names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from league.errors import StoreError

_LEAGUE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def is_league_name(name: str) -> bool:
    """Whether a league may have that name."""
    return _LEAGUE_NAME.fullmatch(name) is not None


class _Key:
    """One of the `Keys`, by its own part of the name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, keys: Keys, owner: type[Keys]) -> str:
        return keys.key(self._name)


@dataclass(frozen=True)
class Keys:
    """The keys of one league; raises `StoreError` for a name that is not 1 to 64 of `A-Z a-z 0-9 _ . -`."""

    league: str
    aside: str = ""
    """Names keys that are not the league's yet, such as those of a restore under way; of the league itself nothing."""

    meta = _Key("meta")
    """Hash: `schema`, `game`, `config` (JSON), `created_s`, and `rules`, by which payoff and ratings were derived.
    Exists exactly if the league does."""
    snapshots = _Key("snapshots")
    """Hash: name to `Snapshot` as JSON. Fields are added, never changed."""
    snapshot_order = _Key("snapshots:order")
    """List of the names in `snapshots`, oldest first."""
    pruned = _Key("pruned")
    """Hash: digest of weights that were deleted on purpose to `Pruned` as JSON. They may come back."""
    matches = _Key("matches")
    """Stream of the newest matches: entry `n-0` holds the n-th `Match` as JSON in its field `match`. Appended to at its
    end; its beginning becomes `segments`.

    Each match changes it and the ratings together, so whoever records one watches this key.
    """
    match_index = _Key("matches:index")
    """Hash: match id to entry id in `matches`. What makes a match count once."""
    segments = _Key("segments")
    """Hash: number to `Segment` as JSON: where the matches before those of `matches` are."""
    sealed = _Key("sealed")
    """Hash: `last`, number of the last match of the last segment; how many `matches` and `segments` there are, and how
    many of the segments are `held` in the store. Changes in the transaction that changes `segments`."""
    replays = _Key("replays")
    """Stream of the last `arena.replays` matches: entry `n-0` holds the n-th match's games as JSON in `games`."""
    payoff = _Key("payoff")
    """Hash of `Payoff.to_counts`, derived from the rated ones of `matches`."""
    standings = _Key("standings")
    """Hash: policy to `Standing` as JSON, derived from the rated ones of `matches` and from who is in `snapshots`.
    Holds what `payoff` says of each policy, so that nobody has to read all of that; there once `rules` is 3."""
    ratings = _Key("ratings")
    """Hash: policy to `[mu, sigma, games]` as JSON, derived from the rated ones of `matches`."""
    mixture = _Key("mixture")
    """String: the Nash mixture as retention found it when it looked last, name to weight as JSON. Not in a backup."""
    promotions = _Key("promotions")
    """List of `Promotion` as JSON, oldest first and only appended to; the last is the champion."""
    promoted = _Key("promoted")
    """Channel (not a key): each `Promotion` as JSON, when it is made."""
    learners = _Key("learners")
    """Set of the names of the learners with a checkpoint."""
    status = _Key("status")
    """String: what the coordinator said last, as JSON with its time `heartbeat_s`; its reader judges the age."""
    lease = _Key("lease")
    """String that expires: the `Holder` that trains the league, as JSON."""
    fence = _Key("fence")
    """String: the fencing token that was given out last. Only grows; a new lease alone changes it."""
    events = _Key("events")
    """List of the last 1000 events as JSON, newest first."""
    event_counts = _Key("events:counts")
    """Hash: kind of event to how many there were, also of those that `events` has forgotten."""
    refusals = _Key("refusals")
    """Hash: outcome to how many candidates that a person put forward came to it. Those of the league itself are in
    `status`, which its coordinator overwrites."""

    people = _Key("people")
    """Hash: name of a person to `Person` as JSON. What people play is apart from everything above."""
    people_opponents = _Key("people:opponents")
    """Hash: policy at its strength, such as `main-0007+search200`, to `Person` as JSON, as people have met it."""
    people_games = _Key("people:games")
    """List of the last 1000 `PersonGame` as JSON, newest first."""

    def __post_init__(self) -> None:
        if not is_league_name(self.league):
            raise StoreError(f"league name {self.league!r}: must be 1 to 64 letters, digits, '_', '.' or '-'")

    def weights(self, digest: str) -> str:
        """String: the bytes of a snapshot's weights, whose sha256 is `digest`. Never changed, only pruned."""
        return self.key(f"weights:{digest}")

    def segment(self, number: int) -> str:
        """String: the Parquet file of a segment that is not archived yet."""
        return self.key(f"segment:{number}")

    def checkpoint(self, learner: str) -> str:
        """Hash: `state` (bytes), `digest` (its sha256) and `progress` (JSON). Overwritten by the next."""
        return self.key(f"learner:{learner}")

    def key(self, name: str) -> str:
        """A key of this league by its own part of the name."""
        return f"{self.prefix}{name}"

    @property
    def prefix(self) -> str:
        """What all of them start with."""
        return f"league:{{{self.league}}}:{self.aside}"
