"""The rows people read."""

import json

import pytest

from league.config import LeagueConfig
from league.ladder.leaderboard import best_candidates, leaderboard
from league.ladder.ratings import Rating, elo
from league.ladder.records import Snapshot, Tally
from league.ladder.standings import Kind, Standings, count_games

CONFIG = LeagueConfig()


def a_snapshot(number: int) -> Snapshot:
    return Snapshot(
        name=f"main-{number:04d}", digest=f"{number:064x}", learner="main", steps=1000 * number, created_s=0.0, bytes=1
    )


SNAPSHOTS = [a_snapshot(1), a_snapshot(2), a_snapshot(3)]
RATINGS = {
    "main-0001": Rating(mu=24.0, sigma=1.0, games=80),
    "main-0002": Rating(mu=29.0, sigma=4.0, games=40),
    "uniform": Rating(mu=10.0, sigma=1.0, games=120),
    "gone": Rating(mu=99.0, sigma=1.0, games=120),
}


def counted(games: dict[tuple[str, str], Tally]) -> Standings:
    standings: Standings = {}
    known = {snapshot.name: snapshot for snapshot in SNAPSHOTS}
    for (row, column), tally in games.items():
        count_games(standings, row, column, tally, lambda name: Kind.of(known.get(name)))
    return standings


def test_who_has_won_or_lost_everything_has_no_finite_elo() -> None:
    """What is known is said: on which side of the number the truth lies."""
    standings: Standings = {}
    for row, column, games in (
        ("main-0001", "uniform", Tally(40)),
        ("main-0001", "main-0002", Tally(5)),
        ("main-0002", "uniform", Tally(39, 0, 1)),
        ("main-0003", "main-0002", Tally(0, 0, 5)),
        ("main-0004", "main-0005", Tally(0, 9, 0)),
    ):
        count_games(standings, row, column, games, lambda name: Kind("main", anchor=name == "uniform"))
    snapshots = [a_snapshot(number) for number in range(1, 7)]
    rows = leaderboard(snapshots, ["uniform"], {}, standings, None, CONFIG)
    bounded = {row.policy: row.to_json()["bound"] for row in rows if row.bound}
    assert bounded == {"main-0001": "least", "main-0003": "most"}


def test_rows_are_by_elo_and_those_without_games_are_last():
    standings = counted({("main-0002", "uniform"): Tally(5, 1, 2)})
    rows = leaderboard(SNAPSHOTS, ["uniform"], RATINGS, standings, "main-0001", CONFIG)
    assert [row.policy for row in rows] == ["main-0002", "main-0001", "uniform", "main-0003"]
    assert [row.rank for row in rows] == [1, 2, 3, 4]
    assert [row.kind for row in rows] == ["snapshot", "snapshot", "bot", "snapshot"]
    assert [row.champion for row in rows] == [False, True, False, False]
    assert [row.steps for row in rows] == [2000, 1000, None, 3000]
    assert rows[0].score == Tally(5, 1, 2)
    assert rows[2].score == Tally(2, 1, 5)
    assert rows[2].elo == 0
    assert (rows[0].elo, rows[0].interval) == elo(RATINGS["main-0002"], RATINGS, CONFIG.ratings)
    assert rows[3].games == 0
    found = json.loads(json.dumps(rows[0].to_json()))
    assert (found["results"], found["score"]) == ({"wins": 5, "draws": 1, "losses": 2}, 5.5 / 8)


def test_an_empty_league_has_no_rows():
    assert leaderboard([], [], {}, {}, None, CONFIG) == []


def test_the_best_candidate_is_the_surest_not_the_highest():
    # 24 - 1.96 > 29 - 1.96 * 4
    assert best_candidates(SNAPSHOTS, RATINGS, 40)[0].name == "main-0001"
    assert best_candidates(SNAPSHOTS, RATINGS, 100) == []
    assert best_candidates([a_snapshot(3)], RATINGS, 0) == [], "one without games says nothing"


def test_beside_the_elo_stands_what_was_seen():
    """Rated 560 Elo above `uniform`, which promises 96%; one has scored half against it in many games, one in few."""
    against = {("main-0001", "uniform"): Tally(100, 0, 100), ("main-0002", "uniform"): Tally(1, 0, 0)}
    against |= {("main-0002", "main-0001"): Tally(79, 0, 0)}
    rows = {r.policy: r for r in leaderboard(SNAPSHOTS, ["uniform"], RATINGS, counted(against), None, CONFIG)}
    seen = rows["main-0001"].against["uniform"]
    assert seen.games == Tally(100, 0, 100)
    assert seen.promised == pytest.approx(1 / (1 + 10 ** (-rows["main-0001"].elo / 400)))
    assert seen.differs
    assert not rows["main-0002"].against["uniform"].differs, "a single game may end so by chance"
    assert list(rows["main-0002"].against) == ["uniform"], "bots only; the other anchors count for what is settled"
    assert [rows[name].settled for name in ("main-0001", "main-0002", "main-0003", "uniform")] == [
        True,
        True,
        False,
        True,
    ]
    plain = json.loads(json.dumps(rows["main-0001"].to_json()))["against_bots"]["uniform"]
    assert (plain["games"], plain["score"], plain["differs"]) == (200, 0.5, True)


def test_one_that_has_won_or_lost_every_game_is_as_it_was_seen():
    against = {("main-0001", "uniform"): Tally(80, 0, 0), ("main-0002", "uniform"): Tally(0, 0, 80)}
    rows = {r.policy: r for r in leaderboard(SNAPSHOTS, ["uniform"], RATINGS, counted(against), None, CONFIG)}
    won, lost = (rows[name].against["uniform"].to_json() for name in ("main-0001", "main-0002"))
    assert (won["score"], won["score_high"], lost["score"], lost["score_low"]) == (1, 1, 0, 0)
    assert won["score_low"] > 0.9
