"""*Operations*: what is broken, what waits, and what it costs."""

from __future__ import annotations

from dashboards.boards import serving, store
from dashboards.boards.board import board
from dashboards.boards.pieces import (
    BLUE,
    GREEN,
    ORANGE,
    PICKED,
    RED,
    SESSION,
    Json,
    Panel,
    Row,
    names,
    override_legend,
    per_league,
    per_session,
    query,
    session,
    stat,
    table,
    thresholds,
    timeline,
    timeseries,
)

PHASES = {"training": GREEN, "starting": BLUE, "closing": BLUE, "stopped": ORANGE, "never run": ORANGE}
PHASES |= {"failed": RED, "not running": RED}
CURRENCY = "currencyUSD"
FIRING = 'ALERTS{alertstate="firing", alertname=~"League.*", instance=~"$instance|"}'
"""Of the exporter; that there is none has no instance."""


def dashboard() -> Json:
    """The dashboard as Grafana reads it."""
    rows = [
        Row(title="Now", panels=_now()),
        Row(title="What is broken", panels=_broken()),
        Row(title="The store", panels=store.panels()),
        Row(title="The served champion", panels=serving.panels()),
        Row(title="Matches", panels=_matches()),
        Row(title="Nodes and cost", panels=_nodes()),
    ]
    return board(
        uid="league-operations",
        title="League operations",
        about="What is broken, what waits, what it costs.",
        rows=rows,
    )


def _now() -> list[Panel]:
    return [
        stat(
            "Phase",
            "What the coordinator does.",
            query(f"league_phase{PICKED} == 1", "{{phase}}"),
            unit="none",
            text=True,
        ),
        stat(
            "Heartbeat",
            "Since the coordinator last said something; over 10 seconds it is not running.",
            query(f"league_heartbeat_age_seconds{PICKED}"),
            unit="s",
            limits=thresholds(GREEN, (10, ORANGE), (60, RED)),
        ),
        stat(
            "Store",
            "Whether the store answered the exporter.",
            query(f"league_store_up{PICKED}"),
            unit="none",
            mappings=store.UP,
        ),
        stat(
            "Alerts",
            "Alerts that fire. The rules are in dashboards/prometheus/.",
            query(f"sum by (instance) ({FIRING}) or on () vector(0)"),
            unit="short",
            limits=thresholds(GREEN, (1, RED)),
        ),
        stat(
            "Nodes",
            "Ray nodes that are alive, as a coordinator tells that runs; without one, what they cost is not known.",
            query(f"sum by (instance) (league_nodes{PICKED}) or on () vector(0)"),
            unit="short",
        ),
        stat(
            "Cost per hour",
            "Nodes times the prices in dashboards/prometheus/prices.yml, which are examples until you edit them.",
            query(f"sum by (instance) (league:cost_per_hour{PICKED}) or on () vector(0)"),
            unit=CURRENCY,
            decimals=2,
        ),
    ]


def _broken() -> list[Panel]:
    return [
        timeline(
            "Phases",
            "What the coordinator did when; 'not running' is one that fell silent without having ended.",
            query(f"league_phase{PICKED} == 1", "{{phase}}"),
            mappings=names({1: " "}),
            overrides=[
                override_legend(name, color={"mode": "fixed", "fixedColor": color}) for name, color in PHASES.items()
            ],
        ),
        timeline(
            "Alerts over time",
            "Which alerts fired when; empty while there was none.",
            query(per_league("max", f"{FIRING}", "alertname"), "{{alertname}}"),
            mappings=names({1: ("firing", RED)}),
            noValue="none",
        ),
        timeseries(
            "Events by kind",
            "Errors and interventions; league status --events 100 has their text.",
            query(per_league("sum", f"increase(league_events_total{PICKED}[$__rate_interval])", "kind"), "{{kind}}"),
            unit="short",
            width=6,
            stacked=True,
            min=0,
        ),
        timeseries(
            "Restarts of actors",
            "Actors that died and were started again. One now and then is a node that went; many are a bug or too "
            "little memory.",
            query(
                per_league("sum", f"increase(league_actor_restarts_total{PICKED}[$__rate_interval])", "actor"),
                "{{actor}}",
            ),
            unit="short",
            width=6,
            stacked=True,
            min=0,
        ),
        timeseries(
            "Killed for memory",
            "Workers that Ray killed when the memory of their node ran out, and all that ended without being asked to.",
            query(
                per_session(
                    "sum", f"increase(ray_memory_manager_worker_eviction_total{SESSION}[$__rate_interval])", "Name"
                ),
                "{{Name}}",
            ),
            query(
                per_session("sum", f"increase(ray_unintentional_worker_failures_total{SESSION}[$__rate_interval])"),
                "all",
            ),
            unit="short",
            width=6,
            min=0,
            noValue="none",
        ),
        timeseries(
            "Dropped games",
            "Games a second without a result, by what they were played for; league status --events 100 says why.",
            query(
                per_league("sum", f"rate(league_dropped_games_total{PICKED}[$__rate_interval])", "purpose"),
                "{{purpose}}",
            ),
            unit="count:games/s",
            width=6,
            min=0,
        ),
        timeseries(
            "Ray actors by state",
            "All actors of the Ray session, by Ray.",
            query(per_session("sum", f"ray_actors{session(Source='gcs')}", "State"), "{{State}}"),
            unit="short",
            stacked=True,
            min=0,
        ),
        timeseries(
            "Memory by component",
            "Resident memory of the Ray session's processes, by Ray. What only rises is a leak.",
            query(per_session("sum", f"ray_component_rss_bytes{SESSION}", "Component"), "{{Component}}"),
            unit="bytes",
            stacked=True,
            min=0,
        ),
    ]


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def _matches() -> list[Panel]:
    return [
        timeseries(
            "Backlog",
            "Matches that are still to be played, for the champion's place and for ratings that rest on too few games.",
            query(per_league("sum", f"league_matches_wanted{PICKED}", "purpose"), "{{purpose}}"),
            unit="count:matches",
            width=8,
            stacked=True,
            min=0,
        ),
        timeseries(
            "Match workers",
            "How many there are, and how many play. All busy and a backlog that rises: raise arena.share.",
            query(f"league_match_workers{PICKED}", "workers"),
            query(f"league_match_workers_busy{PICKED}", "busy"),
            query(f"league_candidates{PICKED}", "candidates for the champion's place"),
            unit="short",
            width=8,
            steps=True,
            decimals=0,
            min=0,
        ),
        timeseries(
            "Matches per minute",
            "Matches that were recorded, and what they took of the processors: 100% is one.",
            query(
                f"sum by (instance) (rate(league_matches_total{PICKED}[$__rate_interval])) * 60", "matches per minute"
            ),
            query(per_league("sum", f"rate(league_match_seconds_total{PICKED}[$__rate_interval])"), "processors"),
            unit="count:matches/min",
            width=8,
            min=0,
            overrides=[override_legend("processors", unit="percentunit", custom__axisPlacement="right")],
        ),
    ]


def _nodes() -> list[Panel]:
    return [
        timeseries(
            "Nodes by group",
            "Ray nodes alive, as the coordinator sees them. A saw is a group that flaps.",
            query(per_league("sum", f"league_nodes{PICKED}", "group"), "{{group}}"),
            unit="short",
            width=8,
            stacked=True,
            steps=True,
            decimals=0,
            min=0,
        ),
        timeseries(
            "Cost per hour by group",
            "Nodes times the prices in dashboards/prometheus/prices.yml. A group without a price is not in it.",
            query(per_league("sum", f"league:cost_per_hour{PICKED}", "group"), "{{group}}"),
            unit=CURRENCY,
            width=8,
            stacked=True,
            steps=True,
            decimals=2,
            min=0,
        ),
        stat(
            "Cost of this time range",
            "Cost per hour, added up over the time range above, as far as it was recorded.",
            query(f"sum by (instance) (sum_over_time(league:cost_per_hour{PICKED}[$__range:10s])) / 360", instant=True),
            unit=CURRENCY,
            decimals=2,
        ),
        stat(
            "Nodes without a price",
            "They are missing in the cost: enter their group in dashboards/prometheus/prices.yml.",
            query(
                f"sum by (instance) (league_nodes{PICKED} unless on (group) league:node_price_per_hour) "
                "or on () vector(0)"
            ),
            unit="short",
            limits=thresholds(GREEN, (1, ORANGE)),
        ),
        table(
            "Prices",
            "Per node and hour, by group, from dashboards/prometheus/prices.yml.",
            query("max by (group) (league:node_price_per_hour)", instant=True),
            unit=CURRENCY,
            width=8,
            height=8,
            decimals=2,
            transformations=[
                (
                    "organize",
                    {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {"Value": "per hour"}},
                )
            ],
        ),
        timeseries(
            "Disk of the nodes",
            "Share of each node's disk in use, by Ray. Checkpoints and logs fill it.",
            query(
                f"ray_node_disk_usage{SESSION} / (ray_node_disk_usage{SESSION} + ray_node_disk_free{SESSION}) * 100",
                "{{ip}}",
            ),
            unit="percent",
            width=8,
            min=0,
            max=100,
            limits=thresholds(GREEN, (80, ORANGE), (95, RED)),
        ),
        timeseries(
            "Network of the nodes",
            "Bytes a second that the nodes send and receive, by Ray: weights and games.",
            query(per_session("sum", f"ray_node_network_send_speed{SESSION}", "ip"), "{{ip}} sent"),
            query(per_session("sum", f"ray_node_network_receive_speed{SESSION}", "ip"), "{{ip}} received"),
            unit="Bps",
            width=8,
            min=0,
        ),
    ]
