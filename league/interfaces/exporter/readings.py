"""What each metric says of a league now."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from league.installation import version
from league.interfaces.exporter.metrics import TOP, TOP_PAYOFF, VALUES, Samples, learner_metric
from league.ladder.cycles import cycles
from league.ladder.nash import MetaGame
from league.ladder.payoff import Payoff
from league.ladder.ratings import elo
from league.ladder.records import Tallies, Tally
from league.ladder.standings import BOT, Kind, Standing
from league.pool.store import Store
from league.status import LearnerStatus, Status
from league.view.overview import Overview

OF_MATCHES: Final = tuple(purpose for purpose in VALUES["purpose"] if purpose != "training")
"""The purposes for which matches are played."""


class Readings:
    """Fills in samples of one league. What would take long is kept between scrapes, and follows from what is new."""

    def __init__(self) -> None:
        self._roles: Tallies[tuple[str, str]] = Tallies()
        """Every game twice, from either side."""
        self._met: tuple[Payoff, str | None] | None = None
        """Of whom `_strongest` was computed last."""
        self._strongest: dict[str, float] = {}

    def fill(self, samples: Samples, overview: Overview, store: Store) -> None:
        """Add the samples of a league; no overview of it may be left out, since each brings only what is new."""
        samples.add("league_info", 1, overview.league, overview.config.game, version())
        _policies(samples, overview)
        _pool(samples, overview)
        self._count_roles(overview)
        self._add_roles(samples)
        self._add_strongest(samples, overview, store)
        _promotions(samples, overview)
        _by_label(samples, "league_refusals_total", overview.refusals, VALUES["verdict"], "asked")
        samples.add("league_matches_total", overview.matches)
        for kind, count in overview.event_counts.items():
            samples.add("league_events_total", count, kind)
        _status(samples, overview.status.at(overview.read_s), overview.read_s)

    def _count_roles(self, overview: Overview) -> None:
        """Add what is new to the results of the roles."""
        snapshots = overview.snapshots

        def role(name: str) -> str:
            return Kind.of(snapshots.get(name)).role

        if overview.news.anew:
            self._roles = Tallies()
            for name, standing in overview.standings.items():
                for against, counts in standing.roles.items():
                    self._roles.add((role(name), against), Tally(*counts))
        for match in overview.news.matches:
            if match.rated:
                first, second = role(match.row), role(match.column)
                self._roles.add((first, second), match.total)
                self._roles.add((second, first), match.total.mirrored())

    def _add_roles(self, samples: Samples) -> None:
        for (role, against), tally in self._roles.items():
            if role != against:  # A role scores half against itself.
                samples.add("league_role_score", tally.score, role, against)
                samples.add("league_role_games_total", tally.games, role, against)
        samples.add("league_games_total", sum(tally.games for tally in self._roles.values()) // 2)

    def _add_strongest(self, samples: Samples, overview: Overview, store: Store) -> None:
        """How the strongest do against each other and the bots, and whether they go round in circles."""
        names = _highest(overview, TOP_PAYOFF)
        shown = store.payoff_among([*names, *_bots(overview)], overview.seatings)
        for row, column in itertools.permutations(shown.policies(), 2):
            tally = shown.tally(row, column)
            if tally.games:
                samples.add("league_payoff_score", tally.score, row, column)
        payoff, champion = shown.among(names), overview.champion.policy if overview.champion else None
        if self._met != (payoff, champion):
            self._met, self._strongest = (payoff, champion), _circles(payoff, names, champion)
        for name, value in self._strongest.items():
            samples.add(name, value)


def _policies(samples: Samples, overview: Overview) -> None:
    ratings = overview.ratings
    named = [(name, "snapshot") for name in _highest(overview, TOP)]
    for name, kind in [*named, *((name, BOT) for name in _bots(overview))]:
        points, interval = elo(ratings[name], ratings, overview.config.ratings)
        samples.add("league_policy_elo", points, name, kind)
        samples.add("league_policy_elo_interval", interval, name, kind)
        samples.add("league_policy_games", ratings[name].games, name, kind)
        samples.add("league_policy_settled", overview.is_settled(name), name, kind)
        standing = overview.standings.get(name, Standing())
        for bot in overview.bots if kind == "snapshot" else ():
            if (seen := standing.against(bot)).games:
                samples.add("league_policy_anchor_score", seen.score, name, bot)


def _highest(overview: Overview, count: int) -> list[str]:
    """The snapshots with the highest ratings, and the champion."""
    ratings, champion = overview.ratings, overview.champion
    rated = [name for name in overview.snapshots if name in ratings]
    highest = heapq.nlargest(count, rated, key=lambda name: ratings[name].mu)
    if champion is not None and champion.policy in ratings and champion.policy not in highest:
        highest.append(champion.policy)
    return highest


def _bots(overview: Overview) -> list[str]:
    """Names of the fixed bots that have played."""
    return [name for name in overview.bots if name in overview.ratings]


def _pool(samples: Samples, overview: Overview) -> None:
    samples.add("league_pool_snapshots", len(overview.snapshots))
    for role, count in Counter(snapshot.role for snapshot in overview.snapshots.values()).items():
        samples.add("league_role_snapshots", count, role)
    samples.add("league_pool_pruned", len(overview.pruned))
    samples.add("league_pool_bytes", overview.bytes)


def _circles(payoff: Payoff, names: Sequence[str], champion: str | None) -> dict[str, float]:
    """The metrics of non-transitivity among `names`."""
    found, met = len(cycles(payoff)), set(payoff.pairs())
    triples = itertools.combinations(sorted(names), 3)
    closed = sum(met.issuperset(itertools.combinations(three, 2)) for three in triples)
    values = {"league_cycles": float(found), "league_cyclic_share": found / closed if closed else 0.0}
    if champion is not None and champion in names:
        game = MetaGame.of(payoff, names)
        values["league_champion_nash_weight"] = game.nash()[champion]
        exploiter = game.exploiter(champion)
        values["league_champion_exploiter_score"] = 0.5 if exploiter is None else exploiter.score
    return values


def _promotions(samples: Samples, overview: Overview) -> None:
    ways = Counter[str](promotion.how for promotion in overview.promotions)
    _by_label(samples, "league_promotions_total", ways, VALUES["how"])
    if (champion := overview.champion) is not None:
        samples.add("league_champion_info", 1, champion.policy)
        samples.add("league_champion_pinned", champion.pinned)
        samples.add("league_champion_age_seconds", max(0.0, overview.read_s - champion.promoted_s))


def _status(samples: Samples, status: Status, now_s: float) -> None:
    phase, age_s = status.phase_at(now_s), status.age_s(now_s)
    samples.add("league_phase", 1, phase if phase in VALUES["phase"] else "unknown")
    if age_s is None:
        return
    samples.add("league_heartbeat_age_seconds", age_s)
    samples.add("league_pool_unreadable", len(status.unreadable))
    totals, learners, arena = defaultdict(dict, status.totals), status.learners, status.arena
    _by_label(samples, "league_actor_restarts_total", totals["restarts"], VALUES["actor"])
    _by_label(samples, "league_refusals_total", totals["refusals"], VALUES["verdict"], "automatic")
    _by_label(samples, "league_dropped_games_total", totals["dropped_games"], VALUES["purpose"])
    _by_label(samples, "league_match_seconds_total", totals["match_seconds"], OF_MATCHES)
    samples.add("league_undecided", int(status.trouble is not None))
    for what in ("steps", "busy_seconds"):
        _by_label(samples, f"league_learner_{what}_total", totals[what], {**learners, **totals[what]})
    for group, count in status.nodes.items():
        samples.add("league_nodes", count, group)
    if arena is not None:
        samples.add("league_match_workers", arena.workers)
        samples.add("league_match_workers_busy", arena.busy)
        samples.add("league_candidates", arena.candidates)
        _by_label(samples, "league_matches_wanted", arena.wanted, OF_MATCHES)
    for name, learner in learners.items():
        _learner(samples, name, learner)
        began_s = status.started_s
        # Before its first iteration a learner has learned nothing that a crash could cost.
        saved_s = learner.saved_s or (began_s if learner.reported_s else None)
        for what, since_s in (("report", learner.reported_s or began_s), ("checkpoint", saved_s)):
            if since_s is not None:
                samples.add(f"league_learner_{what}_age_seconds", max(0.0, now_s - since_s), name)


def _by_label(samples: Samples, metric: str, numbers: Mapping[str, float], labels: Iterable[str], *more: str) -> None:
    """Also of what has not happened yet: an alert on a counter that appears with its first event misses that event."""
    for label in labels:
        samples.add(metric, numbers.get(label, 0), label, *more)


def _learner(samples: Samples, name: str, learner: LearnerStatus) -> None:
    for field, _ in learner.numbers():
        samples.add(learner_metric(field), getattr(learner, field), name)
    samples.add("league_learner_placed", learner.placed, name)
    samples.add("league_learner_stopped", learner.stopped, name)
    for loss, value in learner.losses.items():
        samples.add("league_learner_loss", value, name, loss)
    for part in VALUES["part"]:
        if part in learner.parts_s:
            samples.add("league_learner_iteration_seconds", learner.parts_s[part], name, part)
    if learner.usage is not None:
        samples.add("league_learner_gpu_memory_bytes", learner.usage.gpu_bytes, name)
        samples.add("league_learner_runners", learner.usage.runners, name, "healthy")
        samples.add("league_learner_runners", learner.usage.runners_lost, name, "lost")
