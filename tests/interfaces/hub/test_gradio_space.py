"""The Gradio Space, installed from its own requirements into an environment of its own, and played in a browser."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from browsing import DESK, PHONE, picture, serious

from league.games import make_game
from league.interfaces.cli import run
from league.policies.network import PolicyNetwork
from league.pool.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Browser, Page, expect = playwright.Browser, playwright.Page, playwright.expect

expect.set_options(timeout=30_000)

pytestmark = pytest.mark.long
STARTS_S = 120


@pytest.fixture(scope="module")
def python(pytestconfig: pytest.Config) -> Path:
    """Of an environment with what requirements.txt names, and nothing of ours; kept between runs."""
    wanted = Path(__file__).parents[3] / "league" / "interfaces" / "hub" / "gradio" / "requirements.txt"
    if given := os.environ.get("LEAGUE_GRADIO_PYTHON"):
        return Path(given)
    folder = pytestconfig.cache.mkdir("gradio-space")
    done = folder / "requirements.txt"
    if not done.exists() or done.read_bytes() != wanted.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [folder / "bin" / "pip", "install", "--quiet", "-r", wanted]
        if subprocess.run(install, check=False).returncode:
            pytest.skip("Gradio cannot be installed here")
        shutil.copy(wanted, done)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def app(
    folder: Path, shared: tuple[Store, PolicyNetwork], python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Its address, and the file that names what it has imported."""
    output = tmp_path_factory.mktemp("gradio") / "space"
    where = ["--store", str(folder), "--league", shared[0].league]
    assert run(["export", "main-0001", *where, "--format", "space", "--sdk", "gradio", "-o", str(output)]) == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    imported = output.with_name("imported")
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    environment.pop("PYTHONPATH", None)
    with imported.open("wb") as file:
        command = [python, "-X", "importtime", "app.py"]
        process = subprocess.Popen(command, cwd=output, env=environment, stderr=file, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait(url, process, imported)
            yield url, imported
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(STARTS_S * 5):
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.2)
    pytest.fail("the app did not start")


def opened(browser: Browser, url: str, size: tuple[int, int], scheme: str = "light") -> Page:
    """A tab of a browser of its own; `asked` holds the addresses that it has asked."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(url)
    expect(page.locator("[data-moves]")).to_be_visible(timeout=30_000)
    return page


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_whole_games_from_both_seats(
    app: tuple[str, Path], browser: Browser, shared: tuple[Store, PolicyNetwork], size: tuple[int, int], way: str
) -> None:
    network, dice, page = shared[1], random.Random(4), opened(browser, app[0], size)
    for seat, name in enumerate(("first", "second")):
        page.get_by_label(name, exact=True).check()  # Which begins a new game if it is another seat.
        expect(page.locator(".league-players li").nth(seat)).to_contain_text("You", timeout=30_000)
        game, moves, done = make_game(network.spec.name, 1), [], False
        if seat == 0:
            expect(page.locator("[data-moves]")).to_have_attribute("data-moves", "", timeout=30_000)
        while not done:
            legal = game.legal()
            if len(moves) % 2 == seat:
                action = dice.choice(legal[0].nonzero().flatten().tolist())
                button = page.locator(f"[data-action='{action}']")
                expect(button).to_have_attribute("aria-disabled", "false", timeout=30_000)
                for other in (~legal[0]).nonzero().flatten().tolist():
                    page.locator(f"[data-action='{other}']").click(force=True)
                button.click() if way == "mouse" else button.press("Enter")
            else:
                with torch.no_grad():
                    action = int(network(game.observe(), legal)[0].argmax())
            moves.append(action)
            step = game.step(torch.tensor([action]))
            done = bool(step.done)
            if done or len(moves) % 2 == seat:
                expected = " ".join(map(str, moves))
                expect(page.locator("[data-moves]")).to_have_attribute("data-moves", expected, timeout=30_000)
        mine = float(step.rewards[0, seat])
        words = "A draw." if mine == 0 else "You win" if mine > 0 else "main-0001 wins."
        expect(page.locator(".status")).to_contain_text(words)
        assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    page.get_by_role("button", name="New game").click()
    expect(page.locator("[data-moves]")).to_have_attribute("data-moves", str(moves[0]), timeout=30_000)
    assert [url for url in page.asked if not url.startswith((app[0], "data:"))] == [], "its own host alone"
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_accessible_at_every_size_and_in_the_dark(
    app: tuple[str, Path], browser: Browser, axe: str, game: str, size: tuple[int, int], scheme: str
) -> None:
    page = opened(browser, app[0], size, scheme)
    page.get_by_label("What it thinks").check()
    for number, action in enumerate((3, 2), start=1):
        page.locator(f"[data-action='{action}']").click()
        expect(page.locator(".cell.seat1")).to_have_count(number, timeout=30_000)
    page.get_by_role("button", name="Hint").click()
    expect(page.locator(".moves button.hint")).to_have_count(1, timeout=30_000)
    assert not serious(page, axe)
    if game == "connect_four":
        picture(page, f"gradio-space-{'phone' if size == PHONE else 'desk'}-{scheme}.png")
    page.context.close()


def test_hint_undo_resign_and_strength(
    app: tuple[str, Path], browser: Browser, shared: tuple[Store, PolicyNetwork]
) -> None:
    """Each as far as it goes, with the keyboard; at full strength the first move is always the same, else it varies."""
    network, page = shared[1], opened(browser, app[0], DESK)
    game = make_game(network.spec.name, 1)
    with torch.no_grad():
        best = int(network(game.observe(), game.legal())[0].argmax())
    played, status = page.locator("[data-moves]"), page.locator(".status")
    hint, undo, resign, again = (page.get_by_role("button", name=one) for one in ("Hint", "Undo", "Resign", "New game"))
    expect(hint).to_be_enabled()
    expect(undo).to_be_disabled()
    expect(resign).to_be_disabled()
    hint.press("Enter")
    expect(page.locator(f"[data-action='{best}']")).to_have_accessible_name(re.compile("hint"))
    page.locator(f"[data-action='{best}']").press("Enter")
    expect(resign).to_be_enabled()
    undo.press("Enter")
    expect(played).to_have_attribute("data-moves", "")
    page.locator("[data-action='1']").press("Enter")
    expect(page.locator(".cell.seat1")).to_have_count(1)
    resign.press("Enter")
    expect(status).to_have_text("You resigned: main-0001 wins.")
    assert page.locator(".moves button:not([aria-disabled=true])").count() == 0
    for button in (hint, undo, resign):
        expect(button).to_be_disabled()
    page.get_by_label("What it thinks").check()
    expect(status).to_have_text("You resigned: main-0001 wins.")
    page.get_by_label("second", exact=True).check()
    expect(played).to_have_attribute("data-moves", str(best))
    expect(undo).to_be_disabled()
    page.get_by_label("as trained").check()
    seen = {best}
    for _ in range(40):  # Of so many draws from an untrained network's seven moves, one at least is another.
        resign.click()
        expect(status).to_contain_text("You resigned")
        again.click()
        expect(status).to_have_text("Your move.")
        seen.add(int(str(played.get_attribute("data-moves"))))
        if len(seen) > 1:
            break
    assert len(seen) > 1
    page.get_by_label("full").check()
    again.click()
    expect(played).to_have_attribute("data-moves", str(best))
    page.context.close()


def test_two_tabs_play_two_games(app: tuple[str, Path], browser: Browser) -> None:
    first = opened(browser, app[0], DESK)
    second = first.context.new_page()
    second.goto(app[0])
    expect(second.locator("[data-moves]")).to_be_visible(timeout=30_000)
    first.locator("[data-action='0']").click()
    expect(first.locator(".cell.seat1")).to_have_count(1, timeout=30_000)
    second.locator("[data-action='2']").click()
    expect(second.locator("[data-moves]")).to_have_attribute("data-moves", re.compile("^2 .$"), timeout=30_000)
    expect(first.locator("[data-moves]")).to_have_attribute("data-moves", re.compile("^0 .$"))
    first.context.close()


def test_neither_ray_nor_this_project_is_imported(app: tuple[str, Path]) -> None:
    names = {line.rpartition(b"|")[2].strip().decode() for line in app[1].read_bytes().splitlines() if b"|" in line}
    assert "onnxruntime" in names
    assert not [name for name in names if re.match(r"(ray|league|torch)(\.|$)", name)]
