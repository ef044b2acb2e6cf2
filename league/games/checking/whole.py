"""One game, checked in every way that training plays it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Final, NamedTuple

import torch

from league.errors import GameError, MissingExtraError, UnknownGameError
from league.foreign import line, raised_at
from league.games.aec_factory import build, find_factory, full_name
from league.games.base import GameSpec, sample_uniform
from league.games.bots import make_bot
from league.games.checking import tensors
from league.games.checking.environments import LONGEST, SECONDS, Played, Probe, seeded, spaces
from league.games.checking.findings import FaultError, Finding, defined_at
from league.games.outside import outside
from league.games.registry import game_spec, make_game

BOARDS: Final = 4
"""At once through the adapter."""


METHODS: Final = {
    "action space": "action_space",
    "observation space": "observation_space",
    "spaces of": "action_space",
    "possible_agents": "possible_agents",
    "one seat": "possible_agents",
    "mask": "observe",
    "observation": "observe",
    "reset(": "reset",
}
"""By a word of a message, the method that it is about; else `step`."""


class Trained(NamedTuple):
    """What came of playing as training does."""

    ended: int
    dropped: int
    paid: bool
    """Whether any seat was ever paid something."""
    speed: float
    """Moves a second."""
    error: str | None


def check_game(name: str, *, games: int = 20, seed: int = 1) -> Iterator[Finding]:
    """Play a game in every way that training will, and yield what is found as it is found.

    Args:
        name: as `make_game` takes it.
        games: to be played of it, fewer where they take long.
        seed: of everything random.

    Raises:
        UnknownGameError: there is no game of that name.
        MissingExtraError: something that it needs is not installed.
    """
    try:
        spec = game_spec(name)
    except (UnknownGameError, MissingExtraError):
        raise
    except GameError as error:
        yield Finding("fault", "loading", str(error), raised_at(error) or _culprit(name, str(error)))
        return
    facts = f"{spec.seats} seats, observation {list(spec.shape)}, {spec.actions} actions"
    yield Finding("ok", "loading", f"{facts}, {'on tensors' if spec.batched else 'through the adapter'}")
    try:
        if spec.batched:
            yield from tensors.findings(lambda n: make_game(name, n, seed=seed), spec, seed=seed, longest=LONGEST)
        trained = _train(name, spec, games, seed)
        if not spec.batched:
            yield from _environment(name, games, seed, trained)
    except FaultError as fault:
        yield fault.finding
        return
    except GameError as error:  # It could be built before.
        yield Finding("fault", "loading", str(error), raised_at(error) or _culprit(name, str(error)))
        return
    if trained.dropped:
        text = f"{trained.dropped} of {trained.ended} games broke: {trained.error}"
        yield Finding("fault", "training", text, _culprit(name, text))
    else:
        yield Finding("ok", "training", f"{trained.ended} games side by side, none dropped")
    yield Finding("ok", "speed", f"{trained.speed:,.0f} random moves a second on one core")
    for bot in spec.bots:
        make_bot(bot, spec)


def _train(name: str, spec: GameSpec, games: int, seed: int) -> Trained:
    """As training does: boards side by side, reset one by one."""
    boards = tensors.BOARDS if spec.batched else BOARDS
    game, generator = make_game(name, boards, seed=seed), torch.Generator().manual_seed(seed)
    ended = dropped = plies = 0
    paid, began = False, time.monotonic()
    while ended < games and time.monotonic() < began + SECONDS:
        with redirect_stdout(StringIO()):
            step = game.step(sample_uniform(game.legal(), generator))
        plies += boards
        ended += int(step.done.sum())
        dropped += int(step.dropped.sum())
        paid |= bool(step.rewards.any())
        game.reset(step.done)
    return Trained(ended, dropped, paid, plies / (time.monotonic() - began), game.last_error)


def _environment(name: str, games: int, seed: int, trained: Trained) -> Iterator[Finding]:
    """Asked directly, where a line can be named. What the adapter copes with is a note."""
    theirs = outside(name)
    aec = full_name(name if theirs is None else theirs.value)
    factory = find_factory(aec)
    probe = Probe(lambda: build(aec, factory))
    try:
        env = probe.make()
        yield spaces(probe, env, seed)
        played = _games(probe, env, games, seed)
        yield from _lengths(env, played)
        if not all(game.cut for game in played):
            yield _rewards(env, played, trained)
        if probe.printed:
            text = f"prints {probe.printed:,} characters in {len(played)} games: training is faster without"
            yield Finding("note", "output", text, defined_at(env, "step"))
        if not any(game.cut for game in played):
            yield seeded(probe, env, seed, played)
    except FaultError as fault:
        if trained.dropped or not trained.ended:
            raise
        yield fault.finding._replace(level="note", text=f"{fault.finding.text}; training copes with it")


def _games(probe: Probe, env: object, games: int, seed: int) -> list[Played]:
    played, until = [], time.monotonic() + SECONDS
    for number in range(games):
        played.append(probe.play(env, seed + number))
        if time.monotonic() > until:
            break
    return played


def _lengths(env: object, played: list[Played]) -> Iterator[Finding]:
    if all(game.cut for game in played):
        text = f"no game was over after {LONGEST} moves: matches drop games of more than arena.max_plies"
        yield Finding("fault", "length", text, defined_at(env, "step"))
    else:
        lengths = [len(game.moves) for game in played]
        yield Finding("ok", "length", f"{len(played)} random games of {min(lengths)} to {max(lengths)} moves")
    silent = set(getattr(env, "possible_agents", ())) - {mover for game in played for mover, *_ in game.moves}
    if silent:
        text = f"{', '.join(sorted(map(str, silent)))} never moved in {len(played)} games"
        yield Finding("note", "seats", text, defined_at(env, "step"))
    early = sorted({str(agent) for game in played for agent in game.left_early})
    if early:
        yield Finding("ok", "dead agents", f"{', '.join(early)} left while others played on")


def _rewards(env: object, played: list[Played], trained: Trained) -> Finding:
    if any(game.paid for game in played):
        return Finding("ok", "rewards", f"paid in {sum(game.paid for game in played)} of {len(played)} games")
    if any(game.owed for game in played):
        text = "`rewards` stays zero, only `_cumulative_rewards` is paid into"
        if trained.paid:
            return Finding("note", "rewards", f"{text}; training copes with it", defined_at(env, "step"))
        return Finding("fault", "rewards", f"{text}: set `rewards` in step()", defined_at(env, "step"))
    text = f"nobody received anything in {len(played)} games: there is nothing to learn from"
    if all(game.truncated for game in played):
        text += "; the environment truncated every one of them"
    return Finding("fault", "rewards", text, defined_at(env, "step"))


def _culprit(name: str, message: str = "") -> str | None:
    """Where the class or function is defined that a message without a traceback is about."""
    if named := re.search(r"\(([^()\s]+\.py:\d+), in ", message):
        return named[1]
    try:
        theirs = outside(name)
        name = full_name(name if theirs is None else theirs.value)
        factory = find_factory(name)
    except GameError:
        return None
    try:
        env: object = build(name, factory)
    except GameError:
        return defined_at(factory, "reset") if isinstance(factory, type) else _line_of(factory)
    return defined_at(env, next((method for word, method in METHODS.items() if word in message), "step"))


def _line_of(function: object) -> str | None:
    code = getattr(function, "__code__", None)
    return None if code is None else line(code.co_filename, code.co_firstlineno)
