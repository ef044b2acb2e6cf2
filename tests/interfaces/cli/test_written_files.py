"""Where a command is to write: through a link, and never in the place of a device."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from small_league import Command

COMMANDS = {
    "leaderboard": ["leaderboard", "--svg"],
    "matches": ["matches", "--image"],
    "export": ["export", "champion", "--format", "safetensors", "--output"],
    "challenge": ["challenge", "champion", "--minutes", "1", "--output"],
    "log export": ["log", "export"],
    "pool export": ["pool", "export", "main-0000", "--output"],
    "backup": ["backup"],
}
ENDS = {"matches": ".png", "log export": ".jsonl", "pool export": ".tar"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_device_stays_what_it_is(name: str, refused: Callable[..., str], tmp_path: Path) -> None:
    pipe = tmp_path / f"null{ENDS.get(name, '')}"
    os.mkfifo(pipe)
    said = refused(*COMMANDS[name], str(pipe))
    assert f"cannot write {pipe}: it is a device or a pipe; give a file name" in said
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["leaderboard", "export", "backup"])
def test_a_link_stays_and_its_file_is_written(name: str, league: Command, tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "elsewhere" / "file"
    link.symlink_to(file)
    assert league(*COMMANDS[name], str(link)).code == 0
    assert link.is_symlink()
    assert file.stat().st_size > 0
    assert [one.name for one in file.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_that_is_too_long_is_refused(name: str, refused: Callable[..., str], tmp_path: Path) -> None:
    assert "too long" in refused(*COMMANDS[name], str(tmp_path / f"{'x' * 400}{ENDS.get(name, '')}"))
