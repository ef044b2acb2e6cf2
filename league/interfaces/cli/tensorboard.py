"""`league tensorboard`: the curves of learners and trials in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from league.errors import ConfigError, MissingExtraError
from league.interfaces.cli import options


def tensorboard(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    folder: Annotated[
        Path | None, typer.Argument(help="A folder with event files, such as that of a study; default: the league's.")
    ] = None,
    host: options.HostOption = "127.0.0.1",
    port: options.PortOption = 6006,
) -> None:
    """Open TensorBoard on what a league's learners, or the trials of `league tune`, have written (extra: tensorboard).

    It runs until Ctrl-C. Nothing is needed of the store: only the files are read.
    """
    from league.interfaces.cli.train import log_folder

    where = folder if folder is not None else log_folder(store, league)
    if not where.is_dir():
        raise ConfigError(f"no event files at {where}: train first, or name the folder of a study")
    if find_spec("tensorboard") is None:
        raise MissingExtraError("tensorboard", "tensorboard")
    words = ["--logdir", str(where), "--host", host, "--port", str(port), "--reload_multifile", "true"]
    code = subprocess.run([sys.executable, "-m", "tensorboard.main", *words], env={**os.environ}).returncode  # noqa: S603
    if code not in (0, 130):
        raise typer.Exit(code)
