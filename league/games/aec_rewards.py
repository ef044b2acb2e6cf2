"""What every seat is paid in a game, whichever of its books an environment keeps.

PettingZoo has two: `rewards`, what the last step paid, and `_cumulative_rewards`, what each seat was paid since its own
last step, which `last()` shows. Sound environments keep both and they agree. Real ones keep one of them only, add a
step's rewards to the other one later, never empty it, or leave the last step's rewards standing while the seats leave.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from league.games.aec_factory import AecEnv
from league.games.aec_mask import as_array

LARGEST: Final = 1e15
"""A learner takes squares of what was paid, in numbers of 32 bits."""

Paid = dict[Any, float]
"""By agent."""
_NUMBERS: Final = (int, float, np.integer, np.floating)


class Ledger:
    """One environment's books, read once after each step: `begin` a game, then `after` each step of it."""

    def __init__(self) -> None:
        self._speaks = False
        """Whether `rewards` ever held one."""
        self._before: Paid = {}
        self._stood: Paid = {}
        self._owed: Paid = {}
        """What was in `rewards`, and was not yet added to `_cumulative_rewards`."""
        self._calm = False
        """All that stands in both books is zero; where it still does after a step, this paid nothing."""
        self._returns: tuple[float, ...] | None = None
        """By OpenSpiel's own account, where it has one."""
        self._wrapped = False
        """Whether a wrapper pays something else than OpenSpiel does."""

    def begin(self, env: AecEnv) -> None:
        """A new game has been set up; what stands in the books now was not paid in it."""
        self._owed, self._calm = {}, False
        self._returns = None if self._wrapped else _open_spiel_returns(env)
        self._stood, self._before = _books(env)

    def after(self, env: AecEnv, mover: Any) -> Paid:
        """What the step of `mover` paid; raises `ValueError` for what is no number, or where the books differ."""
        if self._calm and _is(env, "rewards", self._stood) and _is(env, "_cumulative_rewards", self._before):
            return {}
        paid, cumulative = _books(env)
        try:
            return self._of_step(env, mover, paid, cumulative)
        finally:
            self._stood, self._before = paid, cumulative
            self._calm = self._returns is None and not any((*paid.values(), *cumulative.values()))

    def _of_step(self, env: AecEnv, mover: Any, paid: Paid, cumulative: Paid) -> Paid:
        if self._returns is not None:
            return self._since(env, paid)
        if not any((*paid.values(), *cumulative.values(), *self._before.values())):
            return {}
        added = self._added(cumulative, mover)
        if any(paid.values()):
            self._speaks = True
            self._compare(paid, added)
            return paid
        late = {agent: value for agent, value in added.items() if value and not _near(value, self._owed.get(agent, 0))}
        for agent in added.keys() - late.keys():
            self._owed[agent] = self._owed.get(agent, 0.0) - added[agent]
        return late

    def after_leaving(self, env: AecEnv) -> Paid:
        """What was paid while a seat that is done left: only what differs from what stood in `rewards` before."""
        if self._returns is not None:
            return {}
        stood, self._calm = self._stood, False
        self._stood, self._before = _books(env)
        return {
            agent: value for agent, value in self._stood.items() if agent not in stood or not _near(value, stood[agent])
        }

    def _since(self, env: AecEnv, paid: Paid) -> Paid:
        """What OpenSpiel paid: `rewards` repeats it in each half of a simultaneous move, and lacks what chance paid."""
        returns = _open_spiel_returns(env)
        if returns is None or self._returns is None:
            self._returns, self._wrapped = None, True
            return paid
        since = [now - then for now, then in zip(returns, self._returns, strict=True)]
        self._returns = returns
        return dict(zip(env.possible_agents, since, strict=True))

    def _added(self, now: Paid, mover: Any) -> Paid:
        """What the step added to `_cumulative_rewards`, which is emptied for whoever moves."""
        added = {}
        for agent, value in now.items():
            before = self._before.get(agent, 0.0)
            if agent == mover:
                # Where `rewards` speaks and this book did not change, it is one that is never emptied.
                added[agent] = 0.0 if self._speaks and _near(value, before) else value
            else:
                added[agent] = 0.0 if self._speaks and value == 0 else value - before
        return added

    def _compare(self, paid: Paid, added: Paid) -> None:
        """Raise where the second book says something else than the first one."""
        kept = any(added.values())
        for agent, value in paid.items():
            if agent not in added:
                continue
            entry, before, owed = added[agent], self._before.get(agent, 0.0), self._owed.get(agent, 0.0)
            # Added to what was there, put in its place, or added where it should have been emptied.
            if kept and any(_near(value, one) for one in (entry, before + entry, entry - before)):
                self._owed[agent] = 0.0
            elif not kept or _near(entry, owed):
                self._owed[agent] = owed - entry + value
            else:
                raise ValueError(
                    f"it contradicts itself: rewards[{agent!r}] is {value:g}, and the same step added {entry:g} to "
                    f"_cumulative_rewards[{agent!r}]"
                )


def returns_of(env: AecEnv) -> Callable[[], Any] | None:
    """OpenSpiel's own sum of rewards, where an environment is a view of one of its states (Shimmy's is)."""
    state = getattr(getattr(env, "unwrapped", env), "game_state", None)
    found = getattr(state, "returns", None)
    return found if callable(found) and callable(getattr(state, "is_chance_node", None)) else None


def _open_spiel_returns(env: AecEnv) -> tuple[float, ...] | None:
    """None: it is none of OpenSpiel's, or a wrapper pays something else than the state does."""
    found = returns_of(env)
    if found is None or env.rewards != getattr(env, "unwrapped", env).rewards:
        return None
    returns = tuple(float(value) for value in found())
    return returns if len(returns) == len(env.possible_agents) else None


def _books(env: AecEnv) -> tuple[Paid, Paid]:
    """What stands in `rewards` and in `_cumulative_rewards`."""
    return numbers(env.rewards), numbers(getattr(env, "_cumulative_rewards", None))


def numbers(book: Any) -> Paid:
    """A dictionary of rewards as floats; None is nothing. Raises `ValueError` for what is no finite number."""
    if book is None:
        return {}
    if not isinstance(book, Mapping):
        raise ValueError(f"its rewards are a {type(book).__name__}, not a dictionary by agent")
    return {agent: _number(agent, reward) for agent, reward in book.items()}


def _number(agent: Any, reward: Any) -> float:
    if reward is None:
        return 0.0
    if isinstance(reward, _NUMBERS):
        number = float(reward)
    else:
        array = as_array(reward)
        if array.size != 1 or isinstance(reward, str | bytes):
            raise ValueError(f"the reward of {agent} is {str(reward)[:40]!r}, not a number")
        try:
            number = float(array.reshape(()).item())
        except (TypeError, ValueError) as error:
            raise ValueError(f"the reward of {agent} is {str(reward)[:40]!r}, not a number") from error
    if -LARGEST <= number <= LARGEST:
        return number
    if not math.isfinite(number):
        raise ValueError(f"the reward of {agent} is {number}")
    raise ValueError(f"the reward of {agent} is {number:g}: more than {LARGEST:g}, which cannot be learned")


def _is(env: AecEnv, name: str, known: Paid) -> bool:
    """Whether a book is plainly what is known; not where that is no plain question, as of arrays."""
    book = getattr(env, name, None)
    try:
        return type(book) is dict and book == known
    except Exception:  # Somebody else's objects may raise anything.
        return False


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
