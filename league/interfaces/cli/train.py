"""`league train`: start or resume a league."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from league.config import LeagueConfig, load_config
from league.config.limits import NEVER_STEPS
from league.errors import WrongLeagueError
from league.interfaces.cli import options
from league.interfaces.cli.console import stdout
from league.interfaces.cli.starting import Starting
from league.pool.address import absolute, is_embedded
from league.signals import at_once

if TYPE_CHECKING:
    from league.pool.store import Store


def resolve_config(
    present: LeagueConfig | None, *, game: str | None, preset: str | None, file: Path | None, settings: list[str]
) -> LeagueConfig:
    """What was asked for, over what the league has been playing with, if there is one."""
    from league.games import game_spec

    asked = [*settings, *([f"game={game}"] if game is not None else [])]
    config = load_config(
        preset=preset, file=file, settings=asked, base=present.to_dict() if present is not None else None
    )
    return dataclasses.replace(config, game=game_spec(config.game).name)


@contextlib.contextmanager
def open_to_train(
    store: str, league: str, choose: Callable[[LeagueConfig | None], LeagueConfig]
) -> Iterator[tuple[Store, LeagueConfig]]:
    """The store, and what its league is to play, which `choose` says; for what cannot be played no folder is made."""
    from league.actors.driver import check_playable
    from league.pool.store import Store

    chosen = None
    try:
        opened = Store.open(store, league, create=False)
    except WrongLeagueError:
        chosen = choose(None)
        check_playable(chosen)
        opened = Store.open(store, league)
    with opened:
        yield opened, chosen or choose(opened.config())


def log_folder(store: str, league: str) -> Path:
    """Where TensorBoard event files go: beside an embedded store, else into `runs/`."""
    return Path(absolute(store) if is_embedded(store) else f"runs/{league}").resolve() / "tensorboard"


def train(
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    game: options.GameOption = None,
    minutes: Annotated[
        float | None, options.number(least=0, most=options.MINUTES, help="Train for so long, then settle the ratings.")
    ] = None,
    steps: Annotated[
        int | None, options.number(least=1, most=NEVER_STEPS, help="Train until so many steps since the league began.")
    ] = None,
    until_elo: Annotated[
        float | None, options.number(least=-10_000, most=10_000, help="Train until the champion has so much Elo.")
    ] = None,
    preset: options.PresetOption = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file; see `league config --defaults`.")] = None,
    settings: Annotated[list[str] | None, options.settings("One knob, such as learning.lr=0.001.")] = None,
    address: options.AddressOption = None,
    log_dir: Annotated[Path | None, typer.Option(envvar="LEAGUE_LOG_DIR", help="For TensorBoard event files.")] = None,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Start the Ray dashboard on 127.0.0.1:8265.")] = False,
) -> None:
    """Start a league, or resume the one in the store. Ctrl-C saves and ends."""
    console = stdout()
    with contextlib.ExitStack() as end:
        with Starting(console) as starting, at_once():
            starting("loading torch and Ray")
            from league.actors.driver import run_league
            from league.interfaces.cli.panel import TrainingView
            from league.view.progress import Limits

            def choose(present: LeagueConfig | None) -> LeagueConfig:
                starting("reading the game")
                return resolve_config(present, game=game, preset=preset, file=config, settings=settings or [])

            starting("opening the store")
            opened, chosen = end.enter_context(open_to_train(store, league, choose))
        limits = Limits(seconds=None if minutes is None else 60 * minutes, steps=steps, elo=until_elo)
        with TrainingView(opened, chosen, limits, console, began=starting.began) as view:
            run_league(
                opened,
                store,
                chosen,
                limits=limits,
                log_dir=str(log_dir.expanduser().resolve() if log_dir else log_folder(store, league)),
                ray_address=address,
                dashboard=dashboard,
                watch=view.update,
                note=lambda text: console.print(text, style="yellow"),
            )
        champion = opened.champion()
    console.print(f"saved in {opened.address}; champion: {champion.policy if champion else 'none yet'}")
