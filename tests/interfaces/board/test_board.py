"""The board in a real, headless Chromium, by mouse and keyboard, and its rules against the games' own."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
import torch
from browsing import DESK, PHONE, serious

from league.games import game_spec, make_game
from league.games.base import HasCells
from league.interfaces.board import ASSETS, asset, describe

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, Browser, Route, expect = playwright.Page, playwright.Browser, playwright.Route, playwright.expect

PAGE = """<!doctype html><html lang="en"><title>Board</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="board.css"><main><h1>Board</h1><div id="board"></div></main>
<script type="module">
import { Board } from "./board.js";
import { LineGame } from "./rules.js";
window.start = (game) => {
  window.chosen = [];
  window.line = new LineGame(game);
  window.board = new Board(document.getElementById("board"), game, (action) => {
    window.chosen.push(action);
    window.line.play(action);
    window.board.show(window.line.position({ ready: true }));
  });
  window.board.show(window.line.position({ ready: true }));
};
window.LineGame = LineGame;
</script>"""
TYPES = {"js": "text/javascript", "css": "text/css"}


def opened(browser: Browser, size: tuple[int, int], scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.route("http://board.test/*", answer)
    page.goto("http://board.test/")
    page.wait_for_function("window.start !== undefined")
    return page


def answer(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if name in ASSETS:
        route.fulfill(body=asset(name), content_type=TYPES[name.rpartition(".")[2]])
    else:
        route.fulfill(body=PAGE if name == "" else "", content_type="text/html")


def described(name: str) -> dict[str, Any]:
    found = describe(game_spec(name))
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_the_rules_are_the_games_own(browser: Browser, name: str) -> None:
    game, spec = make_game(name, 1), game_spec(name)
    page, dice = opened(browser, DESK), random.Random(5)
    games: list[list[int]] = []
    expected: list[list[Any]] = []
    for _ in range(60):
        game.reset()
        moves: list[int] = []
        plies: list[Any] = []
        done, winner = False, None
        while True:
            assert isinstance(game, HasCells)
            cells = game.cells(0)
            legal = [not done and open_ for open_ in game.legal()[0].tolist()]
            marks = [[mark if mark in ("X", "O") else "" for mark in row] for row in cells.marks]
            seen = game.observe()[0].flatten().tolist()
            plies.append([legal, marks, seen, sorted(map(list, cells.line)), winner])
            if done:
                break
            moves.append(dice.choice([action for action, open_ in enumerate(legal) if open_]))
            step = game.step(torch.tensor([moves[-1]]))
            done = bool(step.done[0])
            winner = {1.0: 0, -1.0: 1, 0.0: -1 if done else None}[float(step.rewards[0, 0])]
        games.append(moves)
        expected.append(plies)
    found = page.evaluate(
        """([game, games]) => games.map((moves) => [...moves, null].map((_, ply) => {
            const at = new LineGame(game, moves.slice(0, ply));
            return [at.legal(), at.marks, [...at.observe()], at.line().sort((a, b) => a[0] - b[0] || a[1] - b[1]),
                    at.winner()];
        }))""",
        [described(name), games],
    )
    assert json.loads(json.dumps(expected)) == found
    assert {plies[-1][-1] for plies in expected} >= {0, 1}, "both seats win some"
    assert spec.actions == len(described(name)["actions"])


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_by_mouse_only_what_is_legal(browser: Browser, size: tuple[int, int]) -> None:
    page = opened(browser, size)
    page.evaluate("game => start(game)", described("connect_four"))
    column = page.get_by_role("button", name="Column 3")
    for _ in range(6):
        column.click()
    expect(column).to_have_accessible_name("Column 3, from the top gold red gold red gold red, full")
    expect(column).to_be_disabled()
    box = column.bounding_box()
    assert box["width"] >= 44
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.evaluate("chosen") == [3] * 6
    for action in (0, 1, 0, 1, 0, 1, 0):
        page.get_by_role("button", name=f"Column {action}").click()
    assert page.locator(".cell.won").count() == 4
    expect(page.get_by_role("img")).to_have_accessible_name(re.compile("Winning line: row 3 column 0"))
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_by_keyboard(browser: Browser) -> None:
    page = opened(browser, DESK)
    page.evaluate("game => start(game)", described("tic_tac_toe"))
    page.keyboard.press("Tab")
    for key in ("ArrowRight", "ArrowDown", "Enter", "ArrowDown", " ", "8", "4", "Home", "Enter", "End"):
        page.keyboard.press(key)
    assert page.evaluate("chosen") == [4, 7, 8, 0], "4 again is taken"
    expect(page.get_by_role("button", name="Cell 8, row 3, X")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_nothing_serious_is_found_by_axe(browser: Browser, axe: str, name: str, scheme: str) -> None:
    page = opened(browser, PHONE, scheme)
    page.evaluate("game => start(game)", described(name))
    page.evaluate("game => [4, 0, 1].forEach(action => line.play(action))")
    shares = [1 / len(described(name)["actions"])] * len(described(name)["actions"])
    page.evaluate("shares => board.show(line.position({ ready: true, shares, hint: 2 }))", shares)
    assert not serious(page, axe)
