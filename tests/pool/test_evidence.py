"""Matches of races, found in the log wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from league.config import LeagueConfig, LogConfig
from league.ladder.records import Match, Snapshot, Tally
from league.matches.race import CLOCKS_S, Races
from league.pool.store import Store

HOUR = CLOCKS_S


def a_match(number: int) -> Match:
    kind = {0: {"gate": True, "batch": number}, 3: {"check": True}}.get(number % 6, {})
    name = "gate" if number % 5 else '"gate":true'  # A name that looks like the mark is none.
    results = {"01": Tally(number % 3, 1, 0)}
    made = Match(match_id=f"m{number}", row="a", column=name, results=results, played_s=HOUR * number)
    return replace(made, **kind)  # type: ignore[arg-type]


def a_champion(created_s: float) -> Snapshot:
    return Snapshot(name="a", digest="0" * 64, learner="main", steps=1, created_s=created_s, bytes=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr("league.pool.evidence.CHUNK", 4)
    monkeypatch.setattr("league.pool.log.CHUNK", 4)
    with Store.open(str(tmp_path / "store")) as opened:
        opened.create(LeagueConfig())
        yield opened


@pytest.mark.parametrize("sealed", [False, True])
def test_they_are_those_that_a_look_at_every_match_finds(folder: Store, sealed: bool) -> None:
    log = [a_match(number) for number in range(60)]
    folder.record_all(log)
    if sealed:
        folder.seal(LogConfig(keep=7, segment=10))
        folder.archive(None)
    races = [match for match in log if not match.rated]
    for oldest in (0, 17, 29.5, 55, 59, 70):
        found = list(folder.evidence_since(HOUR * oldest))
        assert found == [match for match in reversed(races) if match.played_s >= HOUR * oldest]
    for number in (0, 13, 31, 47, 59, 60):
        assert folder.evidence_after(number) == ([match for match in log[number:] if not match.rated], 60)


def test_a_segment_that_is_lost_is_passed_over(folder: Store, tmp_path: Path) -> None:
    log = [a_match(number) for number in range(40)]
    folder.record_all(log)
    folder.seal(LogConfig(keep=5, segment=10))
    folder.archive(None)
    lost = folder.segments()[1]
    assert lost.place is not None
    (tmp_path / "store" / lost.place).unlink()
    left = [match for number, match in enumerate(log, 1) if not match.rated and not lost.first <= number <= lost.last]
    assert list(folder.evidence_since(0.0)) == left[::-1]
    assert folder.evidence_after(0)[0] == left


def test_none_of_the_log_is_read_twice(folder: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    log = [a_match(number) for number in range(60)]
    folder.record_all(log[:40])
    races = Races(folder)
    races.read_on()

    def expected(champion: Snapshot, count: int) -> list[Match]:
        known = [match for match in log[:count] if not match.rated and match.played_s >= champion.created_s - CLOCKS_S]
        return known[::-1]

    champion = a_champion(HOUR * 20)
    assert races.against(champion) == expected(champion, 40)
    read: list[object] = []
    call, together = Store._call, Store._together
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_call", lambda self, *words: (read.append(words), call(self, *words))[1])
        patched.setattr(Store, "_together", lambda self, *some: (read.extend(some), together(self, *some))[1])
        assert races.against(champion) == expected(champion, 40)
        assert [words[2] for words in read if words[0] == "XRANGE"] == ["(40-0"], "nothing before"
    folder.record_all(log[40:50])
    races.read_on()
    folder.record_all(log[50:])
    later = a_champion(HOUR * 45)
    assert races.against(later) == expected(later, 60)
    assert races.against(champion) == expected(champion, 60), "a person brings back one that is older"
