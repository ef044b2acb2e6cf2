"""Retention at work: the rule of `league.ladder.retention`, applied to a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from league.config import RetentionConfig
from league.ladder.records import Snapshot
from league.ladder.retention import Keeping, retention
from league.pool.store import Store


def who_matters(store: Store) -> dict[str, float]:
    """Who matters now: the Nash mixture of the snapshots that have weights, by name. With hundreds it takes seconds.

    The fit is over those whose weights are there alone: over all there ever were it would take ever longer. Of who has
    not played nobody knows whether they matter: the newest are kept anyway.
    """
    from league.ladder.nash import MetaGame  # With scipy, which takes its time.

    ratings = store.ratings()
    names = [snapshot.name for snapshot in store.present() if snapshot.name in ratings]
    return MetaGame.of(store.payoff_of(names), names).nash()


def decisions(
    store: Store, config: RetentionConfig, mixture: Mapping[str, float], *, in_play: Collection[str] = ()
) -> list[Keeping]:
    """What the rule says now of every snapshot that has weights, oldest first; changes nothing.

    `mixture` is that of `who_matters`; `in_play` are the names whose weights somebody is about to load.
    """
    champions = {promotion.policy for promotion in store.promotions()}
    return retention(store.present(), store.ratings(), champions, mixture, config, in_play=in_play)


def prune(store: Store, names: Collection[str], *, now_s: float) -> list[Snapshot]:
    """Automatic retention's deletion, which is said; the snapshots whose weights went."""
    gone = store.prune(names, by="coordinator", now_s=now_s) if names else []
    if gone:
        store.add_event("pruned", f"{', '.join(s.name for s in gone)}: no rule keeps their weights", now_s)
    return gone
