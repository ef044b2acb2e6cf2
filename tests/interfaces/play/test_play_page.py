"""Whole games on the page, in a real, headless Chromium: by mouse and by keyboard, at phone and at desk size.

With LEAGUE_SCREENSHOTS set to a folder, the pictures of the documentation are written into it; with
LEAGUE_SCREENSHOTS_STORE set, too, they are of that league.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import torch
from browsing import DESK, PHONE, picture, serious
from small_league import CONFIG, Recorded, fill

from league.games import game_spec, make_game
from league.games.base import Turn
from league.ladder.records import Promotion, Snapshot
from league.policies.player import NetworkPlayer
from league.policies.weights import digest, fresh, pack, unpack
from league.pool.store import Store

pytest.importorskip("gradio", reason="needs the extra play")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
play_server = pytest.importorskip("play_server")
Browser, Page, expect = playwright.Browser, playwright.Page, playwright.expect
expect.set_options(timeout=15_000)
MARKUP = "<img/src=x/onerror=alert(1)>"
SEATS = ["first", "second"]


@pytest.fixture(scope="module")
def four(folder: Path) -> Iterator[Store]:
    """A league of Connect Four with two snapshots, the first one its champion."""
    spec, config = game_spec("connect_four"), dataclasses.replace(CONFIG, game="connect_four")
    with Store.open(str(folder), "four") as store:
        store.create(config)
        for number in range(2):
            weights = pack(fresh(spec, config.network, seed=number))
            name = f"main-000{number}"
            one = {"learner": "main", "steps": 0, "created_s": 1.0, "bytes": len(weights)}
            store.add_snapshot(Snapshot(name=name, digest=digest(weights), **one), weights)
        promote(store, "main-0000")
        yield store


def promote(store: Store, name: str) -> None:
    found = store.snapshot(name)
    store.promote(Promotion(policy=name, digest=found.digest, by="anna", reason="a test", promoted_s=store.now_s()))


@pytest.fixture(scope="module")
def url(four: Store, folder: Path) -> Iterator[str]:
    with play_server.playing(str(folder), four.league) as url:
        yield url


@pytest.fixture(scope="module")
def three(folder: Path, filled: str) -> Iterator[tuple[str, Store]]:
    """The page of a league of tic-tac-toe, and its store."""
    with Store.open(str(folder), filled) as store, play_server.playing(str(folder), filled) as url:
        yield url, store


def opened(browser: Browser, url: str, size: tuple[int, int] = DESK, scheme: str = "light", query: str = "") -> Page:
    """A tab of a browser of its own, in which nothing may complain and no other host be asked."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith((url, "data:")) or page.complaints.append(request.url))
    page.goto(url + query)
    expect(page.locator(".status")).to_contain_text("Your move.")
    return page


def begin(page: Page, seat: str) -> None:
    before = page.locator("[data-game]").first.get_attribute("data-game")
    page.get_by_role("radio", name=seat).check()
    page.get_by_role("button", name="New game").click()
    expect(page.locator("[data-game]").first).not_to_have_attribute("data-game", before)
    mine = SEATS.index(seat)
    expect(page.locator(".league-players li").nth(mine)).to_contain_text("You")
    expect(page.locator(".status")).to_contain_text("Your move.")


def marks(page: Page) -> list[list[str]]:
    """What is drawn, from the top row down."""
    kinds = page.locator(".league-board .cell").evaluate_all("cells => cells.map(cell => cell.getAttribute('class'))")
    columns = 7 if len(kinds) == 42 else 3
    drawn = ["X" if "seat0" in kind else "O" if "seat1" in kind else "" for kind in kinds]
    return [drawn[at : at + columns] for at in range(0, len(drawn), columns)]


def by_mouse(page: Page, action: int) -> None:
    page.locator(f".moves button[data-action='{action}']").click()


def by_keyboard(page: Page, action: int) -> None:
    """From wherever the keyboard is: with Tab onto the board at first."""
    for _ in range(60):
        if page.evaluate("document.activeElement.closest('.moves') !== null"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Home")
    for _ in range(action):
        page.keyboard.press("ArrowRight")
    expect(page.locator(f".moves button[data-action='{action}']")).to_be_focused()
    page.keyboard.press("Enter")


class Shadow:
    """The same game beside the page, with the policy's own moves."""

    def __init__(self, store: Store, seat: int) -> None:
        spec = game_spec(store.require_config().game)
        champion = store.champion()
        assert champion is not None
        self.player = NetworkPlayer(unpack(store.weights(champion.digest), spec), sample=False)
        self.game, self.seat, self.done = make_game(spec.name, 1), seat, False
        self.reply()

    def play(self, action: int) -> None:
        self.done = bool(self.game.step(torch.tensor([action])).done[0])
        self.reply()

    def reply(self) -> None:
        while not self.done and int(self.game.to_move()[0]) != self.seat:
            rows = torch.zeros(1, dtype=torch.int64)
            turn = Turn(
                game=self.game,
                rows=rows,
                observation=self.game.observe(),
                legal=self.game.legal(),
                generator=torch.Generator(),
            )
            self.done = bool(self.game.step(self.player.choose(turn)).done[0])

    @property
    def marks(self) -> list[list[str]]:
        return [[mark if mark in ("X", "O") else "" for mark in row] for row in self.game.cells(0).marks]


@pytest.mark.parametrize("seat", SEATS)
@pytest.mark.parametrize(
    ("size", "how"),
    [
        pytest.param(PHONE, by_mouse, id="phone-mouse"),
        pytest.param(DESK, by_keyboard, id="desk-keyboard"),
        pytest.param(PHONE, by_keyboard, id="phone-keyboard", marks=pytest.mark.long),
        pytest.param(DESK, by_mouse, id="desk-mouse", marks=pytest.mark.long),
    ],
)
def test_a_whole_game_against_the_champion(
    browser: Browser, url: str, four: Store, axe: str, seat: str, size: tuple[int, int], how: Any
) -> None:
    whole_game(opened(browser, url, size), four, axe, seat, how)


@pytest.mark.parametrize(
    ("size", "how", "seat"), [(PHONE, by_keyboard, "first"), (DESK, by_mouse, "second")], ids=["phone", "desk"]
)
def test_a_whole_game_of_tic_tac_toe(
    browser: Browser, three: tuple[str, Store], axe: str, seat: str, size: tuple[int, int], how: Any
) -> None:
    url, store = three
    whole_game(opened(browser, url, size), store, axe, seat, how)


def whole_game(page: Page, store: Store, axe: str, seat: str, how: Any) -> None:
    """To its end, each answer the policy's own; what is illegal is tried in vain at every ply."""
    begin(page, seat)
    shadow = Shadow(store, SEATS.index(seat))
    while True:
        assert marks(page) == shadow.marks, "the moves are the policy's own"
        if shadow.done:
            break
        legal = shadow.game.legal()[0].tolist()
        for action, open_ in enumerate(legal):
            button = page.locator(f".moves button[data-action='{action}']")
            assert button.get_attribute("aria-disabled") == str(not open_).lower()
            if not open_:
                button.click(force=True)
        actions = range(len(legal))
        action = min((one for one in actions if legal[one]), key=lambda one: abs(one - actions[-1] / 2))
        how(page, action)
        shadow.play(action)
        expect(page.locator(f".moves button[data-action='{action}']")).to_be_visible()
        page.wait_for_function(
            "count => document.querySelectorAll('.cell.seat0, .cell.seat1').length === count",
            arg=sum(mark in ("X", "O") for row in shadow.marks for mark in row),
        )
        expect(page.locator(".status")).not_to_contain_text("thinking")
    expect(page.locator(".status")).to_contain_text(re.compile("win|lose|draw"))
    assert page.locator(".cell.won").count() == len(shadow.game.cells(0).line)
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    assert not serious(page, axe)
    assert page.complaints == []
    page.context.close()


def test_two_browsers_play_two_games(browser: Browser, url: str) -> None:
    first, second = opened(browser, url), opened(browser, url)
    tab = second.context.new_page()
    tab.goto(url)
    expect(tab.locator(".status")).to_contain_text("Your move.")
    for page in (first, second, tab):
        begin(page, "first")
    by_mouse(first, 0)
    expect(first.locator(".cell.seat0")).to_have_count(1)
    by_mouse(second, 6)
    expect(second.locator(".cell.seat1")).to_have_count(1)
    by_mouse(second, 5)
    expect(second.locator(".cell.seat1")).to_have_count(2)
    assert first.locator(".cell.seat0").count() == 1
    assert marks(first)[-1][0] == "X"
    assert marks(first)[-1][6] != "X"
    assert tab.locator(".cell.seat0").count() == 0
    for page in (first, second):
        page.context.close()


def test_hint_undo_resign_and_what_the_policy_thinks(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    begin(page, "first")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("button", name="Hint").click()
    hint = page.locator(".moves button.hint")
    expect(hint).to_have_count(1)
    page.locator("#think input").check()
    expect(page.locator(".thought")).to_contain_text("main-0000 expects")
    shares = [int(text.rstrip("%")) for text in page.locator("text.note").all_text_contents()]
    assert len(shares) == 7
    assert sum(shares) == pytest.approx(100, abs=4)
    by_mouse(page, 3)
    expect(page.locator(".cell.seat1")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".cell.seat0, .cell.seat1")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("button", name="Resign").click()
    expect(page.locator(".status")).to_contain_text("You have resigned")
    page.context.close()


def test_people_have_an_elo(browser: Browser, url: str, four: Store) -> None:
    page = opened(browser, url)
    begin(page, "first")
    page.locator("#name textarea, #name input").first.fill(MARKUP)
    by_mouse(page, 3)
    expect(page.locator(".cell.seat1")).to_have_count(1)
    page.get_by_role("button", name="Resign").click()
    expect(page.locator(".status")).to_contain_text("resigned")
    page.get_by_role("button", name="People").click()
    expect(page.locator(".people tbody")).to_contain_text(MARKUP)
    assert page.locator(".people img").count() == 0
    kept = four.person_games()[0]
    assert (kept.person, kept.opponent, kept.result, kept.resigned, kept.seat) == (MARKUP, "main-0000", "lost", True, 0)
    assert kept.moves[0] == 3
    assert four.match_count() == 0, "the league's own log knows nothing of it"
    begin(page, "second")
    page.locator("#name textarea, #name input").first.fill(" \u0007bell ")
    page.get_by_role("button", name="Resign").click()
    expect(page.locator(".status")).to_contain_text("not recorded")
    page.context.close()


def test_a_game_ends_against_whom_it_began(browser: Browser, url: str, four: Store) -> None:
    page = opened(browser, url)
    begin(page, "first")
    try:
        promote(four, "main-0001")
        by_mouse(page, 3)
        expect(page.locator(".status")).to_contain_text("main-0000 plays column")
        page.get_by_role("button", name="Resign").click()
        expect(page.locator(".status")).to_contain_text("main-0001 has become champion")
        begin(page, "second")
        expect(page.locator(".league-players")).to_contain_text("main-0001")
    finally:
        promote(four, "main-0000")
    page.context.close()


def test_a_browser_that_goes_away_in_mid_game(browser: Browser, url: str, four: Store) -> None:
    before = four.person_games()
    page, other = opened(browser, url), opened(browser, url)
    begin(page, "first")
    page.locator("#name textarea, #name input").first.fill("gone")
    by_mouse(page, 3)
    page.context.close()
    begin(other, "second")
    other.reload()
    expect(other.locator(".status")).to_contain_text("Your move.")
    begin(other, "first")
    by_mouse(other, 3)
    expect(other.locator(".cell.seat1")).to_have_count(1)
    assert four.person_games() == before, "a game without an end is not kept"
    other.context.close()


def test_a_store_that_goes_in_mid_game(
    browser: Browser, folder: Path, recorded: Recorded, tmp_path: Path, capfd: pytest.CaptureFixture[str], axe: str
) -> None:
    """The game goes on; visitors are not told where the store is, the log is."""
    store = Store.open(str(tmp_path), "going")
    fill(store, recorded)
    with play_server.playing(f"unix://{tmp_path}/server.sock", store.league) as url:
        page = opened(browser, url)
        begin(page, "first")
        store.close()
        while (tmp_path / "server.sock").exists():  # The embedded server ends with its last client but the page.
            page.wait_for_timeout(10)
        page.locator("#name textarea, #name input").first.fill("anna")
        by_mouse(page, 4)
        expect(page.locator(".cell.seat1")).to_have_count(1)
        page.get_by_role("button", name="Resign").click()
        expect(page.locator(".status")).to_contain_text("not recorded: the store of this league cannot be reached now")
        page.get_by_role("button", name="New game").click()
        expect(page.get_by_text("the store of this league cannot be reached now").last).to_be_visible()
        assert str(tmp_path) not in page.content()
        assert not serious(page, axe)
        with Store.open(str(tmp_path), "going"):
            begin(page, "second")
        assert page.complaints == []
        page.context.close()
    log = capfd.readouterr().err
    assert f"no server answers at unix://{tmp_path}/server.sock" in log
    assert log.count("the store answers") == 1


def test_policies_with_names_of_any_kind_and_length(browser: Browser, url: str, four: Store, axe: str) -> None:
    name, weights = MARKUP + "x" * 10_000, pack(fresh(game_spec("connect_four"), CONFIG.network, seed=9))
    one = {"learner": "main", "steps": 0, "created_s": 1.0, "bytes": len(weights)}
    four.add_snapshot(Snapshot(name=name, digest=digest(weights), **one), weights)
    page = opened(browser, url, PHONE, query=f"?policy={quote(name)}")
    expect(page.locator(".league-players")).to_contain_text(f"{name[:80]}…")
    expect(page.locator(".league-board")).to_be_in_viewport(ratio=1)
    begin(page, "second")
    page.get_by_role("button", name="Resign").click()
    expect(page.locator(".status")).to_contain_text(f"{name[:80]}… wins")
    assert not serious(page, axe)
    page.goto(f"{url}?policy={quote(MARKUP)}")
    expect(page.get_by_text("no policy").first).to_be_visible()
    assert page.locator("img[src='x']").count() == 0
    assert page.complaints == []
    page.context.close()


def test_an_opponent_by_its_address_and_one_that_is_not_there(browser: Browser, url: str) -> None:
    page = opened(browser, url, query="?policy=negamax-2")
    expect(page.locator(".league-players")).to_contain_text("negamax-2")
    expect(page.get_by_role("button", name="Hint")).to_be_disabled()
    page.locator("#policy input").first.fill("main-0009")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="New game").click()
    expect(page.get_by_text("no policy 'main-0009'").first).to_be_visible()
    page.context.close()


@pytest.fixture(scope="module")
def looked_at(url: str) -> Iterator[str]:
    """The page, or that of LEAGUE_SCREENSHOTS_STORE."""
    given = os.environ.get("LEAGUE_SCREENSHOTS_STORE")
    if given is None:
        yield url
        return
    with play_server.playing(given, "league") as other:
        yield other


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_accessible_at_every_size_and_in_the_dark(
    browser: Browser, looked_at: str, axe: str, size: tuple[int, int], scheme: str
) -> None:
    page = opened(browser, looked_at, size, scheme)
    begin(page, "first")
    for number, action in enumerate((3, 2, 4), start=1):
        by_mouse(page, action)
        expect(page.locator(".cell.seat1")).to_have_count(number)
        expect(page.locator(".status")).to_contain_text("Your move.")
    page.locator("#think input").check()
    expect(page.locator(".thought")).to_contain_text("expects")
    page.get_by_role("button", name="People").click()
    assert not serious(page, axe)
    page.get_by_role("button", name="People").click()
    page.evaluate("scrollTo(0, 0)")
    picture(page, f"play-{'phone' if size == PHONE else 'desk'}-{scheme}.png")
    page.context.close()


@contextlib.contextmanager
def page_of(browser: Browser, folder: Path, game: str, **wish: str) -> Iterator[Page]:
    """A tab of a new league of any game, whose only policy is `uniform`."""
    config = dataclasses.replace(CONFIG, game=game, arena=dataclasses.replace(CONFIG.arena, bots=("uniform",)))
    with Store.open(str(folder), game.replace("_", "-")) as store:
        store.create(config)
        with play_server.playing(str(folder), store.league, policy="uniform", **wish) as url:
            page = opened(browser, url)
            yield page
            assert page.complaints == []
            page.context.close()


def test_what_is_hidden_is_told_at_the_end(browser: Browser, folder: Path, recorded: Recorded, axe: str) -> None:
    with page_of(browser, folder, "rock_paper_scissors", seat="1") as page:
        expect(page.locator(".status")).to_have_text("Your move.")
        assert not serious(page, axe)
        page.get_by_role("button", name="paper").click()
        expect(page.locator(".status")).to_contain_text(re.compile("uniform plays (rock|paper|scissors)"))
    with page_of(browser, folder, "leduc_poker", seat="0") as page:
        expect(page.get_by_role("region", name="Position")).to_contain_text("your card")
        assert page.get_by_text("uniform plays").count() == 0
        expect(page.get_by_role("button", name="Undo")).to_be_disabled()
        over = page.locator("[data-over='true']")
        while over.count() == 0:
            ply = page.locator("[data-ply]").get_attribute("data-ply")
            page.get_by_role("button", name="call").click()
            expect(page.locator("[data-ply]")).not_to_have_attribute("data-ply", ply)
            expect(over.or_(page.locator(".choices button:enabled")).first).to_be_visible()
        expect(page.locator(".status")).to_contain_text("seat 0")


def test_games_that_draw_themselves_have_named_moves(browser: Browser, folder: Path, axe: str) -> None:
    pytest.importorskip("pygame", reason="needs the extra classic")
    pytest.importorskip("chess", reason="needs the extra classic")
    with page_of(browser, folder, "tictactoe_v3", seat="0") as page:
        over, seen = page.locator("[data-over='true']"), set()
        while over.count() == 0:
            seen.add(page.locator(".picture").get_attribute("src"))
            assert seen != {None}
            ply = page.locator("[data-ply]").get_attribute("data-ply")
            page.locator(".choices button").first.press("Enter")
            expect(page.locator("[data-ply]")).not_to_have_attribute("data-ply", ply)
            expect(over.or_(page.locator(".choices button:enabled")).first).to_be_visible()
        assert len(seen) >= 3, "each position is a picture of its own"
        expect(page.locator(".status")).to_contain_text(re.compile("win|lose|draw"))
    with page_of(browser, folder, "chess_v6", seat="0") as page:
        before = page.locator(".picture").get_attribute("src")
        assert not serious(page, axe)
        page.get_by_role("button", name="e2e4", exact=True).click()
        expect(page.locator(".status")).to_contain_text(re.compile("uniform plays [a-h][1-8][a-h][1-8]"))
        expect(page.locator(".picture")).not_to_have_attribute("src", before)
        expect(page.get_by_role("button", name="e2e4", exact=True)).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("button", name="e2e4", exact=True)).to_be_enabled()


def test_the_pages_own_theme_is_followed(browser: Browser, url: str, axe: str) -> None:
    page = opened(browser, url, query="?__theme=dark")
    assert page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")
    assert not serious(page, axe), "dark on dark"
    page.context.close()


def test_what_the_page_does_not_offer(url: str) -> None:
    def status(path: str, **options: Any) -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url + path, **options)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status("") == 200
    assert status("gradio_api/upload", data=b"x", method="POST") == 404
    assert status("", headers={"Host": "evil.example"}) == 421
    assert status("gradio_api/file=/etc/passwd") in (403, 404)
    config = json.loads(urllib.request.urlopen(url + "config").read())
    assert all(one["api_visibility"] == "private" for one in config["dependencies"])
