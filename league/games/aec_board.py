"""One PettingZoo AEC environment, played from the outside: one game of it at a time."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from league.foreign import blame
from league.games.aec_factory import AecEnv
from league.games.aec_layout import Layout
from league.games.aec_mask import BYTES, as_array, find_mask, read_mask
from league.games.aec_rewards import Ledger, Paid
from league.games.aec_wrappers import actor, is_settled, speaker
from league.games.bubble import Dice, passed_over, raised_by_environment
from league.games.patience import PATIENCE

_WHOLE: Final = frozenset(map(np.dtype, "?bBhHiIlLqQ"))
"""Kinds of whole numbers."""
_CAST: Final = _WHOLE | frozenset(map(np.dtype, "ef"))
"""Kinds of numbers that become float32 without a word of numpy's."""


class AecBoard:
    """One game at a time in one environment, written into one row of the batch's arrays.

    `observation` float32 `[*shape]`, `legal` bool `[A]`, `seat` int64 `[1]` and `present` bool `[P]` are views that
    belong to the batch. What can be copied there as it is, is: whoever has the batch looks at all rows together, and
    has those that are unusual examined. Whatever the environment raises ends the game without a result, and the next
    one gets a new environment.
    """

    def __init__(
        self,
        make: Callable[[], AecEnv],
        layout: Layout,
        *,
        observation: NDArray[np.float32],
        legal: NDArray[np.bool_],
        seat: NDArray[np.int64],
        present: NDArray[np.bool_],
    ) -> None:
        self._make = make
        self._layout = layout
        self._seats = {agent: seat for seat, agent in enumerate(layout.agents)}
        self._observation, self._legal, self._seat, self._present = observation, legal, seat, present
        self._bytes = legal.view(np.uint8)
        self._reach = layout.reach
        self._cast: frozenset[Any] = _WHOLE if layout.whole else _CAST
        if layout.one_hot_from is not None:
            self._cast = frozenset()
        self._as_bytes: frozenset[Any] = frozenset() if layout.adds_mask else BYTES
        self._all_present = False
        self._dice = Dice()
        self._ledger = Ledger()
        self.over = True
        """No game is being played: the observation is zeros, and everything is legal."""
        self.env: AecEnv | None = None
        self._speaker: Any = None
        """Where `env` says how the game stands."""
        self._settled = False
        """And always does."""
        self._actor: Any = None
        """What acts as `env` does in the course of a game."""
        self._checks = False
        """Whether `env` checks besides that actions are in their space."""
        self._spaces: dict[Any, Any] = {}
        """Of actions, by agent, once they were seen to be the one that the layout has."""
        self._doing: tuple[Any, ...] = ()
        """The last call: how to say it, and its arguments."""
        self._mask: tuple[Any, Any] = ("", None)
        """Whoever is to move, and of what kind its mask was that was copied unread; None: there is none such."""
        self.error: str | None = None
        """What the environment did wrong in this game, if it did."""

    @property
    def throws(self) -> bool:
        """Whether starting the game changed the global random numbers."""
        return self._dice.thrown

    def reset(self, seed: int, *, watched: bool = True) -> None:
        """Start a new game. One that cannot start is over at its next ply, with `error` set.

        Not `watched`: whoever calls this sees to the global random numbers.
        """
        self.error = None
        self.over = False
        self._doing = "reset(seed={})", seed
        try:
            if watched:
                PATIENCE.wait(self._dice.reset, self._begin, seed)
            else:
                PATIENCE.wait(self._begin, seed)
        except BaseException as error:  # a user's code may raise anything
            self._break(error)

    def _begin(self, seed: int) -> None:
        if self.env is None:
            self.env = self._make()
            self._ledger = Ledger()
            self._settled = is_settled(self.env)
            (self._actor, self._checks), self._spaces = actor(self.env), {}
        self.env.reset(seed=seed)
        self._present[:] = self._all_present = False
        self._listen()
        self._ledger.begin(self._speaker)
        if self._pass_dead_seats([0.0] * len(self._layout.agents)):
            raise ValueError("the game is over as it begins: nobody is to move after reset()")
        self._look()

    def step(self, action: int) -> tuple[list[float], bool]:
        """Play for the seat to move; return what each seat received, and whether the game is over."""
        rewards = [0.0] * len(self._layout.agents)
        if self.over:
            return rewards, True
        action += self._layout.first_action
        self._doing = "step({}) by {}", action, ""
        try:
            agent = self._speaker.agent_selection
            self._doing = "step({}) by {}", action, agent
            self.over = PATIENCE.wait(self._dice.step, self._play, agent, action, rewards)
        except BaseException as error:  # a user's code may raise anything
            self._break(error)
            return [0.0] * len(rewards), True
        return rewards, self.over

    def _play(self, agent: Any, action: int, rewards: list[float]) -> bool:
        self._stepped(agent, action).step(action)
        if not self._settled:
            self._listen()
        if paid := self._ledger.after(self._speaker, agent):
            self._pay(paid, rewards)
        if self._pass_dead_seats(rewards):
            self._blank()
            return True
        self._look()
        return False

    def _listen(self) -> None:
        if self.env is not None:
            self._speaker = speaker(self.env)

    def _stepped(self, agent: Any, action: int) -> Any:
        """Where to step: past the check that an action is in its space, if it is and the space is as it was."""
        if self._checks:
            space, first, count = self._actor.action_space(agent), self._layout.first_action, self._layout.actions
            if space is not self._spaces.get(agent):
                if type(space) is Discrete and (space.start, space.n) == (first, count):
                    self._spaces[agent] = space
                return self.env
            if not 0 <= action - first < count:
                return self.env
        return self._actor

    def _pass_dead_seats(self, rewards: list[float]) -> bool:
        """Step seats whose part has ended with None, as PettingZoo asks, and return whether all have."""
        for _ in range(len(self._layout.agents) + 1):
            said = self._speaker
            if not said.agents:
                return True
            agent, over, cut = said.agent_selection, said.terminations, said.truncations
            if agent not in over or agent not in cut:
                left = ", ".join(map(str, said.agents))
                raise ValueError(f"agent_selection is {agent!r}, who has left the game; its agents are {left}")
            if not (over[agent] or cut[agent]):
                return False
            self._actor.step(None)
            if not self._settled:
                self._listen()
            self._pay(self._ledger.after_leaving(self._speaker), rewards)
        raise ValueError(f"{agent} stays selected after it is done")

    def _pay(self, paid: Paid, rewards: list[float]) -> None:
        for agent, reward in paid.items():
            if agent not in self._seats:
                raise ValueError(f"rewards has {agent!r}, who is none of possible_agents")
            rewards[self._seats[agent]] += reward

    def _look(self) -> None:
        """Read the mover's view, once per ply."""
        agent = self._speaker.agent_selection
        if agent not in self._seats:
            raise ValueError(f"agent_selection is {agent!r}, who is none of possible_agents")
        if not self._all_present:
            for one in self._speaker.agents:
                if one in self._seats:
                    self._present[self._seats[one]] = True
            self._all_present = bool(self._present.all())
        layout, seen = self._layout, self._actor.observe(agent)
        if not self._settled:
            self._listen()
        mask = find_mask(agent, seen, self._speaker.infos.get(agent), promised=layout.promises_mask)
        if isinstance(seen, dict):
            if "observation" not in seen:
                raise ValueError(f"observe({agent!r}) gives no 'observation', only {', '.join(map(str, seen))}")
            seen = seen["observation"]
        self._seat[0] = self._seats[agent]
        self._mask = agent, None
        if type(seen) is np.ndarray and seen.dtype in self._cast and seen.shape == layout.shape:
            self._observation[...] = seen
        else:
            self._write_observation(seen)
        if mask is None:
            self._legal[:] = True
        elif type(mask) is np.ndarray and mask.dtype in self._as_bytes and mask.shape == self._bytes.shape:
            self._bytes[:] = mask
            self._mask = agent, mask.dtype
        else:
            self._legal[:] = read_mask(agent, mask, layout.actions, added=layout.adds_mask)

    def examine(self) -> None:
        """See what is wrong with what was copied into the row, if something is: that ends the game."""
        agent, kind = self._mask
        try:
            self._check_observation()
            if kind is not None:
                self._legal[:] = read_mask(agent, self._bytes.copy().view(kind), self._layout.actions, added=False)
        except ValueError as error:
            self._break(error)

    def _write_observation(self, seen: Any) -> None:
        if self._layout.one_hot_from is not None:
            place = int(seen) - self._layout.one_hot_from
            if not 0 <= place < len(self._observation):
                raise ValueError(f"the observation is {seen}, which is not in its space")
            self._observation[:] = 0.0
            self._observation[place] = 1.0
            return
        array = as_array(seen)
        if array.shape != self._layout.shape and (array.shape, self._layout.shape) != ((), (1,)):
            raise ValueError(f"the observation has shape {array.shape}, not {self._layout.shape}")
        if array.dtype.kind not in "biufO":  # Complex numbers, texts and times are cast to something, too.
            raise ValueError(f"the observation holds {array.dtype}, not numbers")
        try:
            with np.errstate(over="ignore"):
                self._observation[:] = array
        except (TypeError, ValueError) as error:  # Of an array of objects.
            raise ValueError(f"the observation holds something that is no number: {error}") from None
        self._check_observation()

    def _check_observation(self) -> None:
        if not np.isfinite(self._observation).all():
            raise ValueError("the observation holds a number that is not finite")
        centre, reach = self._reach
        far = np.abs(self._observation - centre) > reach
        if far.any():
            raise ValueError(
                f"the observation holds {self._observation[far][0]:g}, far outside of what its space says: declare the "
                "Box as wide as it is, or without bounds"
            )
        if self._layout.whole and (self._observation % 1).any():  # As of an image that was scaled before: all one.
            fraction = self._observation[self._observation % 1 > 0][0]
            raise ValueError(
                f"the observation holds {fraction:g}, and its space whole numbers: declare the Box as the floats that "
                "it holds"
            )

    def _break(self, error: BaseException) -> None:
        if not raised_by_environment(error):
            raise error
        doing, *arguments = self._doing
        self.error = f"{doing.format(*arguments)}: {blame(error)}"
        _log(self.error, error)
        if self.env is not None:
            with passed_over():  # What is broken may not close, either.
                PATIENCE.wait(self.env.close, tells=False)
        self.env = None
        self.over = True
        self._blank()

    def _blank(self) -> None:
        self._observation[:] = 0.0
        self._legal[:] = True


LOGGED = 20
"""So many different exceptions of one process are logged whole."""

_logged: set[str] = set()


def _log(line: str, error: BaseException) -> None:
    """The whole traceback, once for each line of the environment, where Ray keeps what its workers write."""
    where = line.rpartition(" (")[2]
    if where not in _logged and len(_logged) < LOGGED:
        _logged.add(where)
        text = "".join(traceback.format_exception(error))
        logging.getLogger(__name__).info("an environment broke a game: %s\n%s", line, text)
