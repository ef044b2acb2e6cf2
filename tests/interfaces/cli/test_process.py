"""The command as a process: exit codes, pipes, colours, and what it imports."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from small_league import NAMES, STATUS

from league.interfaces.cli.app import app
from league.interfaces.cli.panel import count
from league.pool.store import Store
from league.view.words import duration, size


def environment(**more: str) -> dict[str, str]:
    removed = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONUNBUFFERED")
    kept = {key: value for key, value in os.environ.items() if key not in removed}
    return {**kept, **more}


def command(folder: Path, filled: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "league", *arguments, "--store", str(folder), "--league", filled]


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
    done = subprocess.run([sys.executable, "-m", "league", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_whoever_interrupts_it_while_it_is_imported_sees_no_traceback() -> None:
    program = """
import sys
from league.interfaces.cli import main

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "league.interfaces.cli.console":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interruption_that_an_import_swallows_is_not_lost(tmp_path: Path) -> None:
    program = f"""
import contextlib, signal, sys
from league.interfaces.cli import run

class Swallowing:
    def find_spec(self, name, path=None, target=None):
        if name == "league.actors.driver":
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Swallowing())
sys.exit(run(["train", "--game", "tic_tac_toe", "--store", {str(tmp_path / "runs")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
    assert re.search(r"^interrupted while .*: the league is as it was$", done.stdout, re.MULTILINE)


def test_reading_commands_import_nothing_heavy(folder: Path, filled: str) -> None:
    heavy = "torch ray numpy pettingzoo matplotlib onnx gymnasium prometheus_client tensorboardX"
    for arguments in (["--help"], ["leaderboard"], ["matches"], ["status"], ["champion"], ["presets"]):
        unwanted = f"{heavy} redis" if arguments[0] in ("--help", "presets") else heavy  # What asks no store.
        program = (
            "import sys; from league.interfaces.cli import run; code = run(sys.argv[1:]); "
            f"print(*(set('{unwanted}'.split()) & set(sys.modules)), file=sys.stderr); sys.exit(code)"
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


@pytest.mark.parametrize("forced", [{}, {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-color"}])
def test_plain_text_in_a_pipe_whatever_its_encoding(folder: Path, filled: str, forced: dict[str, str]) -> None:
    """Also in a notebook, which asks everybody for colours."""
    narrow = environment(COLUMNS="20", PYTHONIOENCODING="ascii", **forced)
    done = subprocess.run(command(folder, filled, "leaderboard"), capture_output=True, text=True, env=narrow)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "? main-0001" in done.stdout
    assert len(done.stdout.splitlines()) == 7, "its heading, five policies and a note"


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
    assert len([line for line in shown.splitlines() if line.strip()]) == 8, "the note takes two"


@pytest.mark.parametrize(
    ("columns", "shown", "left_out"),
    [
        (80, ("5.75M steps", "8.12k", "entropy", "1.230"), ("plies/s", "policy loss", "opponents")),
        (110, ("5,750,000 steps", "8,123", "plies/s", "-0.012", "main-0000"), ()),
        (120, ("5,750,000 steps", "8,123", "plies/s", "-0.012", "main-0000 main-0001 and 2"), ()),
    ],
)
def test_the_live_panel_fits_its_terminal(
    folder: Path, own: Store, columns: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    losses = {"policy_loss": -0.0123, "vf_loss": 0.345, "entropy": 1.23}
    opponents = dict.fromkeys((*NAMES, "uniform"), 0.25)
    learner = {**STATUS["learners"]["main"], "steps": 5_750_000, "steps_per_s": 8123.0}
    names = ("main", "main-exploiter-0", "league-exploiter-0", "league-exploiter-1")
    learners = {name: {**learner, "losses": losses, "opponents": opponents} for name in names}
    own.set_status({**STATUS, "started_s": time.time() - 60, "steps": 5_750_000, "learners": learners})
    own.add_event("gate", "not promoted: main-0002 against main-0001: refused, LLR -5.00 (-2.94 to +2.94), END", 300.0)
    env = environment(TERM="xterm-256color", COLUMNS=str(columns), LINES="24")
    written = on_terminal(command(folder, own.league, "watch", "--every", "0.1"), env, until="END")
    panel = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", written)
    for word in (*names, "league · tic_tac_toe · training", "★ main-0001", "perfect", "the league goes on", *shown):
        assert word in panel
    assert not [word for word in ("…", *left_out) if word in panel]
    assert {len(line) for line in panel.splitlines() if line.startswith(("╭", "│", "╰"))} == {columns}


def test_counts_are_rounded_to_three_digits() -> None:
    numbers = (0, 999, 1000, 12_345, 999_999, 5_750_000, 10**13)
    assert [count(number, True) for number in numbers] == ["0", "999", "1k", "12.3k", "1M", "5.75M", "10T"]
    assert count(12_345, False) == "12,345"


def on_terminal(words: list[str], env: dict[str, str], until: str | None = None, code: int = 0) -> str:
    """What a command writes on a pseudo-terminal; it is interrupted as soon as it has written `until`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=theirs, env=env)
    os.close(theirs)
    parts = []
    with os.fdopen(ours, "rb") as terminal:
        try:
            while part := terminal.read1(65536):
                parts.append(part)
                if until is not None and until.encode() in b"".join(parts):
                    process.send_signal(signal.SIGINT)
                    until = None
        except OSError:
            pass  # Linux's word for the end of a terminal.
    assert process.wait() == code
    return b"".join(parts).decode()


def test_a_start_says_at_once_what_it_waits_for(tmp_path: Path) -> None:
    """Before torch and Ray are imported; an interruption then is answered with a line, and nothing was made."""
    words = [sys.executable, "-m", "league", "train", "--store", str(tmp_path / "store")]
    env = environment(TERM="xterm-256color", COLUMNS="80")
    shown = on_terminal(words, env, until="loading torch and Ray", code=130)
    assert "interrupted while loading torch and Ray: the league is as it was" in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("words", [("tune", "--search", "space.toml"), ("challenge", "uniform")])
def test_what_starts_a_ray_of_its_own_says_so_at_once(
    folder: Path, own: Store, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "space.toml").write_text("[learning]\nlr = { choice = [0.001, 0.01] }\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    root = str(Path(__file__).parents[3])
    env = environment(TERM="xterm-256color", LEAGUE_STORE=str(folder), LEAGUE_NAME=own.league, PYTHONPATH=root)
    shown = on_terminal([sys.executable, "-m", "league", *words], env, until="loading torch and Ray", code=130)
    assert "Traceback" not in shown
    assert not (tmp_path / "runs").exists()


def test_what_is_typed_does_not_show_in_a_live_panel(folder: Path, own: Store) -> None:
    """Nor does the terminal's ^C, which would stand in its last line; afterwards the terminal is as it was."""
    own.set_status({**STATUS, "started_s": time.time()})
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    words = command(folder, own.league, "watch", "--every", "0.1")
    env = environment(TERM="xterm-256color", COLUMNS="80", LINES="24")
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=theirs, env=env, preexec_fn=controlling)
    written = b""
    while b"the league goes on" not in written:
        written += os.read(ours, 65536)
    os.write(ours, b"typed\n\x03")
    assert process.wait(timeout=30) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            written += part
    os.close(ours)
    assert b"^C" not in written
    assert b"typed" not in written


def controlling() -> None:
    """In the child: its standard input is its controlling terminal, as a shell has it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


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
