"""Where a store is: a folder with an embedded server, or the URL of a Redis server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from league.errors import StoreError

SCHEMES = ("redis", "rediss", "unix")


def is_embedded(address: str) -> bool:
    """Whether the address is a folder, that is, anything but a URL."""
    return "://" not in address


def absolute(address: str) -> str:
    """The address as every process of this machine may use it, whichever folder that works in."""
    return os.fspath(Path(address).expanduser().resolve()) if is_embedded(address) and address.strip() else address


def redacted(address: str) -> str:
    """The address as it may be shown: without user name and password."""
    if is_embedded(address):
        return address
    try:
        url = urlsplit(address)
    except ValueError:
        return f"{address.partition('://')[0]}://…"
    # redis-py takes `username`, `password` and `ssl_password`.
    query = [(key, value) for key, value in parse_qsl(url.query) if not key.lower().endswith(("username", "password"))]
    shown = url._replace(netloc=url.netloc.rpartition("@")[2], query=urlencode(query, safe="/:"), fragment="")
    return f"{url.scheme}://{shown.netloc}{shown.path}" + (f"?{shown.query}" if shown.query else "")


@dataclass(frozen=True, repr=False)
class Address:
    """A parsed store address. Its text, `str(address)`, holds no password."""

    shown: str
    folder: Path | None = None
    """Of the embedded server; None for a URL."""
    url: str = ""
    username: str | None = None
    """From the environment; what the URL says comes first."""
    password: str | None = None
    """Password from the environment, as `username`; what the URL says comes first."""

    def __str__(self) -> str:
        return self.shown

    @classmethod
    def parse(cls, address: str, environment: Mapping[str, str] = os.environ) -> Address:
        """Read a folder's path or a `redis://`, `rediss://` or `unix://` URL.

        A URL without password takes `LEAGUE_REDIS_PASSWORD` and, without user name, `LEAGUE_REDIS_USERNAME`. Options
        of redis-py may follow as a query, such as `rediss://host:6380/0?ssl_ca_certs=/etc/ca.pem`.

        Raises:
            StoreError: the address is empty or not such a URL.
        """
        if not address.strip():
            raise StoreError("--store is empty: give a folder or a redis:// URL")
        if is_embedded(address):
            return cls(shown=address, folder=Path(address).expanduser())
        shown = redacted(address)
        url = _split(address, shown)
        query = dict(parse_qsl(url.query))
        return cls(
            shown=shown,
            url=address,
            username=None if url.username or "username" in query else environment.get("LEAGUE_REDIS_USERNAME"),
            password=None if url.password or "password" in query else environment.get("LEAGUE_REDIS_PASSWORD"),
        )


def _split(address: str, shown: str) -> SplitResult:
    try:
        url = urlsplit(address)
        if url.scheme not in SCHEMES:
            raise StoreError(f"--store {shown}: must be a folder or a {', '.join(f'{s}://' for s in SCHEMES)} URL")
        _ = url.port  # raises ValueError, with what may be a part of the password
    except ValueError:
        raise StoreError(
            f"--store {address.partition('://')[0]}://…: not a URL such as redis://user:password@host:6379/0; "
            "write '@', ':' and '/' in a password as %40, %3A and %2F"
        ) from None
    return url
