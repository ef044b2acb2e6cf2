"""The web page in a real, headless Chromium: what people see, press and hear.

With LEAGUE_SCREENSHOTS set to a folder, the pictures of the documentation are written into it; with
LEAGUE_SCREENSHOTS_STORE set, too, they are of that league.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import DESK, PHONE, picture, serious
from page_server import TOKEN, serving
from small_league import CONFIG, STATUS, Recorded, fill

from league.games import game_spec
from league.ladder.records import Match, Promotion, Snapshot, Tally
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool.connection import dumps
from league.pool.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, Browser, expect = playwright.Page, playwright.Browser, playwright.expect

MARKUP = "<img/src=x/onerror=alert(1)>"
"""A policy's name; names hold no blanks."""
expect.set_options(timeout=15_000)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """At a desk; whatever the console or a script complains about fails the test."""
    width, height = DESK
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # A refusal is written there by the browser itself.
    assert [line for line in complaints if not line.startswith("Failed to load resource")] == []


@pytest.fixture
def url(page: Page, own: Store, folder: Path) -> Iterator[str]:
    """The page of a league of the test's own; the browser leaves it before it ends."""
    own.set_status({**STATUS, "started_s": time.time() - 60})
    with serving(str(folder), own.league) as url:
        yield url
        page.goto("about:blank")


def test_a_match_shows_without_a_reload(page: Page, url: str, own: Store) -> None:
    page.goto(url)
    board = page.get_by_role("region", name="Leaderboard table")
    expect(board.get_by_role("row")).to_have_count(6)
    expect(board.get_by_role("row").nth(1)).to_contain_text("perfect")
    expect(board.locator("tr.champion")).to_contain_text("main-0001")
    page.evaluate("window.same = true")
    won = Match(match_id="new", row="main-0002", column="perfect", results={"01": Tally(40, 0, 0)}, played_s=2.0)
    for number in range(8):
        own.record(dataclasses.replace(won, match_id=f"new-{number}"))
    expect(board.get_by_role("row").nth(1)).to_contain_text("main-0002")
    expect(page.locator(".figures")).to_contain_text("18")
    expect(page.locator("#match-new-7")).to_be_visible()
    assert page.evaluate("window.same")


def test_the_focus_stays_where_it_is_while_the_page_changes(
    page: Page, url: str, own: Store, recorded: Recorded
) -> None:
    page.goto(url)
    match = page.locator(f"#match-{recorded.matches[-1].match_id}")
    match.focus()
    own.record(Match(match_id="new", row="main-0002", column="uniform", results={"01": Tally(1, 0, 0)}, played_s=2.0))
    expect(page.locator("#match-new")).to_be_visible()
    expect(match).to_be_focused()


def test_a_game_is_replayed_move_by_move(page: Page, url: str, recorded: Recorded) -> None:
    match = recorded.matches[-1]
    replay = match.replays[0]
    page.goto(url)
    page.locator(f"#match-{match.match_id}").click()
    page.wait_for_load_state()
    stones = page.locator(".grid .stone.x, .grid .stone.o")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{match.row} against {match.column}")
    expect(stones).to_have_count(0)
    for ply, action in enumerate(replay.moves, start=1):
        page.get_by_role("link", name="Next").click()
        expect(stones).to_have_count(ply)
        expect(page.locator(".move")).to_contain_text(f"Move {ply} of {len(replay.moves)}")
        expect(page.locator(".move")).to_contain_text(f"plays {action}")
    result = {1.0: f"{match.row} won", 0.5: "A draw", 0.0: f"{match.column} won"}[replay.points or 0.0]
    expect(page.locator(".move")).to_contain_text(result)
    page.get_by_role("link", name="First").click()
    expect(stones).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(stones).to_have_count(1)
    page.keyboard.press("End")
    expect(stones).to_have_count(len(replay.moves))
    page.keyboard.press("ArrowLeft")
    expect(stones).to_have_count(len(replay.moves) - 1)
    page.reload()
    expect(stones).to_have_count(len(replay.moves) - 1)
    page.locator("#game-1").click()
    expect(page.get_by_role("heading", name="Game 2 of 20")).to_be_visible()


def wish(page: Page, policy: str, token: str, *, force: bool, reason: str = "") -> None:
    page.get_by_label("Policy").fill(policy)
    page.locator(f"input[value={'force' if force else 'test'}]").check()
    page.get_by_label("Your name").fill("anna")
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Promote").click()


def test_promotion_asks_for_the_token_and_then_shows(page: Page, url: str, own: Store) -> None:
    page.goto(url)
    wish(page, "main-0002", "", force=True, reason="<b>a test</b>")
    assert page.get_by_label("Token").evaluate("field => field.validity.valueMissing")
    wish(page, "main-0002", "not the token", force=True, reason="<b>a test</b>")
    expect(page.get_by_role("alert").get_by_text("wrong token")).to_be_visible()
    assert own.champion().policy == "main-0001"
    wish(page, "main-0002", TOKEN, force=True, reason="<b>a test</b>")
    expect(page.locator(".crown .name")).to_have_text("main-0002")
    first = page.get_by_role("region", name="Champions table").get_by_role("row").nth(1)
    for words in ("main-0002", "pinned", "anna (dashboard)", "forced", "<b>a test</b>"):
        expect(first).to_contain_text(words)
    expect(page.get_by_role("status").first).to_contain_text("main-0002 is the champion")
    champion = own.champion()
    assert (champion.by, champion.pinned, champion.evidence) == ("anna (dashboard)", True, {"forced": True})
    assert TOKEN not in page.url


def test_a_link_in_a_row_fills_the_form(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Your name").fill("anna")
    page.get_by_role("link", name="promote main-0002").click()
    expect(page.get_by_label("Policy")).to_have_value("main-0002")
    expect(page.get_by_label("Policy")).to_be_focused()
    expect(page.get_by_label("Policy")).to_be_in_viewport()
    assert page.get_by_label("Your name").input_value() == "anna"
    expect(page.get_by_role("link", name="promote main-0001")).to_have_count(0)  # The champion.
    page.goto(f"{url}/leaderboard")
    page.get_by_role("link", name="promote main-0000").click()  # A page without the form: the link goes to it.
    expect(page.get_by_label("Policy")).to_have_value("main-0000")


def test_without_a_script_a_wish_is_answered_by_a_page(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("link", name="promote main-0002").click()
    expect(page.get_by_label("Policy")).to_have_value("main-0002")
    wish(page, "main-0002", "not the token", force=True, reason="a test")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
    expect(page.get_by_text("wrong token")).to_be_visible()
    page.get_by_role("link", name="Back to the league").click()
    expect(page.locator(".crown .name")).to_have_text("main-0001")
    context.close()


def test_the_page_of_all_policies_changes_by_itself(page: Page, url: str, own: Store) -> None:
    page.goto(f"{url}/leaderboard")
    expect(page.locator("tbody tr").first).to_contain_text("perfect")
    page.evaluate("window.same = true")
    for number in range(8):
        own.record(
            Match(
                match_id=f"n{number}", row="main-0002", column="perfect", results={"01": Tally(40, 0, 0)}, played_s=2.0
            )
        )
    expect(page.locator("tbody tr").first).to_contain_text("main-0002")
    assert page.evaluate("window.same")


def test_many_policies_are_shown_page_by_page(page: Page, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.interfaces.web.pages.RANKED", 2)
    page.goto(f"{url}/leaderboard?page=0")
    names, ranks = list[str](), list[str]()
    while True:
        ranks += page.locator("tbody tr td:first-child").all_inner_texts()
        names += page.locator("tbody tr th a").all_inner_texts()
        following = page.get_by_role("link", name="Weaker")
        if not following.count():
            break
        following.click()
        expect(page.locator("tbody tr td:first-child").first).to_have_text(str(len(ranks) + 1))
    assert ranks == [str(number + 1) for number in range(len(names))]
    assert len(set(names)) == len(names) > 4
    page.goto(f"{url}/leaderboard?page=99")  # There is none: the last is the nearest.
    assert page.locator("tbody tr th a").last.inner_text() == names[-1]
    page.get_by_role("link", name="Stronger").click()
    expect(page.get_by_role("link", name="Weaker")).to_be_visible()


def test_nothing_is_cut_off_on_a_phone(browser: Browser, url: str, own: Store, recorded: Recorded) -> None:
    """No region scrolls sideways, no label leaves its picture, and every link is high enough for a finger."""
    weights, first = recorded.snapshots[0][1], recorded.snapshots[0][0]
    names = [f"league-exploiter-0-{number:04d}" for number in range(9)]
    for number, name in enumerate(names):
        own.add_snapshot(dataclasses.replace(first, name=name, learner=name[:-5], created_s=60.0 + number), weights)
        for other in ("perfect", "uniform"):
            own.record(
                Match(match_id=name + other, row=name, column=other, results={"01": Tally(400, 0, 0)}, played_s=number)
            )
    context = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    page = context.new_page()
    page.goto(url)
    expect(page.locator(".board .champion")).to_be_visible()
    expect(page.locator(".chart text").get_by_text("+1,000")).to_be_visible()
    scrolls = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.ariaLabel)"
    assert page.locator(".scroll, nav").evaluate_all(scrolls) == []
    outside = """labels => labels.map(label => [label.textContent, label.getBoundingClientRect(),
        label.closest('svg').getBoundingClientRect()])
        .filter(([, a, b]) => a.left < b.left || a.right > b.right || a.top < b.top || a.bottom > b.bottom)"""
    assert page.locator(".chart text").evaluate_all(outside) == []
    low = """links => links.map(link => [link.textContent, link.getBoundingClientRect().height])
        .filter(([, height]) => height < 24)"""
    assert page.locator("nav a, table a, a.act").evaluate_all(low) == []
    wrapped = "cells => cells.filter(cell => cell.getClientRects().length > 1 || cell.clientHeight > 30).length"
    assert page.locator(".board tbody th").evaluate_all(wrapped) == 0
    page.goto(f"{url}/leaderboard")
    assert page.locator(".scroll").evaluate_all(scrolls) == []
    page.goto("about:blank")
    context.close()


def test_a_candidate_is_tested_as_the_command_does(page: Page, url: str, own: Store) -> None:
    promotion = dataclasses.replace(CONFIG.promotion, elo0=0.0, elo1=400.0, max_games=100)
    own.update_config(dataclasses.replace(CONFIG, promotion=promotion))
    before = own.match_count()
    page.goto(url)
    wish(page, "main-0000", TOKEN, force=False)
    progress = page.locator(".progress")
    expect(progress).to_contain_text("main-0000")
    expect(progress.locator(".tag")).to_have_text(
        "promoted" if own.champion().policy == "main-0000" else "not promoted"
    )
    expect(progress).to_contain_text("main-0000 against main-0001")
    expect(progress).to_contain_text("evidence")
    assert own.match_count() > before
    assert all(match.gate for match in own.matches(1, newest_first=True))
    wish(page, "main-0009", TOKEN, force=False)
    expect(progress).to_contain_text("no policy 'main-0009'")


def test_another_site_cannot_promote(page: Page, url: str, own: Store) -> None:
    """A form that knows even the token, on a page of another origin in the same browser."""
    form = "".join(
        f'<input name="{name}" value="{value}">'
        for name, value in {"policy": "main-0002", "by": "eve", "reason": "x", "how": "force", "token": TOKEN}.items()
    )
    elsewhere = f'<form method="post" action="{url}/promotion">{form}<button>Win a prize</button></form>'
    page.route("http://evil.example/", lambda route: route.fulfill(body=elsewhere, content_type="text/html"))
    page.goto("http://evil.example/")
    page.get_by_role("button").click()
    expect(page.get_by_text("does not come from this page")).to_be_visible()
    assert own.champion().policy == "main-0001"


def test_everything_can_be_done_with_the_keyboard(page: Page, url: str, own: Store) -> None:
    page.goto(url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    order = []
    for _ in range(60):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
        if order[-1] == "token":
            break
        if order[-1] == "policy":
            page.keyboard.type("main-0002")
        elif order[-1] == "by":
            page.keyboard.type("anna")
        elif order[-1] == "reason":
            page.keyboard.type("by keyboard")
        elif page.evaluate("document.activeElement.type") == "radio":
            page.keyboard.press("ArrowDown")
    named = [name for name in order if name in ("Leaderboard table", "Payoff table", "policy", "by", "reason", "token")]
    assert named == ["Leaderboard table", "Payoff table", "policy", "by", "reason", "token"]
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator(".crown .name")).to_have_text("main-0002")
    assert own.champion().reason == "by keyboard"


def test_names_and_reasons_with_markup_are_text(page: Page, url: str, own: Store, recorded: Recorded) -> None:
    weights = recorded.snapshots[0][1]
    snapshot = dataclasses.replace(recorded.snapshots[0][0], name=MARKUP, learner=MARKUP)
    own.add_snapshot(snapshot, weights)
    match = dataclasses.replace(recorded.matches[0], match_id="odd", row=MARKUP)
    own.record(match)
    said = f"</td>{MARKUP}<script>alert(2)</script>"
    own.promote(Promotion(policy=MARKUP, digest=snapshot.digest, by=said, reason=said, promoted_s=300.0))
    own._write(("LPUSH", own._keys.events, dumps({"kind": said, "text": said, "at_s": 300.0})))
    own.set_status({**STATUS, "learners": {said: {**STATUS["learners"]["main"], "opponents": {said: 1.0}}}})
    page.goto(url)
    expect(page.locator(".crown .name")).to_have_text(MARKUP)
    for part in ("Leaderboard", "Payoff", "Learners", "Champions"):
        expect(page.get_by_role("region", name=f"{part} table")).to_contain_text(MARKUP)
    own.add_event("lost", said, 301.0)
    expect(page.locator(".events li").first).to_contain_text(said)
    page.locator("#match-odd").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(MARKUP)
    page.goto(f"{url}/leaderboard")
    expect(page.get_by_role("table")).to_contain_text(MARKUP)
    assert page.locator("img, script:not([src])").count() == 0


def test_a_store_that_goes_and_comes_back(
    page: Page, tmp_path: Path, recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(f"unix://{tmp_path}/server.sock", "league") as url:
        page.goto(url)
        expect(page.locator(".notice:visible")).to_contain_text("Nothing to show yet.")
        with Store.open(str(tmp_path), "league") as store:
            fill(store, recorded)
            expect(page.locator(".crown .name")).to_have_text("main-0001")
            expect(page.locator(".notice:visible")).to_have_count(0)
        # The embedded server ends with its last client but the page, which may not keep it.
        expect(page.locator(".notice:visible")).to_contain_text("The store does not answer.")
        expect(page.get_by_role("region", name="Leaderboard table")).to_contain_text("perfect")
        assert str(tmp_path) not in page.locator(".notice:visible").inner_text()
        with Store.open(str(tmp_path), "league") as store:
            store.record(dataclasses.replace(recorded.matches[0], match_id="later"))
            expect(page.locator("#match-later")).to_be_visible()
            expect(page.locator(".notice:visible")).to_have_count(0)
        page.goto("about:blank")
    assert f"no server answers at unix://{tmp_path}/server.sock" in capfd.readouterr().err


def test_a_server_that_goes_is_noticed(browser: Browser, folder: Path, filled: str) -> None:
    page = browser.new_page()
    with serving(str(folder), filled) as url:
        with page.expect_response("**/live"):
            page.goto(url)
        expect(page.locator("#cut")).to_be_hidden()
    expect(page.locator("#cut")).to_be_visible()
    page.close()


@pytest.fixture(scope="module")
def shown(folder: Path) -> Iterator[str]:
    """The league that is looked at: a small one of Connect Four, untrained, or that of LEAGUE_SCREENSHOTS_STORE."""
    given = os.environ.get("LEAGUE_SCREENSHOTS_STORE")
    if given:
        with serving(given, "league") as url:
            yield url
        return
    config = dataclasses.replace(CONFIG, game="connect_four")
    spec, began_s = game_spec(config.game), time.time() - 3600
    with Store.open(str(folder), "shown") as store:
        store.create(config)
        names = ["main-0000", "exploiter-0000", "main-0001", "exploiter-0001", "main-0002"]
        for number, name in enumerate(names):
            weights = pack(fresh(spec, config.network, seed=number))
            snapshot = Snapshot(
                name=name,
                digest=digest(weights),
                learner=name.partition("-")[0],
                steps=120_000 * number,
                created_s=began_s + 600 * number,
                bytes=len(weights),
            )
            store.add_snapshot(snapshot, weights)
        arena = Arena(store, config)
        for seed, pair in enumerate(itertools.combinations((*names, "uniform"), 2)):
            store.record(arena.play(*pair, games=4, seed=seed))
        champion = store.snapshot("main-0001")
        why = "no champion to be tested against"
        store.promote(
            Promotion(
                policy=champion.name, digest=champion.digest, by="coordinator", reason=why, promoted_s=began_s + 2000
            )
        )
        store.set_status(STATUS)
        store.add_event("gate", "not promoted: main-0002 against main-0001: refused", time.time())
        with serving(str(folder), "shown") as url:
            yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_accessible_at_every_size_and_in_the_dark(
    browser: Browser, shown: str, axe: str, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(shown)
    expect(page.locator(".crown .name")).to_have_text(re.compile("main-"))
    assert not serious(page, axe)
    where = "phone" if size == PHONE else "desk"
    picture(page, f"dashboard-{where}-{scheme}.png")
    page.locator("[id^=match-]").first.click()
    page.wait_for_load_state()
    expect(page.get_by_role("link", name="Next")).to_be_visible()
    for ply in range(1, 7):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".move")).to_contain_text(f"Move {ply} of")
    page.keyboard.press("End")
    expect(page.locator(".move")).to_contain_text(re.compile("won|draw"))
    assert not serious(page, axe)
    if size == DESK:
        picture(page, f"replay-{where}-{scheme}.png")
    for path in ("/leaderboard", "/matches", "/matches/none", "/policies/main-0001", "/policies/uniform"):
        page.goto(f"{shown}{path}")
        assert not serious(page, axe)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_leagues_side_by_side_are_accessible(
    browser: Browser, folder: Path, filled: str, own: Store, axe: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    with serving(str(folder), filled, beside=[f"{folder}#{own.league}"]) as url:
        page.goto(url)
        page.get_by_role("link", name="Compare").click()
        expect(page.locator(".chart")).to_have_count(2)
        expect(page.get_by_role("region", name="Table of matches between champions")).to_be_visible(timeout=60_000)
        assert not serious(page, axe)
        picture(page, f"compare-desk-{scheme}.png")
        page.goto("about:blank")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_said_is_accessible_too(browser: Browser, url: str, own: Store, axe: str, scheme: str) -> None:
    """The notice, ailing learners, and the answers to a promotion."""
    learner = STATUS["learners"]["main"]
    learners = {"main": {**learner, "reported_s": 1.0}, "waiting": {**learner, "placed": False}}
    own.set_status({**STATUS, "learners": learners, "missing": "asks for 12 CPUs and 0 GPUs, has 2 and 0"})
    page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(url)
    expect(page.locator(".notice:visible")).to_contain_text("less room")
    expect(page.locator("#learners ~ .scroll .bad")).to_have_count(2)
    wish(page, "main-0002", "not the token", force=True, reason="a test")
    expect(page.locator(".refused")).to_be_visible()
    assert not serious(page, axe)
    wish(page, "main-0002", TOKEN, force=True, reason="a test")
    expect(page.locator(".accepted")).to_be_visible()
    expect(page.locator(".progress .tag")).to_have_text("promoted")
    assert not serious(page, axe)
    page.goto("about:blank")
    page.close()
