"""The command line: `league COMMAND`. One module per command or group of kin; `app` puts them together.

Whatever is heavy (torch, ray, redis, matplotlib) is imported by the command that needs it, when it runs.
"""

from league.interfaces.cli.app import main, run

__all__ = ["main", "run"]
