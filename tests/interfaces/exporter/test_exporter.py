"""The exporter, scraped as Prometheus does."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from small_league import CONFIG, STATUS, Recorded, fill

from benchmarks import large_store
from league.actors.roster import Roster
from league.errors import LeagueError, StoreError
from league.interfaces.exporter.collector import LeagueCollector
from league.interfaces.exporter.metrics import LABELS, METRICS, TOP, VALUES, Samples
from league.interfaces.exporter.server import serve
from league.ladder.records import Match, Snapshot, Tally
from league.policies.weights import digest
from league.pool.store import Store

Scrape = Callable[[LeagueCollector], dict[str, dict[tuple[str, ...], float]]]


def read(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name and label values; every one must be declared."""
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    declared = {metric.name: metric for metric in METRICS}
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sample.labels[label] for label in declared[sample.name].labels)
            assert len(labels) == len(sample.labels)
            assert family.documentation == declared[sample.name].help
            samples.setdefault(sample.name, {})[labels] = sample.value
    return samples


@pytest.fixture
def scrape() -> Iterator[Scrape]:
    """Serve a collector for the duration of one scrape."""
    collectors = []

    def one(collector: LeagueCollector) -> dict[str, dict[tuple[str, ...], float]]:
        collectors.append(collector)
        server = serve(collector, "127.0.0.1", 0)
        try:
            return read(f"http://127.0.0.1:{server.server_port}/metrics")
        finally:
            server.shutdown()
            server.server_close()

    yield one
    for collector in collectors:
        collector.close()


def test_everything_declared_is_exported(scrape: Scrape, own: Store, folder: Path, recorded: Recorded) -> None:
    samples = scrape(LeagueCollector(str(folder), own.league))
    assert set(samples) == {metric.name for metric in METRICS}
    assert samples["league_store_up"] == {(): 1}
    assert samples["league_phase"] == {("training",): 1}
    assert samples["league_matches_total"] == {(): 10}
    assert samples["league_pool_snapshots"] == {(): 3}
    assert samples["league_info"] == {(own.league, "tic_tac_toe", version("selfplay-league")): 1}
    assert samples["league_undecided"] == {(): 0}
    assert samples["league_dropped_games_total"] == {("training",): 2, ("gate",): 0, ("rating",): 0}
    assert samples["league_champion_info"] == {("main-0001",): 1}
    assert samples["league_events_total"]["lost",] == 1
    assert samples["league_events_total"]["diverged",] == 0, "an alert needs the zero before the first"
    assert samples["league_actor_restarts_total"]["learner",] == 1
    assert samples["league_actor_restarts_total"]["runner",] == 0
    assert samples["league_nodes"] == {("head",): 1, ("gpu",): 0}
    assert samples["league_policy_elo"]["uniform", "bot"] == 0
    assert samples["league_policy_games"]["main-0002", "snapshot"] == recorded.games("main-0002")
    assert {("main-0001", "perfect"), ("perfect", "uniform")} <= samples["league_payoff_score"].keys(), "bots, too"
    assert samples["league_learner_steps_total"] == {("main",): 3500}
    assert samples["league_learner_steps"] == {("main",): 3000}
    assert samples["league_learner_lag_steps"] == {("main",): 500}
    assert samples["league_learner_iteration_seconds"] == {("main", "sample"): 0.5, ("main", "learn"): 1.5}
    assert samples["league_learner_report_age_seconds"]["main",] > samples["league_heartbeat_age_seconds"][()]
    assert samples["league_matches_wanted"] == {("gate",): 2, ("rating",): 7}
    assert samples["league_match_seconds_total"] == {("gate",): 1.25, ("rating",): 8.5}
    assert samples["league_store_memory_bytes"][()] < samples["league_store_memory_limit_bytes"][()]
    assert samples["league_learner_loss"] == {("main", "policy_loss"): 0.25, ("main", "entropy"): 1.5}


def test_the_league_of_the_benchmarks_exports_everything_too(scrape: Scrape, tmp_path: Path) -> None:
    address = str(tmp_path / "store")
    large_store.build(address, policies=40, matches=200)
    with Store.open(address) as store:
        large_store.record_another(store, [snapshot.name for snapshot in store.snapshots()], 0)
        assert set(scrape(LeagueCollector(address, "league"))) == {metric.name for metric in METRICS}


def test_what_is_kept_between_scrapes_is_what_a_fresh_look_finds(
    scrape: Scrape, own: Store, folder: Path, recorded: Recorded
) -> None:
    kept = LeagueCollector(str(folder), own.league)
    scrape(kept)
    weights = b"new"
    newcomer = Snapshot(
        name="rival-0000", digest=digest(weights), learner="rival", steps=1, created_s=1.0, bytes=len(weights)
    )
    own.add_snapshot(newcomer, weights)
    own.add_event("lost", "another one", 1.0)
    for name, other in [("main-0000", "rival-0000"), ("rival-0000", "uniform"), ("main-0001", "rival-0000")]:
        results = {"01": Tally(30, 2, 1), "10": Tally(30, 0, 3)}
        own.record(Match(match_id=name + other, row=name, column=other, results=results, played_s=1.0))
    own.rollback("anna", 500.0)
    timed = re.compile(r"league_(store_seconds|store_memory_bytes|store_disk_free_bytes|scrape_seconds|.*_age_seconds)")
    after, fresh = (
        {name: samples for name, samples in scrape(collector).items() if not timed.fullmatch(name)}
        for collector in (kept, LeagueCollector(str(folder), own.league))
    )
    assert after == fresh
    assert after["league_role_games_total"]["rival", "main"] == 132
    assert after["league_role_score"]["rival", "main"] == (2 * (1 + 3) + 2) / 132
    assert after["league_role_score"]["rival", "bot"] == (30 + 30 + 1) / 66
    assert after["league_payoff_score"]["main-0001", "rival-0000"] == 61 / 66
    assert after["league_promotions_total"]["rollback",] == 1
    assert after["league_events_total"]["lost",] == 2
    assert after["league_matches_total"] == {(): len(recorded.matches) + 3}


def test_rock_paper_scissors_among_the_strongest(scrape: Scrape, own: Store, folder: Path) -> None:
    first, second, third = (snapshot.name for snapshot in own.snapshots())
    before = scrape(LeagueCollector(str(folder), own.league))
    for row, column in [(first, second), (second, third), (third, first)]:
        results = {"01": Tally(900, 0, 100), "10": Tally(900, 0, 100)}
        own.record(Match(match_id=row, row=row, column=column, results=results, played_s=1.0))
    after = scrape(LeagueCollector(str(folder), own.league))
    assert (before["league_cycles"], after["league_cycles"]) == ({(): 0}, {(): 1})
    assert after["league_cyclic_share"] == {(): 1}
    assert after["league_champion_exploiter_score"][()] == pytest.approx(0.9, abs=0.01)
    assert after["league_champion_nash_weight"][()] == pytest.approx(1 / 3, abs=0.02)


def test_counters_of_the_coordinator_outlive_it(scrape: Scrape, own: Store, folder: Path) -> None:
    """A new one begins with the totals that the last one left; those of an older league begin with nothing."""
    roster = Roster(own)
    roster.totals["restarts"]["learner"] += 1
    own.set_status({**STATUS, "totals": {what: dict(numbers) for what, numbers in roster.totals.items()}})
    samples = scrape(LeagueCollector(str(folder), own.league))
    assert samples["league_actor_restarts_total"]["learner",] == 2
    assert samples["league_learner_steps_total"] == {("main",): 3500}
    own.set_status({key: value for key, value in STATUS.items() if key not in ("totals", "arena", "nodes")})
    assert scrape(LeagueCollector(str(folder), own.league))["league_actor_restarts_total"]["learner",] == 0


def test_a_league_that_is_set_up_anew_is_read_anew(scrape: Scrape, own: Store, folder: Path) -> None:
    collector = LeagueCollector(str(folder), own.league)
    scrape(collector)
    for key in own._call("KEYS", own._keys.meta.removesuffix("meta").replace("{", "[{]") + "*"):
        own._call("DEL", key)
    assert "league_pool_snapshots" not in scrape(collector)
    own.create(CONFIG)
    own.record(Match(match_id="1", row="uniform", column="perfect", results={"01": Tally(0, 0, 5)}, played_s=1.0))
    samples = scrape(collector)
    assert samples["league_matches_total"] == {(): 1}
    assert samples["league_pool_snapshots"] == {(): 0}
    assert set(samples["league_policy_elo"]) == {("uniform", "bot"), ("perfect", "bot")}
    assert samples["league_games_total"] == {(): 5}


def test_pruned_weights_take_no_room(scrape: Scrape, own: Store, folder: Path) -> None:
    collector = LeagueCollector(str(folder), own.league)
    before = scrape(collector)
    snapshot = own.snapshots()[2]
    own.prune([snapshot.name], by="anna", now_s=1.0)
    after = scrape(collector)
    assert (before["league_pool_pruned"], after["league_pool_pruned"]) == ({(): 0}, {(): 1})
    assert after["league_pool_bytes"][()] == before["league_pool_bytes"][()] - snapshot.bytes
    assert after["league_pool_snapshots"] == {(): 3}


def test_only_the_strongest_the_champion_and_the_bots_are_named(scrape: Scrape, own: Store, folder: Path) -> None:
    for number in range(TOP + 5):
        weights = f"{number}".encode()
        snapshot = Snapshot(
            name=f"crowd-{number}", digest=digest(weights), learner="x", steps=1, created_s=1.0, bytes=len(weights)
        )
        own.add_snapshot(snapshot, weights)
        results = {"01": Tally(40, 0, 0)}
        own.record(Match(match_id=f"m{number}", row=snapshot.name, column="perfect", results=results, played_s=1.0))
    named = set(scrape(LeagueCollector(str(folder), own.league))["league_policy_elo"])
    assert len(named) == TOP + 3
    assert {("main-0001", "snapshot"), ("uniform", "bot"), ("perfect", "bot")} <= named


def test_a_store_that_comes_later_is_found(
    scrape: Scrape, tmp_path: Path, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    collector = LeagueCollector(str(tmp_path / "later"), "league")
    assert scrape(collector)["league_store_up"] == {(): 0}
    assert scrape(collector)["league_store_up"] == {(): 0}
    assert not list(tmp_path.iterdir())
    with Store.open(str(tmp_path / "later"), "league") as store:
        samples = scrape(collector)
        assert samples["league_store_up"] == {(): 1}
        assert "league_pool_snapshots" not in samples
        fill(store, recorded)
        assert scrape(collector)["league_pool_snapshots"] == {(): 3}
    said = capsys.readouterr().err.splitlines()
    assert [text.partition(":")[0] for text in said] == ["league", "league"]
    assert said[-1] == "league: the store answers again"


def test_a_server_that_goes_and_comes_back(
    scrape: Scrape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.view.attachment.TIMEOUT_S", 0.1)
    with Store.open(str(tmp_path), "league") as store:
        store.create(CONFIG)
        collector = LeagueCollector(f"unix://{tmp_path}/server.sock", "league")
        assert scrape(collector)["league_matches_total"] == {(): 0}
    while (tmp_path / "server.sock").exists() and answers(tmp_path / "server.sock"):
        pass  # The server ends with its last client.
    assert scrape(collector)["league_store_up"] == {(): 0}
    with Store.open(str(tmp_path), "league"):
        assert scrape(collector)["league_matches_total"] == {(): 0}
    assert len(capsys.readouterr().err.splitlines()) == 2


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


def test_the_disk_of_a_folder_is_told_while_its_server_cannot_run(scrape: Scrape, tmp_path: Path) -> None:
    """As on a full disk."""
    folder = tmp_path / "store"
    with Store.open(str(folder)) as store:
        store.create(CONFIG)
    collector = LeagueCollector(str(folder), "league")
    assert scrape(collector)["league_store_up"] == {(): 1}
    collector.close()
    while answers(folder / "server.sock"):
        pass
    aof = next((folder / "appendonlydir").glob("*.incr.aof"))
    aof.write_bytes(aof.read_bytes() + b"*3\r\nnonsense")
    for file in (folder / "appendonlydir").glob("*.manifest"):
        file.write_text("nonsense")
    samples = scrape(collector)
    assert samples.keys() == {f"league_store_{what}" for what in ("up", "disk_free_bytes", "disk_bytes")} | {
        "league_scrape_seconds"
    }
    assert samples["league_store_up"] == {(): 0}
    assert 0 < samples["league_store_disk_free_bytes"][()] < samples["league_store_disk_bytes"][()]


def test_the_disk_of_a_server_is_not_ours_to_tell(scrape: Scrape, tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.create(CONFIG)
        samples = scrape(LeagueCollector(f"unix://{tmp_path}/server.sock", "league"))
        assert samples["league_store_up"] == {(): 1}
        assert not [name for name in samples if "disk" in name]
        assert samples["league_store_written"] == {("append",): 1, ("rewrite",): 1, ("dump",): 1}


def test_nothing_undeclared_can_be_exported() -> None:
    samples = Samples()
    with pytest.raises(KeyError):
        samples.add("league_secret", 1)
    with pytest.raises(ValueError, match="labels"):
        samples.add("league_policy_elo", 1, "main-0001")
    with pytest.raises(ValueError, match=r"league_phase can have the phase starting, .*, not 'asleep'"):
        samples.add("league_phase", 1, "asleep")
    assert VALUES.keys() <= LABELS.keys()
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {label for metric in METRICS for label in metric.labels} == LABELS.keys()
    for metric in METRICS:
        assert re.fullmatch(r"league_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_a_malformed_address_is_refused_at_once() -> None:
    with pytest.raises(StoreError):
        LeagueCollector("http://nowhere", "league")
    with pytest.raises(StoreError):
        LeagueCollector("runs", "bad name")


def test_a_port_that_is_taken(folder: Path, filled: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LeagueError, match=f"port {port} on .* is taken"):
            serve(LeagueCollector(str(folder), filled), "127.0.0.1", port)
    with pytest.raises(LeagueError, match=r"cannot listen on 192\.0\.2\.1"):
        serve(LeagueCollector(str(folder), filled), "192.0.2.1", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_cleanly_when_told_to(folder: Path, filled: str, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "league", "exporter", "--store", str(folder), "--league", filled, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert read(url)["league_store_up"] == {(): 1}
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "half a head"])
def test_300_half_open_requests_keep_prometheus_not_away(sent: bytes, folder: Path, filled: str) -> None:
    """From a process that may have no more than 256 files open."""
    command = [sys.executable, "-m", "league", "exporter", "--store", str(folder), "--league", filled, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
    ) as process, contextlib.ExitStack() as closing:  # fmt: skip
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        place = urllib.parse.urlsplit(url)
        assert read(url)["league_store_up"] == {(): 1}
        for _ in range(300):
            one = closing.enter_context(socket.create_connection((place.hostname or "", place.port or 0), timeout=20))
            one.sendall(sent)
        started = time.monotonic()
        assert read(url)["league_store_up"] == {(): 1}
        assert time.monotonic() - started < 20
        process.terminate()
        assert process.communicate(timeout=20)[1] == ""


def test_who_sends_nothing_is_hung_up_on(folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.interfaces.exporter.server._Handler.timeout", 0.2)
    server = serve(LeagueCollector(str(folder), filled), "127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as silent:
        assert silent.recv(100) == b""
    server.shutdown()
    server.server_close()
