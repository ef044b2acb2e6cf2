"""A game, bots and a network from a package of their own, which pip installs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from league.config import NetworkConfig
from league.errors import ConfigError, GameError, LeagueError, PolicyError, UnknownPolicyError
from league.games import (
    bot_names,
    bots,
    game_spec,
    is_bot_name,
    known_games,
    make_bot,
    make_game,
    outside,
    registry,
    sample_uniform,
)
from league.interfaces.cli import run
from league.plugins import declared
from league.policies.weights import fresh, pack, unpack

PACKAGE = Path(__file__).parent / "pile_package"
CACHES = (declared, outside.outside, bots._theirs, registry.game_spec, registry.is_searchable)

Site = Callable[[Path], None]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the package."""
    target = tmp_path_factory.mktemp("installed") / "site"
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "pile")
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Make what is installed in a folder this process's own, for one test."""

    def clear() -> None:
        for cache in CACHES:
            cache.cache_clear()

    def add(folder: Path) -> None:
        monkeypatch.syspath_prepend(str(folder))
        clear()

    yield add
    clear()


@pytest.fixture
def pile(installed: Path, site: Site) -> None:
    site(installed)


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize("name", ["pile", "pile.game:Pile", "pile_aec"])
def test_games_are_found_and_played(name: str) -> None:
    spec, game = game_spec(name), make_game(name, 8, seed=1)
    assert game.spec.name == spec.name == name
    assert (spec.shape, spec.actions, spec.deterministic) == ((11,), 3, True)
    assert spec.batched == (name != "pile_aec")
    generator, ended = torch.Generator().manual_seed(0), 0
    for _ in range(40):
        step = game.step(sample_uniform(game.legal(), generator))
        assert game.last_error is None
        assert not step.dropped.any()
        ended += int(step.done.sum())
        game.reset(step.done)
    assert ended > 8


@pytest.mark.usefixtures("pile")
def test_bots_are_found_and_anchor_their_own_game() -> None:
    assert game_spec("pile").bots == ("uniform", "pile-expert")
    assert set(bot_names(game_spec("pile"))) == {"uniform", "pile-expert", "pile-greedy"}
    assert {"pile-greedy"} <= set(bot_names(game_spec("connect_four")))
    assert "pile-expert" not in bot_names(game_spec("connect_four"))
    assert "pile-greedy" not in game_spec("connect_four").bots
    assert is_bot_name("pile.bots:Greedy", game_spec("tic_tac_toe"))
    assert type(make_bot("pile-expert", game_spec("pile"))).__name__ == "Expert"
    with pytest.raises(UnknownPolicyError):
        make_bot("pile-expert", game_spec("tic_tac_toe"))


@pytest.mark.usefixtures("pile")
def test_a_bot_that_cannot_be_imported_anchors_nothing_and_is_named(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site(taking(tmp_path / "site", "league.bots", "pile-wreck", "pile.broken:Bot"))
    for _ in range(2):
        assert game_spec("pile").bots == ("uniform", "pile-expert")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pile-wreck (pile.broken:Bot) cannot be imported: ValueError: this module" in caplog.text
    assert "broken.py:1, in <module>: raise" in caplog.text


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize("kind", ["pile-linear", "pile.networks:linear"])
def test_networks_are_found_and_stored(kind: str) -> None:
    spec = game_spec("pile")
    network = fresh(spec, NetworkConfig(kind=kind), 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11 * 3 + 3 + 11 + 1
    assert pack(unpack(pack(network), spec)) == pack(network)


@pytest.mark.usefixtures("pile")
def test_games_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"pile", "pile_aec", "pile_broken"} <= {game.name for game in known_games()}
    assert run(["games", "--json"]) == 0
    rows = {row["game"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["pile"]["description"] == "from package pile-of-stones"
    assert rows["pile"]["bots"] == ["uniform", "pile-expert", "pile-greedy"]
    assert rows["pile_broken"]["actions"] is None


REFUSED: list[tuple[Callable[[str], Any], str, type[LeagueError], str]] = [
    (game_spec, "pile_broken", GameError, "pile_broken (pile.broken:Game) cannot be imported: ValueError: this module"),
    (lambda name: make_bot(name, game_spec("pile")), "pile.bots:Nobody", PolicyError, "cannot be imported: Attribute"),
    (lambda name: make_bot(name, game_spec("pile")), "pile.networks:linear", PolicyError, "is no class with a method"),
    (lambda name: make_bot(name, game_spec("pile")), "pile.broken:Bot", PolicyError, "broken.py:1, in <module>: raise"),
    (lambda name: make_bot(name, game_spec("pile")), "pile-exprt", PolicyError, "did you mean 'pile-expert'?"),
    *(
        (lambda name: fresh(game_spec("tic_tac_toe"), NetworkConfig(kind=name), 1), kind, ConfigError, said)
        for kind, said in {
            "pile.networks:not_declared": "annotated to return league.policies.network.Parts",
            "os:system": "annotated to return league.policies.network.Parts",
            "pile.networks:raises": "cannot be built for tic_tac_toe: RuntimeError: no network today",
            "pile.nothing:there": "cannot be imported: ModuleNotFoundError",
            "pile-liner": "did you mean 'pile-linear'?",
        }.items()
    ),
]


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(("ask", "name", "kind", "said"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_is_broken_is_refused(ask: Callable[[str], Any], name: str, kind: type[LeagueError], said: str) -> None:
    with pytest.raises(kind) as raised:
        ask(name)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def taking(folder: Path, group: str, name: str, value: str = "json:loads") -> Path:
    """A package that is nothing but one entry point."""
    facts = folder / "greedy_package-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy-package\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("group", "name", "words"),
    [
        ("league.games", "tic_tac_toe", ["--game", "tic_tac_toe"]),
        ("league.games", "chess_v6", ["--game", "chess_v6"]),
        ("league.bots", "uniform", ["--game", "tic_tac_toe"]),
        ("league.networks", "mlp", ["--game", "tic_tac_toe", "--set", "network.kind=mlp"]),
    ],
)
def test_a_name_that_exists_is_refused(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str], group: str, name: str, words: list[str]
) -> None:
    site(taking(tmp_path / "site", group, name))
    assert run(["train", "--store", str(tmp_path / "runs"), *words]) == 2
    printed = capsys.readouterr()
    assert f"{name!r}: package greedy-package declares a name that this project has itself" in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("name", ["negamax-3", "mcts-500", "champion", "main-0007", "main-0007+search200"])
def test_a_bot_with_the_name_of_another_policy_is_refused(name: str, tmp_path: Path, site: Site) -> None:
    site(taking(tmp_path / "site", "league.bots", name))
    with pytest.raises(PolicyError, match="package greedy-package declares a name that this project has itself"):
        make_bot(name, game_spec("tic_tac_toe"))


@pytest.mark.usefixtures("pile")
def test_a_name_of_two_packages_is_refused(tmp_path: Path, site: Site) -> None:
    site(taking(tmp_path / "site", "league.games", "pile"))
    with pytest.raises(GameError, match="game 'pile': declared by greedy-package and by pile-of-stones: uninstall one"):
        game_spec("pile")


def test_a_class_that_lacks_something_is_named(tmp_path: Path, site: Site) -> None:
    (tmp_path / "half_a_game.py").write_text(
        "class Half:\n    def reset(self): ...\n    def observe(self): ...\n    def legal(self): ...\n",
        encoding="utf-8",
    )
    site(taking(tmp_path, "league.games", "half", "half_a_game:Half"))
    with pytest.raises(GameError, match="class Half is no game on tensors, it lacks spec, a GameSpec, to_move, step"):
        game_spec("half")


@pytest.mark.long
def test_they_train_anchor_the_ladder_and_are_served(installed: Path, tmp_path: Path) -> None:
    from tests.interfaces.serve.test_serve import eventually

    around = {**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    def command(*words: str) -> list[str]:
        return [sys.executable, "-uc", f"from league.interfaces.cli import run; raise SystemExit(run({list(words)!r}))"]

    def league(*words: str) -> str:
        done = subprocess.run(command(*words), cwd=tmp_path, env=around, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    quick = ["--set", "snapshots.timeout_s=5", "--set", "rollout.games=64", "--set", "network.kind=pile-linear"]
    league("train", "--store", "runs", "--game", "pile", "--minutes", "0.3", *quick)
    rows = {row["policy"]: row for row in json.loads(league("leaderboard", "--store", "runs", "--json"))}
    assert rows["pile-expert"]["games"] > 0
    assert any(row["is_champion"] for row in rows.values())
    log = tmp_path / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command("serve", "--store", "runs", "--port", "0"), cwd=tmp_path, env=around, stdout=out, stderr=out
        )
    try:
        found = eventually(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8")), 120)
        body = json.dumps({"observation": [0.0] * 7 + [1.0] + [0.0] * 3, "action_mask": [1, 1, 1]}).encode()

        def ask() -> Any:
            request = urllib.request.Request(f"{found[0]}/act", body, {"Content-Type": "application/json"})
            try:
                return json.load(urllib.request.urlopen(request, timeout=5))
            except OSError:
                return None

        assert eventually(ask, 60)["action"] in (0, 1, 2)
    finally:
        process.terminate()
        process.wait(60)
