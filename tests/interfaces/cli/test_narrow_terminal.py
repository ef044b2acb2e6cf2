"""Each command on a real terminal of 80 columns: whole words, no line that is too long, nothing cut off."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest
from small_league import Command

from league.pool.store import Store

COMMANDS = (
    "leaderboard",
    "matches",
    "matches --last 3",
    "matches --cycles",
    "matches --nash",
    "ratings",
    "status",
    "champion",
    "champion --history",
    "pool list",
    "pool show main-0001",
    "log list",
    "games",
    "presets",
    "leaderboard --store redis://:1/2@here",
    "leaderboard --league nobody --store runs/a/folder/of/a/name/that/is/rather/long/and/is/not/there",
    "new-game class",
)
WIDTH = 80
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def typed(words: list[str], environment: dict[str, str]) -> list[str]:
    """The lines that a command writes on a terminal, as it writes them."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
        os.execve(sys.executable, [sys.executable, "-m", "league", *words], environment)
    written = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # The child has ended.
            break
        if not part:
            break
        written += part
    os.close(terminal)
    os.waitpid(child, 0)
    return _STYLE.sub("", written.decode()).replace("\r", "").rstrip("\n").split("\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_narrow_terminal(command: str, own: Store, folder: Path, league: Command) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"LEAGUE_STORE": str(folder), "LEAGUE_NAME": own.league, "TERM": "xterm-256color"}
    lines = typed(command.split(), environment)
    assert any(lines)
    for line in lines:
        assert len(line) <= WIDTH, line
        assert "…" not in line.replace("redis://…", "").replace("negamax-1…8", ""), line
    assert "Traceback" not in "".join(lines)
    if "--store" not in command:
        wide = league(*command.split(), at=own)
        words = {word for line in lines for word in line.split() if not re.search(r"\d", word)}
        assert words <= set(f"{wide.out} {wide.err}".split()), "a word is broken"
