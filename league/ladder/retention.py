"""Which snapshots keep their weights: a rule, not a limit. The metadata, ratings and matches of the others stay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from league.config import RetentionConfig
from league.ladder.leaderboard import best_candidates
from league.ladder.ratings import Ratings
from league.ladder.records import Plain, Snapshot

K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class Pruned(Plain):
    """When the weights of a snapshot were deleted, and by whom."""

    by: str
    """`coordinator`, or the user who typed the command."""
    pruned_s: float
    """When, in seconds of Unix time."""


def kept_bytes(snapshots: Iterable[Snapshot], pruned: Collection[str]) -> int:
    """Size of the weights that the pool has: those of each digest once, without the `pruned` digests."""
    return sum({s.digest: s.bytes for s in snapshots if s.digest not in pruned}.values())


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What the rule says of one snapshot."""

    snapshot: Snapshot
    reasons: tuple[str, ...]
    """Why its weights are kept, for people; none: they may go."""

    @property
    def keep(self) -> bool:
        """Whether its weights are kept."""
        return bool(self.reasons)


def retention(
    snapshots: Sequence[Snapshot],
    ratings: Ratings,
    champions: Collection[str],
    mixture: Mapping[str, float],
    config: RetentionConfig,
    *,
    in_play: Collection[str] = (),
) -> list[Keeping]:
    """Decide who keeps its weights. Applied again to those that were kept, it keeps them all.

    Kept are: every champion of the history, to which a rollback may return; the landmarks, which all later ratings are
    tied to; of each learner the newest `config.newest` and the best of each epoch, an even stretch of its steps
    (`epoch_length`); whoever was imported, as an opponent that somebody wanted; whoever has at least
    `config.nash_weight` in the Nash mixture; whoever is in play; and, as it costs nothing, whoever has the same weights
    as one of these.

    Args:
        snapshots: those that have weights, oldest first.
        ratings: by name. The best is the one with the highest lower bound; the newest where none is rated.
        champions: names of all who are or were champion.
        mixture: the Nash mixture, name to probability; names that are no snapshots are passed over.
        config: the rule's numbers.
        in_play: names whose weights somebody is about to load.

    Returns:
        One decision per snapshot, in their order.
    """
    reasons = {snapshot.name: _of_itself(snapshot, champions) for snapshot in snapshots}
    for learned in _grouped(snapshots, lambda snapshot: snapshot.learner).values():
        for snapshot in learned[-config.newest :]:
            reasons[snapshot.name].append("newest")
        for epoch, best in _best_of_epochs(learned, ratings, config).items():
            reasons[best.name].append(f"best of epoch {epoch}")
    for name in reasons:
        if mixture.get(name, 0.0) >= config.nash_weight:
            reasons[name].append(f"Nash {mixture[name]:.1%}")
        if name in in_play:
            reasons[name].append("in play")
    kept = {snapshot.digest: snapshot.name for snapshot in snapshots if reasons[snapshot.name]}
    return [
        Keeping(snapshot=snapshot, reasons=tuple(reasons[snapshot.name]) or _twin(kept.get(snapshot.digest)))
        for snapshot in snapshots
    ]


def _of_itself(snapshot: Snapshot, champions: Collection[str]) -> list[str]:
    """Why a snapshot is kept whatever the others are."""
    why = {"champion": snapshot.name in champions, "imported": snapshot.imported, "anchor": snapshot.landmark}
    return [word for word, holds in why.items() if holds]


def _best_of_epochs(learned: Sequence[Snapshot], ratings: Ratings, config: RetentionConfig) -> dict[int, Snapshot]:
    """The best snapshot of each epoch of one learner, whose snapshots are given, oldest first."""
    length = epoch_length(learned[-1].steps, config)
    epochs = _grouped(learned, lambda snapshot: snapshot.steps // length)
    return {epoch: next(iter(best_candidates(some, ratings, 1)), some[-1]) for epoch, some in epochs.items()}


def epoch_length(steps: int, config: RetentionConfig) -> int:
    """Steps of an epoch of a learner that has made `steps`: `config.epoch_steps`, doubled until `config.epochs` do.

    Two epochs become one, whose best was the best of one of them: so whoever is kept was kept before.
    """
    length = config.epoch_steps
    while steps // length >= config.epochs:
        length *= 2
    return length


def _grouped(snapshots: Iterable[Snapshot], key: Callable[[Snapshot], K]) -> dict[K, list[Snapshot]]:
    groups: dict[K, list[Snapshot]] = {}
    for snapshot in snapshots:
        groups.setdefault(key(snapshot), []).append(snapshot)
    return groups


def _twin(name: str | None) -> tuple[str, ...]:
    return () if name is None else (f"same weights as {name}",)
