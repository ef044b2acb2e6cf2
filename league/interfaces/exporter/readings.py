"""What each metric says of a league now."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Final

from league.interfaces.exporter.metrics import (
    ACTORS,
    PARTS,
    PHASES,
    PURPOSES,
    TOP,
    TOP_PAYOFF,
    VERDICTS,
    WAYS,
    Samples,
    learner_metric,
)
from league.ladder.cycles import cycles
from league.ladder.nash import MetaGame
from league.ladder.payoff import Payoff
from league.ladder.ratings import elo
from league.ladder.records import Promotion, Tallies
from league.ladder.retention import kept_bytes
from league.pool.mirror import Mirror, Refreshed
from league.status import LearnerStatus, Status
from league.view.standings import fixed_bots

BOT: Final = "bot"
"""The role of the fixed bots."""
OF_MATCHES: Final = tuple(purpose for purpose in PURPOSES if purpose != "training")
"""Why matches are played."""


class Readings:
    """Fills in samples from one mirror. What would take long is kept between scrapes, and follows from what is new."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._found = False
        self._roles: Tallies[tuple[str, str]] = Tallies()
        """Every game twice, from either side."""
        self._met: tuple[Payoff, str | None] | None = None
        """Of whom `_strongest` was computed last."""
        self._strongest: dict[str, float] = {}

    def refresh(self) -> None:
        """Read what is new; raises what the store's own methods do."""
        refreshed = self._mirror.refresh()
        self._found = refreshed.found
        if refreshed.found:
            self._count_roles(refreshed)

    def fill(self, samples: Samples, now_s: float) -> None:
        """Add the samples as of the last `refresh`; none if the server is there and the league not yet."""
        mirror = self._mirror
        if not self._found:
            return
        champion = mirror.promotions[-1].policy if mirror.promotions else None
        samples.add("league_info", 1, mirror.league, mirror.config.game, version("league"))
        self._policies(samples, champion)
        self._pool(samples)
        self._add_roles(samples)
        self._add_strongest(samples, champion)
        _promotions(samples, mirror.promotions, now_s)
        _by_label(samples, "league_refusals_total", mirror.refusals, VERDICTS, "asked")
        samples.add("league_matches_total", mirror.matches)
        for kind, count in mirror.events.items():
            samples.add("league_events_total", count, kind)
        _status(samples, Status.from_json(mirror.status).at(now_s), now_s)

    def _policies(self, samples: Samples, champion: str | None) -> None:
        ratings, config = self._mirror.ratings, self._mirror.config
        named = [(name, "snapshot") for name in self._highest(TOP, champion)]
        for name, kind in [*named, *((name, BOT) for name in self._bots())]:
            points, interval = elo(ratings[name], ratings, config.ratings)
            samples.add("league_policy_elo", points, name, kind)
            samples.add("league_policy_elo_interval", interval, name, kind)
            samples.add("league_policy_games", ratings[name].games, name, kind)

    def _highest(self, count: int, champion: str | None) -> list[str]:
        """The snapshots with the highest ratings, and the champion."""
        ratings = self._mirror.ratings
        rated = sorted((name for name in self._mirror.snapshots if name in ratings), key=lambda name: -ratings[name].mu)
        return rated[:count] + [name for name in rated[count:] if name == champion]

    def _bots(self) -> list[str]:
        """Those that have played."""
        mirror = self._mirror
        return [n for n in fixed_bots(mirror.config, mirror.snapshots.values(), mirror.ratings) if n in mirror.ratings]

    def _pool(self, samples: Samples) -> None:
        snapshots, pruned = self._mirror.snapshots.values(), self._mirror.pruned
        samples.add("league_pool_snapshots", len(snapshots))
        for role, count in Counter(snapshot.role for snapshot in snapshots).items():
            samples.add("league_role_snapshots", count, role)
        samples.add("league_pool_pruned", sum(snapshot.digest in pruned for snapshot in snapshots))
        samples.add("league_pool_bytes", kept_bytes(snapshots, pruned))

    def _count_roles(self, refreshed: Refreshed) -> None:
        """Add what is new to the results of the roles."""
        mirror = self._mirror
        new = [((match.row, match.column), match.total) for match in refreshed.matches]
        if refreshed.anew:
            self._roles, new = Tallies(), list(mirror.payoff.pairs().items())
        for (row, column), tally in new:
            first, second = (mirror.snapshots[n].role if n in mirror.snapshots else BOT for n in (row, column))
            for roles, seen in (((first, second), tally), ((second, first), tally.mirrored())):
                self._roles.add(roles, seen)

    def _add_roles(self, samples: Samples) -> None:
        for (role, against), tally in self._roles.items():
            if role != against:  # A role scores half against itself.
                samples.add("league_role_score", tally.score, role, against)
                samples.add("league_role_games_total", tally.games, role, against)
        samples.add("league_games_total", sum(tally.games for tally in self._roles.values()) // 2)

    def _add_strongest(self, samples: Samples, champion: str | None) -> None:
        """How the strongest do against each other and the bots, and whether they go round in circles."""
        names = self._highest(TOP_PAYOFF, champion)
        shown = self._mirror.payoff.among([*names, *self._bots()])
        for row, column in itertools.permutations(shown.policies(), 2):
            tally = shown.tally(row, column)
            if tally.games:
                samples.add("league_payoff_score", tally.score, row, column)
        payoff = shown.among(names)
        if self._met != (payoff, champion):
            self._met, self._strongest = (payoff, champion), _circles(payoff, names, champion)
        for name, value in self._strongest.items():
            samples.add(name, value)


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


def _promotions(samples: Samples, promotions: Sequence[Promotion], now_s: float) -> None:
    ways = Counter[str](promotion.how for promotion in promotions)
    _by_label(samples, "league_promotions_total", ways, WAYS)
    if promotions:
        champion = promotions[-1]
        samples.add("league_champion_info", 1, champion.policy)
        samples.add("league_champion_pinned", champion.pinned)
        samples.add("league_champion_age_seconds", max(0.0, now_s - champion.promoted_s))


def _status(samples: Samples, status: Status, now_s: float) -> None:
    phase, age_s = status.phase_at(now_s), status.age_s(now_s)
    samples.add("league_phase", 1, phase if phase in PHASES else "unknown")
    if age_s is None:
        return
    samples.add("league_heartbeat_age_seconds", age_s)
    samples.add("league_pool_unreadable", len(status.unreadable))
    totals, learners, arena = defaultdict(dict, status.totals), status.learners, status.arena
    _by_label(samples, "league_actor_restarts_total", totals["restarts"], ACTORS)
    _by_label(samples, "league_refusals_total", totals["refusals"], VERDICTS, "automatic")
    _by_label(samples, "league_dropped_games_total", totals["dropped_games"], PURPOSES)
    _by_label(samples, "league_match_seconds_total", totals["match_seconds"], OF_MATCHES)
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
        _age(samples, "report", name, learner.reported_s or began_s, now_s)
        # Before its first iteration a learner has learned nothing that a crash could cost.
        _age(samples, "checkpoint", name, learner.saved_s or (began_s if learner.reported_s else None), now_s)


def _age(samples: Samples, what: str, learner: str, since_s: float | None, now_s: float) -> None:
    if since_s is not None:
        samples.add(f"league_learner_{what}_age_seconds", max(0.0, now_s - since_s), learner)


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
    for part in PARTS:
        if part in learner.parts_s:
            samples.add("league_learner_iteration_seconds", learner.parts_s[part], name, part)
    if learner.usage is not None:
        samples.add("league_learner_gpu_memory_bytes", learner.usage.gpu_bytes, name)
        samples.add("league_learner_runners", learner.usage.runners, name, "healthy")
        samples.add("league_learner_runners", learner.usage.runners_lost, name, "lost")
