"""A game on tensors: whether it keeps what `Game` promises, in shapes, dtypes and behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from league.foreign import described, raised_at
from league.games.base import Game, GameSpec, Step, sample_uniform
from league.games.checking.findings import FaultError, Finding, defined_at

BOARDS = 16


class Checked:
    """A game whose every answer is looked at."""

    def __init__(self, game: Game) -> None:
        self.game, self.spec = game, game.spec

    def fault(self, method: str, text: str) -> FaultError:
        """One that points to a method."""
        return FaultError(method, text, defined_at(self.game, method))

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method; raises `FaultError` in place of whatever it raises."""
        try:
            return getattr(self.game, method)(*arguments)
        except (Exception, SystemExit) as error:  # Somebody else's code may raise anything.
            where = raised_at(error) or defined_at(self.game, method)
            raise FaultError(method, f"{method}: {described(error)}", where) from error

    def tensor(self, method: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A tensor as it is promised."""
        if not isinstance(value, Tensor):
            raise self.fault(method, f"{method} gives a {type(value).__name__}, not a tensor")
        if tuple(value.shape) != shape or value.dtype != dtype:
            raise self.fault(method, f"{method} gives {value.dtype} {list(value.shape)}: must be {dtype} {list(shape)}")
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise self.fault(method, f"{method} gives a number that is not finite")
        return value

    def look(self, going: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Observation, legal actions and movers of the boards; of those in `going`, bool `[B]`, something is legal."""
        boards, spec = self.game.num_games, self.spec
        seen = self.tensor("observe", self.call("observe"), (boards, *spec.shape), torch.float32)
        legal = self.tensor("legal", self.call("legal"), (boards, spec.actions), torch.bool)
        mover = self.tensor("to_move", self.call("to_move"), (boards,), torch.int64)
        if not bool(legal.any(dim=1)[going].all()):
            raise self.fault("legal", "a game goes on and nothing is legal")
        if not bool(((mover >= 0) & (mover < spec.seats)).all()):
            raise self.fault("to_move", f"to_move gives a seat outside of 0 to {spec.seats - 1}")
        return seen, legal, mover

    def step(self, actions: Tensor) -> Step:
        """One ply on every board."""
        step = self.call("step", actions)
        boards = self.game.num_games
        if not isinstance(step, tuple) or len(step) != 3:
            raise self.fault("step", f"step gives a {type(step).__name__}, not a Step(rewards, done, dropped)")
        rewards, done, dropped = step
        self.tensor("step", rewards, (boards, self.spec.seats), torch.float32)
        self.tensor("step", done, (boards,), torch.bool)
        self.tensor("step", dropped, (boards,), torch.bool)
        return Step(rewards, done, dropped)


def play(checked: Checked, seed: int, plies: int, *, longest: int) -> list[tuple[Tensor, ...]]:
    """Random games on all boards; every answer of every ply, as it was. Raises `FaultError`."""
    game = checked.game
    generator = torch.Generator().manual_seed(seed)
    boards = torch.arange(game.num_games)
    checked.call("reset", None, boards + seed)
    length, log = torch.zeros_like(boards), []
    for ply in range(plies):
        answers = checked.look(torch.ones_like(boards, dtype=torch.bool))
        copies = [one.clone() for one in answers]
        step = checked.step(sample_uniform(answers[1].cpu(), generator).to(game.device))
        if not all(torch.equal(a, b) for a, b in zip(answers, copies, strict=True)):
            raise checked.fault("step", "step changes tensors in place that were handed out: give new ones")
        length = torch.where(step.done.cpu(), 0, length + 1)
        limit = checked.spec.plies or longest
        if int(length.max()) >= limit:
            said = f"spec.plies = {limit}" if checked.spec.plies else f"arena.max_plies = {limit}, which drops it"
            raise FaultError("step", f"a game is longer than {said}", defined_at(game, "spec", "step"))
        log.append((*copies, *(one.clone() for one in step)))
        before = [one.clone() for one in checked.look(~step.done)]
        checked.call("reset", step.done, boards + seed + 1000 * (ply + 1))
        after = checked.look(torch.ones_like(boards, dtype=torch.bool))
        going = ~step.done
        if not all(torch.equal(a[going], b[going]) for a, b in zip(before, after, strict=True)):
            raise checked.fault("reset", "reset(mask) changes boards that are not in the mask")
    return log


def findings(make: Callable[[int], Game], spec: GameSpec, *, seed: int, longest: int) -> Iterator[Finding]:
    """All that is checked of one game; `make(num_games)` sets it up. Raises `FaultError`."""
    checked = Checked(make(BOARDS))
    if checked.game.num_games != BOARDS:
        raise checked.fault("__init__", f"num_games is {checked.game.num_games} where {BOARDS} were asked for")
    plies = 2 * (spec.plies or 100)
    log = play(checked, seed, plies, longest=longest)
    yield Finding("ok", "tensors", f"{plies} plies on {BOARDS} boards: shapes, dtypes, masks and resets are right")
    again = play(Checked(make(BOARDS)), seed, plies, longest=longest)
    for ply, (one, other) in enumerate(zip(log, again, strict=True)):
        if not all(torch.equal(a, b) for a, b in zip(one, other, strict=True)):
            raise checked.fault("reset", f"two batches with equal seeds and moves differ at ply {ply}")
    yield Finding("ok", "seeds", "equal seeds and moves give equal games")
    rewards = torch.stack([row[3] for row in log])
    ended = torch.stack([row[4] for row in log])
    if not bool(rewards.any()):
        yield Finding(
            "fault",
            "rewards",
            f"nobody received anything in {int(ended.sum())} games",
            defined_at(checked.game, "step"),
        )
    else:
        yield Finding("ok", "rewards", f"from {rewards.min():g} to {rewards.max():g} in {int(ended.sum())} games")
    if bool(torch.stack([row[5] for row in log]).any()):
        yield Finding(
            "fault", "dropped", f"games were dropped: {checked.game.last_error}", defined_at(checked.game, "step")
        )
    if not isinstance(checked.call("render", 0), str):
        raise checked.fault("render", "render(row) gives no text")
    yield from _offers(checked)


def _offers(checked: Checked) -> Iterator[Finding]:
    """What it says of itself and what it has."""
    if checked.spec.positions and not callable(getattr(checked.game, "positions", None)):
        raise checked.fault("spec", "spec.positions is true and there is no positions(rows): see HasPositions")
    if checked.spec.positions:
        rows = torch.arange(checked.game.num_games, device=checked.game.device)
        positions = checked.call("positions", rows)
        if not torch.equal(positions.observe(), checked.call("observe")):
            raise checked.fault("positions", "positions(rows).observe() differs from observe()")
        yield Finding("ok", "positions", "can be looked ahead from")
    if callable(getattr(checked.game, "words", None)) and callable(getattr(checked.game, "at", None)):
        seen = checked.call("observe")
        if not torch.equal(checked.call("at", checked.call("words")).observe(), seen):
            raise checked.fault("at", "at(words()).observe() differs from observe()")
        yield Finding("ok", "search", "can be searched")
