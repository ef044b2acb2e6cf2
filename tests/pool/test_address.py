"""Where a store is, shown without its password."""

import pytest

from league.errors import StoreError
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
        ("redis://me:se@cret@[::1]:6390", "redis://[::1]:6390"),
        ("redis://host#secret", "redis://host"),
        ("redis://[secret", "redis://…"),
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


@pytest.mark.parametrize(
    "address", ["", " ", "http://host", "redis://me:secret@host:port", "redis://:se/cret@host", "redis://[secret"]
)
def test_what_is_no_address_is_refused_in_one_line_without_the_password(address):
    with pytest.raises(StoreError) as caught:
        Address.parse(address)
    assert "\n" not in str(caught.value)
    assert "cret" not in str(caught.value)
