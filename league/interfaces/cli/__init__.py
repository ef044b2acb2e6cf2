"""The command line: `league COMMAND`. A module per command or group of kin; `commands` lists them, `app` runs one.

Whatever is heavy (torch, ray, redis, matplotlib) is imported by the command that needs it, when it runs.
"""

from league.interfaces.cli.app import main, run

__all__ = ["main", "run"]
