"""The page of leagues side by side."""

from __future__ import annotations

import dataclasses
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from page_server import serving
from small_league import CONFIG, Command, Recorded

from league.api.comparison import Point, Side
from league.interfaces.web import comparing
from league.interfaces.web.comparing import elo_curves
from league.ladder.records import Promotion
from league.pool.store import Store


def text(url: str) -> str:
    return urllib.request.urlopen(url, timeout=30).read().decode()


def until(url: str, done: Callable[[str], bool]) -> str:
    """The page as soon as it says so."""
    deadline = time.monotonic() + 120
    while not done(found := text(url)):
        assert "a bug" not in found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_curves_and_champions_of_two_leagues(
    folder: Path, filled: str, own: Store, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "READ_EVERY_S", 0.0)
    monkeypatch.setattr(comparing, "PLAY_EVERY_S", 0.0)
    other = f"{folder}#{own.league}"
    with serving(str(folder), filled, beside=[other]) as url:
        assert 'href="/compare"' in text(url)
        found = until(f"{url}/compare", lambda page: "about to meet" not in page and "being played" not in page)
        assert found.count(f'<td>main-0001 <span class="muted">of {other}</span></td>') == 1
        assert "50.0%" in found  # The same champion in both.
        for over in ("steps", "time"):
            assert f'id="{over}-chart-title">Elo over {over}<' in found
        assert f"{other}: 3 snapshots, from main-0000" in found
        newest = recorded.snapshots[-1][0]
        own.promote(Promotion(policy=newest.name, digest=newest.digest, by="test", reason="newest", promoted_s=9.0))
        until(f"{url}/compare", lambda page: f'<td>main-0002 <span class="muted">of {other}</span></td>' in page)


def test_a_page_that_was_given_no_other_league_says_how(folder: Path, filled: str) -> None:
    with serving(str(folder), filled) as url:
        assert 'href="/compare"' not in text(url)
        with pytest.raises(urllib.error.HTTPError) as refused:
            text(f"{url}/compare")
        assert refused.value.code == 404
        assert "league dashboard with --compare STORE" in refused.value.read().decode()


def test_what_cannot_be_compared_is_refused_at_the_start(league: Command, own: Store, folder: Path) -> None:
    with Store.open(str(folder), "of-another-game") as store:
        store.create(dataclasses.replace(CONFIG, game="rock_paper_scissors"))
    for beside, said in (
        ([f"{folder}#of-another-game"], "only leagues of one game can be compared"),
        ([f"{folder}-nothing"], "no league at"),
        ([f"{folder}#{own.league}"], "is named twice"),
        (["a", "b", "c", "d", "e", "f"], "room for 6 leagues"),
    ):
        words = [word for one in beside for word in ("--compare", one)]
        found = league("dashboard", *words, at=own)
        assert (found.code, said in found.err) == (2, True), found.err


def test_curves_are_of_the_learner_that_brought_the_strongest() -> None:
    assert elo_curves([], "steps") is None
    points = [
        Point(
            policy=f"{name}-{number}", learner=name, steps=number * 10**6, seconds=3600.0 * number, elo=elo, interval=9
        )
        for name, elo in (("main", 300.0), ("exploiter", 100.0))
        for number in range(4)
    ]
    chart = elo_curves([Side(name="one", champion=None, curve=tuple(points))], "seconds")
    assert chart is not None
    assert [line.summary.split(",")[0] for line in chart.lines] == ["one: 4 snapshots"]
    assert [tick.label for tick in chart.across] == ["0", "1 h", "2 h", "3 h"]
    over = elo_curves([Side(name="one", champion=None, curve=tuple(points))], "steps")
    assert over is not None
    assert over.across[-1].label == "3 M"
