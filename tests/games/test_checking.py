"""`league check`: every classic environment is fine; what is odd is named with its line."""

from __future__ import annotations

import inspect
import json
import linecache
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import meddling
import numpy as np
import pytest
import torch

import league
from league.games import GameSpec, Step
from league.games.aec_factory import classic_games
from league.games.builtin import BUILTIN
from league.games.checking import Finding, check_game
from league.interfaces.cli import run

FAULTS: dict[str, tuple[str, str, str | tuple[str, ...]]] = {
    "RaisesInStep": ("step", "RuntimeError: the table fell over", 'raise RuntimeError("the table'),
    "ExitsInStep": ("step", "SystemExit: 3", "os._exit(3)"),
    "RaisesInObserve": ("observe", "KeyError: 'eyes'", 'raise KeyError("eyes")'),
    "RaisesInReset": ("reset", "no more chairs", 'raise ValueError("no more chairs")'),
    "NeverStarts": ("loading", "no chairs", ("def reset(", 'raise ValueError("no chairs")')),
    "PaysNan": ("rewards", "the reward of left is nan", "def step("),
    "PaysInfinity": ("rewards", "the reward of left is inf", "def step("),
    "NoLegalAction": ("mask", "is to move and has no legal action", "def observe("),
    "ShortMask": ("mask", "has shape (1,), not (2,)", "def observe("),
    "SeesNan": ("training", "not finite", "def observe("),
    "WrongShape": ("training", "the observation has shape (3,)", "def observe("),
    "SeesObjects": ("loading", "the observation holds something that is no number", "def observe("),
    "Alone": ("loading", "has one seat", "class Alone("),
    "StaysDead": ("dead agents", "it must leave `agents`", "def step("),
}


def faults(found: Sequence[Finding]) -> list[Finding]:
    return [one for one in found if one.level == "fault"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_line(name: str) -> None:
    check, said, line = FAULTS[name]
    fault = faults(list(check_game(f"odd_environments:{name}", games=5)))[0]
    assert fault.check == check
    assert said in fault.text
    assert fault.where is not None
    file, _, number = fault.where.rpartition(":")
    path = str(Path(file).resolve()) if Path(file).exists() else file
    assert Path(path).name == "odd_environments.py"
    found = linecache.getline(path, int(number))
    assert any(one in found for one in ([line] if isinstance(line, str) else line)), fault


@pytest.mark.parametrize("name", ["Walk", "Truncated", "DiscreteView", "ScalarView"])
def test_what_is_sound_is_ok(name: str) -> None:
    found = list(check_game(f"odd_environments:{name}", games=5))
    assert not faults(found), found
    assert {"loading", "spaces", "length", "rewards", "seeds", "training", "speed"} <= {one.check for one in found}


@pytest.mark.parametrize("mask", [(True, False), torch.tensor([1, 0]), np.array([0.0, -np.inf])])
def test_masks_are_read_as_the_adapter_does(mask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meddling.Masked, "mask", mask)
    assert {one.level for one in check_game("meddling:Masked", games=5)} == {"ok"}


@pytest.mark.parametrize("name", ["Nones", "Bools", "Arrays"])
def test_rewards_are_read_as_the_adapter_does(name: str) -> None:
    assert {one.level for one in check_game(f"bookkeeping:{name}", games=5)} == {"ok"}


def test_what_can_be_built_a_few_times_only_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meddling.ExitsAsItIsBuilt, "left", 3)
    found = list(check_game("meddling:ExitsAsItIsBuilt", games=5))
    assert [one.level for one in found] == ["ok", "fault"]
    assert "SystemExit: no more tables" in found[-1].text
    assert re.search(r"meddling\.py:\d+$", found[-1].where or "")


def test_the_dice_of_the_moves_are_not_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A player who throws what the environment throws always guesses right, and nobody wins."""
    (tmp_path / "guessed.py").write_text(GUESSING, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not faults(list(check_game("guessed:Guessing", games=5)))


def test_seats_that_are_out_are_no_fault() -> None:
    found = list(check_game("three_seats", games=5))
    assert not faults(found)
    assert any(one.check == "dead agents" for one in found)


@pytest.mark.parametrize("name", BUILTIN)
def test_games_on_tensors_are_ok(name: str) -> None:
    assert not faults(list(check_game(name, games=5)))


def quick(name: str) -> bool:
    return not name.startswith(("go", "chess"))


def names_of_classic(*, fast: bool) -> list[str]:
    return [name for name, _, installed in classic_games() if installed and quick(name) == fast]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", names_of_classic(fast=True))
def test_classic_environments_are_ok(name: str) -> None:
    assert not faults(list(check_game(name, games=3)))


@pytest.mark.long
@pytest.mark.parametrize("name", names_of_classic(fast=False))
def test_slow_classic_environments_are_ok(name: str) -> None:
    assert not faults(list(check_game(name, games=3)))


GUESSING = """
import numpy as np
from odd_environments import Walk

class Guessing(Walk):
    def reset(self, seed=None, options=None):
        super().reset(seed)
        self.dice, self.right = np.random.default_rng(seed), 0
    def step(self, action):
        if action is not None:
            self.right += int(action == self.dice.integers(2))
        super().step(action)
        if self.steps == 5 and self.right == 5:
            self._clear_rewards()
"""

SEEDS = '''
import random
from odd_environments import Walk

SHARED = []

class Unseeded(Walk):
    def observe(self, agent):
        return super().observe(agent) * random.random()

class Remembers(Walk):
    games = 0
    def reset(self, seed=None, options=None):
        super().reset(seed)
        self.games += 1
    def observe(self, agent):
        return super().observe(agent) * 0.9 ** self.games

class Shares(Walk):
    def step(self, action):
        SHARED.append(1)
        super().step(action)
    def reset(self, seed=None, options=None):
        super().reset(seed)
        SHARED.clear()
    def observe(self, agent):
        return super().observe(agent) * 0.9 ** len(SHARED)

class PaysNobody(Walk):
    def step(self, action):
        super().step(action)
        self.rewards = dict.fromkeys(self.rewards, 0.0)
        self._cumulative_rewards = dict(self.rewards)

class Truncates(PaysNobody):
    def end(self):
        super().end()
        self.truncations, self.terminations = self.terminations, self.truncations

class Lists(Walk):
    def step(self, action):
        super().step(action)
        self.rewards = [0.0, 0.0]

class Endless(Walk):
    def step(self, action):
        super().step(action)
        self.steps %= 4

class Talks(Walk):
    def step(self, action):
        print("my move")
        super().step(action)

class OneSeedInMany(Walk):
    def observe(self, agent):
        return super().observe(agent) * (random.random() if self.seed == 3 else 1)

class Peeks(Walk):
    looks = 0
    def reset(self, seed=None, options=None):
        super().reset(seed)
        self.looks = 0
    def observe(self, agent):
        self.looks += 1
        return super().observe(agent) * 0.9 ** self.looks

class Hogs(Walk):
    def step(self, action):
        super().step(action)
        if self.steps < 5:
            self.agent_selection = "left"

class Book(Walk):
    rules: dict = {"win": 1.0}
    loss = -1.0
    def pay(self):
        return {"left": self.rules["win"], "right": self.loss}
    def end(self):
        super().end()
        self.rewards = self.pay()

class ByTheBook(Book):
    """Only the rules are wrong: the line is theirs, not that of the method which goes by them."""

    rules: dict = {"win": float("nan")}

class ByTwoBooks(Book):
    rules = {"win": float("nan")}
    loss = -2.0
'''


@pytest.mark.parametrize(
    ("name", "level", "check", "said", "line"),
    [
        ("Unseeded", "fault", "seeds", "reset(seed) must fix all chance", "def observe("),
        ("Remembers", "fault", "seeds", "differ at ply 0 in the observation", "def reset("),
        ("Shares", "fault", "seeds", "when another one is played beside it", "def reset("),
        ("PaysNobody", "fault", "rewards", "nobody received anything", "def step("),
        ("Truncates", "fault", "rewards", "learn from; the environment truncated every one of them", "def step("),
        ("Lists", "fault", "rewards", "its rewards are a list, not a dictionary by agent", "def step("),
        ("Endless", "fault", "length", "no game was over after 2000 moves", "def step("),
        ("OneSeedInMany", "fault", "seeds", "two games with seed 3 and equal moves differ at ply 0", "def observe("),
        ("Peeks", "note", "observe", "'left' sees something else when it looks again", "def observe("),
        ("Hogs", "note", "seats", "right never moved in 5 games", "def step("),
        ("Talks", "note", "output", "prints 280 characters in 5 games", "def step("),
        ("ByTheBook", "fault", "rewards", "the reward of left is nan", 'rules: dict = {"win": float("nan")}'),
        ("ByTwoBooks", "fault", "rewards", "the reward of left is nan", "class ByTwoBooks("),
    ],
)
def test_what_only_several_games_show(
    name: str, level: str, check: str, said: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seeded_games.py").write_text(SEEDS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [one for one in check_game(f"seeded_games:{name}", games=5) if one.level != "ok" and one.check == check]
    assert found[0].level == level, found
    assert said in found[0].text
    file, _, number = (found[0].where or "").rpartition(":")
    assert Path(file).name == "seeded_games.py"
    assert line in SEEDS.splitlines()[int(number) - 1]


class Coins:
    """Seats turn a coin of four sides up; the fourth turn ends the game."""

    spec = GameSpec(name="coins", seats=2, shape=(4,), actions=2, batched=True, deterministic=True, plies=4)
    last_error = None

    def __init__(self, num_games, *, device="cpu"):  # type: ignore[no-untyped-def]
        self.num_games, self.device = num_games, torch.device(device)
        self.turn = torch.zeros(num_games, dtype=torch.long)

    def reset(self, mask=None, seeds=None):  # type: ignore[no-untyped-def]
        self.turn = self.turn.masked_fill(torch.ones_like(self.turn, dtype=torch.bool) if mask is None else mask, 0)

    def observe(self):  # type: ignore[no-untyped-def]
        return torch.nn.functional.one_hot(self.turn % 4, 4).float()

    def legal(self):  # type: ignore[no-untyped-def]
        return torch.ones(self.num_games, 2, dtype=torch.bool)

    def to_move(self):  # type: ignore[no-untyped-def]
        return self.turn % 2

    def step(self, actions):  # type: ignore[no-untyped-def]
        self.turn = self.turn + 1
        done = self.turn == 4
        return Step(torch.stack((done.float(), -done.float()), dim=1), done, torch.zeros_like(done))

    def render(self, row):  # type: ignore[no-untyped-def]
        return str(int(self.turn[row]))


class SeesDoubles(Coins):
    def observe(self):  # type: ignore[no-untyped-def]
        return super().observe().double()


class NothingLegal(Coins):
    def legal(self):  # type: ignore[no-untyped-def]
        return super().legal() & (self.turn < 3)[:, None]


class ResetsAll(Coins):
    def reset(self, mask=None, seeds=None):  # type: ignore[no-untyped-def]
        if mask is None or bool(mask.any()):
            super().reset()


class InPlace(Coins):
    def to_move(self):  # type: ignore[no-untyped-def]
        return self.turn

    def step(self, actions):  # type: ignore[no-untyped-def]
        self.turn += 1
        return super().step(actions)


class TooLong(Coins):
    spec = GameSpec(name="coins", seats=2, shape=(4,), actions=2, batched=True, deterministic=True, plies=3)


class Raises(Coins):
    def step(self, actions):  # type: ignore[no-untyped-def]
        raise ValueError("no coin")


@pytest.mark.parametrize(
    ("name", "check", "said"),
    [
        ("SeesDoubles", "observe", "torch.float64 [16, 4]: must be torch.float32 [16, 4]"),
        ("NothingLegal", "legal", "nothing is legal"),
        ("InPlace", "step", "in place"),
        ("TooLong", "step", "longer than spec.plies = 3"),
        ("Raises", "step", "ValueError: no coin"),
    ],
)
def test_a_game_on_tensors_is_held_to_its_promises(name: str, check: str, said: str) -> None:
    fault = faults(list(check_game(f"test_checking:{name}", games=3)))[0]
    assert (fault.check, said in fault.text) == (check, True), fault
    text, first = inspect.getsourcelines(globals()[name])
    file, _, number = (fault.where or "").rpartition(":")
    assert Path(file).name == "test_checking.py"
    assert first <= int(number) < first + len(text)  # Of the class itself, not of its base.


def test_a_sound_one_is_ok() -> None:
    assert not faults(list(check_game("test_checking:Coins", games=3)))


def test_the_command_says_ok_or_names_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "odd_environments:Walk", "--games", "3"]) == 0
    assert capsys.readouterr().out.endswith("odd_environments:Walk: OK\n")
    assert run(["check", "odd_environments:RaisesInStep", "--games", "3", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert rows[-1]["level"] == "fault"
    assert run(["check", "no_such_game"]) == 2
    assert "no game 'no_such_game'" in capsys.readouterr().err


def test_a_crash_in_c_has_its_line_said(tmp_path: Path) -> None:
    lines = ("import ctypes", "", "", "def env():", "    ctypes.string_at(0)", "")
    (tmp_path / "crashing.py").write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "league", "check", "crashing"]
    paths = os.pathsep.join([str(Path(league.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert f'File "{tmp_path / "crashing.py"}", line 5 in env' in done.stderr
