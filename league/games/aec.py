"""Any PettingZoo AEC environment as a `Game`: B environments, advanced one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from league.errors import GameError, LeagueError
from league.foreign import blame
from league.games.aec_board import AecBoard
from league.games.aec_factory import AecEnv, build, find_factory, full_name, is_perfect_information
from league.games.aec_layout import Layout, read_layout
from league.games.aec_names import aec_action_name, read_action_names
from league.games.base import GameSpec, Step
from league.games.bubble import Bubble, Dice, passed_over, raised_by_environment
from league.games.patience import PATIENCE
from league.games.stones import read_stones

SEEDS = 2**31
"""Seeds lie in `[0, SEEDS)`, which every environment takes."""


class AecSource(NamedTuple):
    """An environment that was found and can be played."""

    spec: GameSpec
    layout: Layout
    make: Callable[[], AecEnv]
    names: Sequence[str]
    """Of its actions, from 0 on; empty where they have none."""


class Boards:
    """B boards and the arrays that they write their movers' views into."""

    def __init__(self, make: Callable[[], AecEnv], layout: Layout, num_games: int) -> None:
        self.observations = np.zeros((num_games, *layout.shape), np.float32)
        self.legal = np.ones((num_games, layout.actions), np.bool_)
        self.seats = np.zeros(num_games, np.int64)
        self.present = np.ones((num_games, len(layout.agents)), np.bool_)
        self.rows = [
            AecBoard(
                make,
                layout,
                observation=self.observations[row],
                legal=self.legal[row],
                seat=self.seats[row : row + 1],
                present=self.present[row],
            )
            for row in range(num_games)
        ]
        self._least, self._most = layout.believed

    def reset(self, seeds_of: Sequence[tuple[int, int]], *, watched: bool) -> None:
        """Start games by row and seed, each `watched` by itself, which takes longer than several plies do, or not."""
        for row, seed in seeds_of:
            self.rows[row].reset(seed, watched=watched)
        self._examine()

    def step(self, actions: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Play one action on every board; return what each seat received, `[B, P]`, and where the game is over, `[B]`.

        An exception in one board's game is that board's: the others play on.
        """
        rewards = np.zeros(self.present.shape, np.float32)
        done = np.zeros(len(self.rows), np.bool_)
        for row, (board, action) in enumerate(zip(self.rows, actions, strict=True)):
            paid, over = board.step(action)
            if over or any(paid):
                rewards[row], done[row] = paid, over
        for row in self._examine():
            rewards[row], done[row] = 0.0, True
        return rewards, done

    def _examine(self) -> list[int]:
        """The rows on which a game has ended, as what its mover sees or may do was found wrong."""
        with np.errstate(invalid="ignore"):  # An environment may let numpy raise.
            fit = (self._least <= self.observations) & (self.observations <= self._most)
        usual = fit.reshape(len(self.rows), -1).all(axis=1) & (self.legal.view(np.uint8).max(axis=1) == 1)
        found = []
        for row in () if usual.all() else np.flatnonzero(~usual).tolist():
            if not self.rows[row].over:
                self.rows[row].examine()
                if self.rows[row].over:
                    found.append(row)
        return found


@lru_cache
def load_aec(name: str) -> AecSource:
    """Find an environment by the names that `make_game` takes, and start one game to see that it can be played.

    Raises `UnknownGameError`, `MissingExtraError`, or `GameError` with what is wrong.
    """
    try:
        return Bubble().run(lambda: _load(full_name(name)))
    except LeagueError:
        raise
    except BaseException as error:  # Somebody else's metadata and agents may be anything.
        if not raised_by_environment(error):
            raise
        raise GameError(f"{name} cannot be played: {blame(error)}") from error


def _load(name: str) -> AecSource:
    factory = find_factory(name)
    env = PATIENCE.wait(lambda: build(name, factory), tells=False)
    make = partial(build, name, factory)
    metadata = getattr(env, "metadata", None) or {}
    if "ansi" in (metadata.get("render_modes") or ()):
        text = partial(build, name, factory, render_mode="ansi")
        try:
            text()
        except GameError:
            pass  # its metadata promise a mode that its factory does not take
        else:
            make = text
    layout = read_layout(name, env)
    trial = Boards(make, layout, 1)
    trial.reset([(0, 0)], watched=True)
    if (error := trial.rows[0].error) is not None:
        raise GameError(f"{name} cannot be played: {error}")
    stones = metadata.get("stones")
    spec = GameSpec(
        name=name,
        seats=len(layout.agents),
        shape=layout.shape,
        actions=layout.actions,
        batched=False,
        deterministic=is_perfect_information(name) or metadata.get("perfect_information") is True,
        stones=None if stones is None else read_stones(name, stones, layout.shape),
        bounds=layout.bounds,
    )
    return AecSource(spec, layout, make, read_action_names(name, metadata))


class AecGame:
    """B environments behind the `Game` protocol. What an environment raises, or changes in the process, stays inside.

    A game in which the environment raises or exits, pays what is no finite number, keeps books that contradict each
    other (`league.games.aec_rewards`), or leaves the mover without a legal action is dropped (`Step.dropped`, rewards
    zero), and its board gets a new environment with its next reset. A seat that is out before the others is stepped
    with None here and keeps receiving rewards. Truncation ends a game as termination does. Whether an action is legal
    is left to the environment: PettingZoo's own let the mover lose.
    """

    def __init__(self, name: str, num_games: int, *, device: torch.device | str = "cpu", seed: int = 0) -> None:
        source = load_aec(name)
        self.spec = source.spec
        self.num_games = num_games
        self.device = torch.device(device)
        self.last_error: str | None = None
        """What the environment of the last dropped game did wrong."""
        self._layout, self._names = source.layout, source.names
        self._boards = Boards(source.make, source.layout, num_games)
        self._bubble = Bubble()
        self._throws = True
        """Some environment may change the global random numbers as a game starts; at first nobody knows."""
        self._random = np.random.default_rng(seed)
        self._tensors: dict[str, Tensor] = {}
        self.reset()

    def reset(self, mask: Tensor | None = None, seeds: Tensor | None = None) -> None:
        """Start a new game on the boards of `mask`, bool `[B]`; all of them without it.

        `seeds`, int64 `[B]`, are taken modulo 2^31. Without them they are drawn from the game's own seed. A game that
        cannot be started is dropped at its next ply.
        """
        rows = range(self.num_games) if mask is None else mask.nonzero().squeeze(1).tolist()
        chosen = None if seeds is None else seeds.tolist()
        seeds_of = [(row, int(self._random.integers(SEEDS)) if chosen is None else chosen[row] % SEEDS) for row in rows]

        def begin() -> None:
            if not self._throws:
                together = Dice()
                together.reset(lambda: self._boards.reset(seeds_of, watched=False))
                if not together.thrown:
                    return
            self._boards.reset(seeds_of, watched=True)
            self._throws = any(board.throws for board in self._boards.rows)

        if seeds_of:
            self._bubble.run(begin)
        self._tensors.clear()

    def observe(self) -> Tensor:
        """float32 `[B, *spec.shape]`; zeros where the game is over."""
        return self._tensor("observations", self._boards.observations)

    def legal(self) -> Tensor:
        """bool `[B, A]`; everything where the game is over."""
        return self._tensor("legal", self._boards.legal)

    def to_move(self) -> Tensor:
        """int64 `[B]`: the seat to move, or that moved last where the game is over."""
        return self._tensor("seats", self._boards.seats)

    def step(self, actions: Tensor) -> Step:
        """Play one action, int64 `[B]`, on every board."""
        rewards, done = self._bubble.run(lambda: self._boards.step(actions.tolist()))
        dropped = np.zeros(self.num_games, np.bool_)
        for row in np.flatnonzero(done).tolist():
            if (error := self._boards.rows[row].error) is not None:
                dropped[row], self.last_error = True, f"{self.spec.name}: {error}"
        self._tensors.clear()
        return Step(self._sent(rewards), self._sent(done), self._sent(dropped))

    def present(self) -> Tensor:
        """bool `[B, P]`: the seats that have been among the environment's agents in this game."""
        return torch.tensor(self._boards.present, device=self.device)

    def render(self, row: int) -> str:
        """The environment's own text where it has render mode `ansi`, else what the mover sees, in numbers."""
        env = self._boards.rows[row].env
        if env is not None and getattr(env, "render_mode", None) == "ansi":
            text = self._rendered(env)
            if isinstance(text, str):
                return text
        if self._boards.rows[row].over:
            return "the game is over"
        agent = self._layout.agents[self._boards.seats[row]]
        legal = ", ".join(self.action_name(row, action) for action in self._boards.legal[row].nonzero()[0].tolist())
        seen = np.array2string(self._boards.observations[row], threshold=200, max_line_width=100)
        return f"{agent} to move\nobservation {seen}\nlegal actions {legal}"

    def action_name(self, row: int, action: int) -> str:
        """An action of the seat to move, such as `e2e4`; its number where nobody has named it."""
        env = self._boards.rows[row].env
        return str(action) if env is None else aec_action_name(self.spec.name, self._names, env, action)

    def _rendered(self, env: AecEnv) -> Any:
        def draw() -> Any:
            with passed_over():  # There are the numbers.
                return PATIENCE.wait(env.render)

        return self._bubble.run(draw)

    def _tensor(self, name: str, array: NDArray[Any]) -> Tensor:
        # The arrays change in place with the next ply; what was handed out must not.
        if name not in self._tensors:
            self._tensors[name] = self._sent(array.copy())
        return self._tensors[name]

    def _sent(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)
