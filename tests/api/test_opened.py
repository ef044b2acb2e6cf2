"""A small real league, opened from Python."""

from __future__ import annotations

import builtins
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import league
from league.config import LeagueConfig
from league.errors import (
    ConfigError,
    DamagedStoreError,
    GameError,
    LeagueError,
    PolicyError,
    StoreError,
    StoreSchemaError,
    WrongLeagueError,
)
from league.games import game_spec
from league.interfaces.cli import run
from league.ladder.records import Promotion, Snapshot
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool import server, supervisor
from league.pool.lease import Holder
from league.pool.store import Store

EMPTY = np.zeros((3, 3, 2), np.float32)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = str(tmp_path_factory.mktemp("store") / "runs")
    config = LeagueConfig.from_dict({"game": "tic_tac_toe", "network": {"kind": "mlp", "hidden": [16]}})
    with Store.open(folder) as store:
        store.create(config)
        for number in range(2):
            weights = pack(fresh(game_spec("tic_tac_toe"), config.network, seed=number))
            snapshot = Snapshot(
                name=f"main-{number:04d}",
                digest=digest(weights),
                learner="main",
                steps=1000 * number,
                created_s=50.0,
                bytes=len(weights),
            )
            store.add_snapshot(snapshot, weights)
        promotion = Promotion(policy="main-0001", digest=snapshot.digest, by="test", reason="best", promoted_s=100.0)
        store.promote(promotion)
        store.record(Arena(store, config).play("main-0001", "uniform", games=10, seed=1))
        store.record(Arena(store, config).play("main-0001", "main-0000", games=10, seed=2))
        yield folder


@pytest.fixture(scope="module")
def opened(address: str) -> Iterator[league.OpenLeague]:
    with league.open(address) as one:
        yield one


def test_import_is_light(address: str) -> None:
    """Neither torch nor Ray to import, to open and to look; and little time of the processor."""
    script = f"""
import sys, time
began = time.process_time()
import league
took = time.process_time() - began
assert not {{"torch", "ray", "numpy", "redis", "pandas"}} & set(sys.modules), sorted(sys.modules)
with league.open({address!r}) as one:
    assert one.champion().policy == "main-0001"
    assert len(one.standings()) == 3
    assert not {{"torch", "ray", "pandas"}} & set(sys.modules)
print(took)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 0.1


def test_the_package_is_typed() -> None:
    assert (Path(league.__file__).parent / "py.typed").exists()


def test_leaderboard_is_a_frame(opened: league.OpenLeague) -> None:
    frame: Any = opened.leaderboard()
    assert list(frame.columns[:4]) == ["rank", "policy", "kind", "elo"]
    assert frame.loc[frame["champion"], "policy"].tolist() == ["main-0001"]
    assert frame.set_index("policy").loc["main-0001", "steps"] == 1000
    assert frame.set_index("policy")["steps"].isna()["uniform"]
    champion = frame.set_index("policy").loc["main-0001"]
    assert champion[["wins", "draws", "losses"]].sum() == champion["games"] > 0


def test_without_pandas_there_are_mappings(opened: league.OpenLeague, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    rows = opened.leaderboard()
    assert [row["policy"] for row in rows] == [row.policy for row in opened.standings()]


def test_matches_are_the_newest_first(opened: league.OpenLeague) -> None:
    frame: Any = opened.matches()
    assert frame["column"].tolist() == ["main-0000", "uniform"]
    assert len(opened.matches(last=1)) == 1
    assert [match.column for match in opened.log(None)] == ["main-0000", "uniform"]


def test_a_policy_answers_one_position_and_many(opened: league.OpenLeague) -> None:
    policy = opened.policy("champion")
    assert policy.name == "main-0001"
    only = np.eye(9, dtype=bool)[4]
    assert policy.act(EMPTY, only) == 4
    assert policy.act({"observation": EMPTY, "action_mask": only.astype(np.int8)}) == 4
    many = policy.act(np.stack([EMPTY] * 9), np.eye(9))
    assert many.tolist() == list(range(9))
    assert policy.values(np.stack([EMPTY] * 2)).shape == (2,)
    assert policy.values(EMPTY) == pytest.approx(policy.values(EMPTY[None])[0])
    shares = policy.probabilities(EMPTY, [1, 1, 0, 0, 0, 0, 0, 0, 0])
    assert shares.sum() == pytest.approx(1)
    assert shares[2:].max() == 0


def test_draws_can_be_repeated_and_are_draws(opened: league.OpenLeague) -> None:
    policy = opened.policy("main-0000")
    boards = np.stack([EMPTY] * 200)
    first, again = (policy.act(boards, sample=True, seed=3) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert len(set(first.tolist())) > 3
    assert len(set(policy.act(boards).tolist())) == 1


def test_bots_and_searchers_act(opened: league.OpenLeague) -> None:
    threat = np.zeros((3, 3, 2), np.float32)
    threat[0, :2, 0] = threat[1, :2, 1] = 1
    legal = threat.sum(axis=2).flatten() == 0
    assert opened.policy("perfect").act(threat, legal) == 2
    assert opened.policy("champion+search50").act(threat, legal) == 2
    with pytest.raises(PolicyError, match="perfect is a fixed bot"):
        opened.policy("perfect").values(threat)


@pytest.mark.parametrize(
    ("observation", "mask", "said"),
    [
        (np.zeros((6, 7, 2)), None, r"shape \[6, 7, 2\]: tic_tac_toe has \[3, 3, 2\]"),
        (np.zeros((0, 3, 3, 2)), None, "one or more"),
        (np.full((3, 3, 2), np.nan), None, "not finite"),
        ("board", None, "no array of numbers"),
        (EMPTY, np.ones(7), r"action_mask has shape \[7\], not \[9\]"),
        (EMPTY, np.zeros(9), "allows nothing"),
        ({"board": EMPTY}, None, "no 'observation', only board"),
    ],
)
def test_what_is_no_position_is_refused(opened: league.OpenLeague, observation: Any, mask: Any, said: str) -> None:
    with pytest.raises(GameError, match=said):
        opened.policy("champion").act(observation, mask)


def test_a_match_is_played_and_recorded_when_asked(address: str) -> None:
    with league.open(address) as one:
        before = one.store.match_count()
        result = one.match("champion", "uniform", games=10, seed=5)
        assert result.total.games + result.repeated + result.match.dropped == 10
        assert result.score.low <= result.score.value <= result.score.high
        assert one.match("champion", "uniform", games=10, seed=5).total == result.total
        assert one.store.match_count() == before
        with pytest.raises(PolicyError, match="both main-0001"):
            one.match("champion", "main-0001")


def test_the_champion_is_watched(opened: league.OpenLeague) -> None:
    stop = threading.Event()
    seen = []
    for promotion in opened.watch_champion(stop=stop, poll_s=0.1):
        seen.append(promotion.policy)
        stop.set()
    assert seen == ["main-0001"]
    assert [one.policy for one in opened.promotions()] == seen


def test_a_folder_is_a_path_or_its_text(tmp_path: Path) -> None:
    for store in (tmp_path / "none", str(tmp_path / "none")):
        with pytest.raises(WrongLeagueError, match=f"no league at {tmp_path / 'none'}"):
            league.open(store)


def test_a_store_that_is_not_there_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(WrongLeagueError, match="no league at"):
        league.open(str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(WrongLeagueError):
        league.open(address, "another")
    with pytest.raises(StoreError):
        league.open("redis://127.0.0.1:1/0", timeout_s=0.2)
    with pytest.raises(LeagueError):
        league.open("")


@pytest.mark.parametrize(
    ("field", "value", "kind", "said"),
    [
        ("schema", "3", StoreSchemaError, "has schema 3 and this version reads up to 2"),
        ("schema", "\x01", DamagedStoreError, "the schema of league .* cannot be read"),
        ("config", '{"learning": {"momentum": 1}}', ConfigError, "no option 'learning.momentum'"),
        ("config", '{"game"', DamagedStoreError, "the configuration of league .* cannot be read"),
    ],
)
def test_a_league_of_another_version_is_refused_in_one_line(
    field: str, value: str, kind: type[LeagueError], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "runs")
    with Store.open(folder) as store:
        store.create(LeagueConfig(game="tic_tac_toe"))
        store._redis.hset(store._keys.meta, field, value)
        with pytest.raises(kind, match=said) as raised:
            league.open(folder)
        assert "\n" not in str(raised.value)
        assert run(["leaderboard", "--store", folder]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("lock", "said"),
    [("clients.lock", "its server has been ending for"), ("start.lock", "another process has been starting")],
)
def test_a_folder_that_is_locked_is_refused(
    lock: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs"
    (folder / "appendonlydir").mkdir(parents=True)
    monkeypatch.setattr(supervisor, "START_TIMEOUT_S", 0.1)
    held = server.locked(folder / lock, fcntl.LOCK_EX, 0.0)
    assert held is not None
    try:
        with pytest.raises(StoreError, match=said):
            league.open(str(folder))
    finally:
        os.close(held)


def test_a_league_that_trains_is_opened(address: str) -> None:
    with Store.open(address) as training:
        holder = Holder.here()
        training.acquire(holder)
        try:
            with league.open(address) as one:
                assert len(one.standings()) == 3
        finally:
            training.release(holder)
