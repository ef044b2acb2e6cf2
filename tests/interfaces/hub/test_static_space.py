"""The static Space in a real, headless Chromium, from a plain file server, against the policy's own moves.

With LEAGUE_SCREENSHOTS set to a folder, the pictures of the documentation are written into it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from league.games import make_game, sample_uniform
from league.games.base import HasCells
from league.interfaces.board import title
from league.interfaces.cli import run
from league.interfaces.hub.runtime import CDN, FILES, PACKAGE, VERSION
from league.policies.network import PolicyNetwork
from league.pool.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, Browser, Route, expect = playwright.Page, playwright.Browser, playwright.Route, playwright.expect
expect.set_options(timeout=20_000)

PHONE, DESK = (390, 844), (1280, 800)
VIEWS = {"phone": (PHONE, "dark"), "desk": (DESK, "light")}
POSITIONS = 1000

pytestmark = pytest.mark.xdist_group("static space")


@pytest.fixture(scope="module")
def package(pytestconfig: pytest.Config) -> Path:
    """The npm package, kept between runs."""
    folder = pytestconfig.cache.mkdir(f"{PACKAGE}-{VERSION}")
    if not (folder / "package" / "package.json").exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm")
        packed = subprocess.run(
            [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            pytest.skip(f"{PACKAGE} cannot be had here: {packed.stderr[-200:]}")
        archive = folder / packed.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            for name in (*(f"package/dist/{file}" for file in FILES), "package/package.json"):
                tar.extract(name, folder, filter="data")
        archive.unlink()
    return folder / "package"


@pytest.fixture(scope="module")
def vendored(
    folder: Path, shared: tuple[Store, PolicyNetwork], package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    output = tmp_path_factory.mktemp("vendored") / "space"
    where = ["--store", str(folder), "--league", shared[0].league]
    command = ["export", "main-0001", *where, "--format", "space", "--vendor", str(package), "--output", str(output)]
    assert run(command) == 0
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    with playwright.sync_playwright() as started:
        if found is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("needs a Chromium: apt install chromium")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = started.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(vendored: Path) -> Iterator[str]:
    yield from _serve(vendored)


@pytest.fixture
def served_plainly(space: Path) -> Iterator[str]:
    yield from _serve(space)


def _serve(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the console or a script complains about fails the test."""
    found: list[str] = []
    yield found
    assert found == []


def opened(browser: Browser, size: tuple[int, int], complaints: list[str], scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page


def started(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#said")).to_have_text("Your move. You have X.")


def in_words(game: Any) -> re.Pattern[str]:
    """How the page says the position on the first board of a game."""
    assert isinstance(game, HasCells)
    rows = [" ".join(mark if mark in ("X", "O") else "empty" for mark in row) for row in game.cells(0).marks]
    return re.compile("^Board, " + "; ".join(f"row {number}: {row}" for number, row in enumerate(rows, 1)) + r"($|\.)")


def play(page: Page, name: str, network: PolicyNetwork, seat: int, way: str, dice: random.Random) -> None:
    """A whole game with moves drawn by lot, in which each answer is the network's own."""
    game = make_game(name, 1)
    page.get_by_role("button", name=("Play first", "Play second")[seat]).click()
    mover, done = 0, False
    while not done:
        legal = game.legal()
        if mover == seat:
            action = dice.choice(legal[0].nonzero().flatten().tolist())
            expect(page.locator("#said")).to_contain_text("Your move")
            for other in (~legal[0]).nonzero().flatten().tolist():
                expect(page.locator(f"[data-action='{other}']")).to_have_attribute("aria-disabled", "true")
            if way == "keyboard":
                page.keyboard.press(str(action))
            else:
                page.locator(f"[data-action='{action}']").click()
        else:
            with torch.no_grad():
                action = int(network(game.observe(), legal)[0].argmax())
        step = game.step(torch.tensor([action]))
        done, mover = bool(step.done), 1 - mover
        if done or mover == seat:
            expect(page.get_by_role("img")).to_have_accessible_name(in_words(game))
    rewards = step.rewards[0].tolist()
    words = "A draw." if rewards[0] == 0 else ("You win against" if rewards[seat] > 0 else "main-0001 wins.")
    expect(page.locator("#said")).to_contain_text(words)
    won = game.cells(0).line  # type: ignore[attr-defined]
    assert page.locator(".cell.won").count() == len(won)
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_whole_games_against_the_policys_own_moves(
    browser: Browser,
    served: str,
    game: str,
    shared: tuple[Store, PolicyNetwork],
    size: str,
    complaints: list[str],
) -> None:
    view, scheme = VIEWS[size]
    page, dice, asked = opened(browser, view, complaints, scheme), random.Random(3), []
    page.on("request", lambda request: asked.append(request.url))
    started(page, served)
    for seat in (0, 1):
        for way in ("mouse", "keyboard"):
            play(page, game, shared[1], seat, way, dice)
    assert float(page.locator("#took").get_attribute("data-ms")) < 2000, "alone on the machine it is under 100 ms"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert len(asked) > 8
    assert [url for url in asked if not url.removeprefix("blob:").startswith(served)] == [], "its own host alone"
    if game == "connect_four" and (folder := os.environ.get("LEAGUE_SCREENSHOTS")):
        page.screenshot(path=Path(folder) / f"space-{size}-{scheme}.png")


def test_hint_undo_resign_and_what_it_thinks(
    browser: Browser, served: str, game: str, shared: tuple[Store, PolicyNetwork], complaints: list[str]
) -> None:
    page, network, board = opened(browser, DESK, complaints), shared[1], make_game(game, 1)
    started(page, served)
    page.get_by_label("What it thinks").check()
    with torch.no_grad():
        logits, value = network(board.observe(), board.legal())
    expected = [f"{100 * share:.0f}%" for share in logits.softmax(dim=1)[0].tolist()]
    assert [text for text in page.locator(".note").all_text_contents() if text] == expected
    expect(page.locator("#thought")).to_have_text(f"It expects {float(value):+.2f} for you here.")
    page.get_by_role("button", name="Hint").click()
    best = int(logits.argmax())
    expect(page.locator(f"[data-action='{best}']")).to_have_accessible_name(re.compile("hint"))
    page.locator(f"[data-action='{best}']").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("img")).to_have_accessible_name(in_words(board))
    page.locator("[data-action='1']").click()
    expect(page.locator("#said")).to_contain_text("Your move")
    page.get_by_role("button", name="Resign").click()
    expect(page.locator("#said")).to_have_text("You resigned: main-0001 wins.")
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    page.get_by_role("button", name="Play second").click()
    expect(page.locator("#said")).to_have_text("Your move. You have O.")


@pytest.mark.long
@pytest.mark.parametrize("rows", [1, 7])
def test_a_thousand_positions_in_webassembly(
    browser: Browser, served: str, game: str, shared: tuple[Store, PolicyNetwork], rows: int, complaints: list[str]
) -> None:
    network, boards, generator = shared[1], make_game(game, 50), torch.Generator().manual_seed(1)
    seen, legal = [], []
    for _ in range(POSITIONS // 50):
        seen.append(boards.observe())
        legal.append(boards.legal())
        boards.reset(boards.step(sample_uniform(boards.legal(), generator)).done)
    observation, mask = torch.cat(seen), torch.cat(legal)
    with torch.no_grad():
        logits, value = network(observation, mask)
    page = opened(browser, DESK, complaints)
    started(page, served)
    found = page.evaluate(
        """async ([seen, legal, rows]) => {
            const { Policy } = await import("./policy.js");
            const policy = await Policy.load(await (await fetch("league.json")).json());
            const said = { logits: [], values: [] };
            for (let at = 0; at < seen.length; at += rows) {
                const part = Float32Array.from(seen.slice(at, at + rows).flat());
                const some = legal.slice(at, at + rows);
                const { logits, values } = await policy.evaluate(part, some.flat(), some.length);
                said.logits.push(...logits);
                said.values.push(...values);
            }
            return said;
        }""",
        [observation.flatten(1).tolist(), mask.tolist(), rows],
    )
    assert len(found["values"]) == POSITIONS
    assert abs(np.array(found["logits"]) - logits.flatten().numpy()).max() <= 1e-4
    assert abs(np.array(found["values"]) - value.numpy()).max() <= 1e-4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(
    browser: Browser, served: str, scheme: str, complaints: list[str], game: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    page = opened(browser, PHONE, complaints, scheme)
    started(page, served)
    page.get_by_label("What it thinks").check()
    page.locator("[data-action='1']").click()
    expect(page.locator("#said")).to_contain_text("Your move")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    found = page.evaluate(f"{script}; axe.run().then(report => report.violations)")
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_how_much_it_weighs(vendored: Path, space: Path) -> None:
    weights = {folder: sum(path.stat().st_size for path in folder.rglob("*")) for folder in (vendored, space)}
    assert weights[vendored] < 20_000_000
    assert weights[space] < 3_000_000


@pytest.mark.long
def test_from_the_usual_host_only_what_has_its_hash(
    browser: Browser, served_plainly: str, package: Path, game: str, complaints: list[str]
) -> None:
    page, asked = opened(browser, DESK, complaints), []
    page.on("request", lambda request: asked.append(request.url))

    def answer(route: Route) -> None:
        data = (package / "dist" / route.request.url.removeprefix(CDN)).read_bytes()
        route.fulfill(body=data, headers={"Access-Control-Allow-Origin": "*"})

    page.route(f"{CDN}*", answer)
    started(page, served_plainly)
    assert {url for url in asked if url.startswith("https:")} == {CDN + name for name in FILES}
    expect(page).to_have_title(f"{title(game)} against main-0001")
    page.unroute(f"{CDN}*")
    page.route(f"{CDN}*", lambda route: route.fulfill(body="0", headers={"Access-Control-Allow-Origin": "*"}))
    page.goto("about:blank")
    page.goto(served_plainly)
    expect(page.locator("#said")).to_contain_text(f"cannot load {CDN}")
    expect(page.get_by_role("button", name="Play first")).to_be_disabled()
    assert complaints
    complaints.clear()
