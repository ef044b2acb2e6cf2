"""The Redis of the manifests, run for real: its configuration, its users, and what they may do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import redis
from small_league import Recorded, fill

from league.errors import StoreError, StorePermissionError
from league.interfaces.exporter.collector import LeagueCollector
from league.interfaces.k8s.manifests import load
from league.pool.store import Store

PASSWORD = "of-this-test"
READER_PASSWORD = "of-this-test-too"


@pytest.fixture(scope="module", params=["league-redis", "gcs-redis"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The StatefulSet's init container and server, with only the folders and the port moved; its name and port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    objects = {(one["kind"], one["metadata"]["name"]): one for one in load("local")}
    files = objects["ConfigMap", "redis-config"]["data"]
    pod = objects["StatefulSet", request.param]["spec"]["template"]["spec"]
    variables = {one["name"]: one.get("value") for one in pod["initContainers"][0]["env"]}
    secret = {"REDIS_USERNAME": "league", "REDIS_PASSWORD": PASSWORD, "READER_PASSWORD": READER_PASSWORD}
    variables |= {name: secret[name] for name, value in variables.items() if value is None}
    (folder / "acl.sh").write_text(files["acl.sh"], encoding="utf-8")
    environment = {**os.environ, **variables}
    subprocess.run(["sh", str(folder / "acl.sh"), str(folder / "users.acl")], env=environment, check=True)
    assert "of-this-test" not in (folder / "users.acl").read_text(encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = files["redis.conf"].replace("/run/redis", str(folder)).replace("dir /data", f"dir {folder}")
    (folder / "redis.conf").write_text(text.replace("port 6380", f"port {port}\nbind 127.0.0.1"), encoding="utf-8")
    process = subprocess.Popen([program, str(folder / "redis.conf")], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield request.param, port
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            client(port).ping()
            return
        except redis.exceptions.ConnectionError:
            continue
    raise AssertionError("the server did not come")


def client(port: int, username: str = "league", password: str = PASSWORD) -> redis.Redis:
    return redis.Redis(port=port, username=username, password=password, protocol=2)


def test_the_league_lives_in_its_store_and_sees_nothing_wrong(
    server: tuple[str, int], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, port = server
    if name != "league-redis":
        pytest.skip("Ray's")
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
    with Store.open(f"redis://127.0.0.1:{port}/0", "league") as store:
        fill(store, recorded)
        assert store.server_warnings() == []
        assert store.match_count() == len(recorded.matches)
        follow = store.watch_champion()
        assert next(follow).policy == "main-0001"
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "another")
    with pytest.raises(StorePermissionError):
        Store.open(f"redis://127.0.0.1:{port}/0", "league")
    monkeypatch.delenv("LEAGUE_REDIS_PASSWORD")
    with pytest.raises(StoreError):
        Store.open(f"redis://127.0.0.1:{port}/0", "league")


def test_exporter_and_champion_read_and_can_write_nothing(
    server: tuple[str, int], recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, port = server
    if name != "league-redis":
        with pytest.raises(redis.exceptions.AuthenticationError):
            client(port, "reader", READER_PASSWORD).ping()
        return
    url = f"redis://127.0.0.1:{port}/0"
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
    with Store.open(url, "read") as store:
        fill(store, recorded)
    reader = client(port, "reader", READER_PASSWORD)
    key = next(reader.scan_iter("league:{read}:*"))
    for command in ("SET league:x 1", f"DEL {key.decode()}", "PUBLISH league:x 1", "FLUSHALL", "ACL LIST"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.execute_command(*command.split())
    with reader.pubsub() as subscription:
        subscription.subscribe("league:x")
        assert subscription.get_message(timeout=10)["type"] == "subscribe"
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "reader")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", READER_PASSWORD)
    collector = LeagueCollector(url, "read", say=pytest.fail)
    found = {sample.name for metric in collector.collect() for sample in metric.samples}
    assert "league_store_memory_bytes" in found
    assert "league_policy_elo" in found
    collector.close()
    heard: list[Exception | None] = []
    with Store.open(url, "read", create=False) as store:
        promotion = next(store.watch_champion(heard=heard.append))
        assert len(store.weights(promotion.digest)) > 0
    assert not [one for one in heard if one is not None]


@pytest.mark.parametrize("command", ["FLUSHALL", "CONFIG GET dir", "KEYS *", "SHUTDOWN", "ACL LIST", "CLIENT LIST"])
def test_nothing_dangerous_is_allowed(server: tuple[str, int], command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client(server[1]).execute_command(*command.split())


def test_strangers_may_do_nothing(server: tuple[str, int]) -> None:
    name, port = server
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=port, protocol=2).ping()
    if name == "league-redis":
        with pytest.raises(redis.exceptions.NoPermissionError):
            client(port).get("another:key")


def test_the_servers_forget_nothing() -> None:
    files = next(one for one in load("gpu") if one["metadata"]["name"] == "redis-config")["data"]
    settings = dict(line.split(maxsplit=1) for line in files["redis.conf"].splitlines() if line[:1] not in ("#", ""))
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["port"] == "6380"
