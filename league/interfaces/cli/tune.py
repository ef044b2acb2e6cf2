"""`league tune`: a better configuration, found by Ray Tune."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.console import RenderableType

from league.config import LeagueConfig, load_config
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, json_alone, say, show, stdout, tabulate
from league.interfaces.cli.starting import loaded, loading
from league.view.words import percent

if TYPE_CHECKING:
    from league.interfaces.tune.space import Space
    from league.interfaces.tune.study import Row

COLUMNS: Final[Columns[Row]] = (
    Column("trial", lambda row: row.name[-11:]),
    Column("state", lambda row: row.state),
    Column(">score", lambda row: "" if row.score is None else percent(row.score)),
    Column(">on the way", lambda row: "" if row.objective is None else percent(row.objective)),
    Column(">seconds", lambda row: f"{row.seconds:.0f}"),
    Column(">steps", lambda row: f"{row.steps:,}"),
    Column("drawn", lambda row: row.error or _drawn(row), True),
)


def tune(
    search: Annotated[Path, typer.Option(help="TOML of what is searched; see docs/tuning.md.")],
    samples: Annotated[int, options.number(least=1, most=100_000, help="Trials.")] = 8,
    minutes: Annotated[float, options.number(least=0.05, most=10**6, help="For which each trial trains.")] = 5.0,
    game: options.GameOption = None,
    output: Annotated[Path, typer.Option(help="Folder of the study; one that is there is gone on with.")] = Path(
        "runs/tune"
    ),
    scheduler: Annotated[
        Literal["asha", "pbt", "none"],
        typer.Option(help="asha ends weak trials early; pbt has them go on from strong ones; none trains all."),
    ] = "asha",
    concurrent: Annotated[
        int | None, options.number(least=1, most=1000, help="Trials at once; default: one for two CPUs.")
    ] = None,
    games: Annotated[
        int, options.number(least=2, most=100_000, help="Of each measurement, against every fixed bot.")
    ] = 40,
    preset: options.PresetOption = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file that every trial starts from.")] = None,
    settings: Annotated[list[str] | None, options.settings("One knob of every trial.")] = None,
    seed: Annotated[int, options.number(least=0, most=options.SEEDS, help="Of what is drawn.")] = 0,
    address: options.AddressOption = None,
    json: options.JsonOption = False,
) -> None:
    """Train leagues with configurations that are drawn, judge them by the fixed bots, and write the best one's.

    The best is whose score against the fixed bots was highest over the time that it trained: strong early counts.
    The same command goes on with a study that was interrupted. The winner is in best.toml, for `league train --config`.
    """
    with loading("torch and Ray"):
        from league.cluster.session import ray_session
        from league.interfaces.tune.study import WINNER, Study

    asked = [*(settings or []), *([f"game={game}"] if game is not None else [])]
    study = Study(
        folder=output.resolve(),
        space=_space(search, load_config(preset=preset, file=config, settings=asked), changes=scheduler == "pbt"),
        samples=samples,
        seconds=60 * minutes,
        scheduler=scheduler,
        concurrent=concurrent or max(1, (os.cpu_count() or 1) // 2),
        games=games,
        seed=seed,
    )
    with json_alone(json), loaded("starting Ray", ray_session(address)), _table(json) as watch:
        rows = study.run(watch)
    show(rows, COLUMNS, json=json)
    if not json:
        say(f"best: {output / WINNER}; train on with league train --config {output / WINNER}")


def _space(search: Path, base: LeagueConfig, *, changes: bool) -> Space:
    """What is searched; raises where a trial could not play what is drawn, or change it on the way if it `changes`."""
    from league.actors.driver import check_playable
    from league.interfaces.tune.space import Space

    space = Space.read(search, base.to_dict())
    if changes:
        space.check_changeable()
    first = {one.key: one.values[0] for one in space.ranges}
    for one in space.ranges:
        for value in one.values:
            check_playable(space.config(first | {one.key: value}))
    return space


@contextmanager
def _table(json: bool) -> Iterator[Callable[[list[Row]], None]]:
    """A table that follows the trials on a terminal; elsewhere a line for each trial that ends."""
    console = stdout()
    if json:
        yield lambda rows: None
        return
    if not console.is_terminal:
        yield _Lines().look
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=2, transient=True) as live:

        def look(rows: list[Row]) -> None:
            table: RenderableType = tabulate(rows, COLUMNS)
            live.update(table)

        yield look


class _Lines:
    def __init__(self) -> None:
        self._ended: set[str] = set()

    def look(self, rows: list[Row]) -> None:
        for row in rows:
            if row.state in ("done", "failed") and row.name not in self._ended:
                self._ended.add(row.name)
                cells = ((column.heading.removeprefix(">"), str(column.value(row))) for column in COLUMNS)
                print("  ".join(f"{heading} {cell}" for heading, cell in cells if cell), flush=True)


def _drawn(row: Row) -> str:
    return " ".join(f"{key}={_short(value)}" for key, value in row.drawn.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
