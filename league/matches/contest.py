"""Who asks for a new champion: by the gate's test, or by force. The command and the page are two doors to this."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from league.errors import CorruptSnapshotError, GameError, PolicyError
from league.ladder.leaderboard import CANDIDATE_MATCHES, contenders
from league.ladder.records import Promotion
from league.view.overview import bots_of

if TYPE_CHECKING:
    from league.config import LeagueConfig
    from league.ladder.promotion import Race
    from league.ladder.records import Snapshot
    from league.ladder.trials import Trial, Wanted
    from league.matches.arena import Arena
    from league.pool.store import Store

OVERTAKEN: Final = "the champion was replaced in the meantime: nothing was changed, try again"


class Result(NamedTuple):
    """What a contest came to."""

    promotion: Promotion | None
    """The new entry of the history."""
    trials: list[Trial]
    note: str
    """The last line for people."""


def force(store: Store, config: LeagueConfig, word: str | None, *, by: str, reason: str | None) -> Result:
    """Promote without a test, and pin; raises `PolicyError` if `word` names nobody who can be promoted."""
    if word is None:
        raise PolicyError("--force promotes one policy: name it")
    snapshot = _snapshot(store, config, word)
    promotion = Promotion(
        policy=snapshot.name,
        digest=snapshot.digest,
        by=by,
        reason=reason or "forced, without a test",
        promoted_s=store.now_s(),
        pinned=True,
        how="forced",
        evidence={"forced": True},
    )
    store.promote(promotion)
    return Result(promotion, [], f"{snapshot.name} is the champion, forced; pinned: the league keeps it")


def compete(
    store: Store,
    config: LeagueConfig,
    word: str | None,
    *,
    by: str,
    reason: str | None,
    watch: Callable[[str], None],
    note: Callable[[str], None],
) -> Result:
    """Play and record until it is known whether somebody passes.

    Args:
        store: of the league.
        config: of the league.
        word: whom to test; None: the best ones race.
        by: who asks, for the history.
        reason: for the history; None: the numbers.
        watch: is told before each match how the test stands; what it raises ends the contest.
        note: is told of what was passed over.

    Raises:
        PolicyError: nobody can be tested.
        ConfigError: the cap is too low for anybody to pass.
        GameError: all games were dropped.
    """
    from league.matches.arena import Arena

    over = store.champion()
    candidates = [_snapshot(store, config, word)] if word is not None else _best(store, config, over)
    arena = Arena(store, config)
    race = _race(store, arena, candidates, over, note)
    _play(store, arena, race, watch, note)
    return _conclude(store, race, candidates, over, by=by, reason=reason, unpin=word is None)


def _race(
    store: Store,
    arena: Arena,
    candidates: list[Snapshot],
    over: Promotion | None,
    note: Callable[[str], None],
) -> Race:
    """The race of the candidates against the champion `over`; its place is free where its weights cannot be read."""
    from league.ladder.promotion import check_cap
    from league.matches.race import start_race
    from league.rollout.arena import seatings

    pool = store.present()
    holder = next((s for s in pool if over is not None and s.name == over.policy), None)
    if holder is not None and not _readable(store, holder, note):
        holder = None
    names = [snapshot.name for snapshot in pool]
    race = start_race(store, arena.config, arena.spec, candidates=candidates, champion=holder, pool=names)
    if race.champion is not None:
        check_cap(arena.config.promotion, len(race.candidates), len(seatings(arena.spec.seats)))
    return race


def _conclude(
    store: Store,
    race: Race,
    candidates: list[Snapshot],
    over: Promotion | None,
    *,
    by: str,
    reason: str | None,
    unpin: bool,
) -> Result:
    """Promote the winner, unless the champion is no longer `over`; or note who was refused."""
    from league.matches.race import promotion_of

    winner, trials = race.winner, race.trials()
    if winner is None:
        for trial in trials:
            store.add_refusal(trial.outcome, f"not promoted, {by} had asked: {trial.summary}", store.now_s())
        return Result(None, trials, _stays(store, over, by, unpin=unpin))
    snapshot = next(s for s in candidates if s.name == winner.candidate)
    promotion = promotion_of(winner, snapshot, now_s=store.now_s(), by=by, how="asked", reason=reason)
    if not store.promote(promotion, over=over):
        return Result(None, trials, OVERTAKEN)
    return Result(promotion, trials, f"{promotion.policy} is the champion")


def _snapshot(store: Store, config: LeagueConfig, word: str) -> Snapshot:
    """The one that a word stands for; raises `PolicyError` if it cannot be promoted."""
    if not store.snapshots():
        raise PolicyError(f"league {store.league!r} has no snapshots yet: let it train first")
    named = store.resolve(word, bots_of(store, config))
    digest = named.require_digest("only a snapshot can be the champion")
    champion = store.champion()
    if champion is not None and champion.policy == named.name:
        raise PolicyError(f"{named.name} is the champion already")
    store.weights(digest)  # Raises if they are missing or damaged.
    return store.snapshot(named.name)


def _best(store: Store, config: LeagueConfig, over: Promotion | None) -> list[Snapshot]:
    """The highest lower bounds of the rating, without the champion."""
    snapshots = store.present()
    rated = contenders(snapshots, store.ratings(), config)
    found = [snapshot for snapshot in rated if over is None or snapshot.name != over.policy]
    if not found:
        if not snapshots:
            raise PolicyError(f"league {store.league!r} has no snapshots yet: let it train first")
        games = CANDIDATE_MATCHES * config.arena.games
        raise PolicyError(
            f"no snapshot beside the champion has {games} games behind its rating yet: "
            "name one, or let the league play on"
        )
    return found[: config.promotion.candidates]


def _readable(store: Store, snapshot: Snapshot, note: Callable[[str], None]) -> bool:
    try:
        store.weights(snapshot.digest)
    except CorruptSnapshotError as error:
        note(f"{error}; passed over")
        return False
    return True


def _play(store: Store, arena: Arena, race: Race, watch: Callable[[str], None], note: Callable[[str], None]) -> None:
    """Play and record until the race is over."""
    seeds, scored = random.SystemRandom(), 0
    while wanted := race.wanted():
        following = wanted[0]
        watch(_progress(race, following))
        try:
            match = arena.play(following.row, following.column, games=following.games, seed=seeds.randrange(2**31))
        except CorruptSnapshotError as error:
            if following.gate:
                raise
            note(f"{error}; passed over")
            race.leave_out(following.column)
            continue
        match = following.mark(match)
        if match.total.games:
            store.record(match)
        race.add(match)
        scored += match.total.games
        if not scored:
            raise GameError(f"all {match.dropped} games of {arena.spec.name} were dropped: {arena.why}")


def _progress(race: Race, following: Wanted) -> str:
    test = next((trial.test for trial in race.trials() if trial.candidate == following.row), None)
    numbers = "" if test is None else f": evidence {test.llr:+z.2f} after {test.games} games"
    return f"{following.row} against {following.column}{numbers}"


def _stays(store: Store, over: Promotion | None, by: str, *, unpin: bool) -> str:
    """Nobody has passed. Whoever asked for the best one hands a pinned choice back to the league."""
    if over is None:
        return "there is still no champion"
    if not (unpin and over.pinned):
        return f"{over.policy} stays the champion"
    again = dataclasses.replace(
        over,
        by=by,
        reason="no better one was found; no longer pinned",
        pinned=False,
        how="unpinned",
        against=None,
        evidence={"unpinned_s": store.now_s()},
    )
    if not store.promote(again, over=over):
        return OVERTAKEN
    return f"{over.policy} stays the champion; no longer pinned: the league may replace it"
