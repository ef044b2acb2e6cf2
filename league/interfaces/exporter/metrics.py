"""Every metric of the league, declared once: name, unit, help, labels. Nothing else can be exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from league.iteration import LOSSES
from league.ladder.records import How
from league.pool.durability import WRITES
from league.pool.journal import EVENT_KINDS
from league.status import LearnerStatus

TOP: Final = 50
"""Snapshots that are named by `policy`, the strongest; the bots and the champion always are."""

TOP_PAYOFF: Final = 12
"""Snapshots whose results against each other are exported, the strongest; the bots and the champion always are."""

VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "phase": ("starting", "training", "closing", "stopped", "failed", "not running", "never run", "unknown"),
    "operation": ("ping", "read"),
    "write": tuple(WRITES),
    "part": ("sample", "learn"),
    "state": ("healthy", "lost"),
    "how": get_args(How),
    "verdict": ("refused", "undecided", "beaten", "outrun"),
    "purpose": ("gate", "rating", "training"),
    "actor": ("coordinator", "learner", "runner", "match_worker", "keeper"),
}
"""All that a label can be, of those that have a fixed set."""

LABELS: Final = {
    "league": "1 value: the name of the league",
    "game": "1 value: its game",
    "version": "1 value: the version of this package",
    "phase": f"1 value at a time, of {len(VALUES['phase'])}: what the coordinator does",
    "operation": f"{len(VALUES['operation'])} values: `ping`, and `read`, all that a scrape reads",
    "write": f"{len(WRITES)} values: `append`, to the append-only file; `rewrite`, of that file anew; `dump`",
    "policy": f"the {TOP} snapshots with the highest ratings, the champion and the bots; in `league_payoff_score` "
    f"the {TOP_PAYOFF} highest, the champion and the bots, in `league_champion_info` the champion alone",
    "against": "the same as `policy` in `league_payoff_score`, the bots in `league_policy_anchor_score`, the same as "
    "`role` in `league_role_*`",
    "kind": f"2 values for policies: `snapshot` and `bot`; one per kind of event ({len(EVENT_KINDS)}) for events",
    "role": "one per role in the configuration, one per league that was imported from, and `bot`",
    "learner": "one per learner in the configuration",
    "loss": f"{len(LOSSES)} values: the names of the TensorBoard scalars under `losses/`, below",
    "part": f"{len(VALUES['part'])} values: `sample`, playing, and `learn`, gradient steps",
    "state": f"{len(VALUES['state'])} values: `healthy`, and `lost`, which RLlib restarts",
    "how": f"{len(VALUES['how'])} values: `automatic`, by the league's own test; `asked`, by a person and the same "
    "test; `forced` by a person; `rollback`; `unpinned`, handed back to the league; of refusals only the first two",
    "verdict": f"{len(VALUES['verdict'])} values: `refused`, `undecided`, `beaten` by a snapshot of the pool, `outrun` "
    "by another candidate",
    "purpose": "`gate`, for the champion's place, and `rating`, for ratings that rest on too few games; of dropped "
    "games also `training`",
    "actor": f"{len(VALUES['actor'])} values: `coordinator`, `learner`, `runner`, `match_worker` and `keeper`",
    "group": "one per node group of the cluster: `head`; of other nodes the label `ray.io/node-group` where they have "
    "one, as KubeRay sets it, else `gpu` or `cpu`",
}
"""What each label can be, and so how many series there are."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One metric: its name, unit, help and labels."""

    name: str
    """As it is scraped; a counter's ends with `_total`."""
    unit: str
    """What one of it is."""
    help: str
    labels: tuple[str, ...] = ()
    """Names of its labels, keys of `LABELS`."""
    not_shown: str = ""
    """Why no dashboard shows it; empty for one that is shown."""

    @property
    def kind(self) -> Literal["gauge", "counter"]:
        """Whether it goes up and down, or only up: as its name says."""
        return "counter" if self.name.endswith("_total") else "gauge"


def _entry(name: str, unit: str, help: str, *labels: str, not_shown: str = "") -> Declared:
    return Declared(name=name, unit=unit, help=help, labels=labels, not_shown=not_shown)


def learner_metric(field: str) -> str:
    """Name of the metric of a `league.status.Number`, by the name of its field."""
    return f"league_learner_{field.replace('_per_s', '_per_second')}"


_STORE: Final = (
    _entry("league_store_up", "bool", "1 if the store answered this scrape, else 0."),
    _entry("league_store_seconds", "s", "How long the store took, in this scrape.", "operation"),
    _entry("league_store_memory_bytes", "bytes", "Memory that the store's server uses, for all leagues on it."),
    _entry(
        "league_store_memory_limit_bytes",
        "bytes",
        "Memory that it may use: its maxmemory, or the memory of its machine where it has none.",
    ),
    _entry(
        "league_store_written",
        "bool",
        "1 if the server's last write to its disk succeeded, else 0; it refuses writes of ours meanwhile.",
        "write",
    ),
    _entry(
        "league_store_disk_free_bytes",
        "bytes",
        "Free room on the disk of a store that is a folder, also while its server is down.",
    ),
    _entry("league_store_disk_bytes", "bytes", "Size of that disk."),
    _entry("league_scrape_seconds", "s", "How long it took to make this page."),
)

_STATE: Final = (
    _entry("league_info", "bool", "1: which league this is.", "league", "game", "version"),
    _entry("league_phase", "bool", "1 for what the coordinator is doing.", "phase"),
    _entry(
        "league_heartbeat_age_seconds", "s", "Since the coordinator last said something; over 10 it is not running."
    ),
    _entry("league_events_total", "events", "Events by kind, as league status shows the last of them.", "kind"),
    _entry("league_actor_restarts_total", "restarts", "Actors that were lost, and started again.", "actor"),
    _entry("league_nodes", "nodes", "Ray nodes alive, as the coordinator sees them; absent unless it runs.", "group"),
)

_POLICIES: Final = (
    _entry("league_policy_elo", "Elo", "Strength of a policy; the bot uniform is at 0.", "policy", "kind"),
    _entry(
        "league_policy_elo_interval",
        "Elo",
        "Half the width of the 95% interval of league_policy_elo.",
        "policy",
        "kind",
    ),
    _entry(
        "league_policy_settled",
        "bool",
        "1 for a policy that has met the anchors in so many games that its Elo rests on something.",
        "policy",
        "kind",
    ),
    _entry(
        "league_policy_anchor_score",
        "ratio",
        "Points per game, 0 to 1, of a policy against a bot as it was seen, whatever its Elo promises.",
        "policy",
        "against",
    ),
    _entry("league_policy_games", "games", "Games behind the rating of a policy.", "policy", "kind"),
    _entry(
        "league_payoff_score",
        "ratio",
        "Points per game, 0 to 1, of a policy against another, of the strongest and the bots; absent for two that "
        "never met.",
        "policy",
        "against",
    ),
    _entry(
        "league_role_score",
        "ratio",
        "Points per game, 0 to 1, of all snapshots of a role against all of another.",
        "role",
        "against",
    ),
    _entry("league_role_games_total", "games", "Games behind league_role_score.", "role", "against"),
)

_POOL: Final = (
    _entry("league_pool_snapshots", "snapshots", "Frozen policies in the pool."),
    _entry("league_role_snapshots", "snapshots", "Frozen policies of a role.", "role"),
    _entry("league_pool_bytes", "bytes", "Size of the weights that they have."),
    _entry("league_pool_pruned", "snapshots", "Snapshots whose weights were pruned."),
    _entry(
        "league_pool_unreadable", "snapshots", "Snapshots whose weights are damaged, as the coordinator found them."
    ),
    _entry("league_cycles", "cycles", "Rock-paper-scissors among the strongest: triples in which each beats the next."),
    _entry("league_cyclic_share", "ratio", "The same as a share, 0 to 1, of all triples that have met each other."),
)

_MATCHES: Final = (
    _entry("league_matches_total", "matches", "Matches in the log."),
    _entry("league_games_total", "games", "Games with a result in these matches."),
    _entry("league_dropped_games_total", "games", "Games without a result, of training and matches.", "purpose"),
    _entry(
        "league_undecided",
        "bool",
        "1 while no game of the run has been won or lost: all break, are drawn, or never end.",
        not_shown="alert LeagueUndecided",
    ),
    _entry("league_match_workers", "actors", "Match workers."),
    _entry("league_match_workers_busy", "actors", "Match workers that play."),
    _entry("league_match_seconds_total", "s", "Processor time that matches took.", "purpose"),
    _entry("league_candidates", "snapshots", "Snapshots that race for the champion's place now."),
    _entry("league_matches_wanted", "matches", "The backlog: matches that are still to be played.", "purpose"),
)

_CHAMPION: Final = (
    _entry("league_champion_info", "bool", "1 for the champion.", "policy"),
    _entry("league_champion_pinned", "bool", "1 if a person pinned the champion and the league keeps it."),
    _entry("league_champion_age_seconds", "s", "Since the champion was promoted."),
    _entry("league_champion_nash_weight", "ratio", "Weight, 0 to 1, of the champion in the strongest's Nash mixture."),
    _entry(
        "league_champion_exploiter_score",
        "ratio",
        "Points per game, 0 to 1, that the best response among the strongest should score against the champion.",
    ),
    _entry("league_promotions_total", "promotions", "Entries of the champion's history.", "how"),
    _entry(
        "league_refusals_total",
        "snapshots",
        "Candidates that were tested and not promoted: of the league itself, or asked for by a person.",
        "verdict",
        "how",
    ),
)

_LEARNERS: Final = (
    _entry(
        "league_learner_steps_total",
        "steps",
        "Steps that a learner has made, counting again those that it lost in a crash.",
        "learner",
    ),
    *(
        _entry(learner_metric(name), number.unit, number.about, "learner", not_shown=number.not_shown)
        for name, number in LearnerStatus.numbers()
    ),
    _entry("league_learner_loss", "as RLlib's", "Losses and statistics of a learner's last update.", "learner", "loss"),
    _entry(
        "league_learner_placed",
        "bool",
        "1 if a learner has its place on the cluster; 0 if it waits for room, or at rest.",
        "learner",
    ),
    _entry("league_learner_stopped", "bool", "1 if a learner diverged too often and was given up.", "learner"),
    _entry(
        "league_learner_iteration_seconds",
        "s",
        "Duration of the parts of a learner's last iteration. Their sum is the staleness of its games: the age that "
        "the weights reach which play.",
        "learner",
        "part",
    ),
    _entry(
        "league_learner_report_age_seconds",
        "s",
        "Since a learner last finished an iteration, before its first one since the run began.",
        "learner",
    ),
    _entry(
        "league_learner_checkpoint_age_seconds",
        "s",
        "Since a learner's last checkpoint, which a crash costs; before the first one of a run since that began.",
        "learner",
    ),
    _entry("league_learner_busy_seconds_total", "s", "Time that a learner has been at work, not waiting.", "learner"),
    _entry(
        "league_learner_gpu_memory_bytes", "bytes", "GPU memory that torch holds for it; 0 without a GPU.", "learner"
    ),
    _entry(
        "league_learner_runners",
        "processes",
        "Processes that play for a learner; none where it plays in its own.",
        "learner",
        "state",
    ),
)

METRICS: Final = (*_STORE, *_STATE, *_POLICIES, *_POOL, *_MATCHES, *_CHAMPION, *_LEARNERS)
"""All of them, in the order in which they are printed."""

_DECLARED: Final = {metric.name: metric for metric in METRICS}


class Samples:
    """The samples of one scrape."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add a sample; raises `KeyError` for a metric that is not declared, `ValueError` for other labels."""
        declared = _DECLARED[name]
        if len(labels) != len(declared.labels):
            raise ValueError(f"{name} has the labels {declared.labels}, not {labels}")
        for label, given in zip(declared.labels, labels, strict=True):
            if given not in VALUES.get(label, (given,)):
                raise ValueError(f"{name} can have the {label} {', '.join(VALUES[label])}, not {given!r}")
        if name not in self._families:
            family = GaugeMetricFamily if declared.kind == "gauge" else CounterMetricFamily
            self._families[name] = family(name, declared.help, labels=declared.labels)
        self._families[name].add_metric(labels, value)

    def families(self) -> Iterable[Metric]:
        """In the order of `METRICS`."""
        return [self._families[metric.name] for metric in METRICS if metric.name in self._families]
