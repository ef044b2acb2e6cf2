"""What a server may lose or forget, found before a league begins."""

import re
import resource
import subprocess

import pytest
import redis

from league.config import LeagueConfig
from league.errors import EvictingStoreError
from league.interfaces.cli import run
from league.interfaces.exporter.collector import LeagueCollector
from league.pool.store import Store

from .conftest import server_binary

POLICIES = ["allkeys-lru", "volatile-ttl"]


def open_at(port):
    return Store.open(f"redis://127.0.0.1:{port}")


def test_a_server_that_keeps_everything(serve):
    port, _, _ = serve("--appendonly", "yes")
    with open_at(port) as store:
        assert store.server_warnings() == []
        store.refuse_eviction()


@pytest.mark.parametrize("policy", POLICIES)
def test_one_that_evicts_is_refused_and_says_how_to_mend_it(serve, policy, tmp_path, capsys):
    port, client, _ = serve("--appendonly", "yes", "--maxmemory-policy", policy)
    with open_at(port) as store:
        with pytest.raises(EvictingStoreError, match=f"maxmemory-policy {policy} and would delete"):
            store.refuse_eviction()
        (warning,) = store.server_warnings()
        assert "CONFIG SET maxmemory-policy noeviction" in warning
        backup, folder = str(tmp_path / "league.tar"), str(tmp_path / "other")
        with Store.open(folder) as other:
            other.create(LeagueConfig())
        assert run(["backup", backup, "--store", folder]) == 0
        for words in (["train", "--game", "tic_tac_toe"], ["restore", backup]):
            capsys.readouterr()
            assert run([*words, "--store", f"redis://127.0.0.1:{port}"]) == 2
            said = capsys.readouterr().err
            assert re.fullmatch(rf"league: redis://.* has maxmemory-policy {policy} .*noeviction\n", said), said
            assert client.keys() == [], "nothing was begun"

        store.create(LeagueConfig())
        assert run(["status", "--store", f"redis://127.0.0.1:{port}"]) == 0
        assert "maxmemory-policy noeviction" in capsys.readouterr().out
        client.config_set("maxmemory-policy", "noeviction")
        store.refuse_eviction()


def test_one_without_append_only_file_and_what_would_be_lost(serve, a_match):
    port, client, _ = serve()
    with open_at(port) as store:
        (warning,) = store.server_warnings()
        assert "neither append-only file nor dumps: all snapshots, matches, ratings and checkpoints die" in warning
        client.config_set("save", "3600 1")
        store.create(LeagueConfig())
        client.save()
        for number in range(3):
            store.record(a_match(f"m{number}"))
        (warning,) = store.server_warnings()
        assert re.search(r"since its last dump \(2\d{3}-.*, [1-9]\d* changes ago\) die with it", warning), warning
        client.config_set("appendonly", "yes")
        assert store.server_warnings() == []


def test_one_that_is_nearly_full(serve):
    port, client, _ = serve("--appendonly", "yes")
    with open_at(port) as store:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 1.02))
        (warning,) = store.server_warnings()
        assert re.search(r"uses (9\d|1\d\d)% of its maxmemory", warning), warning


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["+@all", "-@dangerous"], ["lets this user not read its settings (command INFO, ACL rule +info)"]),
        (["+@all", "-@dangerous", "+info"], ["maxmemory-policy allkeys-lru", "no append-only file"]),
    ],
)
def test_a_user_with_few_rights_is_told_what_could_not_be_checked(serve, rules, said, monkeypatch):
    port, _, _ = serve("--requirepass", "s3cret", "--maxmemory-policy", "allkeys-lru", password="s3cret")
    with redis.Redis(port=port, password="s3cret") as client:
        client.execute_command("ACL", "SETUSER", "league", "on", ">l3ague", "~*", "&*", *rules)
    monkeypatch.setenv("LEAGUE_REDIS_USERNAME", "league")
    monkeypatch.setenv("LEAGUE_REDIS_PASSWORD", "l3ague")
    with open_at(port) as store:
        warnings = store.server_warnings()
        if "+info" in rules:
            with pytest.raises(EvictingStoreError):
                store.refuse_eviction()
        else:
            store.refuse_eviction()
    assert [text in warning for text, warning in zip(said, warnings, strict=True)] == [True] * len(said)


@pytest.mark.parametrize("hidden", [["CONFIG"], ["INFO"], ["CONFIG", "INFO"]])
def test_a_managed_server_may_hide_commands(serve, hidden, a_match, capsys):
    port, _, _ = serve("--appendonly", "yes", *(word for name in hidden for word in ("--rename-command", name, "")))
    address = f"redis://127.0.0.1:{port}"
    with open_at(port) as store:
        store.refuse_eviction()
        store.create(LeagueConfig())
        store.record(a_match("m1"))
        assert (store.health() is None) == ("INFO" in hidden)
        warnings = store.server_warnings()
        assert [re.search(r"not read its settings \(command INFO", line) is not None for line in warnings] == (
            [True] if "INFO" in hidden else []
        )
        assert store.verify().problems == ()
    collector = LeagueCollector(address, "league")
    families = {family.name: family for family in collector.collect()}
    collector.close()
    assert families["league_store_up"].samples[0].value == 1
    assert run(["status", "--store", address]) == 0
    assert "unknown command" not in capsys.readouterr().out


def test_one_without_append_only_file_that_also_hides_its_settings(serve):
    port, _, _ = serve("--rename-command", "CONFIG", "")
    with open_at(port) as store:
        (warning,) = store.server_warnings()
    assert "no append-only file" in warning


@pytest.mark.parametrize("command", ["train", "status"])
@pytest.mark.parametrize(("credentials", "secret"), [("", None), (":wr0ng@", "wr0ng"), ("nobody:wr0ng@", "wr0ng")])
def test_a_wrong_or_missing_password_is_one_line(command, credentials, secret, capsys, guarded_port):
    assert run([command, "--store", f"redis://{credentials}127.0.0.1:{guarded_port}"]) == 2
    printed = capsys.readouterr()
    assert re.fullmatch(r"league: redis://127.0.0.1:\d+ refuses us: .*check LEAGUE_REDIS_USERNAME.*\n", printed.err)
    assert secret is None or secret not in printed.out + printed.err


@pytest.fixture(scope="module")
def guarded_port(serve):
    return serve("--requirepass", "s3cret", password="s3cret")[0]


def test_one_whose_disk_is_full_says_that_it_could_not_write(tmp_path, free_port, eventually):
    """No file of it may become larger than 64 KiB, which it meets as it would a full disk."""
    port, binary = free_port(), server_binary()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "", "--appendonly", "yes"]
    # Python ignores SIGXFSZ, and so does its child then.
    server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL, restore_signals=False)
    client = redis.Redis(port=port)
    try:
        with Store.open(f"redis://127.0.0.1:{port}") as store:
            assert store.health().written == {"append": True, "rewrite": True, "dump": True}
            unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (2**16, unlimited[1]))
            client.set("filler", b"x" * 2**17)
            eventually(lambda: store.health().written == {"append": False, "rewrite": True, "dump": True})
            collector = LeagueCollector(f"redis://127.0.0.1:{port}", "league")
            families = {family.name: family for family in collector.collect()}
            assert families["league_store_up"].samples[0].value == 1, "it can be read"
            values = {sample.labels["write"]: sample.value for sample in families["league_store_written"].samples}
            assert values == {"append": 0, "rewrite": 1, "dump": 1}
            collector.close()
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
            eventually(lambda: store.health().written["append"])
    finally:
        client.close()
        server.kill()
        server.wait()
