"""People, and their games against policies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.errors import LeagueError
from league.ladder.people import PersonGame, person_rows
from league.ladder.records import Match, Tally
from league.pool import people as people_module
from league.pool.backup_file import check_backup
from league.pool.connection import dumps
from league.pool.store import Store

GAME = PersonGame(
    game_id="1", person="Anna Ö", opponent="uniform", seat=0, result="won", seed=3, moves=(0, 4, 1, 8, 2), played_s=9.0
)


def game(number: int, **changes: object) -> PersonGame:
    return dataclasses.replace(GAME, game_id=str(number), **changes)


def test_people_have_a_pool_of_their_own(store: Store) -> None:
    store.record(Match(match_id="m", row="main-0001", column="uniform", results={"01": Tally(20, 0, 0)}, played_s=1.0))
    ratings, matches = store.ratings(), store.match_count()
    for number in range(4):
        assert store.record_person_game(game(number, result="won" if number else "lost"))
    store.record_person_game(game(5, person="<b>bob</b>", opponent="main-0001", result="lost"))
    store.record_person_game(game(6, person="<b>bob</b>", opponent="main-0001+search20", result="lost"))
    assert (store.ratings(), store.match_count()) == (ratings, matches), "nothing of it is the league's"
    rows = person_rows(store.people(), store.ratings(), LeagueConfig().ratings)
    assert [(row.rank, row.person, row.games, row.score) for row in rows] == [
        (1, "Anna Ö", 4, Tally(3, 0, 1)),
        (2, "<b>bob</b>", 2, Tally(0, 0, 2)),
    ]
    assert rows[0].elo > rows[1].elo
    assert [one.game_id for one in store.person_games(2)] == ["6", "5"]
    assert store.person_games(1)[0] == game(6, person="<b>bob</b>", opponent="main-0001+search20", result="lost")
    assert store.verify().problems == ()


def test_to_lose_against_the_strong_costs_less(store: Store) -> None:
    for number in range(8):
        store.record(
            Match(
                match_id=f"m{number}", row="main-0001", column="uniform", results={"01": Tally(20, 0, 0)}, played_s=1.0
            )
        )
    store.record_person_game(game(1, person="a", opponent="main-0001", result="lost"))
    store.record_person_game(game(2, person="b", opponent="uniform", result="lost"))
    rows = person_rows(store.people(), store.ratings(), LeagueConfig().ratings)
    assert [row.person for row in rows] == ["a", "b"]


def test_a_game_counts_once_and_help_not_at_all(store: Store) -> None:
    assert store.record_person_game(game(1))
    assert not store.record_person_game(game(1))
    assert store.record_person_game(game(2, helped=True))
    assert store.people()["Anna Ö"].score == Tally(1, 0, 0)
    assert len(store.person_games()) == 2


@pytest.mark.parametrize("person", ["", " ", "a" * 41, "a\nb", " a", "\x1b[31mred"])
def test_names_that_cannot_be(store: Store, person: str) -> None:
    with pytest.raises(LeagueError):
        store.record_person_game(game(1, person=person))
    assert store.people() == {}


def test_what_strangers_can_make_grow_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, value in (("MOST_PEOPLE", 2), ("MOST_OPPONENTS", 2), ("GAMES_KEPT", 3)):
        monkeypatch.setattr(people_module, bound, value)
    for number in range(5):
        store.record_person_game(game(number, person="ab"[number % 2], opponent=f"main-000{number}"))
    assert len(store.person_games(100)) == 3
    assert [person.rating.games for person in store.people().values()] == [1, 1], "of two opponents"
    with pytest.raises(LeagueError, match="full"):
        store.record_person_game(game(9, person="c"))
    assert store.record_person_game(game(10, person="a"))


def test_people_are_in_a_backup(store: Store, tcp: tuple[str, object], name: str, tmp_path: Path) -> None:
    store.record_person_game(game(1))
    path = tmp_path / "backup"
    with path.open("wb") as file:
        store.back_up(file)
    with Store.open(tcp[0], f"{name}-restored") as restored:
        restored.restore(path, check_backup(path))
        assert restored.people() == store.people()
        assert restored.person_games() == store.person_games()


def test_damage_is_named(store: Store) -> None:
    store.record_person_game(game(1))
    store._call("HSET", store._keys.people, "eve", dumps([1]))
    assert any("people eve cannot be read" in line for line in store.verify().problems)
