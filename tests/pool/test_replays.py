"""The moves of the last matches stand beside the log, and never in its way."""

import dataclasses

import pytest

from league.errors import StoreError, UnknownMatchError
from league.ladder.records import Match, Replay

GAMES = (
    Replay(seating="01", points=1.0, seed=7, opening=1, moves=(3, 0, 3, 1, 3, 2, 3)),
    Replay(seating="10", points=None, seed=7, opening=1, moves=(3,)),
)


def keep(store, count):
    config = store.require_config()
    store.update_config(dataclasses.replace(config, arena=dataclasses.replace(config.arena, replays=count)))


def test_a_match_comes_back_with_its_games(store, a_match):
    match = dataclasses.replace(a_match("m1"), replays=GAMES)
    assert store.record(match)
    assert not store.record(match)
    assert store.match("m1") == match
    assert store.match("m1").replays == GAMES
    assert next(store.matches()).replays == ()
    assert "replays" not in match.to_json()
    assert Match.from_json(match.to_json()) == match
    assert store.verify().problems == ()


def test_only_the_last_are_kept(store, a_match):
    keep(store, 2)
    for number in range(4):
        store.record(dataclasses.replace(a_match(f"m{number}"), replays=GAMES))
    assert [bool(store.match(f"m{number}").replays) for number in range(4)] == [False, False, True, True]
    assert store.match_count() == 4
    store.rebuild()
    assert store.match("m3").replays == GAMES
    keep(store, 0)
    store.record(dataclasses.replace(a_match("m4"), replays=GAMES))
    assert store.match("m4").replays == ()


def test_a_match_without_moves_is_a_match(store, a_match):
    """As older versions wrote it."""
    store.record(a_match("old"))
    assert store.match("old").replays == ()
    store.record(dataclasses.replace(a_match("new"), replays=GAMES))
    assert store.match("old").replays == ()


def test_no_such_match(store):
    with pytest.raises(UnknownMatchError, match="no match 'nothing'"):
        store.match("nothing")


@pytest.mark.parametrize("games", ["", "{}", "[1]", "[[1]]", '[["01", 1, 7, 0, ["x"]]]', '[["01", "won", 7, 0, [1]]]'])
def test_stored_games_that_are_none(store, a_match, games):
    store.record(dataclasses.replace(a_match("m1"), replays=GAMES))
    store._call("DEL", store._keys.replays)
    store._call("XADD", store._keys.replays, "1-0", "games", games)
    if games == "{}":
        assert store.match("m1").replays == ()
    else:
        with pytest.raises(StoreError, match="holds no games"):
            store.match("m1")
