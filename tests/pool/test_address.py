"""Where a store is, shown without its password."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import ConnectionPool

from league.errors import StoreError
from league.interfaces.cli import run
from league.pool.address import Address, is_embedded, redacted


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("runs/demo", "runs/demo"),
        ("redis://host:6390/2", "redis://host:6390/2"),
        ("redis://:secret@host", "redis://host"),
        ("rediss://me:s%40cret@host:6390/0?ssl_ca_certs=/etc/ca.pem", "rediss://host:6390/0?ssl_ca_certs=/etc/ca.pem"),
        ("redis://host?password=secret&username=me&db=1", "redis://host?db=1"),
        ("rediss://host?ssl_password=secret&db=1", "rediss://host?db=1"),
        ("unix://me:secret@/run/redis.sock?db=3", "unix:///run/redis.sock?db=3"),
        ("redis://me:s3cret@[::1]:6390", "redis://[::1]:6390"),
        ("redis://host?pasword=secret&db=1", "redis://host?db=1"),
        ("redis://me:se@cret@[::1]:6390", "redis://…"),
        ("redis://host#secret", "redis://…"),
        ("redis://[secret", "redis://…"),
        ("se://cret@host", "…://…"),
    ],
)
def test_shown_without_credentials(address, shown):
    assert redacted(address) == shown
    assert is_embedded(address) == ("://" not in address)


def test_a_folder():
    parsed = Address.parse("~/league")
    assert str(parsed.folder).endswith("/league")
    assert "~" not in str(parsed.folder)


def test_credentials_come_from_the_environment_only_if_the_url_has_none():
    environment = {"LEAGUE_REDIS_USERNAME": "env-user", "LEAGUE_REDIS_PASSWORD": "env-secret"}
    for url, username, password in (
        ("redis://host", "env-user", "env-secret"),
        ("redis://me@host", None, "env-secret"),
        ("redis://me:secret@host", None, None),
        ("redis://host?username=me&password=secret", None, None),
    ):
        parsed = Address.parse(url, environment)
        assert (parsed.username, parsed.password) == (username, password)
        assert "secret" not in str(parsed)
        assert "secret" not in repr(parsed)


NEARLY = [
    "",
    " ",
    "http://host",
    "valkey://me:secret@host",
    "redis://",
    "redis:///0",
    "redis://host:port",
    "redis://me:secret@host:port",
    "redis://me:secret@host:0",
    "redis://me:secret@host:65536",
    "redis://me:secret@host:6379:6380",
    "redis://me:secret@host/zero",
    "redis://me:secret@host/0/1",
    "redis://me:secret@host,other:6379/0",
    "redis://me:secret",
    "redis://:se/cret@host",
    "redis://:12/cret@127.0.0.1:6399/0",
    "redis://:123#cret@127.0.0.1:6399/0",
    "redis://:12?cret@127.0.0.1:6399/0",
    "redis://me:12?cret=x@127.0.0.1:6399/0",
    "redis://:p@ss/w#cret@127.0.0.1:6399/0",
    "redis://me:se@cret@host",
    "redis://secretuser:12/cret@127.0.0.1:6399",
    "redis://me:secret@host?password",
    "redis://[secret",
    "redis://me:se cret@host",
    "redis://me:secret@host/0\n",
    " redis://me:secret@host",
    '"redis://me:secret@host"',
    "se://cret@host",
    "unix://run/redis.sock",
    "unix://me:secret@run/redis.sock",
    "unix://:se/cret@/run/redis.sock",
    "redis:/me:secret@host",
    "redis:me:secret@host",
    "redis:host",
    "redis//me:secret@host",
    "redis//host/0",
    "Redis;//secret@host",
    "//me:secret@host/0",
    "me:secret@host:6379/0",
    "secret@host",
    "host:6379",
    "host:6379/0",
    "unix:/run/redis.sock",
    "file:/runs/demo",
    "runs/demo ",
    "runs/demo\n",
    "redis://me:secret@host:\uff16\uff13",
    f"redis://me:secret@host:{'9' * 5000}",
    "redis://me:secret@hóst",
    "redis://me:secret@.:6379",
    "redis://me:secret@host..example",
    f"redis://me:secret@{'a' * 64}.example",
    "redis://[secret]:6379",
    "redis://me:secret@[::g]",
    "redis://me:secret@[127.0.0.1]",
    "redis://me:secret@::1:6379",
    "redis://me:secret@host/123456",
    "redis%3A%2F%2Fme%3Asecret%40host",
    "redis%3A//me:secret@host",
    "$LEAGUE_STORE",
    "${STORE}/secret",
    "127.0.0.1",
    "127.0.0.1/0",
    "localhost",
    "~nobody-of-that-name/runs",
]


@pytest.mark.parametrize("address", NEARLY)
def test_what_is_nearly_an_address_is_refused_in_one_line_without_a_part_of_the_password(
    address, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as caught:
        Address.parse(address)
    said = str(caught.value)
    assert "\n" not in said
    assert "write " in said or "give " in said
    assert run(["train", f"--store={address}"]) == 2
    printed = capsys.readouterr()
    for text in (said, redacted(address), printed.out, printed.err):
        assert not any(part in text for part in ("cret", ":12", "p@ss", ":123"))
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "nothing was made"


@pytest.mark.parametrize(
    "folder", ["runs/a:b", "./redis:", "./me@home/x", "/data/a@b:1", "~/a:b", "runs//demo", "redis"]
)
def test_a_folder_of_any_name_can_be_named(folder):
    assert Address.parse(folder).folder is not None
    assert redacted(folder) == folder


@pytest.mark.parametrize(
    "query",
    [
        "db=secret",
        "db=-1",
        "db=99999999999999999999",
        "db=0&db=1",
        "db=",
        "socket_timeout=nan",
        "socket_timeout=inf",
        "socket_timeout=-1",
        "socket_timeout=0",
        "socket_connect_timeout=secret",
        "health_check_interval=-1",
        "client_name=a%20secret",
        "decode_responses=yes",
        "encoding_errors=secret",
        "port=1",
        "host=secret",
        "path=/secret",
        "protocol=3",
        "retry=secret",
        "credential_provider=secret",
        "max_connections=1",
        "password=secret&password=other",
        "password=",
        "pasword=secret",
        "=secret",
        "ssl_ca_certs=/etc/ca.pem",
    ],
)
def test_options_that_may_not_be_are_refused_at_once_in_one_line_without_their_values(query, capsys):
    for scheme in ("redis://host", "unix:///run/redis.sock"):
        assert run(["leaderboard", f"--store={scheme}?{query}"]) == 2
        said = capsys.readouterr().err
        assert "option" in said
        assert "secret" not in said
        assert said.count("\n") == 1


def test_a_file_that_an_option_names_is_looked_for_before_the_server(capsys):
    assert run(["status", "--store=rediss://host?ssl_ca_certs=/nowhere/ca.pem"]) == 2
    assert "the file that ssl_ca_certs names is not on this machine" in capsys.readouterr().err


@given(st.text("aZ9/?#@:%&=[].- \n\\", max_size=12), st.sampled_from(["me", ""]))
def test_a_password_as_it_comes_is_taken_whole_or_refused(password, user):
    """Nothing that it holds is read as another part of the URL, shown or used as a server."""
    url = f"redis://{user}:{password}@db.example:6379/0"
    if redacted(url) == "redis://…":
        with pytest.raises(StoreError, match=r"^--store redis://…: must be a folder or a redis://"):
            Address.parse(url, {})
        return
    parsed = Address.parse(url, {})
    assert str(parsed) == redacted(url) == "redis://db.example:6379/0"
    options = ConnectionPool.from_url(url).connection_kwargs
    assert parsed.host == options["host"] == "db.example"
    assert (options["port"], options["db"], options.get("password", "")) == (6379, 0, unquote(password))
