"""Where a store is: a folder with an embedded server, or the URL of a Redis server."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from league.errors import StoreError

SCHEMES: Final = ("redis", "rediss", "unix")

_QUERY: Final = r"(?:\?(?P<query>[^\s@#?]*))?"
_USER: Final = r"(?:(?P<username>[^][\s:/?#@]*)(?::(?P<password>[^][\s/?#@]*))?@)?"
_HOST: Final = r"(?P<host>\[[0-9A-Za-z:.%_-]+\]|[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?)"
_SERVER: Final = re.compile(
    rf"(?P<scheme>rediss?)://{_USER}(?P<place>{_HOST}(?::(?P<port>[0-9]{{1,5}}))?(?:/[0-9]{{,5}})?){_QUERY}"
)
_SOCKET: Final = re.compile(rf"(?P<scheme>unix)://{_USER}(?P<place>/[^\s?#@]+){_QUERY}")
"""Stricter than a URL may be: what a password holds that should be escaped would be read as host, port or options."""

_PORTS: Final = range(1, 65_536)
_SECONDS: Final = r"(?=.*[1-9])[0-9]{1,5}(\.[0-9]+)?"
_TRUTH: Final = r"(?i)true|false|yes|no|1|0"
FILES: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
"""Options of a URL that name a file of the machine that connects."""
_OPTIONS: Final = {
    "db": "[0-9]{1,5}",
    "username": ".+",
    "password": ".+",
    "client_name": "[!-~]+",
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "socket_keepalive": _TRUTH,
    "health_check_interval": "[0-9]{1,5}",
    **dict.fromkeys(FILES, ".+"),
    "ssl_ca_data": ".+",
    "ssl_password": ".+",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_check_hostname": _TRUTH,
    "ssl_ciphers": ".+",
}
"""Options of redis-py that a URL may have, and their values: others would change its replies, or who answers."""
_SHOWN: Final = frozenset({"db", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_cert_reqs", "ssl_check_hostname"})
"""Options of a URL that may be shown. Any other may be a misspelt `password`."""

_NEARLY_A_URL: Final = re.compile(
    r"(?i)[^/]*[:@]|//|\W*(rediss?|valkeys?|unix)\W*//|(localhost|\d+(\.\d+){3})(/\d*)?$|\$"
)
"""What no path of a folder begins with, though it may: a scheme, a server, perhaps after a password, a variable."""

_KINDS: Final = ", ".join(f"{scheme}://" for scheme in SCHEMES)
_RIGHT: Final = (
    "write redis://user:password@host:6379/0 or unix:///run/redis.sock, in a password %40 for '@', %2F for '/', %3A "
    "for ':', %3F for '?', %23 for '#', %5B for '[' and %25 for '%', or leave the password to LEAGUE_REDIS_PASSWORD"
)


def is_embedded(address: str) -> bool:
    """Whether the address is a folder, that is, anything but a URL."""
    return "://" not in address


def absolute(address: str) -> str:
    """The address as every process of this machine may use it, whichever folder that works in."""
    return os.fspath(_folder(address).resolve()) if is_embedded(address) and address.strip() else address


def redacted(address: str) -> str:
    """The address as it may be shown: without user name and password, and of what cannot be read only its scheme."""
    if is_embedded(address):
        return "…" if _is_nearly_a_url(address) else address
    read = _read(address)
    return f"{_scheme(address)}://…" if read is None else _shown(read)


@dataclass(frozen=True, repr=False)
class Address:
    """A parsed store address. Its text, `str(address)`, holds no password."""

    shown: str
    folder: Path | None = None
    """Of the embedded server; None for a URL."""
    url: str = ""
    host: str | None = None
    """Of a server on the network, an IPv6 address in brackets; None for a folder or a socket."""
    username: str | None = None
    """From the environment; what the URL says comes first."""
    password: str | None = None
    """Password from the environment, as `username`; what the URL says comes first."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Those of the URL."""

    def __str__(self) -> str:
        return self.shown

    @classmethod
    def parse(cls, address: str, environment: Mapping[str, str] = os.environ) -> Address:
        """Read a folder's path or a `redis://`, `rediss://` or `unix://` URL.

        A URL without password takes `LEAGUE_REDIS_PASSWORD` and, without user name, `LEAGUE_REDIS_USERNAME`. Options
        of redis-py may follow as a query, such as `rediss://host:6380/0?ssl_ca_certs=/etc/ca.pem`.

        Raises:
            StoreError: the address is empty or not such a URL, though perhaps nearly. No part of it is in the message
                that may be one of a password.
        """
        if not address.strip():
            raise StoreError("--store is empty: give a folder or a redis:// URL")
        if is_embedded(address):
            return cls(shown=address, folder=_folder(address))
        read = _read(address)
        if read is None:
            raise StoreError(f"--store {redacted(address)}: must be a folder or a {_KINDS} URL; {_RIGHT}")
        options = _options(read)
        return cls(
            shown=_shown(read),
            url=address,
            host=read.groupdict().get("host"),
            options=options,
            username=None if read["username"] or "username" in options else environment.get("LEAGUE_REDIS_USERNAME"),
            password=None if read["password"] or "password" in options else environment.get("LEAGUE_REDIS_PASSWORD"),
        )


def _folder(address: str) -> Path:
    if _is_nearly_a_url(address) or not address.isprintable() or address != address.strip():
        raise StoreError(
            f"--store: nearly a URL of a store; {_RIGHT}. Where a folder is meant, write ./ before its name, and no "
            "blanks around it"
        )
    try:
        return Path(address).expanduser()
    except RuntimeError as error:
        raise StoreError(f"--store {address}: there is no such user here; give a path") from error


def _is_nearly_a_url(address: str) -> bool:
    return any(_NEARLY_A_URL.match(one) for one in (address, unquote(address)))


def _scheme(address: str) -> str:
    """The scheme of a URL, if it is one of ours: anything else may be a part of a password."""
    scheme = address.partition("://")[0]
    return scheme if scheme in SCHEMES else "…"


def _read(address: str) -> re.Match[str] | None:
    """The parts of a URL of a store; None for anything that is not one in every respect."""
    read = _SERVER.fullmatch(address) or _SOCKET.fullmatch(address)
    if read is None:
        return None
    port = read.groupdict().get("port")
    if port is not None and int(port) not in _PORTS:
        return None
    host = read.groupdict().get("host") or ""
    try:
        parse_qsl(read["query"] or "", strict_parsing=bool(read["query"]))
        if host.startswith("["):
            ipaddress.IPv6Address(unquote(host[1:-1]))
    except ValueError:
        return None
    return read


def _options(read: re.Match[str]) -> dict[str, str]:
    """The options of a URL, as they may be; raises `StoreError`, which quotes no value: it may be a password."""
    pairs = parse_qsl(read["query"] or "", keep_blank_values=True)
    options = dict(pairs)
    known = {name for name in _OPTIONS if read["scheme"] == "rediss" or not name.startswith("ssl_")}
    if len(options) < len(pairs) or not options.keys() <= known:
        raise StoreError(f"--store {_shown(read)}: its options may be, each once, {', '.join(sorted(known))}")
    for name, value in options.items():
        if re.fullmatch(_OPTIONS[name], value, re.DOTALL) is None:
            raise StoreError(f"--store {_shown(read)}: the option {name} has a wrong value")
    return options


def _shown(read: re.Match[str]) -> str:
    pairs = parse_qsl(read["query"] or "")
    right = [(name, one) for name, one in pairs if name in _SHOWN and re.fullmatch(_OPTIONS[name], one)]
    query = urlencode(right, safe="/:")
    return f"{read['scheme']}://{read['place']}" + (f"?{query}" if query else "")
