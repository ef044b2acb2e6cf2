"""`league cluster check`: whether a cluster file is ready for `ray up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from league.interfaces.cli import console, options


def check_cluster(
    file: Annotated[Path, typer.Argument(help="A cluster file of Ray, such as cluster/cluster.yaml.")],
    json: options.JsonOption = False,
) -> None:
    """Say what is missing before `ray up FILE`: secrets, key, images, addresses, programs; exit code 1 if anything.

    Nothing is connected to and nothing is started: in a cloud `ray up` itself finds it only once a machine costs.
    """
    from league.cluster.file import faults

    found = faults(file)
    lines = found or [f"{file}: ready for ray up"]
    console.show_page(lines, lambda: {"faults": found}, json=json)
    if found:
        raise typer.Exit(1)
