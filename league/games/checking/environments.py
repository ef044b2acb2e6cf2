"""A PettingZoo environment, asked directly: what it does in a game, move by move, and whether it does so again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from itertools import zip_longest
from typing import Any, Final

import gymnasium.spaces
import numpy as np
from numpy.typing import NDArray

from league.foreign import described, raised_at
from league.games.aec_mask import MASK, as_array, find_mask, is_added, read_mask
from league.games.aec_rewards import numbers
from league.games.bubble import Bubble, raised_by_environment
from league.games.checking.findings import FaultError, Finding, defined_at
from league.games.patience import PATIENCE

LONGEST: Final = 2000
"""Moves after which the default of `arena.max_plies` drops a game of a match."""


SECONDS: Final = 4.0
"""For each way to play, at most."""
PARTS: Final = ("mover", "observation", "mask", "rewards")
"""Of a move."""
OWN: Final = 0x5EED
"""Of the moves, beside the game's seed: a player whose dice are the environment's knows what it will throw."""
CHANCE: Final = ("reset", "step", "observe")
"""Methods in which chance may be that no seed fixes."""


@dataclass
class Played:
    """One game of random moves, with what `check` judges it by."""

    moves: list[tuple[Any, ...]] = field(default_factory=list)
    """By ply: who moved, what it saw, what was legal, and what was paid."""
    paid: bool = False
    """Whether `rewards` ever held something other than 0."""
    owed: bool = False
    """Whether `_cumulative_rewards` did."""
    left_early: list[Any] = field(default_factory=list)
    """Agents that were out while others played on."""
    cut: bool = False
    """Whether it was stopped after `LONGEST` moves."""
    truncated: bool = False
    """Whether the environment broke it off."""


class Probe:
    """Plays games in environments of one kind, and says where in its file it goes wrong."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` builds an environment, as the adapter's factory does."""
        self.make = make
        self._bubble = Bubble()
        self.printed = 0
        """Characters that environments have written to the standard output."""

    def play(self, env: Any, seed: int, longest: int = LONGEST) -> Played:
        """One game of random legal moves, the same for the same seed; raises `FaultError`."""
        game = Played()
        try:
            for _ in self.steps(env, seed, game, longest):
                pass
        except FaultError:
            raise
        except Exception as error:  # It lacks something that every environment has.
            where = raised_at(error) or defined_at(env, "step")
            raise FaultError("agents", f"after {len(game.moves)} moves: {described(error)}", where) from error
        return game

    def steps(self, env: Any, seed: int, game: Played, longest: int = LONGEST) -> Iterator[None]:
        """The same ply by ply, so that two games can be played in turn."""
        random = np.random.default_rng([seed, OWN])  # `default_rng(seed)` may be the environment's own.
        self.call(env, "reset", f"reset(seed={seed})", lambda: env.reset(seed=seed))
        while env.agents:
            agent = env.agent_selection
            if agent not in env.agents:
                text = (
                    f"agent_selection is {agent!r} after {len(game.moves)} moves, which is not in agents {env.agents}"
                )
                raise FaultError("agents", text, defined_at(env, "step"))
            if env.terminations[agent] or env.truncations[agent]:
                game.truncated |= bool(env.truncations[agent])
                self._pass(env, agent, game)
                continue
            if len(game.moves) >= longest:
                game.cut = True
                return
            seen = self.call(env, "observe", f"observe({agent!r})", partial(env.observe, agent))
            legal = self._legal(env, agent, seen)
            action = int(random.choice(np.flatnonzero(legal))) + int(env.action_space(agent).start)
            self.call(env, "step", f"step({action}) by {agent!r}", partial(env.step, action))
            game.moves.append((agent, _plain(seen), tuple(legal), self._rewards(env, game)))
            yield

    def _pass(self, env: Any, agent: Any, game: Played) -> None:
        """A seat that is out is stepped with None, once."""
        others = [one for one in env.agents if not (env.terminations[one] or env.truncations[one])]
        if others and agent not in game.left_early:
            game.left_early.append(agent)
        before = list(env.agents)
        self.call(env, "step", f"step(None) by {agent!r}, which is out", lambda: env.step(None))
        if env.agents and env.agent_selection == agent and agent in env.agents and len(env.agents) == len(before):
            text = f"{agent!r} is out and was stepped with None, and is still selected: it must leave `agents`"
            raise FaultError("dead agents", text, defined_at(env, "step"))
        self._rewards(env, game)

    def call(self, env: Any, method: str, doing: str, call: Callable[[], Any]) -> Any:
        """Call a method, quietly; raises `FaultError` in place of whatever it raises."""

        def quietly() -> Any:
            try:
                with warnings.catch_warnings(), redirect_stdout(StringIO()) as said:
                    warnings.simplefilter("ignore")
                    answer = PATIENCE.wait(call)
                self.printed += len(said.getvalue())
                return answer
            except BaseException as error:  # Somebody else's code may raise anything.
                if not raised_by_environment(error):
                    raise
                where = raised_at(error) or defined_at(env, method)
                raise FaultError(method, f"{doing}: {described(error)}", where) from error

        return self._bubble.run(quietly)

    def _legal(self, env: Any, agent: Any, seen: Any) -> Any:
        """As the adapter reads it."""
        space, infos = env.observation_space(agent), getattr(env, "infos", None) or {}
        promised = space.spaces.get(MASK) if isinstance(space, gymnasium.spaces.Dict) else None
        count = int(env.action_space(agent).n)
        source = "observe" if isinstance(seen, Mapping) else "step"
        try:
            mask = find_mask(agent, seen, infos.get(agent), promised=promised is not None)
            return np.ones(count, bool) if mask is None else read_mask(agent, mask, count, added=is_added(promised))
        except ValueError as error:
            raise FaultError("mask", str(error), defined_at(env, source)) from None

    def _rewards(self, env: Any, game: Played) -> tuple[tuple[Any, float], ...]:
        try:
            paid, owed = numbers(env.rewards), numbers(getattr(env, "_cumulative_rewards", None))
        except ValueError as error:
            raise FaultError("rewards", str(error), defined_at(env, "step")) from None
        game.paid |= any(paid.values())
        game.owed |= any(owed.values())
        return tuple(paid.items())


def seeded(probe: Probe, env: Any, seed: int, played: Sequence[Played]) -> Finding:
    """Whether equal seeds and equal moves give equal games: in a used environment, a new one, and beside another.

    `played` are games in `env` with this seed and those after it.
    """
    until = time.monotonic() + SECONDS
    for number, game in enumerate(played):
        used = _difference(game, probe.play(env, seed + number))
        if used is not None:
            text = f"two games with seed {seed + number} and equal moves differ {used}: reset(seed) must fix all chance"
            return Finding("fault", "seeds", text, defined_at(env, *CHANCE))
        if time.monotonic() > until:
            break
    first = played[0]
    new = _difference(first, probe.play(probe.make(), seed))
    if new is not None:
        text = (
            f"a used environment and a new one differ {new} from the same seed {seed}: reset() leaves something behind"
        )
        return Finding("fault", "seeds", text, defined_at(env, *CHANCE))
    beside, other = Played(), Played()
    turns = [probe.steps(probe.make(), seed, beside), probe.steps(probe.make(), seed + 1, other)]
    for _ in zip_longest(*turns):
        pass
    mixed = _difference(first, beside)
    if mixed is not None:
        text = f"a game differs {mixed} when another one is played beside it: something is shared between environments"
        return Finding("fault", "seeds", text, defined_at(env, "__init__", *CHANCE))
    return Finding("ok", "seeds", "equal seeds and moves give equal games, also beside others")


def spaces(probe: Probe, env: Any, seed: int) -> Finding:
    """Whether what is seen lies in the space that is declared for it; only its values, the adapter checks shapes."""
    probe.call(env, "reset", f"reset(seed={seed})", partial(env.reset, seed=seed))
    agent = env.agent_selection
    seen = probe.call(env, "observe", f"observe({agent!r})", partial(env.observe, agent))
    before = _plain(seen)
    if before != _plain(probe.call(env, "observe", f"observe({agent!r})", partial(env.observe, agent))):
        text = f"{agent!r} sees something else when it looks again: observe() must change nothing, and draw nothing"
        return Finding("note", "observe", text, defined_at(env, "observe"))
    declared = env.observation_space(agent)
    declared = declared["observation"] if isinstance(declared, gymnasium.spaces.Dict) else declared
    seen = seen.get("observation") if isinstance(seen, dict) else seen
    odd = _outside(as_array(seen), declared) if isinstance(declared, gymnasium.spaces.Box) else None
    if odd is not None:
        return Finding("note", "spaces", f"{agent!r} {odd}", defined_at(env, "observe"))
    return Finding("ok", "spaces", f"{agent!r} sees {declared}, plays {env.action_space(agent)}")


def _outside(seen: NDArray[Any], declared: gymnasium.spaces.Box) -> str | None:
    """What an observation has that its space does not."""
    if (seen < declared.low).any() or (seen > declared.high).any():
        return f"sees values from {seen.min():g} to {seen.max():g}, outside of its space {declared}"
    return None


def _difference(one: Played, other: Played) -> str | None:
    """Where two games part."""
    for ply, (mine, theirs) in enumerate(zip_longest(one.moves, other.moves)):
        if mine != theirs:
            if mine is None or theirs is None:
                return f"in length, {len(one.moves)} and {len(other.moves)} plies,"
            what = next(name for name, a, b in zip(PARTS, mine, theirs, strict=True) if a != b)
            return f"at ply {ply} in the {what}"
    return None


def _plain(seen: Any) -> Any:
    """What was seen as something that can be compared, and is not changed by later plies."""
    if isinstance(seen, dict):
        return tuple((str(key), _plain(value)) for key, value in seen.items())
    array = as_array(seen)
    return array.shape, array.tobytes() if array.dtype != object else repr(seen)
