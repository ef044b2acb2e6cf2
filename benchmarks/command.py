"""The shape that all benchmarks share as commands: options, a report for people or programs, an exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from league.errors import LeagueError
from league.interfaces.cli.console import print_json


def parser(module: str, about: str) -> argparse.ArgumentParser:
    """For the options of one benchmark; `about` is its docstring, of which the first line is shown."""
    return argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=about.partition("\n")[0])


def run(
    options: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
) -> int:
    """Measure, print, and say by the exit status whether what is claimed is held.

    Returns:
        With `--check` 1 if the report's `held` is false; 2 for bad input, such as a store that is not there; else 0.
    """
    options.add_argument("--json", action="store_true", help="print the report as JSON")
    options.add_argument("--check", action="store_true", help="exit 1 if a claim is not held")
    chosen = options.parse_args()
    try:
        report = measure(chosen)
    except LeagueError as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.json:
        print_json(report)
    else:
        show(report)
    return 1 if chosen.check and not report["held"] else 0
