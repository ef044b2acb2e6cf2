"""What a user's code raises, in one line that names its line, wherever that code is installed."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

import pytest

from league import foreign
from league.errors import GameError, LeagueError
from league.foreign import blame, blamed, is_own, load, raised_at, standing


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `site-packages` is one."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(foreign, "_LIBRARIES", [*foreign._LIBRARIES, f"{folder}/"])
    monkeypatch.syspath_prepend(str(folder))
    return folder


def declare(folder: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a package with an entry point does."""
    monkeypatch.setattr(foreign, "modules", lambda: {module})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\n\nraise ValueError('no\\ncards')", "ValueError: no cards ({}:3, in <module>: raise ValueError("),
        ("import a_package_of_nobody", "No module named 'a_package_of_nobody' ({}:1, in <module>: import a_pack"),
        ("from json import lads", "({}:1, in <module>: from json import lads)"),
        ("import json\njson.loads('[')", "({}:2, in <module>: json.loads('['))"),
        ("x = 1\ndef f(:\n", "SyntaxError: invalid syntax ({}:2, in <module>: def f(:)"),
        ("raise SystemExit(3)", "SystemExit: 3 ({}:1, in <module>: raise SystemExit(3))"),
    ],
)
@pytest.mark.parametrize("installed", [False, True])
def test_what_an_import_raises_names_its_line(
    text: str, said: str, installed: bool, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = library if installed else tmp_path
    file = folder / "somebodys_bots.py"
    file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    if installed:
        declare(folder, "somebodys_bots", monkeypatch)
    importlib.invalidate_caches()
    with pytest.raises(GameError) as raised:
        load("somebodys_bots:Bot", "somebodys_bots:Bot", GameError)
    assert str(raised.value).startswith("somebodys_bots:Bot cannot be imported: ")
    assert said.format(file) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is not None
    assert (raised_at(raised.value.__cause__) or "").startswith(f"{file}:")


def test_what_is_declared_is_a_users_own_though_it_is_installed(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bots, other = (str(library / name / "greedy.py") for name in ("league_bots", "numpy"))
    assert not is_own(bots)
    declare(library, "league_bots", monkeypatch)
    assert is_own(bots)
    assert is_own(str(library / "league_bots.py"))
    assert not is_own(other)
    assert not is_own(importlib.__file__)


def test_a_neighbour_whose_name_begins_like_ours_is_not_ours() -> None:
    ours = Path(foreign.__file__).parent
    assert not is_own(str(ours / "games" / "base.py"))
    assert is_own(str(ours.with_name("league_bots") / "greedy.py"))


def test_what_an_installed_bot_raises_as_it_plays_is_blamed_on_it(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "angry_bots.py").write_text("def choose():\n    raise KeyError('eyes')\n", encoding="utf-8")
    declare(library, "angry_bots", monkeypatch)
    importlib.invalidate_caches()
    bots = load("angry_bots", "angry_bots", GameError)
    said = r"^pile: KeyError: 'eyes' \(.*angry_bots\.py:2, in choose: raise KeyError"
    with pytest.raises(LeagueError, match=said), blamed("pile"):
        bots.choose()


def test_without_a_traceback_there_is_no_line() -> None:
    assert blame(ValueError("no\tcards")) == "ValueError: no cards"
    assert raised_at(ValueError()) is None


def test_where_a_thread_stands_is_a_line_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the constructor of an environment that never comes back."""
    (tmp_path / "hanging_game.py").write_text("def env(began, over):\n    began.set()\n    over.wait()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    game = importlib.import_module("hanging_game")
    began, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=game.env, args=(began, over))
    thread.start()
    try:
        assert began.wait(30)
        while "over.wait()" not in (at := standing(thread.ident) or ""):
            pass
        assert at.endswith("hanging_game.py:3, in env: over.wait()")
    finally:
        over.set()
        thread.join()
    assert standing(thread.ident) is None
    assert standing(None) is None
