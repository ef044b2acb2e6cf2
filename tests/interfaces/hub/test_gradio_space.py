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

from league.games import make_game
from league.interfaces.cli import run
from league.policies.network import PolicyNetwork
from league.pool.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, expect = playwright.Page, playwright.expect

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


@pytest.fixture
def page(app: tuple[str, Path]) -> Iterator[Page]:
    found = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = started.chromium.launch(executable_path=found, args=arguments)
        yield browser.new_page(viewport={"width": 390, "height": 844})
        browser.close()


def test_whole_games_from_both_seats(app: tuple[str, Path], page: Page, shared: tuple[Store, PolicyNetwork]) -> None:
    network, dice = shared[1], random.Random(4)
    page.goto(app[0])
    for seat, name in enumerate(("first", "second")):
        page.get_by_label(name, exact=True).check()
        page.get_by_role("button", name="New game").click()
        game, moves, done = make_game(network.spec.name, 1), [], False
        if seat == 0:
            expect(page.locator("[data-moves]")).to_have_attribute("data-moves", "", timeout=30_000)
        while not done:
            legal = game.legal()
            if len(moves) % 2 == seat:
                action = dice.choice(legal[0].nonzero().flatten().tolist())
                button = page.locator(f"[data-action='{action}']")
                expect(button).to_have_attribute("aria-disabled", "false", timeout=30_000)
                button.click() if seat == 0 else button.press("Enter")
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


def test_neither_ray_nor_this_project_is_imported(app: tuple[str, Path]) -> None:
    names = {line.rpartition(b"|")[2].strip().decode() for line in app[1].read_bytes().splitlines() if b"|" in line}
    assert "onnxruntime" in names
    assert not [name for name in names if re.match(r"(ray|league|torch)(\.|$)", name)]
