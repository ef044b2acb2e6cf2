"""The Redis of the manifests, run for real: its configuration, its users, and what they may do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from api_server import Object
from small_league import Recorded, fill

from league.errors import StoreError, StorePermissionError
from league.interfaces.cli.app import run
from league.interfaces.exporter.collector import LeagueCollector
from league.interfaces.k8s.manifests import load
from league.pool.store import Store

PASSWORD = "of-this-test-redis"
READER_PASSWORD = "of-this-test-reader"
BACKUP_PASSWORD = "of-this-test-backup"


USERS = ("REDIS", "READER", "BACKUP")


@contextmanager
def running(name: str, folder: Path, *, certificates: Path | None = None) -> Iterator[int]:
    """The init container and the server of a StatefulSet, with only the folders and the port moved; its port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    objects = {(one["kind"], one["metadata"]["name"]): one for one in load("local")}
    files = objects["ConfigMap", "redis-config"]["data"]
    pod = objects["StatefulSet", name]["spec"]["template"]["spec"]
    variables = {one["name"]: one.get("value") for one in pod["initContainers"][0]["env"]}
    secret = {"REDIS_USERNAME": "league", **{f"{user}_PASSWORD": password(user.lower()) for user in USERS}}
    variables |= {name: secret[name] for name, value in variables.items() if value is None}
    (folder / "prepare.sh").write_text(files["prepare.sh"], encoding="utf-8")
    line = ["sh", str(folder / "prepare.sh"), str(folder), str(certificates or folder / "none")]
    subprocess.run(line, env={**os.environ, **variables}, check=True)
    assert "of-this-test" not in (folder / "users.acl").read_text(encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for file in ("listen.conf", "cli"):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace("6380", str(port)), encoding="utf-8")
    text = files["redis.conf"].replace("/run/redis", str(folder)).replace("dir /data", f"dir {folder}\nbind 127.0.0.1")
    (folder / "redis.conf").write_text(text, encoding="utf-8")
    process = subprocess.Popen([program, str(folder / "redis.conf")], stdout=subprocess.DEVNULL)
    try:
        wait_for(pod["containers"][0], folder)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def password(user: str) -> str:
    return f"of-this-test-{user}"


def wait_for(container: Object, folder: Path) -> None:
    """Until the pod's own probe succeeds."""
    command = [word.replace("/run/redis", str(folder)) for word in container["readinessProbe"]["exec"]["command"]]
    environment = {**os.environ, "REDIS_USERNAME": "league", "REDISCLI_AUTH": PASSWORD}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if subprocess.run(command, env=environment, check=False).returncode == 0:
            return
    raise AssertionError("the server did not come")


@pytest.fixture(scope="module", params=["league-redis", "gcs-redis"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Name and port."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as port:
        yield request.param, port


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
    server: tuple[str, int],
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
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
    collector = LeagueCollector(url, "read")
    found = {sample.name for metric in collector.collect() for sample in metric.samples}
    assert "league_store_memory_bytes" in found
    assert "league_policy_elo" in found
    assert capsys.readouterr().err == ""
    collector.close()
    heard: list[Exception | None] = []
    with Store.open(url, "read", create=False) as store:
        promotion = next(store.watch_champion(heard=heard.append))
        assert len(store.weights(promotion.digest)) > 0
    assert not [one for one in heard if one is not None]


def test_backups_read_everything_and_can_do_nothing_else(
    server: tuple[str, int], recorded: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, port = server
    if name != "league-redis":
        with pytest.raises(redis.exceptions.AuthenticationError):
            client(port, "backup", BACKUP_PASSWORD).ping()
        return
    url = f"redis://127.0.0.1:{port}/0"
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
    with Store.open(url, "kept") as store:
        fill(store, recorded)
    backup = client(port, "backup", BACKUP_PASSWORD)
    keys = list(backup.scan_iter("league:{kept}:*"))
    assert {backup.type(key) for key in keys} == {b"hash", b"list", b"stream", b"string"}
    assert all(backup.dump(key) for key in keys)
    with backup.pipeline() as pipe:
        pipe.watch(keys[0])
        pipe.multi()
        pipe.exists(keys[0]).time()
        assert pipe.execute()[0] == 1
    for command in (
        "SET league:x 1",
        f"DEL {keys[0].decode()}",
        "BGSAVE",
        "SYNC",
        "BGREWRITEAOF",
        "KEYS *",
        "GET other",
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            backup.execute_command(*command.split())
    monkeypatch.setenv("LEAGUE_STORE", url)
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "backup")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", BACKUP_PASSWORD)
    assert run([*nightly(tmp_path), "--league", "kept"]) == 0
    (file,) = tmp_path.iterdir()
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
    assert run(["restore", str(file), "--league", "restored"]) == 0
    with Store.open(url, "restored", create=False) as store:
        assert store.match_count() == len(recorded.matches)


def nightly(folder: Path) -> list[str]:
    """What the CronJob runs, with its folder moved."""
    (cron,) = (one for one in load("local") if one["metadata"]["name"] == "league-backup" and one["kind"] == "CronJob")
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][0] == "league"
    return [word.replace("/backups", str(folder)) for word in container["command"][1:]]


def test_tls_where_there_is_a_certificate(
    tmp_path: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, certificates: Path
) -> None:
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
    with running("league-redis", tmp_path, certificates=certificates) as port:
        url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates / 'ca.crt'}"
        with Store.open(url, "league") as store:
            fill(store, recorded)
            assert store.match_count() == len(recorded.matches)
        with pytest.raises(redis.exceptions.ConnectionError):
            client(port).ping()
        with pytest.raises(StoreError, match=r"certificate|rediss"):
            Store.open(f"rediss://localhost:{port}/0", "league", timeout_s=0.2)


def test_ray_speaks_tls_with_what_the_component_gives_it(tmp_path: Path, certificates: Path) -> None:
    """As KubeRay's job does that cleans up after a RayCluster: by Ray's own client of Redis, the head's, too."""
    script = (
        "import os, sys; from ray._private.gcs_utils import cleanup_redis_storage as clean; "
        "sys.exit(not clean(host='localhost', port=int(sys.argv[1]), username='league', use_ssl=True, "
        "password=os.environ['REDIS_PASSWORD'], storage_namespace='here'))"
    )
    environment = {**os.environ, "REDIS_PASSWORD": PASSWORD, "RAY_REDIS_CA_CERT": str(certificates / "ca.crt")}
    with running("gcs-redis", tmp_path, certificates=certificates) as port:
        line = [sys.executable, "-c", script, str(port)]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder as cert-manager's Secret is mounted."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path / "certificates"
    folder.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run([*make, *files], check=True, capture_output=True)
    shutil.copy(folder / "tls.crt", folder / "ca.crt")
    return folder


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
