"""`league dashboard`: the league as a web page."""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from league.errors import LeagueError, MissingExtraError, StoreUnavailableError
from league.interfaces.cli import options
from league.listening import listen, origin
from league.signals import interrupts

TOKEN_VARIABLE: Final = "LEAGUE_DASHBOARD_TOKEN"  # noqa: S105
TOKEN_LENGTH: Final = 16
"""Characters that a token has at least."""


def dashboard(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond this machine only with a token of yours, which all of it asks.")
    ] = "127.0.0.1",
    port: options.PortOption = 8420,
    play: Annotated[
        str | None, typer.Option(help="Where `league play --web` answers: pages of policies link to it.", metavar="URL")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(help="A store to compare this league with, at /compare; STORE#NAME names the league in it."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help=f"A file with the token that promotions ask for; or set {TOKEN_VARIABLE}.")
    ] = None,
) -> None:
    """Serve the league as a live web page until Ctrl-C: leaderboard, games, learners, champions, and promotion.

    It reads the store only, so it is there while the league is down. Without a token of yours it makes and prints one.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None or find_spec("jinja2") is None:
        raise MissingExtraError("the web server (starlette, uvicorn, jinja2)", "dashboard")
    from league.interfaces.web.app import Server
    from league.interfaces.web.guard import is_loopback

    if play is not None and not re.fullmatch(r"https?://[^\s?#]+", play):
        raise LeagueError(f"--play {play}: must be the http:// or https:// address that league play --web prints")
    beside = compare or []
    _check_comparable(store, league, beside)
    given = _token(token_file)
    if given is None and not is_loopback(host):
        raise LeagueError(f"--host {host} is seen beyond this machine: set {TOKEN_VARIABLE} or give --token-file")
    token = given or secrets.token_urlsafe(24)
    server = Server(store, league, host=host, token=token, play_url=play, beside=beside)
    listening = listen(host, port)
    print(f"{origin(host, listening.getsockname()[1])}/", flush=True)
    if given is None:
        print(f"promotions on the page ask for this token: {token}", flush=True)
    with interrupts(patient=True):  # Uvicorn ends in order and then raises the signal once more.
        server.run(sockets=[listening])
    if not server.ended:
        # An orderly end of Python would tear the match's thread out of torch, which aborts the process.
        sys.stdout.flush()
        os._exit(0)


def _check_comparable(store: str, league: str, beside: list[str]) -> None:
    """Raise `LeagueError` where leagues are not of one game or not there; a server that does not answer may yet."""
    if not beside:
        return
    from league.api.comparison import Leagues
    from league.interfaces.web.comparing import MOST

    if len(beside) >= MOST:
        raise LeagueError(f"--compare: {len(beside)} stores: a chart has room for {MOST} leagues, this one among them")
    with suppress(StoreUnavailableError):
        Leagues([f"{store}#{league}", *beside], league).close()


def _token(file: Path | None) -> str | None:
    """The user's own, None without one; raises `LeagueError` for one that is too easily guessed."""
    source = TOKEN_VARIABLE
    token = os.environ.get(TOKEN_VARIABLE)
    if file is not None:
        source = f"--token-file {file}"
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LeagueError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if token is not None and len(token) < TOKEN_LENGTH:
        raise LeagueError(
            f"{source}: a token has at least {TOKEN_LENGTH} characters, this one {len(token)}; "
            "python -c 'import secrets; print(secrets.token_urlsafe(24))' makes one"
        )
    return token
