"""How a command runs, and how it ends: every refusal in one line, with its exit code."""

from __future__ import annotations

import errno
import faulthandler
import gc
import io
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from typer.exceptions import Abort, TyperException
from typer.main import get_command

from league.errors import LeagueError
from league.interfaces.cli import INTERRUPTED
from league.interfaces.cli.commands import app
from league.interfaces.cli.console import say
from league.interfaces.cli.options import in_words

__all__ = ["app", "main", "run"]

REFUSED: Final = 2
"""Exit code for everything that the user can put right; a bug ends with 1 and a traceback."""
COLLECTED: Final = 50_000
"""New values after which Python looks for circles: of a league of thousands of policies most come to stay."""
SHOWN: Final = 100
"""Characters of a path that is too long."""
LONGEST: Final = 2000
"""Characters of a line that refuses, of which what was given may be any number."""


def main() -> NoReturn:
    """The entry point `league`: run a command, and end with its exit code."""
    faulthandler.enable(2, all_threads=False)  # A game that crashes in C: its line is said.
    gc.freeze()
    gc.set_threshold(COLLECTED)
    code = run(sys.argv[1:])
    others = (thread for thread in threading.enumerate() if thread is not threading.current_thread())
    if "league.games.aec" in sys.modules and not all(thread.daemon for thread in others):
        # An environment's, perhaps: Python would wait for it for ever.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code: 0, 1 if a check failed, 2 if something was refused, 130 if interrupted."""
    sys.path.append(str(Path.cwd()))  # `--game my_module` is a file here.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A star on a terminal without one is no reason to fail.
    try:
        code = get_command(app).main(args=list(arguments), prog_name="league", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except LeagueError as error:
        return _refuse(str(error))
    except TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "league")
        return _refuse(f"{in_words(error)} (see {where} --help)")
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left; what is still in the buffer must not fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # Of a path that was given, wherever that was looked at first.
            return _refuse(f"{str(error.filename)[:SHOWN]}…: a name of a file or folder in it is too long")
        if error.errno != errno.ENOSPC or error.filename is not None:  # A bug: what writes a file says so itself.
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _refuse(f"cannot write what was asked for: {error.strerror}")


def _refuse(message: str) -> int:
    line = " ".join(message.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
    say(f"league: {line}", error=True)
    return REFUSED
