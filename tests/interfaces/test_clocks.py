"""Whether a league runs, and how old what it holds is: by the store's clock, whatever those of its machines say."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_server import serving
from small_league import STATUS, Command, Recorded

from league.interfaces.cli import watch
from league.interfaces.exporter.collector import LeagueCollector
from league.matches.contest import force
from league.pool.clock import Clock
from league.pool.embedded import socket_path
from league.pool.store import Store
from league.signals import Interruption
from league.status import STALE_S, Status
from league.view.attachment import Attachment

REPORTS = ("report", "checkpoint")
SKEWS = [-3600, -30, -11, 11, 30, 3600]
Skewed = Callable[[float], AbstractContextManager[None]]


@pytest.fixture
def skewed(monkeypatch: pytest.MonkeyPatch) -> Skewed:
    """This machine's clock, so many seconds ahead of the server's, in a block."""
    right = time.time

    @contextmanager
    def ahead(seconds: float) -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: right() + seconds)
            yield

    return ahead


class _Once(Interruption):
    """Somebody wants to leave after the first look."""

    def wait(self, timeout_s: float | None = None) -> bool:
        self.set()
        return True


def phases(own: Store, folder: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What everybody who looks says that the league does."""
    found = {"status": command("status", "--json", at=own).json["phase"]}
    attachment = Attachment(str(folder), own.league, events=1)
    watch._print_lines(attachment, 1.0, _Once())
    found["watch --json"] = json.loads(capsys.readouterr().out)["phase"]
    watch._show(attachment, None, _Once())
    found["watch"] = "not running" if " not running " in capsys.readouterr().out else "training"
    attachment.close()
    found["exporter"] = next(sample.labels["phase"] for sample in scraped(own, folder) if sample.name == "league_phase")
    with serving(str(folder), own.league) as url:
        found["page"] = "not running" if "not running" in page_of(url) else "training"
    return found


def page_of(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def scraped(own: Store, folder: Path) -> list[Any]:
    collector = LeagueCollector(str(folder), own.league)
    samples = [sample for family in collector.collect() for sample in family.samples]
    collector.close()
    return samples


def said_by_another(own: Store, folder: Path) -> None:
    """A coordinator says that it trains, and that a learner has just reported, over a connection of its own."""
    with Store.open(str(folder), own.league) as store:
        now_s = store.now_s()
        learner = {**STATUS["learners"]["main"], "reported_s": now_s, "saved_s": now_s}
        store.set_status({**STATUS, "started_s": now_s, "learners": {"main": learner}})


@pytest.mark.parametrize("ahead_s", SKEWS)
@pytest.mark.parametrize("whose", ["writer", "reader"])
def test_a_league_that_runs_is_seen_to_run(
    whose: str, ahead_s: float, own: Store, folder: Path, league: Command, skewed: Skewed,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with skewed(ahead_s if whose == "writer" else 0):
        said_by_another(own, folder)
    with skewed(ahead_s if whose == "reader" else 0):
        assert set(phases(own, folder, league, capsys).values()) == {"training"}
        ages = {sample.name: sample.value for sample in scraped(own, folder) if sample.name.endswith("age_seconds")}
    for name in ("league_heartbeat_age_seconds", *(f"league_learner_{what}_age_seconds" for what in REPORTS)):
        assert 0 <= ages[name] < STALE_S, name


@pytest.mark.parametrize("ahead_s", SKEWS)
@pytest.mark.parametrize("whose", ["writer", "reader"])
def test_one_that_died_is_not_hidden(
    whose: str, ahead_s: float, own: Store, folder: Path, league: Command, skewed: Skewed,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with skewed(ahead_s if whose == "writer" else 0):
        said_by_another(own, folder)
    monkeypatch.setattr("league.status.STALE_S", 0.2)
    deadline = time.monotonic() + 5
    while own.now_s() - (own.status() or {})["heartbeat_s"] < 0.3 and time.monotonic() < deadline:
        pass
    with skewed(ahead_s if whose == "reader" else 0):
        assert set(phases(own, folder, league, capsys).values()) == {"not running"}


@pytest.mark.parametrize("ahead_s", SKEWS)
def test_what_people_do_is_dated_by_the_store(ahead_s: float, own: Store, folder: Path, skewed: Skewed) -> None:
    before_s = own.now_s()
    with skewed(ahead_s), Store.open(str(folder), own.league) as store:
        force(store, store.require_config(), "main-0002", by="anna", reason=None)
    champion = own.champion()
    assert champion is not None
    assert before_s <= champion.promoted_s <= own.now_s()
    ages = {sample.name: sample.value for sample in scraped(own, folder)}
    assert ages["league_champion_age_seconds"] < 60


@pytest.mark.parametrize("ahead_s", SKEWS)
def test_what_a_repair_removes_is_dated_by_the_store(
    ahead_s: float, own: Store, folder: Path, recorded: Recorded, league: Command, skewed: Skewed
) -> None:
    digest = recorded.snapshots[2][0].digest
    own._call("SET", own._keys.weights(digest), b"damaged")
    before_s = own.now_s()
    with skewed(ahead_s):
        assert league("repair", "--store", f"unix://{socket_path(folder.resolve())}", at=own).code == 0
    assert before_s <= own.pruned()[digest].pruned_s <= own.now_s()


def test_a_heartbeat_of_the_future_hides_nobody_who_died() -> None:
    """The store's clock was set back, as after a failover; whoever lives says something at once."""
    said = Status(phase="training", heartbeat_s=1000.0)
    assert said.phase_at(1000.0 - STALE_S) == "training"
    assert said.phase_at(999.0 - STALE_S) == "not running"
    assert said.age_s(900.0) == 0


def test_the_server_is_asked_for_the_time_once_a_look(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is read anyhow: no round trip of its own."""
    alone: list[tuple[Any, ...]] = []
    call = own._call
    monkeypatch.setattr(own, "_call", lambda *command: (alone.append(command), call(*command))[1])
    own.news(snapshots=0, promotions=0, match=0)
    own.status()
    own.set_status(STATUS)
    own.now_s()
    assert ("TIME",) not in alone


def test_a_clock_counts_on_from_what_the_server_said() -> None:
    clock = Clock()
    assert clock.now_s() is None
    assert clock.set((100, 250_000)) == 100.25
    found = clock.now_s()
    assert found is not None
    assert 100.25 <= found < 101
