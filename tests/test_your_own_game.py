"""`docs/your-own-game.md`, followed to the letter in a fresh folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from league.games.checking import check_game
from league.interfaces.cli import run

PAGE = Path(__file__).parents[1] / "docs" / "your-own-game.md"
SHORT_MINUTES = "0.35"


def blocks() -> Iterator[tuple[str, str]]:
    """Language and text of each block, in the order of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def files() -> dict[str, str]:
    found = {}
    for language, text in blocks():
        if language == "python":
            name = text.partition("\n")[0].removeprefix("# ")
            assert name.endswith(".py"), text[:40]
            found[name] = text
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("reader")
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path[:] = before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("game", ["othello", "fast_othello:Othello"])
def test_both_games_are_ok(game: str) -> None:
    assert not [one for one in check_game(game, games=4) if one.level != "ok"]


@pytest.mark.usefixtures("folder")
def test_the_equality_test_of_the_page_passes() -> None:
    space: dict[str, object] = {}
    exec(compile(files()["test_othello.py"], "test_othello.py", "exec"), space)
    test = space["test_the_two_are_equal_ply_for_ply"]
    assert callable(test)
    test()


@pytest.mark.usefixtures("folder")
def test_the_bot_and_the_network_are_found() -> None:
    from league.config import NetworkConfig
    from league.games import game_spec, make_bot, make_game
    from league.policies.weights import fresh
    from league.rollout.arena import play_match

    game = make_game("fast_othello:Othello", 100)
    greedy, uniform = (make_bot(name, game.spec) for name in ("othello_bots:Greedy", "uniform"))
    played = play_match(game, greedy, uniform, opening_plies=2, max_plies=100, seed=1)
    total = [sum(column) for column in zip(*played.results.values(), strict=True)]
    assert total[0] > total[2]
    network = fresh(game_spec("fast_othello:Othello"), NetworkConfig(kind="othello_networks:wide"), 1)
    assert network.policy.out_features == 37


def test_the_entry_points_name_what_the_page_has() -> None:
    (text,) = [text for language, text in blocks() if language == "toml"]
    for group, declared in tomllib.loads(text)["project"]["entry-points"].items():
        assert group in ("league.games", "league.bots", "league.networks")
        for value in declared.values():
            module, _, name = value.partition(":")
            assert re.search(rf"^(class|def) {name}\b", files()[f"{module}.py"], re.MULTILINE)


@pytest.mark.parametrize(("words", "game"), [([], "pile"), (["--tensors"], "pile:Pile")])
def test_a_new_game_is_ok_as_it_is(
    words: list[str], game: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"pile_of_{'tensors' if words else 'stones'}"
    game = game.replace("pile", name).replace("Pile", "PileOfTensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run(["new-game", name, *words]) == 0
    assert f"league check {game}" in capsys.readouterr().out
    assert not [one for one in check_game(game, games=5) if one.level != "ok"]
    assert run(["new-game", name]) == 2
    assert f"{name}.py exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["my-game", "json", "numpy", "class", "1st"])
def test_a_name_that_cannot_be_a_module_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new-game", name]) == 2
    assert name in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_page_is_followed_to_the_letter(tmp_path: Path) -> None:
    """Every block in order: files are saved, commands are typed; only the minutes are fewer."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    began = time.monotonic()
    for language, text in blocks():
        if language == "python":
            (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        for line in text.splitlines() if language == "sh" else ():
            words = shlex.split(line)
            if words[1] == "play":
                continue  # A person sits there.
            words = [SHORT_MINUTES if before == "--minutes" else word for before, word in pairwise(["", *words])]
            done = subprocess.run(words, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            print(f"{time.monotonic() - began:5.0f} s  {line}")
