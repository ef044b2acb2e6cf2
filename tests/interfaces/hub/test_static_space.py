"""The static Space in a real, headless Chromium, from a plain file server, against the policy's own moves.

With LEAGUE_SCREENSHOTS set to a folder, the pictures of the documentation are written into it; with
LEAGUE_SCREENSHOTS_STORE set, too, they are of that league's champion.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shlex
import shutil
import statistics
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
from browsing import DESK, PHONE, picture, serious
from hub_server import TOKEN, hub_server

from league.config import LeagueConfig
from league.games import make_game, sample_uniform
from league.games.base import HasCells
from league.interfaces.board import describe, title
from league.interfaces.cli import run
from league.interfaces.hub.runtime import CDN, FILES, PACKAGE, VERSION
from league.policies.network import PolicyNetwork
from league.pool.store import Store

from .conftest import MARKUP, add, promote

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, Browser, Route, expect = playwright.Page, playwright.Browser, playwright.Route, playwright.expect
expect.set_options(timeout=20_000)

VIEWS = {"phone": (PHONE, "dark"), "desk": (DESK, "light")}
POSITIONS = 1000
ANSWER_MS = 100

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
    return export(tmp_path_factory.mktemp("vendored"), package, str(folder), shared[0].league)


def export(place: Path, package: Path, store: str, league: str, policy: str = "champion") -> Path:
    """The Space of a league's policy that asks no other host."""
    where = ["--store", store, "--league", league, "--output", str(place / "space")]
    assert run(["export", policy, *where, "--format", "space", "--vendor", str(package)]) == 0
    return place / "space"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(vendored: Path) -> Iterator[str]:
    yield from _serve(vendored)


@pytest.fixture(scope="module")
def looked_at(served: str, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same, or of the champion of LEAGUE_SCREENSHOTS_STORE."""
    given = os.environ.get("LEAGUE_SCREENSHOTS_STORE")
    if given is None:
        yield served
    else:
        yield from _serve(export(tmp_path_factory.mktemp("looked at"), package, given, "league"))


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
    expect(page.locator("#said")).to_have_text("Your move.")


def in_words(game: Any) -> re.Pattern[str]:
    """How the page says the position on the first board of a game."""
    assert isinstance(game, HasCells)
    game_said = describe(game.spec)
    assert game_said is not None
    names = dict(zip("XO", game_said["seats"], strict=True))
    rows = [" ".join(names.get(mark, "empty") for mark in row) for row in game.cells(0).marks]
    return re.compile("^Board, " + "; ".join(f"row {number}: {row}" for number, row in enumerate(rows, 1)) + r"($|\.)")


def press(page: Page, action: int, way: str, *, legal: bool = True) -> None:
    button = page.locator(f"[data-action='{action}']")
    expect(button).to_have_attribute("aria-disabled", str(not legal).lower())
    if way == "keyboard":
        page.keyboard.press(str(action))
    else:
        button.click(force=not legal)


def play(page: Page, name: str, network: PolicyNetwork, seat: int, way: str, dice: random.Random) -> list[float]:
    """A whole game with moves drawn by lot, in which each answer is the network's own; the milliseconds they took."""
    game = make_game(name, 1)
    page.get_by_role("button", name=("Play first", "Play second")[seat]).click()
    mover, done, took = 0, False, []
    while not done:
        legal = game.legal()
        if mover == seat:
            action = dice.choice(legal[0].nonzero().flatten().tolist())
            expect(page.locator("#said")).to_contain_text("Your move")
            for other in (~legal[0]).nonzero().flatten().tolist():
                press(page, other, way, legal=False)
            expect(page.get_by_role("img")).to_have_accessible_name(in_words(game))
            press(page, action, way)
        else:
            with torch.no_grad():
                action = int(network(game.observe(), legal)[0].argmax())
        step = game.step(torch.tensor([action]))
        done, mover = bool(step.done), 1 - mover
        if done or mover == seat:
            expect(page.get_by_role("img")).to_have_accessible_name(in_words(game))
        if mover == seat and not done:
            took.append(float(page.locator("#took").get_attribute("data-ms")))
    rewards = step.rewards[0].tolist()
    words = "A draw." if rewards[0] == 0 else ("You win against" if rewards[seat] > 0 else "main-0001 wins.")
    expect(page.locator("#said")).to_contain_text(words)
    won = game.cells(0).line  # type: ignore[attr-defined]
    assert page.locator(".cell.won").count() == len(won)
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    return took


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
    took: list[float] = []
    for seat in (0, 1):
        for way in ("keyboard", "mouse"):
            took += play(page, game, shared[1], seat, way, dice)
            page.get_by_role("button", name="Undo").click()
            expect(page.locator("#said")).to_have_text("Your move.")
    half = statistics.median(took)
    print(f"{game}, {size}: {len(took)} answers, half of them within {half:.1f} ms, all within {max(took):.1f} ms")
    assert half < ANSWER_MS
    assert len(asked) > 8
    assert [url for url in asked if not url.removeprefix("blob:").startswith(served)] == [], "its own host alone"


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
    expect(page.locator("#said")).to_have_text("Your move.")
    expect(page.locator("#players li").last).to_contain_text("You")


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


@pytest.mark.long
def test_a_name_of_any_kind_and_length_leaves_room_for_the_board(
    browser: Browser,
    folder: Path,
    shared: tuple[Store, PolicyNetwork],
    package: Path,
    tmp_path: Path,
    complaints: list[str],
    axe: str,
) -> None:
    name = MARKUP + "x" * 5000
    place = export(tmp_path, package, str(folder), shared[0].league, name)
    with contextlib.contextmanager(_serve)(place) as url:
        page = opened(browser, PHONE, complaints)
        started(page, url)
        expect(page.locator("#players")).to_contain_text(f"{name[:80]}…")
        expect(page.locator(".league-board")).to_be_in_viewport(ratio=1)
        page.locator("[data-action='3']").click()
        page.get_by_role("button", name="Resign").click()
        expect(page.locator("#said")).to_have_text(f"You resigned: {name[:80]}… wins.")
        assert page.locator("img[src='x']").count() == 0
        assert not serious(page, axe)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desk"])
def test_accessible_at_every_size_and_in_the_dark(
    browser: Browser, looked_at: str, size: str, scheme: str, complaints: list[str], game: str, axe: str
) -> None:
    page = opened(browser, VIEWS[size][0], complaints, scheme)
    started(page, looked_at)
    page.get_by_label("What it thinks").check()
    for number, action in enumerate((3, 2), start=1):
        page.locator(f"[data-action='{action}']").click()
        expect(page.locator(".cell.seat1")).to_have_count(number)
        expect(page.locator("#said")).to_contain_text("Your move")
    assert not serious(page, axe)
    if game == "connect_four":
        picture(page, f"space-{size}-{scheme}.png")


def test_how_much_it_weighs(vendored: Path, space: Path) -> None:
    weights = {folder: sum(path.stat().st_size for path in folder.rglob("*")) for folder in (vendored, space)}
    assert weights[vendored] < 20_000_000
    assert weights[space] < 3_000_000


@pytest.mark.long
def test_the_page_about_sharing_to_the_letter(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of its shell blocks, in a folder with a league in `runs/demo` and a hub of our own."""
    text = (Path(__file__).parents[3] / "docs" / "sharing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line.removeprefix("$ ")) for block in blocks for line in block.splitlines()]
    assert [words[0] for words in lines] == ["league", "npm", "league", "league", "export", "league"]
    monkeypatch.chdir(tmp_path)
    with Store.open("runs/demo") as store, hub_server() as hub:
        store.create(LeagueConfig.from_dict({"game": "connect_four"}))
        add(store, "main-0000", 0)
        promote(store, "main-0000")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for words in lines:
            if words[0] == "npm":
                assert words[1:] == ["install", f"{PACKAGE}@{VERSION}"]
                Path("node_modules").mkdir()
                Path("node_modules", PACKAGE).symlink_to(package)
            elif words[0] == "export":
                monkeypatch.setenv(words[1].partition("=")[0], TOKEN)
            else:
                assert run(words[1:]) == 0
        sent = hub.repositories["spaces/anna/connect-four"]
        files = {path.relative_to("my-space").as_posix() for path in Path("my-space").rglob("*") if path.is_file()}
        assert sent.files.keys() == files
        assert sent.lfs == {"policy.onnx", "replay.gif", "vendor/ort-wasm-simd-threaded.wasm"}


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
