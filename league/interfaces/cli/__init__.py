"""The command line: `league COMMAND`. A module per command or group of kin; `commands` lists them, `app` runs one.

Whatever is heavy (torch, ray, redis, matplotlib) is imported by the command that needs it, when it runs.
"""

import sys
from collections.abc import Sequence
from typing import Final, NoReturn

__all__ = ["INTERRUPTED", "main", "run"]

INTERRUPTED: Final = 130
"""Exit code of a command that was interrupted."""


def main() -> NoReturn:
    """The entry point `league`: run the command that was typed, and end with its exit code."""
    try:
        from league.interfaces.cli.app import main as command
    except KeyboardInterrupt:  # By somebody quicker than the imports.
        sys.exit(INTERRUPTED)
    command()


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code: 0, 1 if a check failed, 2 if something was refused, 130 if interrupted."""
    from league.interfaces.cli.app import run as command

    return command(arguments)
