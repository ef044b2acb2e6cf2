"""What is searched, and what is refused before anything starts."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from league.config import LeagueConfig
from league.interfaces.cli import run
from league.interfaces.tune.space import Space

GOOD = """
game = "tic_tac_toe"
[learning]
lr = { log_uniform = [1e-4, 1e-2] }
num_epochs = { uniform = [1, 3] }
gamma = { uniform = [0.9, 1] }
[network]
hidden = { choice = [[16], [32, 32]] }
[roles.main]
mix = { choice = [[{ against = "self" }], [{ against = "past" }]] }
"""
PAGE = Path(__file__).parents[3] / "docs" / "tuning.md"
BASE = LeagueConfig().to_dict()


def space(folder: Path, text: str) -> Space:
    file = folder / "space.toml"
    file.write_text(text, encoding="utf-8")
    return Space.read(file, BASE)


def test_ranges_are_drawn_from_and_the_rest_is_shared(tmp_path: Path) -> None:
    read = space(tmp_path, GOOD)
    assert [one.key for one in read.ranges] == [
        "learning.lr",
        "learning.num_epochs",
        "learning.gamma",
        "network.hidden",
        "roles.main.mix",
    ]
    random.seed(1)
    drawn = [{key: domain.sample() for key, domain in read.domains().items()} for _ in range(50)]
    configs = [read.config(one) for one in drawn]
    assert {config.game for config in configs} == {"tic_tac_toe"}
    assert {config.learning.num_epochs for config in configs} == {1, 2, 3}
    assert {config.network.hidden for config in configs} == {(16,), (32, 32)}
    assert all(1e-4 <= config.learning.lr <= 1e-2 for config in configs)
    assert sum(config.learning.lr < 1e-3 for config in configs) > 15
    assert {config.roles["main"].plays_itself for config in configs} == {True, False}
    assert Space.from_json(read.to_json()) == read


def test_the_spaces_of_the_documentation_can_be_searched(tmp_path: Path) -> None:
    texts = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    spaces = [space(tmp_path, text) for text in texts]
    assert spaces
    assert all(len(one.ranges) > 1 for one in spaces)


def test_a_winner_is_read_back_as_it_was(tmp_path: Path) -> None:
    config = space(tmp_path, GOOD).config({"learning.lr": 1e-3, "network.hidden": [32, 32]})
    file = tmp_path / "best.toml"
    file.write_text(config.to_toml(), encoding="utf-8")
    from league.config import load_config

    assert load_config(file=file) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning.lr = 0.1", "nothing to search"),
        ("learnin.lr = 0.1", "no option 'learnin'"),
        ("learning.lrr = { uniform = [0.1, 0.2] }", "no option 'learning.lrr'; did you mean 'learning.lr'?"),
        ("learning.lr = { uniform = [0.2, 0.1] }", "is empty, 0.2 is not below 0.1"),
        ("learning.lr = { uniform = [0.1, 0.1] }", "is empty"),
        ("learning.lr = { uniform = [-1, 0.1] }", "learning.lr = -1.0: must be above 0"),
        ("learning.lr = { log_uniform = [0, 1] }", "a logarithm needs numbers above 0"),
        ("learning.lr = { uniform = [0.1] }", "must be two numbers"),
        ("learning.lr = { uniform = [0.1, nan] }", "must be two numbers"),
        ("learning.lr = { unifrom = [0.1, 0.2] }", "no range 'unifrom'; did you mean 'uniform'?"),
        ("learning.lr = { lowest = 0.1, highest = 0.2 }", "must be one of choice, uniform, log_uniform"),
        ("game = { choice = ['tic_tac_toe', 'tic_tac_tow'] }", "no game 'tic_tac_tow'"),
        ("arena.bots = { choice = [['uniform'], ['unifrom']] }", "no bot 'unifrom'"),
        ("network.hidden = { choice = [[16], [0]] }", "network.hidden"),
        ("learning.lr = { choice = [] }", "must be a list, not empty"),
        ("learning.lr = { choice = [0.1, 'fast'] }", "learning.lr = 'fast': must be a number"),
        ("learning.lr = { choice = [0.1], uniform = [0.1, 0.2] }", "must be one of choice, uniform, log_uniform"),
        ("learning.num_epochs = { uniform = [0.5, 2.5] }", "learning.num_epochs = 0.5: must be a whole number"),
        ("network.kind = { choice = ['mpl'] }", "did you mean 'mlp'?"),
        ("learning.lr = { uniform = [0.1, 0.2]", "is not TOML"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "space.toml"
    file.write_text(text, encoding="utf-8")
    words = ["tune", "--search", str(file), "--output", str(tmp_path / "tune"), "--game", "tic_tac_toe"]
    assert run(words) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "tune").exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (GOOD, "network.hidden"),
        ("network = { choice = [{ kind = 'mlp' }, { kind = 'tables' }] }", "network"),
        ("game = { choice = ['tic_tac_toe'] }", "game"),
        ("seed = { uniform = [1, 9] }", "seed"),
    ],
)
def test_a_population_keeps_its_network(
    text: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "space.toml").write_text(text, encoding="utf-8")
    assert run(["tune", "--search", str(tmp_path / "space.toml"), "--scheduler", "pbt"]) == 2
    assert f"{key}: a league keeps it, so --scheduler pbt cannot change it" in capsys.readouterr().err


def test_what_a_factor_has_changed_is_brought_back(tmp_path: Path) -> None:
    read = space(tmp_path, GOOD)
    drawn = {"learning.lr": 2e-2, "learning.num_epochs": 0, "learning.gamma": 0.95, "network.hidden": [16]}
    drawn |= {"roles.main.mix": [{"against": "self"}]}
    clipped = read.clipped(dict(drawn))
    assert clipped == drawn | {"learning.lr": 1e-2, "learning.num_epochs": 1}
    read.config(clipped)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", "--search", str(tmp_path / "none.toml")]) == 2
    assert "cannot read" in capsys.readouterr().err
