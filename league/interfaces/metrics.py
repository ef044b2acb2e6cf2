"""Every metric of the league, declared once: name, unit, help, labels. Nothing else can be exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One metric."""

    name: str
    """As it is scraped; a counter's ends with `_total`."""
    kind: Literal["gauge", "counter"]
    unit: str
    """What one of it is."""
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, unit: str, help: str, *labels: str) -> Declared:
    return Declared(name=name, kind="gauge", unit=unit, help=help, labels=labels)


def _counter(name: str, unit: str, help: str, *labels: str) -> Declared:
    return Declared(name=name, kind="counter", unit=unit, help=help, labels=labels)


METRICS: Final = (
    _gauge("league_store_up", "bool", "1 if the store answered this scrape, else 0."),
    _gauge("league_scrape_seconds", "s", "How long it took to read the store for this scrape."),
    _gauge("league_phase", "bool", "1 for what the coordinator is doing.", "phase"),
    _gauge(
        "league_heartbeat_age_seconds", "s", "Since the coordinator last said something; over 10 it is not running."
    ),
    _gauge("league_policy_elo", "Elo", "Strength of a policy; the bot uniform is at 0.", "policy", "kind"),
    _gauge(
        "league_policy_elo_interval",
        "Elo",
        "Half the width of the 95% interval of league_policy_elo.",
        "policy",
        "kind",
    ),
    _gauge("league_policy_games", "games", "Games behind the rating of a policy.", "policy", "kind"),
    _gauge("league_pool_snapshots", "snapshots", "Frozen policies in the pool."),
    _gauge("league_pool_bytes", "bytes", "Size of the weights that they have."),
    _gauge("league_pool_pruned", "snapshots", "Snapshots whose weights were pruned."),
    _gauge(
        "league_pool_unreadable", "snapshots", "Snapshots whose weights are damaged, as the coordinator found them."
    ),
    _counter("league_matches_total", "matches", "Matches in the log."),
    _counter("league_dropped_games_total", "games", "Games without a result since the coordinator started."),
    _counter("league_promotions_total", "promotions", "Entries of the champion's history."),
    _gauge("league_champion_info", "bool", "1 for the champion.", "policy"),
    _gauge("league_champion_pinned", "bool", "1 if a person pinned the champion and the league keeps it."),
    _gauge("league_champion_age_seconds", "s", "Since the champion was promoted."),
    _counter("league_learner_steps_total", "steps", "Steps that a learner has learned from.", "learner"),
    _gauge("league_learner_steps_per_second", "steps/s", "Speed of a learner, smoothed.", "learner"),
    _gauge("league_learner_plies_per_second", "plies/s", "Plies played for a learner, smoothed.", "learner"),
    _gauge("league_learner_stopped", "bool", "1 if a learner diverged too often and was given up.", "learner"),
    _gauge("league_learner_loss", "as RLlib's", "Losses and statistics of a learner's last update.", "learner", "loss"),
)
"""All of them, in the order in which they are printed."""

_DECLARED: Final = {metric.name: metric for metric in METRICS}


class Page:
    """The samples of one scrape."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add a sample; raises `KeyError` for a metric that is not declared, `ValueError` for other labels."""
        declared = _DECLARED[name]
        if len(labels) != len(declared.labels):
            raise ValueError(f"{name} has the labels {declared.labels}, not {labels}")
        if name not in self._families:
            family = GaugeMetricFamily if declared.kind == "gauge" else CounterMetricFamily
            self._families[name] = family(name, declared.help, labels=declared.labels)
        self._families[name].add_metric(labels, value)

    def families(self) -> Iterable[Metric]:
        """In the order of `METRICS`."""
        return [self._families[metric.name] for metric in METRICS if metric.name in self._families]
