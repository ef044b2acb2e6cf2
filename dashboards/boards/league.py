"""*League*: who leads, how sure that is, and how the champion came to be one."""

from __future__ import annotations

from dashboards.boards.board import board
from dashboards.boards.pieces import (
    BLUE,
    GREEN,
    ORANGE,
    PICKED,
    RED,
    Json,
    Panel,
    Row,
    heatmap,
    names,
    override,
    per_league,
    picked,
    query,
    stat,
    table,
    thresholds,
    timeline,
    timeseries,
)

SCORES = {"min": 0, "max": 1, "decimals": 0, "color": {"mode": "continuous-RdYlGr"}}
COLOURED = {"align": "center", "cellOptions": {"type": "color-background", "mode": "basic"}}
PLAIN = {"type": "auto"}


def dashboard() -> Json:
    """The dashboard as Grafana reads it."""
    rows = [
        Row(title="Now", panels=_now()),
        Row(title="Who leads", panels=_leads()),
        Row(title="Who beats whom", panels=[_anchors(), _payoff(), _roles()]),
        Row(title="The champion", panels=_champion()),
        Row(title="The pool", panels=_pool()),
    ]
    return board(
        uid="league-league",
        title="League",
        about="Who leads the league, and how the champion came to be one.",
        rows=rows,
    )


def _now() -> list[Panel]:
    champion = f"league_policy_elo{PICKED} and on (instance, policy) league_champion_info{PICKED}"
    return [
        stat(
            "Game",
            "Which league this is, and the game that it plays.",
            query(f"league_info{PICKED}", "{{league}}: {{game}}"),
            unit="none",
            text=True,
        ),
        stat(
            "Champion",
            "The policy that is served. Promotions are marked in every graph.",
            query(f"league_champion_info{PICKED}", "{{policy}}"),
            unit="none",
            text=True,
        ),
        stat(
            "Its Elo",
            "Strength of the champion; the bot uniform is at 0.",
            query(champion),
            unit="none",
            width=3,
            decimals=0,
        ),
        stat(
            "Champion for",
            "Time since the champion was promoted. From six hours on the alert LeagueChampionStale asks why.",
            query(f"league_champion_age_seconds{PICKED}"),
            unit="s",
            limits=thresholds(GREEN, (6 * 3600, ORANGE)),
        ),
        stat(
            "Pinned",
            "Whether a person pinned the champion: then the league replaces it no more.",
            query(f"league_champion_pinned{PICKED}"),
            unit="none",
            width=2,
            mappings=names({0: ("no", GREEN), 1: ("yes", ORANGE)}),
        ),
        stat(
            "Snapshots", "Frozen policies in the pool.", query(f"league_pool_snapshots{PICKED}"), unit="short", width=2
        ),
        stat("Matches", "Matches in the log.", query(f"league_matches_total{PICKED}"), unit="short", width=2),
        stat("Games", "Games in these matches.", query(f"league_games_total{PICKED}"), unit="count:games", width=3),
    ]


def _leads() -> list[Panel]:
    return [
        _leaderboard(),
        timeseries(
            "Elo of the snapshots",
            "Strength of the strongest snapshots over time; the bot uniform is at 0. A rating moves while its interval "
            "is wide.",
            query(f"league_policy_elo{picked(kind='snapshot')}", "{{policy}}"),
            unit="none",
            decimals=0,
            height=9,
        ),
        timeseries(
            "Elo of the champion, the best snapshot and the bots",
            "The scale is anchored at the bots: where they move, the scale does.",
            query(f"league_policy_elo{PICKED} and on (instance, policy) league_champion_info{PICKED}", "champion"),
            query(per_league("max", f"league_policy_elo{picked(kind='snapshot')}"), "best snapshot"),
            query(f"league_policy_elo{picked(kind='bot')}", "{{policy}}"),
            unit="none",
            decimals=0,
            height=9,
        ),
    ]


def _leaderboard() -> Panel:
    """One row per policy of each league; the champion is that whose column is not empty."""
    elo = per_league("max", f"league_policy_elo{PICKED}", "policy", "kind")
    champion = per_league("max", f"league_champion_info{PICKED}", "policy")
    return table(
        "Leaderboard",
        "The strongest snapshots, the fixed bots and the champion: Elo, half the width of its 95% interval, and the "
        "games behind it. Policies whose intervals overlap may be equals; one that is not settled has met the anchors "
        "in too few games.",
        query(elo, instant=True),
        query(per_league("max", f"league_policy_elo_interval{PICKED}", "policy", "kind"), instant=True),
        query(per_league("max", f"league_policy_games{PICKED}", "policy", "kind"), instant=True),
        query(f"{elo} * 0 + on (instance, policy) group_left () {champion}", instant=True),
        query(per_league("max", f"league_policy_settled{PICKED}", "policy", "kind"), instant=True),
        unit="none",
        height=18,
        decimals=0,
        transformations=[
            ("merge", {}),
            (
                "organize",
                {
                    "excludeByName": {"Time": True},
                    "indexByName": {name: n for n, name in enumerate(("policy", "Value #D", "kind", "Value #A"))}
                    | {"Value #B": 4, "Value #C": 5, "Value #E": 6, "instance": 7},
                    "renameByName": {
                        "instance": "exporter",
                        "Value #A": "Elo",
                        "Value #B": "± 95%",
                        "Value #C": "games",
                    }
                    | {"Value #D": "champion", "Value #E": "settled"},
                },
            ),
            ("sortBy", {"fields": {}, "sort": [{"field": "Elo", "desc": True}]}),
        ],
        overrides=[
            override("champion", noValue="", custom__width=90, mappings=names({1: ("★", ORANGE)})),
            override("games", unit="short"),
            override("settled", custom__width=80, mappings=names({1: ("yes", GREEN), 0: ("not yet", ORANGE)})),
            override(
                "Elo",
                custom__cellOptions={"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
                color={"mode": "continuous-BlPu"},
            ),
        ],
    )


def _payoff() -> Panel:
    return _matrix(
        "Payoff",
        "Points per game of the row against the column, of the strongest snapshots and the bots: 100% won every game, "
        "50% is an equal, an empty cell never met.",
        per_league("max", f"league_payoff_score{PICKED}", "policy", "against"),
        row="policy",
    )


def _anchors() -> Panel:
    return _matrix(
        "Against the bots",
        "Points per game of the strongest snapshots against each fixed bot as they were seen. One number per policy "
        "cannot say who beats whom: where this is not what the Elo promises, believe this.",
        per_league("max", f"league_policy_anchor_score{PICKED}", "policy", "against"),
        row="policy",
    )


def _roles() -> Panel:
    return _matrix(
        "Scores by role",
        "Points per game of all snapshots of the row's role against all of the column's.",
        per_league("max", f"league_role_score{PICKED}", "role", "against"),
        row="role",
    )


def _matrix(title: str, about: str, expr: str, *, row: str) -> Panel:
    """A heat map of rows against columns: Grafana's panel of that name has time for a column, so it is a table."""
    corner = "row\\against"
    matrix = {"rowField": "row", "columnField": "against", "valueField": "Value", "emptyValue": "null"}
    return table(
        title,
        about,
        # A row is of one league, though another may have a policy of that name.
        query(f'label_join({expr}, "row", " · ", "{row}", "instance")', instant=True),
        unit="percentunit",
        transformations=[
            ("groupingToMatrix", matrix),
            ("sortBy", {"fields": {}, "sort": [{"field": corner}]}),
        ],
        overrides=[override(corner, custom__cellOptions=PLAIN, custom__align="left", displayName=row)],
        custom=COLOURED,
        noValue="",
        **SCORES,
    )


def _champion() -> list[Panel]:
    return [
        timeline(
            "Champions",
            "Which policy was the champion when.",
            query(f"league_champion_info{PICKED}", "{{policy}}"),
            width=24,
            mappings=names({1: ("champion", BLUE)}),
        ),
        timeseries(
            "Promotions",
            "Entries of the champion's history: by the league's own test, asked for, forced, or a rollback.",
            query(per_league("sum", f"league_promotions_total{PICKED}", "how"), "{{how}}"),
            unit="short",
            width=8,
            steps=True,
            stacked=True,
            decimals=0,
        ),
        timeseries(
            "Refusals",
            "Candidates that were tested and not promoted. Many undecided ones want a higher promotion.max_games.",
            query(per_league("sum", f"league_refusals_total{PICKED}", "verdict"), "{{verdict}}"),
            unit="short",
            width=8,
            steps=True,
            stacked=True,
            decimals=0,
        ),
        timeseries(
            "How safe is its place",
            "What the best response among the strongest should score against the champion (at most 50% for one that "
            "nobody beats), and its weight in their Nash mixture.",
            query(f"league_champion_exploiter_score{PICKED}", "best response scores"),
            query(f"league_champion_nash_weight{PICKED}", "Nash weight"),
            unit="percentunit",
            width=8,
            min=0,
            max=1,
        ),
    ]


def _pool() -> list[Panel]:
    return [
        heatmap(
            "Where the pool is",
            "How many of the named snapshots have which Elo: a band that rises is a league that learns.",
            query(f"league_policy_elo{picked(kind='snapshot')}", "{{policy}}"),
            unit="none",
        ),
        timeseries(
            "Snapshots by role",
            "Frozen policies of each role.",
            query(per_league("sum", f"league_role_snapshots{PICKED}", "role"), "{{role}}"),
            unit="short",
            stacked=True,
            decimals=0,
        ),
        timeseries(
            "Rock-paper-scissors",
            "Triples of the strongest in which each beats the next, as a share of all that have met each other. Where "
            "it rises, Elo says less, and the payoff and the Nash mixture say more.",
            query(f"league_cyclic_share{PICKED}", "share of triples"),
            unit="percentunit",
            min=0,
            limits=thresholds(GREEN, (0.2, ORANGE)),
        ),
        timeseries(
            "Games between roles",
            "Games a minute that roles played against each other: how much there is to judge each by.",
            query(
                f"sum by (instance, role, against) (rate(league_role_games_total{PICKED}[$__rate_interval])) * 60",
                "{{role}} - {{against}}",
            ),
            unit="count:games/min",
            min=0,
        ),
        stat(
            "Cycles",
            "Triples in which each beats the next, among the strongest.",
            query(f"league_cycles{PICKED}"),
            unit="short",
            width=6,
        ),
        stat(
            "Pruned",
            "Snapshots whose weights were deleted, by retention or by a person.",
            query(f"league_pool_pruned{PICKED}"),
            unit="short",
            width=6,
        ),
        stat(
            "Unreadable",
            "Snapshots whose weights are damaged: league status --verify tells which.",
            query(f"league_pool_unreadable{PICKED}"),
            unit="short",
            width=6,
            limits=thresholds(GREEN, (1, RED)),
        ),
        stat("Weights", "Size of all weights in the pool.", query(f"league_pool_bytes{PICKED}"), unit="bytes", width=6),
    ]
