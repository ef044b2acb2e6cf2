"""The Redis of the manifests, run for real: its configuration, its one user, and what that user may do."""

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
from league.interfaces.k8s.manifests import load
from league.pool.store import Store

PASSWORD = "of-this-test"


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
    rules = next(one["value"] for one in pod["initContainers"][0]["env"] if one["name"] == "REDIS_RULES")
    (folder / "acl.sh").write_text(files["acl.sh"], encoding="utf-8")
    environment = {**os.environ, "REDIS_USERNAME": "league", "REDIS_PASSWORD": PASSWORD, "REDIS_RULES": rules}
    subprocess.run(["sh", str(folder / "acl.sh"), str(folder / "users.acl")], env=environment, check=True)
    assert PASSWORD not in (folder / "users.acl").read_text(encoding="utf-8")
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


def client(port: int) -> redis.Redis:
    return redis.Redis(port=port, username="league", password=PASSWORD, protocol=2)


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
