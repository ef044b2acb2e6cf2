"""`league challenge`: how far a policy can be beaten by one that learns to beat it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from league.errors import ConfigError, LeagueError
from league.interfaces.cli.options import LEAGUE, STORE, JsonOption, LeagueOption, StoreOption, open_league
from league.signals import interrupts

if TYPE_CHECKING:
    from league.actors.challenge import Found, Target, Try
    from league.config import LeagueConfig
    from league.pool.store import Store


def challenge(
    policy: Annotated[str, typer.Argument(help="A snapshot, `champion`, a bot, or the start of a hash.")],
    store: StoreOption = STORE,
    league: LeagueOption = LEAGUE,
    minutes: Annotated[float, typer.Option(help="Train the exploiter for so long.")] = 5.0,
    games: Annotated[
        int, typer.Option(min=1, help="To be played at the end, for the figure reported; repeated ones do not count.")
    ] = 400,
    sample: Annotated[
        bool, typer.Option("--sample", help="Challenge the policy as it draws its moves in training, not as it plays.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and games; drawn if not given.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One knob of the exploiter's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the exploiter's weights in this .safetensors file.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a fresh exploiter against a frozen policy: its score is a lower bound of how exploitable the policy is.

    Ctrl-C ends the training and reports what was found so far. Nothing is written to the store.
    """
    from league.actors.challenge import challenge as run
    from league.actors.reach import check_reachable
    from league.cluster.session import ray_session
    from league.interfaces.cli import console

    if not minutes > 0:
        raise ConfigError(f"--minutes {minutes:g}: must be above 0")
    if output is not None and output.is_dir():
        raise LeagueError(f"cannot write {output}: it is a folder; give a file name")
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    with open_league(store, league) as (opened, present):
        config = _config(present, settings or [])
        target = _target(opened, config, policy, sample)
    with ray_session() as nodes, interrupts() as interrupted, _progress(target, minutes * 60) as watch:
        check_reachable(store, nodes)
        found = run(
            target,
            config,
            seconds=60 * minutes,
            games=games,
            seed=seed,
            watch=watch,
            interrupted=interrupted.is_set,
        )
    if json:
        console.print_json(_numbers(target, found, seed))
    else:
        _print(target, found, seed)
    if output is not None:
        from league.interfaces.cli.files import replacing

        with replacing(output) as part:
            part.write_bytes(found.weights)


def _config(present: LeagueConfig, settings: list[str]) -> LeagueConfig:
    from league.config import load_config

    config = load_config(settings=settings, base=present.to_dict())
    if config.game != present.game:
        raise ConfigError(f"--set game={config.game}: the policies of this league play {present.game}")
    return config


def _target(store: Store, config: LeagueConfig, word: str, sample: bool) -> Target:
    from league.actors.challenge import Target
    from league.games import bot_names, game_spec

    spec = game_spec(config.game)
    named = store.resolve(word, bot_names(spec))
    weights = None if named.digest is None else store.weights(named.digest)
    return Target(name=named.name, weights=weights, sample=sample or not spec.deterministic)


@contextmanager
def _progress(target: Target, seconds: float) -> Iterator[Callable[[Try], None]]:
    """A bar on a terminal, elsewhere a line per try; on the standard error."""
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from league.interfaces.cli.console import stderr
    from league.view.words import duration, percent

    console = stderr()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"an exploiter of {escape(target.name)} begins", total=seconds)

        def watch(one: Try) -> None:
            text = f"steps {one.steps:,}  scores {percent(one.score)}  best {percent(one.best)}"
            if console.is_terminal:
                progress.update(task, completed=one.seconds, description=text)
            else:
                console.print(f"{duration(one.seconds)}  {text}")

        yield watch


def _form(target: Target) -> str:
    if target.weights is None:
        return "bot"
    return "sampled" if target.sample else "greedy"


def _numbers(target: Target, found: Found, seed: int) -> dict[str, Any]:
    from league.ladder.comparison import score_interval

    total = found.match.total
    return {
        "policy": target.name,
        "form": _form(target),
        "games": total.games,
        "dropped": found.match.dropped,
        "results": dict(zip(("wins", "draws", "losses"), total, strict=True)),
        "by_seating": {seating: list(one) for seating, one in found.match.results.items()},
        "score": score_interval(total)._asdict(),
        "exploiter": {
            "steps": found.steps,
            "tries": [{"seconds": one.seconds, "steps": one.steps, "score": one.score} for one in found.tries],
        },
        "seed": seed,
    }


def _print(target: Target, found: Found, seed: int) -> None:
    from league.interfaces.cli.console import stdout
    from league.interfaces.cli.evaluate import results_table
    from league.ladder.comparison import score_interval
    from league.view.words import percent

    output = stdout()
    output.print(results_table(found.match))
    score = score_interval(found.match.total)
    output.print(
        f"\na fresh exploiter scores {percent(score.value)} against {target.name} ({_form(target)}), "
        f"95% interval {percent(score.low)} to {percent(score.high)}"
    )
    if score.low > 0.5:
        output.print(f"{target.name} can be beaten at least that often; a better exploiter may do more")
    else:
        output.print("no weakness was found in this time, which does not say that there is none")
    if found.match.dropped:
        output.print(f"{found.match.dropped} games were dropped: they broke or took too long", style="yellow")
    learned = f"{found.steps:,} steps, the best of {len(found.tries)} tries of {found.tries[-1].steps:,} steps"
    output.print(f"{learned}; seed {seed}; nothing was recorded", style="dim")
