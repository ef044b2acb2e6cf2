"""`league challenge`: how far a policy can be beaten by one that learns to beat it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.styled import Styled

from league.config import LeagueConfig, load_config
from league.errors import ConfigError
from league.interfaces.cli import console, options
from league.interfaces.cli.evaluate import dropped, interval, numbers, results_table
from league.interfaces.cli.files import refuse_full, replacing
from league.interfaces.cli.starting import loaded, loading
from league.ladder.comparison import score_interval
from league.signals import interrupts
from league.view.words import duration, percent

if TYPE_CHECKING:
    from league.actors.challenge import Found, Target, Try
    from league.pool.store import Store


def challenge(
    policy: options.PolicyArgument,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    minutes: Annotated[
        float, options.number(least=0, most=options.MINUTES, help="Train the exploiter for so long.")
    ] = 5.0,
    games: Annotated[
        int,
        options.number(least=1, help="To be played at the end, for the figure reported; repeated ones do not count."),
    ] = 400,
    sample: Annotated[
        bool, typer.Option("--sample", help="Challenge the policy as it draws its moves in training, not as it plays.")
    ] = False,
    search: options.SearchOption = None,
    seed: Annotated[
        int | None, options.number(least=0, most=options.SEEDS, help="Of weights and games; drawn if not given.")
    ] = None,
    settings: Annotated[list[str] | None, options.settings("One knob of the exploiter's.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the exploiter's weights in this .safetensors file.")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Train a fresh exploiter against a frozen policy: its score is a lower bound of how exploitable the policy is.

    Ctrl-C ends the training and reports what was found so far. Nothing is written to the store.
    """
    from league.policies.search import with_search

    if not minutes > 0:
        raise ConfigError(f"--minutes {minutes:g}: must be above 0")
    if output is not None:
        refuse_full(output)  # Now, not after minutes.
    seed = options.drawn(seed)
    with options.open_league(store, league) as (opened, present):
        config = _config(present, settings or [])
        target = _target(opened, config, with_search(policy, search), sample)
    with console.json_alone(json):
        found = _run(target, config, store, seconds=60 * minutes, games=games, seed=seed)
    console.show_page(_page(target, found, seed), lambda: _plain(target, found, seed), json=json)
    if output is not None:
        with replacing(output) as part:
            part.write_bytes(found.weights)


def _run(target: Target, config: LeagueConfig, store: str, *, seconds: float, games: int, seed: int) -> Found:
    with loading("torch and Ray"):
        from league.actors.challenge import challenge as run
        from league.actors.reach import check_reachable
        from league.cluster.session import ray_session

    with (
        loaded("starting Ray", ray_session()) as nodes,
        interrupts() as interrupted,
        _progress(target, seconds) as watch,
    ):
        check_reachable(store, nodes)
        return run(target, config, seconds=seconds, games=games, seed=seed, watch=watch, interrupted=interrupted.is_set)


def _config(present: LeagueConfig, settings: list[str]) -> LeagueConfig:
    config = load_config(settings=settings, base=present.to_dict())
    if config.game != present.game:
        raise ConfigError(f"--set game={config.game}: the policies of this league play {present.game}")
    return config


def _target(store: Store, config: LeagueConfig, word: str, sample: bool) -> Target:
    from league.actors.challenge import Target
    from league.games import game_spec
    from league.matches.players import resolve

    spec = game_spec(config.game)
    named = resolve(store, word, spec)
    weights = None if named.digest is None else store.weights(named.digest)
    return Target(name=named.name, weights=weights, sample=sample or not spec.deterministic)


@contextmanager
def _progress(target: Target, seconds: float) -> Iterator[Callable[[Try], None]]:
    """A bar on a terminal, elsewhere a line per try; on the standard error."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    with console.progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task(f"an exploiter of {escape(target.name)} begins", total=seconds)

        def watch(one: Try) -> None:
            text = f"steps {one.steps:,}  scores {percent(one.score)}  best {percent(one.best)}"
            progress.update(task, completed=one.seconds, description=text)
            if not progress.console.is_terminal:
                progress.console.print(f"{duration(one.seconds)}  {text}")

        yield watch


def _form(target: Target) -> str:
    if target.weights is None:
        return "bot"
    return "sampled" if target.sample else "greedy"


def _plain(target: Target, found: Found, seed: int) -> dict[str, Any]:
    tries = [{"seconds": one.seconds, "steps": one.steps, "score": one.score} for one in found.tries]
    return {
        "policy": target.name,
        "form": _form(target),
        **numbers(found.match),
        "steps": found.steps,
        "tries": tries,
        "seed": seed,
    }


def _page(target: Target, found: Found, seed: int) -> Iterator[RenderableType]:
    score, name = score_interval(found.match.total), target.name
    yield results_table(found.match)
    yield f"\na fresh exploiter scores {percent(score.value)} against {name} ({_form(target)}), {interval(score)}"
    if score.low > 0.5:
        yield f"{name} can be beaten at least that often; a better exploiter may do more"
    else:
        yield "no weakness was found in this time, which does not say that there is none"
    yield from dropped(found.match)
    tries = f"the best of {len(found.tries)} tries of" if found.tries[1:] else "the only try of"
    learned = f"{found.steps:,} steps, {tries} {found.tries[-1].steps:,} steps"
    yield Styled(f"{learned}; seed {seed}; nothing was recorded", "dim")
