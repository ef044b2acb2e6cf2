"""`league new-game`: a game to change into one's own."""

from __future__ import annotations

import keyword
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from league.errors import GameError
from league.interfaces.cli.console import say
from league.interfaces.cli.files import replacing

TEMPLATES: Final = "league.interfaces.cli"


def new_game(
    name: Annotated[str, typer.Argument(help="Of the module: NAME.py in the current folder.")],
    tensors: Annotated[
        bool, typer.Option("--tensors", help="Many boards at once as tensors: much faster, and more to write.")
    ] = False,
) -> None:
    """Write NAME.py, a small game that trains as it is, to be changed into your own."""
    path = Path(f"{name}.py")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise GameError(f"game {name!r}: the name of a module is letters, digits and _, such as my_game")
    if path.exists():
        raise GameError(f"{path} exists already: give another name")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise GameError(
            f"game {name!r}: a module of that name is installed, and would be found first: give another name"
        )
    kind = "tensors" if tensors else "environment"
    text = (resources.files(TEMPLATES) / "templates" / f"{kind}.txt").read_text(encoding="utf-8")
    title = "".join(part.capitalize() for part in name.split("_")) or name
    with replacing(path) as part:
        part.write_text(text.replace("NAME", name).replace("CLASS", title), encoding="utf-8")
    game = f"{name}:{title}" if tensors else name
    say(f"wrote {path}; league check {game} plays it, league train --game {game} trains on it")
