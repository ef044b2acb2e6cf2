"""What people see, against the store that it was read from, and what it costs to read it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import large_store
from league.errors import StoreError, WrongLeagueError
from league.ladder.records import Match, Tally
from league.pool.journal import read_event_counts
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.attachment import Attachment
from league.view.overview import Overview

POLICIES = 40
Opened = Callable[[int], Store]
Cost = tuple[list[tuple[object, ...]], int]


@pytest.fixture
def league_of(tmp_path: Path) -> Iterator[Opened]:
    """A league with so many matches between `POLICIES` policies."""
    stores: list[Store] = []

    def opened(matches: int) -> Store:
        address = str(tmp_path / str(matches))
        large_store.build(address, policies=POLICIES, matches=matches)
        stores.append(Store.open(address))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.mark.parametrize("standings", [False, True])
def test_what_is_shown_is_what_the_store_holds(standings: bool, league_of: Opened) -> None:
    store = league_of(300)
    mirror = Mirror(store, standings=standings, latest=12, events=6)
    names = [snapshot.name for snapshot in store.snapshots()]
    for number in range(3):
        shown = Overview.read(mirror)
        assert (shown.league, shown.address, shown.config) == (store.league, store.address, store.config())
        assert list(shown.snapshots.values()) == store.snapshots()
        assert list(shown.promotions) == store.promotions()
        assert shown.champion == store.champion()
        assert shown.ratings == store.ratings()
        assert shown.matches == store.match_count()
        assert list(shown.latest) == list(store.matches(12, newest_first=True))
        assert list(shown.events) == store.events(6)
        assert shown.event_counts == read_event_counts(store._call("HGETALL", store._keys.event_counts))
        assert shown.status.to_json().items() >= (store.status() or {}).items()
        assert shown.pruned_digests == store.pruned().keys()
        assert {snapshot.name for snapshot in store.present()} == shown.snapshots.keys() - shown.pruned
        assert [row.policy for row in shown.rows if row.kind == "bot"] == sorted(
            large_store.BOTS, key=lambda name: -shown.ratings[name].mu
        )
        assert sum(row.score.games for row in shown.rows) == (sum(row.games for row in shown.rows) if standings else 0)
        large_store.record_another(store, names, number)
        store.add_event("lost", str(number), 1.0)
        assert store.prune([f"veteran-{number:04d}"], by="anna", now_s=1.0)


def test_what_was_read_stays_as_it_was(league_of: Opened) -> None:
    """Somebody else may still render it while the next one is read."""
    store = league_of(50)
    mirror = Mirror(store, standings=False, latest=3, events=3)
    first = Overview.read(mirror)
    before = dict(first.ratings), list(first.promotions), list(first.latest), first.matches
    large_store.record_another(store, list(first.snapshots), 0)
    store.rollback("anna", 5.0)
    second = Overview.read(mirror)
    assert second.ratings != first.ratings
    assert len(second.promotions) == len(first.promotions) + 1
    assert (first.ratings, first.promotions, first.latest, first.matches) == before


def cost(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Commands that a refresh sends, and the bytes of the server's replies to them."""
    sent: list[tuple[object, ...]] = []
    call, together = Store._call, Store._together
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_call", lambda self, *words: (sent.append(words), call(self, *words))[1])
        patched.setattr(Store, "_together", lambda self, *some: (sent.extend(some), together(self, *some))[1])
        before = mirror.store._call("INFO", "stats")["total_net_output_bytes"]
        Overview.read(mirror)
        after = mirror.store._call("INFO", "stats")["total_net_output_bytes"]
    return [words for words in sent if words[0] != "INFO"], after - before


@pytest.mark.parametrize("standings", [False, True])
def test_to_look_again_costs_what_is_new_and_not_what_there_is(
    standings: bool, league_of: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = league_of(100), league_of(4000)
    found: dict[str, dict[Store, Cost]] = {"first": {}, "nothing": {}, "new": {}}
    for store in (few, many):
        mirror = Mirror(store, standings=standings, latest=12, events=6)
        names = [snapshot.name for snapshot in store.snapshots()]
        found["first"][store] = cost(mirror, monkeypatch)
        found["nothing"][store] = cost(mirror, monkeypatch)
        for number in range(3):
            large_store.record_another(store, names, number)
        found["new"][store] = cost(mirror, monkeypatch)
    for costs in found.values():
        assert [words[0] for words in costs[few][0]] == [words[0] for words in costs[many][0]]
    for name in ("nothing", "new"):
        assert found[name][many][1] == pytest.approx(found[name][few][1], rel=0.05)
        for commands, _ in found[name].values():
            assert ("HGETALL", many._keys.standings) not in commands
            assert not [words for words in commands if words[1:2] == (many._keys.snapshots,)]
    assert found["new"][many][1] - found["nothing"][many][1] < 3 * 2 * 500, "three matches, for list and standings"
    asked = [words for words in found["first"][many][0] if words == ("HGETALL", many._keys.standings)]
    assert len(asked) == standings
    assert found["first"][many][1] < 2 * found["first"][few][1], "a line for each policy, however many matches"
    log = [words for words in found["new"][many][0] if words[0] == "XRANGE"]
    assert [words[2] for words in log] == (["(4000-0"] if standings else [])


def test_a_league_that_comes_later_goes_and_comes_back(tmp_path: Path) -> None:
    folder = str(tmp_path / "later")
    attachment = Attachment(folder, "league", latest=2)
    with pytest.raises(WrongLeagueError, match="no league at"):
        attachment.look()
    with Store.open(folder, "league") as store:
        with pytest.raises(WrongLeagueError, match="no league 'league'"):
            attachment.look()
        store.create(large_store.CONFIG)
        assert attachment.look().news.anew
        store.record(Match(match_id="1", row="a", column="b", results={"01": Tally(1, 0, 0)}, played_s=1.0))
        shown = attachment.look()
        assert (shown.news.anew, [match.match_id for match in shown.latest]) == (False, ["1"])
        attachment.close()
        assert attachment.look().news.anew
        assert [match.match_id for match in attachment.look().latest] == ["1"]
        store._call("SET", store._keys.ratings, "none")
        with pytest.raises(StoreError):
            attachment.look()
        store._call("DEL", store._keys.ratings)
        assert attachment.look().news.anew, "whatever happened in between, it is read anew"
    attachment.close()


def test_a_folder_that_was_removed_is_opened_anew_once_it_is_there_again(tmp_path: Path) -> None:
    """As after a backup was restored; whoever serves it, the page to play on too, goes on with that."""
    folder, copy, attachment = tmp_path / "league", tmp_path / "copy", Attachment(str(tmp_path / "league"), "league")
    with Store.open(str(folder), "league") as store:
        store.create(large_store.CONFIG)
        assert attachment.open()[1] == large_store.CONFIG
        shutil.copytree(folder / "appendonlydir", copy)
        shutil.rmtree(folder)
        with pytest.raises(WrongLeagueError, match="no league at"):
            attachment.open()
        shutil.copytree(copy, folder / "appendonlydir")
        assert attachment.open()[1] == large_store.CONFIG
    attachment.close()
