"""The routes of the page."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from league.connections import bound
from league.errors import LeagueError, UnknownMatchError, UnknownPolicyError
from league.interfaces.web.comparing import Comparing, elo_curves
from league.interfaces.web.guard import HEALTH, Guard, WrongTokens, address_of, is_loopback, same_origin, same_token
from league.interfaces.web.pages import READ_EVERY_S, Pages
from league.interfaces.web.promotion import Promoter, Wish
from league.interfaces.web.runbook import read_runbook
from league.matches.replays import Position, positions
from league.view.attachment import Attachment
from league.view.visitors import Visitors, note

ALIVE_EVERY: Final = 15
"""Looks without news after which a line without meaning shows whether somebody still listens."""
FORM_BYTES: Final = 4096
"""A form that is longer is refused."""
CLOSING_S: Final = 3
"""Requests under way are cut off so many seconds after the server was told to end."""
LATEST: Final = 12
"""Matches on the first page."""
EVENTS: Final = 6
PAGE: Final = 50
"""Matches on a page of them."""
NAME_LENGTH, REASON_LENGTH = 60, 300


class Site:
    """One league's page: what its routes share."""

    def __init__(
        self, address: str, league: str, token: str, *, local: bool, play_url: str | None, beside: Sequence[str]
    ) -> None:
        self.visitors = Visitors()
        self.comparing = Comparing([f"{address}#{league}", *beside], league, self.visitors) if beside else None
        self.attachment = Attachment(address, league, standings=True, latest=LATEST, events=EVENTS)
        self.token, self.wrong = token, WrongTokens()
        self.promoter, self.ending = Promoter(address, league), asyncio.Event()
        self.pages = Pages(self.attachment, self.promoter, self.visitors, local=local, play_url=play_url)

    def close(self) -> bool:
        """End what is being played; whether nothing is any more."""
        compared = self.comparing is None or self.comparing.close()
        return self.promoter.close() and compared

    def routes(self) -> list[Route | Mount]:
        """The paths that are answered, with who answers each."""
        return [
            Route("/", self.home),
            Route("/live", self.live),
            Route("/leaderboard", self.leaderboard),
            Route("/policies/{name}", self.policy),
            Route("/matches", self.matches),
            Route("/matches/{match_id}", self.match),
            Route("/promotion", self.promote, methods=["POST"]),
            Route("/promotion/stop", self.stop, methods=["POST"]),
            Route("/runbook", self.runbook),
            Route("/compare", self.compare),
            Route(HEALTH, lambda request: PlainTextResponse("ok")),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ]

    async def home(self, request: Request) -> Response:
        """The first page, with all its parts in it; `?promote=` names a policy for the form."""
        parts = await self.pages.parts()
        wanted = request.query_params.get("promote", "")
        compared = self.comparing is not None
        return HTMLResponse(self.pages.render("home.html", parts=parts, wanted=wanted, compared=compared))

    async def live(self, request: Request) -> Response:
        """Server-sent events: each part when it is first asked for and whenever it changes, named after it."""
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers=headers)

    async def _changes(self) -> AsyncIterator[str]:
        sent: dict[str, str] = {}
        silent = 0
        while not self.ending.is_set():
            parts = await self.pages.parts()
            news = {part: html for part, html in parts.items() if sent.get(part) != html}
            for part, html in news.items():
                data = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
                yield f"event: {part}\n{data}\n"
            sent |= news
            silent = 0 if news else silent + 1
            if silent % ALIVE_EVERY == ALIVE_EVERY - 1:
                yield ": alive\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), READ_EVERY_S)

    async def leaderboard(self, request: Request) -> Response:
        """Everyone, as of now, one page of them: `?page=1`; the page asks again by itself."""
        await self.pages.parts()
        return HTMLResponse(await asyncio.to_thread(self.pages.ranked, _whole(request, "page")))

    async def policy(self, request: Request) -> Response:
        """A policy: its place, its learner's curve, its last matches, and how to play it."""
        await self.pages.parts()
        return HTMLResponse(await asyncio.to_thread(self._policy, request.path_params["name"]))

    def _policy(self, name: str) -> str:
        store, config = self.attachment.open()
        newest = store.matches(config.arena.replays, newest_first=True)
        own = list(itertools.islice((match for match in newest if name in (match.row, match.column)), LATEST))
        return self.pages.policy(name, own, store.now_s())

    async def compare(self, request: Request) -> Response:
        """This league beside those that the page was given; 404 where it was given none."""
        if self.comparing is None:
            raise HTTPException(404, "no other league to compare with: start league dashboard with --compare STORE")
        return HTMLResponse(await asyncio.to_thread(self._compare, self.comparing))

    def _compare(self, comparing: Comparing) -> str:
        known = comparing.look()
        charts = {"steps": elo_curves(known.sides, "steps"), "time": elo_curves(known.sides, "seconds")}
        return self.pages.render("compare.html", charts=charts, **known._asdict())

    async def runbook(self, request: Request) -> Response:
        """What each alert means, and what to do: there whether or not the store is."""
        return HTMLResponse(self.pages.render("runbook.html", alerts=read_runbook()))

    async def matches(self, request: Request) -> Response:
        """The matches whose games are kept, the newest first, one page of them: `?page=1`."""
        return HTMLResponse(await asyncio.to_thread(self._list, _whole(request, "page")))

    def _list(self, wanted: int) -> str:
        store, config = self.attachment.open()
        kept = min(store.match_count(), config.arena.replays)
        pages = max(1, -(-kept // PAGE))
        number = max(1, min(wanted, pages))
        newest = store.matches(min(kept, number * PAGE), newest_first=True)
        latest = list(itertools.islice(newest, (number - 1) * PAGE, None))
        values = {"game": config.game, "latest": latest, "kept": kept, "number": number, "pages": pages}
        return self.pages.render("matches.html", now_s=store.now_s(), **values)

    async def match(self, request: Request) -> Response:
        """A match, and one of its games at one of its positions: `?game=0&ply=0`."""
        wanted = request.path_params["match_id"], _whole(request, "game"), _whole(request, "ply")
        return HTMLResponse(await asyncio.to_thread(self._replay, *wanted))

    def _replay(self, match_id: str, number: int, ply: int) -> str:
        store, config = self.attachment.open()
        game, match, shown = config.game, store.match(match_id), list[Position]()
        number = max(0, min(number, len(match.replays) - 1))
        if match.replays:
            shown = positions(game, match.replays[number])
        values = {"match": match, "game": game, "number": number, "positions": shown}
        return self.pages.render("match.html", ply=max(0, min(ply, len(shown) - 1)), **values)

    async def promote(self, request: Request) -> Response:
        """Begin a test, or force; asks for the token."""
        form = await self._trusted_form(request)
        wanted = Wish(
            policy=form.get("policy", "").strip(),
            by=f"{form.get('by', '').strip()} (dashboard)",
            reason=form.get("reason", "").strip() or None,
            forced=form.get("how") == "force",
        )
        fault = _fault(wanted, form.get("by", "").strip())
        if fault is not None:
            return self._answer(request, 422, fault)
        if not self.promoter.take(wanted, at=address_of(request.scope)):
            return self._answer(request, 409, "a promotion is under way: wait for it, or stop it")
        did = "is being forced" if wanted.forced else "is being tested against the champion"
        return self._answer(request, 202, f"{wanted.policy} {did}")

    async def stop(self, request: Request) -> Response:
        """End the test under way; asks for the token."""
        await self._trusted_form(request)
        note(f"promotion: stopped from {address_of(request.scope)}")
        self.promoter.stop()
        return self._answer(request, 202, "the test ends after the match under way")

    async def _trusted_form(self, request: Request) -> dict[str, str]:
        """The fields of a form; raises `HTTPException` unless it came from our page with the token."""
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > FORM_BYTES:
                    raise HTTPException(413, "refused: the form is too long")
        except ClientDisconnect as error:
            raise HTTPException(400, "the form was cut short") from error
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        if not (right := same_token(self.token, form.get("token", ""))):  # Wherever it comes from.
            await self.wrong.tell(request.scope)
        if not same_origin(request.headers):
            raise HTTPException(403, "refused: the request does not come from this page")
        if not right:
            raise HTTPException(403, "wrong token: the one that league dashboard was started with is asked for")
        return form

    async def failed(self, request: Request, error: Exception) -> Response:
        """The page for a request that is refused, that no route answers, or whose match or store is not there."""
        if isinstance(error, HTTPException):
            text = "there is no such page" if error.detail == "Not Found" else error.detail
            return self._answer(request, error.status_code, text)
        assert isinstance(error, LeagueError)
        absent = isinstance(error, UnknownMatchError | UnknownPolicyError)
        return self._answer(request, 404 if absent else 503, self.visitors.told(error))

    def _answer(self, request: Request, status: int, text: str) -> Response:
        """A line into the page that asks by script, else a page of its own; a boosted link shows that in its place."""
        boosted = "HX-Boosted" in request.headers
        template = "answer.html" if "HX-Request" in request.headers and not boosted else "error.html"
        text = self.pages.render(template, text=text, refused=status >= 400, status=HTTPStatus(status).phrase)
        whole = {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"}
        return HTMLResponse(text, status, whole if boosted else None)


def _whole(request: Request, name: str) -> int:
    word = request.query_params.get(name, "0")
    return int(word) if word.isdecimal() and len(word) < 10 else 0


def _fault(wanted: Wish, name: str) -> str | None:
    """What is wrong with a wish for a promotion."""
    reason = wanted.reason or ""
    if not wanted.policy:
        return "name a policy"
    if not name:
        return "give your name, for the history"
    if wanted.forced and not reason:
        return "a forced promotion needs a reason, for the history"
    if len(name) > NAME_LENGTH or len(reason) > REASON_LENGTH:
        return f"at most {NAME_LENGTH} characters of name and {REASON_LENGTH} of reason"
    if not (name + reason).isprintable():
        return "name and reason must be printable text"
    return None


class Server(uvicorn.Server):
    """Serves a league's page; told to end, it lets go of those who listen for news."""

    def __init__(
        self,
        address: str,
        league: str,
        *,
        host: str,
        token: str,
        play_url: str | None = None,
        beside: Sequence[str] = (),
    ) -> None:
        """A league at the address of a store; raises `StoreError` if that or the name is malformed.

        `host`: where the page listens; `token`: what promotions ask for, and beyond loopback the whole page;
        `play_url`: where `league play --web` of this league answers; `beside`: stores of leagues to compare it with.
        """
        self._site = Site(address, league, token, local=is_loopback(host), play_url=play_url, beside=beside)
        failures = dict.fromkeys((HTTPException, LeagueError), self._site.failed)
        site = Starlette(routes=self._site.routes(), exception_handlers=failures)
        config = uvicorn.Config(
            Guard(site, host=host, token=token, wrong=self._site.wrong),
            log_config=None,  # Its own would end every handler of this process first.
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=CLOSING_S,
        )
        bound(config)
        super().__init__(config)
        self.ended = True
        """False if the server has ended and a match of a test has not: nobody can stop it but by ending the process."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and read at once, so that the first visitor need not wait for it."""
        await super().startup(sockets)
        self._first = asyncio.create_task(self._site.pages.parts())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order: listeners, what is read or played, the store."""
        self._site.ending.set()
        await super().shutdown(sockets)
        self._site.wrong.note()
        await asyncio.wait({self._first}, timeout=CLOSING_S)
        self.ended = await asyncio.to_thread(self._site.close)
        self._site.attachment.close()
