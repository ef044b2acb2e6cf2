"""The command as a process: exit codes, pipes, colours, and what it imports."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from league.interfaces.cli.app import app
from league.interfaces.cli.console import duration, size

PROGRAM = "from league.interfaces.cli import main; main()"


def environment(**more: str) -> dict[str, str]:
    removed = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONUNBUFFERED")
    kept = {key: value for key, value in os.environ.items() if key not in removed}
    return {**kept, **more}


def command(folder: Path, filled: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *arguments, "--store", str(folder), "--league", filled]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["evalute"], "league: No such command 'evalute'. Did you mean 'evaluate'? (see league --help)"),
        (
            ["leaderboard", "--joson"],
            "league: No such option: --joson (Possible options: --json) (see league leaderboard --help)",
        ),
        (["leaderboard", "--top", "0"], "league: Invalid value for '--top': "),
        (["evaluate", "x"], "league: Missing option '--against'. (see league evaluate --help)"),
        (["exporter", "--port", "70000"], "league: Invalid value for '--port': "),
        (
            ["leaderboard", "--store", "/nowhere/at/all"],
            "league: no league at /nowhere/at/all: start one with league train",
        ),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(arguments: list[str], line: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_reading_commands_import_nothing_heavy(folder: Path, filled: str) -> None:
    heavy = "torch ray numpy pettingzoo matplotlib onnx gymnasium prometheus_client tensorboardX"
    for arguments in (["--help"], ["leaderboard"], ["matches"], ["status", "--verify"], ["champion"], ["presets"]):
        program = (
            "import sys; from league.interfaces.cli import run; code = run(sys.argv[1:]); "
            f"print(*(set('{heavy}'.split()) & set(sys.modules)), file=sys.stderr); sys.exit(code)"
        )
        place = {"LEAGUE_STORE": str(folder), "LEAGUE_NAME": filled}
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment(**place)
        )
        assert (done.returncode, done.stderr) == (0, "\n"), arguments


@pytest.mark.parametrize("arguments", [["config"], ["champion", "--json"], ["leaderboard"]])
def test_a_reader_that_leaves_early_is_no_error(folder: Path, filled: str, arguments: list[str]) -> None:
    writing = subprocess.Popen(
        command(folder, filled, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert writing.stdout is not None
    writing.stdout.close()
    assert writing.stderr is not None
    assert writing.stderr.read() == ""
    assert writing.wait() == 1


def test_plain_text_in_a_pipe_whatever_its_encoding(folder: Path, filled: str) -> None:
    narrow = environment(COLUMNS="20", PYTHONIOENCODING="ascii")
    done = subprocess.run(command(folder, filled, "leaderboard"), capture_output=True, text=True, env=narrow)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "? main-0001" in done.stdout
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal_unless_it_is_not_wanted(
    folder: Path, filled: str, more: dict[str, str], coloured: bool
) -> None:
    shown = on_terminal(command(folder, filled, "matches"), environment(TERM="xterm-256color", COLUMNS="80", **more))
    assert ("\x1b[1;34m" in shown) == coloured
    assert "perfect" in shown


def test_the_leaderboard_fits_a_narrow_terminal(folder: Path, filled: str) -> None:
    plain = environment(TERM="xterm", COLUMNS="80", NO_COLOR="1")
    shown = on_terminal(command(folder, filled, "leaderboard"), plain)
    assert "…" not in shown
    assert len([line for line in shown.splitlines() if line.strip()]) == 6


def on_terminal(words: list[str], env: dict[str, str]) -> str:
    """What a command writes on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=theirs, env=env)
    os.close(theirs)
    parts = []
    with os.fdopen(ours, "rb") as terminal:
        try:
            while part := terminal.read1(65536):
                parts.append(part)
        except OSError:
            pass  # Linux's word for the end of a terminal.
    assert process.wait() == 0
    return b"".join(parts).decode()


def test_an_interruption_ends_without_a_traceback(folder: Path, filled: str) -> None:
    words = command(folder, filled, "play", "uniform", "--seat", "0")
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith(" 6"):
        pass  # The board is drawn: it waits for a move.
    process.send_signal(2)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_every_command_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    for one in app.registered_commands:
        assert one.rich_help_panel
        assert one.epilog is not None
        assert "  league " in one.epilog
        assert one.callback is not None
        assert one.callback.__doc__


def test_units_for_people() -> None:
    assert [duration(s) for s in (0.2, 95, 3600, 90_061)] == ["0 s", "1 min 35 s", "1 h", "1 d 1 h"]
    assert [size(b) for b in (0, 999, 1000, 3_400_000, 2e9)] == ["0 B", "999 B", "1.0 kB", "3.4 MB", "2.0 GB"]
