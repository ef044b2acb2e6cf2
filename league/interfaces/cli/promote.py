"""`league promote`: a snapshot becomes champion if it proves stronger, or if a person insists."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from league.errors import ConfigError, CorruptSnapshotError, GameError, PolicyError
from league.interfaces.cli.options import (
    DEFAULT_LEAGUE,
    DEFAULT_STORE,
    JsonOption,
    LeagueOption,
    ReasonOption,
    StoreOption,
    open_league,
    user,
)

if TYPE_CHECKING:
    from league.actors.arena import Arena
    from league.config import LeagueConfig
    from league.ladder.promotion import Race, Trial
    from league.ladder.records import Promotion, Snapshot
    from league.pool.store import Store

NOT_PROMOTED = 1


class Result(NamedTuple):
    """What a race came to."""

    promotion: Promotion | None
    """The new entry of the history."""
    trials: list[Trial]
    note: str
    """The last line for people."""


def promote(
    policy: Annotated[
        str | None, typer.Argument(help="A snapshot, or the start of its hash; without it the best ones race.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    league: LeagueOption = DEFAULT_LEAGUE,
    reason: ReasonOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without a test, and pinned: the league leaves your choice alone.")
    ] = False,
    games: Annotated[
        int | None, typer.Option(min=1, help="At most so many games against the champion; default: promotion.max_games")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Test a snapshot against the champion, in pairs of games, until it is known which is stronger.

    One that passes, and that no other snapshot of the pool beats clearly, is the new champion. Refused or undecided:
    exit code 1. The games are recorded, and a test goes on where it ended. Without POLICY the snapshots with the
    highest ratings race, and a champion that a person has pinned may be replaced by the league again.
    """
    from league.interfaces.cli import console

    with open_league(store, league) as (opened, config):
        if games is not None:
            config = dataclasses.replace(config, promotion=dataclasses.replace(config.promotion, max_games=games))
        result = (_force if force else _compete)(opened, config, policy, reason)
    if json:
        console.print_json(
            {
                "promoted": result.promotion is not None,
                "champion": None if result.promotion is None else result.promotion.to_json(),
                "trials": [{"candidate": trial.candidate, **trial.to_json()} for trial in result.trials],
            }
        )
    else:
        for trial in result.trials:
            typer.echo(trial.summary)
        typer.echo(result.note)
    if result.promotion is None:
        raise typer.Exit(NOT_PROMOTED)


def _force(store: Store, config: LeagueConfig, word: str | None, reason: str | None) -> Result:
    from league.ladder.records import Promotion

    if word is None:
        raise PolicyError("--force promotes one policy: name it")
    snapshot = _snapshot(store, config, word)
    promotion = Promotion(
        policy=snapshot.name,
        digest=snapshot.digest,
        by=user(),
        reason=reason or "forced, without a test",
        promoted_s=time.time(),
        pinned=True,
        evidence={"forced": True},
    )
    store.promote(promotion)
    return Result(promotion, [], f"{snapshot.name} is the champion, forced; pinned: the league keeps it")


def _compete(store: Store, config: LeagueConfig, word: str | None, reason: str | None) -> Result:
    from league.actors.arena import Arena
    from league.actors.gate import promotion_of, start_race

    over = store.champion()
    named = None if word is None else _snapshot(store, config, word)
    snapshots = store.present()
    holder = next((s for s in snapshots if over is not None and s.name == over.policy and _readable(store, s)), None)
    candidates = [named] if named is not None else _best(store, config, snapshots, over)
    arena = Arena(store, config)
    race = start_race(
        store,
        config,
        arena.spec,
        candidates=candidates,
        champion=holder,
        pool=[snapshot.name for snapshot in snapshots],
    )
    _check_cap(config, race, arena)
    _play(store, arena, race)
    winner, trials = race.winner, race.trials()
    if winner is None:
        return Result(None, trials, _stays(store, over, unpin=word is None))
    promotion = promotion_of(winner, next(s for s in candidates if s.name == winner.candidate), user(), reason)
    if not store.promote(promotion, over=over):
        return Result(None, trials, "the champion was replaced in the meantime: nothing was changed, try again")
    return Result(promotion, trials, f"{promotion.policy} is the champion")


def _snapshot(store: Store, config: LeagueConfig, word: str) -> Snapshot:
    """The one that a word stands for; raises `PolicyError` if it cannot be promoted."""
    from league.interfaces.standings import bots_of

    if not store.snapshots():
        raise PolicyError(f"league {store.league!r} has no snapshots yet: let it train first")
    named = store.resolve(word, bots_of(store, config))
    if named.digest is None:
        raise PolicyError(f"{named.name} is a fixed bot: only a snapshot can be the champion")
    champion = store.champion()
    if champion is not None and champion.policy == named.name:
        raise PolicyError(f"{named.name} is the champion already")
    store.weights(named.digest)  # Raises if they are missing or damaged.
    return store.snapshot(named.name)


def _best(store: Store, config: LeagueConfig, snapshots: list[Snapshot], over: Promotion | None) -> list[Snapshot]:
    """The highest lower bounds of the rating, without the champion."""
    from league.ladder.leaderboard import CANDIDATE_MATCHES, best_candidates

    min_games = CANDIDATE_MATCHES * config.arena.games
    contenders = [snapshot for snapshot in snapshots if config.may_lead(snapshot.role)]
    ranked = best_candidates(contenders, store.ratings(), min_games)
    found = [snapshot for snapshot in ranked if over is None or snapshot.name != over.policy][
        : config.promotion.candidates
    ]
    if not found:
        if not snapshots:
            raise PolicyError(f"league {store.league!r} has no snapshots yet: let it train first")
        raise PolicyError(
            f"no snapshot beside the champion has {min_games} games behind its rating yet: "
            "name one, or let the league play on"
        )
    return found


def _readable(store: Store, snapshot: Snapshot) -> bool:
    try:
        store.weights(snapshot.digest)
    except CorruptSnapshotError as error:
        typer.echo(f"league: {error}; passed over", err=True)
        return False
    return True


def _check_cap(config: LeagueConfig, race: Race, arena: Arena) -> None:
    """Raise `ConfigError` where the cap is too low for any candidate to pass."""
    from league.ladder.promotion import bounds_of
    from league.ladder.sprt import fewest_games
    from league.rollout.arena import seatings

    if race.champion is None:
        return
    cap, bounds = config.promotion.max_games, bounds_of(config.promotion, len(race.candidates))
    fewest = fewest_games(bounds, len(seatings(arena.spec.seats)))
    if cap < fewest:
        raise ConfigError(
            f"promotion.max_games = {cap}: even a candidate that wins every game needs {fewest} "
            f"to show {bounds.elo1:g} Elo: raise it, or give --games {fewest} or more"
        )


def _play(store: Store, arena: Arena, race: Race) -> None:
    """Play and record until the race is over."""
    from rich.markup import escape
    from rich.progress import Progress

    from league.interfaces.cli.console import stderr

    console, seeds = stderr(), random.SystemRandom()
    scored = 0
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        while wanted := race.wanted():
            following = wanted[0]
            progress.update(task, description=escape(_now(race, following.row, following.column)))
            try:
                match = arena.play(following.row, following.column, games=following.games, seed=seeds.randrange(2**31))
            except CorruptSnapshotError as error:
                if following.gate:
                    raise
                typer.echo(f"league: {error}; passed over", err=True)
                race.leave_out(following.column)
                continue
            match = dataclasses.replace(match, gate=following.gate)
            if match.total.games:
                store.record(match)
            race.add(match)
            scored += match.total.games
            if not scored:
                raise GameError(f"all {match.dropped} games of {arena.spec.name} were dropped: there is no result")


def _now(race: Race, row: str, column: str) -> str:
    test = next((trial.test for trial in race.trials() if trial.candidate == row), None)
    numbers = "" if test is None else f": LLR {test.llr:+.2f} after {test.games} games"
    return f"{row} against {column}{numbers}"


def _stays(store: Store, over: Promotion | None, *, unpin: bool) -> str:
    """Nobody has passed. Whoever asked for the best one hands a pinned choice back to the league."""
    if over is None:
        return "there is still no champion"
    if not (unpin and over.pinned):
        return f"{over.policy} stays the champion"
    again = dataclasses.replace(
        over,
        by=user(),
        reason="no better one was found; no longer pinned",
        promoted_s=time.time(),
        pinned=False,
        evidence={},
    )
    store.promote(again, over=over)
    return f"{over.policy} stays the champion; no longer pinned: the league may replace it"
