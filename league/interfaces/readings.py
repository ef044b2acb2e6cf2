"""What each metric says of a league now."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from league.interfaces.heartbeat import heartbeat_age_s, phase
from league.interfaces.metrics import TOP, TOP_PAYOFF, Page
from league.interfaces.standings import fixed_bots
from league.ladder.cycles import cycles
from league.ladder.nash import MetaGame
from league.ladder.payoff import Payoff
from league.ladder.ratings import elo
from league.ladder.records import Match, Promotion, Tally
from league.pool.champion import ROLLED_BACK, UNPINNED
from league.pool.mirror import Mirror

BOT: Final = "bot"
"""The role of the fixed bots."""
ACTORS: Final = ("coordinator", "learner", "runner", "match_worker")
PURPOSES: Final = ("gate", "rating")
VERDICTS: Final = ("refused", "undecided", "beaten", "outrun")
WAYS: Final = ("automatic", "asked", "forced", "rollback", "unpinned")


class Readings:
    """Fills pages from one mirror. What would take long is kept between pages, and follows from what is new."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._found = False
        self._roles: dict[tuple[str, str], Tally] = {}
        """Every game twice, from either side."""
        self._known = 0
        """Matches behind `_roles`."""
        self._met: tuple[Payoff, str | None] | None = None
        """Of whom `_strongest` was computed last."""
        self._strongest: dict[str, float] = {}

    def refresh(self) -> None:
        """Read what is new; raises what the store's own methods do."""
        matches = self._mirror.refresh()
        self._found = matches is not None
        if matches is not None:
            self._count_roles(matches)

    def fill(self, page: Page, now_s: float) -> None:
        """Add the samples as of the last `refresh`; none if the server is there and the league not yet."""
        mirror = self._mirror
        if not self._found:
            return
        champion = mirror.promotions[-1].policy if mirror.promotions else None
        page.add("league_info", 1, mirror.league, mirror.config.game, version("league"))
        self._policies(page, champion)
        self._pool(page)
        self._add_roles(page)
        self._add_strongest(page, champion)
        _promotions(page, mirror.promotions, now_s)
        _totals(page, "league_refusals_total", mirror.refusals, VERDICTS, "asked")
        page.add("league_matches_total", mirror.matches)
        for kind, count in mirror.events.items():
            page.add("league_events_total", count, kind)
        _status(page, mirror.status, now_s)

    def _policies(self, page: Page, champion: str | None) -> None:
        ratings, config = self._mirror.ratings, self._mirror.config
        named = [(name, "snapshot") for name in self._highest(TOP, champion)]
        named += [
            (name, BOT) for name in fixed_bots(config, self._mirror.snapshots.values(), ratings) if name in ratings
        ]
        for name, kind in named:
            points, interval = elo(ratings[name], ratings, config.ratings)
            page.add("league_policy_elo", points, name, kind)
            page.add("league_policy_elo_interval", interval, name, kind)
            page.add("league_policy_games", ratings[name].games, name, kind)

    def _highest(self, count: int, champion: str | None) -> list[str]:
        """The snapshots with the highest ratings, and the champion."""
        ratings = self._mirror.ratings
        rated = sorted((name for name in self._mirror.snapshots if name in ratings), key=lambda name: -ratings[name].mu)
        return rated[:count] + [name for name in rated[count:] if name == champion]

    def _pool(self, page: Page) -> None:
        snapshots, pruned = self._mirror.snapshots.values(), self._mirror.pruned
        page.add("league_pool_snapshots", len(snapshots))
        for role, count in Counter(snapshot.role for snapshot in snapshots).items():
            page.add("league_role_snapshots", count, role)
        page.add("league_pool_pruned", sum(snapshot.digest in pruned for snapshot in snapshots))
        page.add("league_pool_bytes", sum({s.digest: s.bytes for s in snapshots if s.digest not in pruned}.values()))

    def _count_roles(self, matches: Iterable[Match]) -> None:
        """Add the matches to the results of the roles; where they are not all that came since, begin anew."""
        mirror = self._mirror
        new = [((match.row, match.column), match.total) for match in matches]
        if self._known + len(new) != mirror.matches:
            self._roles, new = {}, list(mirror.payoff.pairs().items())
        self._known = mirror.matches
        for (row, column), tally in new:
            first, second = (mirror.snapshots[n].role if n in mirror.snapshots else BOT for n in (row, column))
            for roles, seen in (((first, second), tally), ((second, first), tally.mirrored())):
                self._roles[roles] = self._roles.get(roles, Tally()).plus(seen)

    def _add_roles(self, page: Page) -> None:
        for (role, against), tally in self._roles.items():
            if role != against:  # A role scores half against itself.
                page.add("league_role_score", tally.score, role, against)
                page.add("league_role_games_total", tally.games, role, against)
        page.add("league_games_total", sum(tally.games for tally in self._roles.values()) // 2)

    def _add_strongest(self, page: Page, champion: str | None) -> None:
        """How the strongest do against each other, and whether they go round in circles."""
        names = self._highest(TOP_PAYOFF, champion)
        payoff = self._mirror.payoff.among(names)
        for row, column in itertools.permutations(payoff.policies(), 2):
            tally = payoff.tally(row, column)
            if tally.games:
                page.add("league_payoff_score", tally.score, row, column)
        if self._met != (payoff, champion):
            self._met, self._strongest = (payoff, champion), _circles(payoff, names, champion)
        for name, value in self._strongest.items():
            page.add(name, value)


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


def _promotions(page: Page, promotions: Sequence[Promotion], now_s: float) -> None:
    ways = Counter(_way(promotion) for promotion in promotions)
    _totals(page, "league_promotions_total", ways, WAYS)
    if promotions:
        champion = promotions[-1]
        page.add("league_champion_info", 1, champion.policy)
        page.add("league_champion_pinned", champion.pinned)
        page.add("league_champion_age_seconds", max(0.0, now_s - champion.promoted_s))


def _way(promotion: Promotion) -> str:
    if ROLLED_BACK in promotion.evidence:
        return "rollback"
    if UNPINNED in promotion.evidence:
        return "unpinned"
    if "forced" in promotion.evidence:
        return "forced"
    return "automatic" if promotion.by == "coordinator" else "asked"


def _status(page: Page, status: Mapping[str, Any] | None, now_s: float) -> None:
    page.add("league_phase", 1, phase(status, now_s))
    age_s = heartbeat_age_s(status, now_s)
    if status is None or age_s is None:
        return
    page.add("league_heartbeat_age_seconds", age_s)
    page.add("league_pool_unreadable", len(status["unreadable"]))
    for group, count in status.get("nodes", {}).items():
        page.add("league_nodes", count, group)
    totals = status.get("totals", {})
    _totals(page, "league_actor_restarts_total", totals.get("restarts", {}), ACTORS)
    _totals(page, "league_refusals_total", totals.get("refusals", {}), VERDICTS, "automatic")
    _totals(page, "league_dropped_games_total", totals.get("dropped_games", {}), ("training", *PURPOSES))
    _totals(page, "league_match_seconds_total", totals.get("match_seconds", {}), PURPOSES)
    _totals(page, "league_learner_steps_total", totals.get("steps", {}), status["learners"])
    _totals(page, "league_learner_busy_seconds_total", totals.get("busy_seconds", {}), status["learners"])
    arena = status.get("arena")
    if arena is not None:
        page.add("league_match_workers", arena["workers"])
        page.add("league_match_workers_busy", arena["busy"])
        page.add("league_candidates", arena["candidates"])
        _totals(page, "league_matches_wanted", arena["wanted"], PURPOSES)
    for name, learner in status["learners"].items():
        _learner(page, name, learner, now_s)


def _totals(page: Page, metric: str, numbers: Mapping[str, float], labels: Iterable[str], *more: str) -> None:
    """Also of what has not happened yet: an alert on a counter that appears with its first event misses that event."""
    for label in dict.fromkeys([*labels, *numbers]):
        page.add(metric, numbers.get(label, 0), label, *more)


def _learner(page: Page, name: str, learner: Mapping[str, Any], now_s: float) -> None:
    page.add("league_learner_steps", learner["steps"], name)
    page.add("league_learner_steps_per_second", learner["steps_per_s"], name)
    page.add("league_learner_plies_per_second", learner["plies_per_s"], name)
    page.add("league_learner_stopped", learner["stopped"], name)
    page.add("league_learner_lag_steps", learner.get("lag_steps", 0), name)
    for loss, value in learner["losses"].items():
        page.add("league_learner_loss", value, name, loss)
    for part, seconds in learner.get("parts_s", {}).items():
        page.add("league_learner_iteration_seconds", seconds, name, part)
    for metric, key in (("report", "reported_s"), ("checkpoint", "saved_s")):
        if learner.get(key) is not None:
            page.add(f"league_learner_{metric}_age_seconds", max(0.0, now_s - learner[key]), name)
    usage = learner.get("usage")
    if usage is not None:
        page.add("league_learner_gpu_memory_bytes", usage["gpu_bytes"], name)
        page.add("league_learner_runners", usage["runners"], name, "healthy")
        page.add("league_learner_runners", usage["runners_lost"], name, "lost")
